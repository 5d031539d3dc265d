//! Lock: Python's, so any thread may release it; relocking waits.

use super::word::{CLOSING, LOCKED, Owned, Word};
use crate::atomic::{AtomicU32, Ordering::*, spin_loop};
use crate::error::{Error, Result};
use crate::park::Me;
use crate::slot::{Live, OPEN, Object, Table, kind};
use crate::time::Timeout;

/// What a Lock keeps beside its word.
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Lock {
    /// Living conditions over this lock; it cannot be destroyed under them. Never reset: whoever counts
    /// one in for a moment counts it out.
    pub(super) conditions: AtomicU32,
}

#[cfg(not(loom))]
impl Object for Lock {
    const KIND: u8 = kind::LOCK;
    fn table() -> &'static Table<Lock> {
        static TABLE: Table<Lock> = Table::new();
        &TABLE
    }
}

/// Makes an unlocked Lock.
pub(crate) fn create(me: Me) -> Result<u64> {
    Ok(Lock::table().create(Some(me.cache()), 0, |_| ())?.id)
}

impl Live<Lock> {
    #[inline(always)]
    pub(crate) fn word(self) -> Word {
        Word { head: &self.slot.head, id: self.id, owned: Owned::ByAnyone }
    }

    /// Takes the lock if it is free and nobody waits.
    #[inline(always)]
    pub(crate) fn acquire_quick(self, me: Me) -> bool {
        !me.is_crowded() && self.word().take_free(me).is_ok()
    }

    /// The same also if somebody waits, but is not served first.
    pub(crate) fn acquire_watched(self, me: Me) -> bool {
        self.word().try_again(me)
    }

    /// Takes the lock, waiting for it as long as `timeout` says.
    pub(crate) fn acquire(self, me: Me, timeout: Timeout) -> Result {
        self.word().acquire(me, timeout)
    }

    /// Gives the lock back if nobody waits.
    #[inline(always)]
    pub(crate) fn release_quick(self, me: Me) -> bool {
        !me.is_crowded() && self.word().release_signed(me)
    }

    /// The same also if somebody waits, but need not be woken.
    pub(crate) fn release_watched(self, me: Me) -> bool {
        self.word().release_fast(me)
    }

    /// Gives the lock back, whoever took it.
    pub(crate) fn release(self, me: Me) -> Result {
        self.word().release(me)
    }

    /// Whether somebody holds it.
    pub(crate) fn locked(self) -> Result<bool> {
        Ok(self.bits()? & (LOCKED | CLOSING) == LOCKED)
    }

    /// Ends the lock, unless it is held, waited on or under a living condition.
    pub(crate) fn destroy(self, me: Me) -> Result {
        close(self, me, || self.slot.body.conditions.load(SeqCst) == 0)
    }
}

/// Ends a Lock or RLock: takes it, so that no condition can come to be over it, looks, and closes it.
pub(super) fn close<T: Object>(object: Live<T>, me: Me, may: impl FnOnce() -> bool) -> Result {
    me.touch(object.id);
    while !object.exchange_weak(0, LOCKED | CLOSING) {
        if object.bits()? != OPEN {
            // One who had this thread's sign may hold it: it is not this thread that took it.
            me.touch(0);
            return Err(Error::Busy);
        }
    }
    if may() && T::table().close(object, LOCKED | CLOSING) {
        super::recycle(object, Some(me));
        return Ok(());
    }
    // Nobody counts itself in while it is closing, so the bits are still these two.
    object.exchange(LOCKED | CLOSING, 0);
    Err(Error::Busy)
}

/// Counts a condition over the lock whose counter this is, unless the lock ends or has ended.
pub(super) fn adopt<T>(object: Live<T>, conditions: &AtomicU32) -> Result {
    loop {
        if object.bits()? & CLOSING != 0 {
            spin_loop();
            continue;
        }
        conditions.fetch_add(1, SeqCst);
        // Looked at after the count: either `close` sees the count, or this sees `CLOSING` or the end.
        match object.bits() {
            Ok(bits) if bits & CLOSING == 0 => return Ok(()),
            _ => conditions.fetch_sub(1, SeqCst),
        };
    }
}
