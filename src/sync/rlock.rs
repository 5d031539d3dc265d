//! RLock: owned by one thread, which may take it again; a dead owner is succeeded, not waited for.

use super::word::{CLOSING, LOCKED, Owned, Word};
use crate::atomic::{AtomicU32, Ordering::*};
use crate::error::{Error, Result};
use crate::park::Me;
use crate::slot::{Live, Object, Table, kind, lives};
use crate::time::Timeout;

/// The deepest recursion: THREADING_COUNT_MAX.
const DEEPEST: u32 = super::COUNT_MAX as u32;

/// What an RLock keeps beside its word.
#[cfg_attr(loom, derive(Default))]
pub(crate) struct RLock {
    /// Acquisitions beyond the first; only its owner reads or writes it.
    pub(super) depth: AtomicU32,
    /// As in Lock.
    pub(super) conditions: AtomicU32,
}

#[cfg(not(loom))]
impl Object for RLock {
    const KIND: u8 = kind::RLOCK;
    fn table() -> &'static Table<RLock> {
        static TABLE: Table<RLock> = Table::new();
        &TABLE
    }
}

/// Makes an unlocked RLock.
pub(crate) fn create(me: Me) -> Result<u64> {
    let fill = |body: &RLock| body.depth.store(0, Relaxed);
    Ok(RLock::table().create(Some(me.cache()), 0, fill)?.id)
}

impl Live<RLock> {
    #[inline(always)]
    pub(crate) fn word(self) -> Word {
        Word { head: &self.slot.head, id: self.id, owned: Owned::ByOne }
    }

    /// Whether the caller owns it: the owner word is its own only as long as it holds the lock.
    #[inline(always)]
    pub(crate) fn mine(self, me: Me) -> bool {
        self.slot.head.owner.load(Relaxed) == me.id()
            && lives(self.slot.head.state.load(Relaxed), self.generation())
    }

    /// Takes the lock if it is the caller's already, or free with nobody waiting.
    #[inline(always)]
    pub(crate) fn acquire_quick(self, me: Me) -> bool {
        if self.mine(me) {
            let depth = self.slot.body.depth.load(Relaxed);
            if depth + 1 >= DEEPEST {
                return false;
            }
            self.slot.body.depth.store(depth + 1, Relaxed);
            return true;
        }
        let taken = self.word().try_fast(me);
        if taken {
            me.hold();
        }
        taken
    }

    /// Takes the lock, once more if the caller owns it already.
    pub(crate) fn acquire(self, me: Me, timeout: Timeout) -> Result {
        if self.mine(me) {
            return if self.acquire_quick(me) { Ok(()) } else { Err(Error::Overflow) };
        }
        let taken = self.word().acquire(me, timeout);
        self.taken(me, taken)
    }

    /// Books an acquisition of the word; what a dead owner left of depth is gone.
    pub(super) fn taken(self, me: Me, taken: Result) -> Result {
        if matches!(taken, Ok(()) | Err(Error::OwnerDead)) {
            self.slot.body.depth.store(0, Relaxed);
            me.hold();
        }
        taken
    }

    /// Gives one level back; the lock only if nobody waits.
    #[inline(always)]
    pub(crate) fn release_quick(self, me: Me) -> bool {
        if !self.mine(me) {
            return false;
        }
        let depth = self.slot.body.depth.load(Relaxed);
        if depth > 0 {
            self.slot.body.depth.store(depth - 1, Relaxed);
            return true;
        }
        let released = self.word().release_fast(me);
        if released {
            me.unhold();
        }
        released
    }

    /// Gives one level back, and the lock with the last.
    pub(crate) fn release(self, me: Me) -> Result {
        if !self.mine(me) {
            return self.bits().and(Err(Error::NotOwner));
        }
        match self.slot.body.depth.load(Relaxed) {
            0 => self.release_wholly(me),
            depth => {
                self.slot.body.depth.store(depth - 1, Relaxed);
                Ok(())
            }
        }
    }

    /// Gives the lock back at depth one.
    pub(super) fn release_wholly(self, me: Me) -> Result {
        me.unhold();
        self.word().release(me)
    }

    /// Whether somebody holds it.
    pub(crate) fn locked(self) -> Result<bool> {
        Ok(self.bits()? & (LOCKED | CLOSING) == LOCKED)
    }

    /// Whether the caller holds it.
    pub(crate) fn is_owned(self, me: Me) -> Result<bool> {
        self.bits()?;
        Ok(self.mine(me))
    }

    /// How often the caller holds it; 0 when it does not.
    pub(crate) fn recursion_count(self, me: Me) -> Result<i64> {
        self.bits()?;
        Ok(if self.mine(me) { self.slot.body.depth.load(Relaxed) as i64 + 1 } else { 0 })
    }

    /// Ends the lock, unless it is held, waited on or under a living condition.
    pub(crate) fn destroy(self, me: Me) -> Result {
        super::lock::close(self, me, || self.slot.body.conditions.load(SeqCst) == 0)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::slot::find;

    #[test]
    fn the_deepest_level_is_the_last() {
        let me = crate::thread::me().unwrap();
        let lock = find::<RLock>(create(me).unwrap()).unwrap();
        lock.acquire(me, Timeout::FOREVER).unwrap();
        lock.slot.body.depth.store(DEEPEST - 2, Relaxed);
        lock.acquire(me, Timeout::FOREVER).unwrap();
        assert_eq!(lock.recursion_count(me), Ok(super::super::COUNT_MAX));
        assert_eq!(lock.acquire(me, Timeout::FOREVER), Err(Error::Overflow));
        assert_eq!(lock.recursion_count(me), Ok(super::super::COUNT_MAX));
        lock.release(me).unwrap();
        assert_eq!(lock.recursion_count(me), Ok(super::super::COUNT_MAX - 1));
        lock.slot.body.depth.store(0, Relaxed);
        lock.release(me).unwrap();
        assert_eq!(lock.release(me), Err(Error::NotOwner));
        lock.destroy(me).unwrap();
    }
}
