//! Condition: a list of waiters in the order of arrival, each with a word of its own to sleep on.
//!
//! The state word counts the waiters; the list stands under a guard of its own, because anyone may
//! release a plain Lock. A waiter leaves the list in one of two ways, both under the guard: it is
//! notified, or it finds its time gone and takes itself off. Either way it is counted in at the lock
//! before it leaves, so that the lock cannot be destroyed under it. README.md has the steps.

use super::guard::RawGuard;
use super::lock::{self, Lock};
use super::rlock::{self, RLock};
use super::word::Word;
use crate::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::park::{self, Me, Record, Wait, Woken};
use crate::slot::{Head, Live, OPEN, Object, Table, find, kind, kind_of};
use crate::time::Timeout;
use core::ptr::null_mut;

/// What a Condition keeps beside its word.
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Condition {
    /// The handle of its Lock or RLock, and where that has its words.
    lock: AtomicU64,
    head: AtomicPtr<Head>,
    guard: RawGuard,
    first: AtomicPtr<Record>,
    last: AtomicPtr<Record>,
    /// 1 when the RLock is its own and ends with it.
    own: AtomicU32,
    /// Where in the lock's word a holder's sign stands.
    signs: AtomicU32,
}

/// What the list says of a waiter.
const WAITING: u32 = 1;
const NOTIFIED: u32 = crate::park::NOTIFIED;

/// The lock under a condition.
#[derive(Clone, Copy)]
pub(crate) enum Under {
    Lock(Live<Lock>),
    RLock(Live<RLock>),
}

#[cfg(not(loom))]
impl Object for Condition {
    const KIND: u8 = kind::CONDITION;
    fn table() -> &'static Table<Condition> {
        static TABLE: Table<Condition> = Table::new();
        &TABLE
    }
}

/// Makes a condition over an RLock of its own.
pub(crate) fn create(me: Me) -> Result<u64> {
    let inner = rlock::create(me)?;
    let under = Under::RLock(find(inner)?);
    create_over(me, under, true).inspect_err(|_| {
        let _ = find::<RLock>(inner).and_then(|inner| inner.destroy(me));
    })
}

/// Makes a condition over a Lock or RLock of the caller's.
pub(crate) fn create_with(me: Me, under: Under) -> Result<u64> {
    under.adopt()?;
    create_over(me, under, false).inspect_err(|_| under.disown())
}

fn create_over(me: Me, under: Under, own: bool) -> Result<u64> {
    let fill = |body: &Condition| {
        body.lock.store(under.word().id, Relaxed);
        body.head.store((under.word().head as *const Head).cast_mut(), Relaxed);
        body.first.store(null_mut(), Relaxed);
        body.last.store(null_mut(), Relaxed);
        body.own.store(own as u32, Relaxed);
        body.signs.store(under.word().signs(), Relaxed);
    };
    Ok(Condition::table().create(Some(me.cache()), 0, fill)?.id)
}

impl Under {
    #[inline(always)]
    fn word(self) -> Word {
        match self {
            Under::Lock(lock) => lock.word(),
            Under::RLock(lock) => lock.word(),
        }
    }

    fn conditions(self) -> &'static AtomicU32 {
        match self {
            Under::Lock(lock) => &lock.slot.body.conditions,
            Under::RLock(lock) => &lock.slot.body.conditions,
        }
    }

    fn adopt(self) -> Result {
        match self {
            Under::Lock(lock) => lock::adopt(lock, self.conditions()),
            Under::RLock(lock) => lock::adopt(lock, self.conditions()),
        }
    }

    fn disown(self) {
        self.conditions().fetch_sub(1, SeqCst);
    }

    /// Whether the caller holds it; of a plain Lock that is whoever acquired it last.
    #[inline(always)]
    pub(crate) fn mine(self, me: Me) -> bool {
        match self {
            Under::Lock(lock) => lock.word().is_mine(me),
            Under::RLock(lock) => lock.mine(me),
        }
    }

    /// Takes the lock as its own acquire does.
    pub(crate) fn acquire(self, me: Me, timeout: Timeout) -> Result {
        match self {
            Under::Lock(lock) => lock.acquire(me, timeout),
            Under::RLock(lock) => lock.acquire(me, timeout),
        }
    }

    /// Gives it back as its own release does.
    pub(crate) fn release(self, me: Me) -> Result {
        match self {
            Under::Lock(lock) => lock.release(me),
            Under::RLock(lock) => lock.release(me),
        }
    }

    /// Gives it up wholly; says how deep it was held.
    fn give_up(self, me: Me) -> u32 {
        match self {
            Under::Lock(lock) => {
                let _ = lock.release(me);
                0
            }
            Under::RLock(lock) => {
                let depth = lock.slot.body.depth.swap(0, Relaxed);
                let _ = lock.release_wholly(me);
                depth
            }
        }
    }

    /// Takes it again, as deep as before, for a waiter that is counted in already.
    fn take_again(self, me: Me, depth: u32) -> Result {
        let taken = self.word().acquire_counted(me);
        match self {
            Under::Lock(_) => taken,
            Under::RLock(lock) => {
                let taken = lock.taken(me, taken);
                if matches!(taken, Ok(()) | Err(Error::OwnerDead)) {
                    lock.slot.body.depth.store(depth, Relaxed);
                }
                taken
            }
        }
    }
}

impl Live<Condition> {
    /// The lock under it.
    #[inline(always)]
    pub(crate) fn under(self) -> Result<Under> {
        let lock = self.slot.body.lock.load(Acquire);
        // After the load: as long as the condition lives, the lock is the one it was made with.
        self.bits()?;
        match kind_of(lock) {
            kind::LOCK => find(lock).map(Under::Lock),
            _ => find(lock).map(Under::RLock),
        }
    }

    /// Gives the lock up, waits to be notified until then, and takes the lock again.
    pub(crate) fn wait(self, me: Me, under: Under, wait: Wait) -> Result {
        if !under.mine(me) {
            return Err(Error::NotOwner);
        }
        me.expect(under.word().id);
        self.enlist(me).inspect_err(|_| me.expect(0))?;
        let depth = under.give_up(me);
        let ended = loop {
            if me.record().node.told() == NOTIFIED {
                break Ok(());
            }
            if me.sleep_on_node(&wait, WAITING) == Woken::TimedOut {
                break self.delist(me, under);
            }
        };
        drop(wait);
        under.take_again(me, depth).and(ended)
    }

    fn enlist(self, me: Me) -> Result {
        let (body, node) = (&self.slot.body, &me.record().node);
        body.guard.enter();
        let entered = self.count(1);
        if entered.is_ok() {
            let last = body.last.load(Relaxed);
            node.begin(WAITING);
            node.next.store(null_mut(), Relaxed);
            node.previous.store(last, Relaxed);
            link(last, &body.first).store(me.place(), Relaxed);
            body.last.store(me.place(), Relaxed);
        }
        body.guard.leave();
        entered
    }

    /// The time is gone: takes the caller off the list, unless it was notified before.
    fn delist(self, me: Me, under: Under) -> Result {
        let body = &self.slot.body;
        body.guard.enter();
        let notified = me.record().node.told() == NOTIFIED && !super::seeded(super::Seed::Condition);
        if !notified {
            self.unlink(me.record());
            let _ = under.word().count_in();
        }
        body.guard.leave();
        if notified { Ok(()) } else { Err(Error::Timeout) }
    }

    /// Takes one waiter off the list; the caller holds the guard.
    fn unlink(self, record: &Record) {
        let body = &self.slot.body;
        let (next, previous) = (record.node.next.load(Relaxed), record.node.previous.load(Relaxed));
        link(previous, &body.first).store(next, Relaxed);
        if next.is_null() {
            body.last.store(previous, Relaxed);
        } else {
            node_of(next).previous.store(previous, Relaxed);
        }
        let _ = self.count(-1);
    }

    /// Counts waiters in the state word; the caller holds the guard.
    fn count(self, by: i32) -> Result {
        loop {
            let bits = self.bits()?;
            if self.exchange_weak(bits, bits.wrapping_add_signed(by)) {
                return Ok(());
            }
        }
    }

    /// Whether the caller may notify, and there is nobody to be notified.
    #[inline(always)]
    pub(crate) fn notify_quick(self, me: Me) -> bool {
        let body = &self.slot.body;
        let (head, signs) = (body.head.load(Acquire), body.signs.load(Acquire));
        // After the loads: as long as the condition lives, so does the lock that it was made with.
        self.slot.head.state.load(Acquire) == crate::slot::word(self.generation(), 0) && {
            // SAFETY: a living condition's head is that of a slot, whose memory is never given back.
            Word::is_held(unsafe { &*head }, signs, me)
        }
    }

    /// Notifies the `n` who have waited longest.
    pub(crate) fn notify(self, me: Me, under: Under, n: i64) -> Result {
        if n < 0 {
            return Err(Error::BadCount);
        }
        if !under.mine(me) {
            return Err(Error::NotOwner);
        }
        match self.bits()? & !OPEN {
            0 => Ok(()),
            waiting => self.notify_slow(me, under, n.min(waiting as i64)),
        }
    }

    /// The first is woken by the release of the lock, and not before; the others are moved to its queue.
    #[cold]
    fn notify_slow(self, me: Me, under: Under, n: i64) -> Result {
        let word = under.word();
        me.touch(self.id);
        for _ in 0..n {
            let Some((waiter, told)) = self.notify_one(word) else { break };
            if !me.defer(waiter, word.id) {
                park::requeue(&waiter.node.word, told, &word.head.state);
            }
        }
        if !under.mine(me) {
            // Somebody released a plain Lock under its holder's feet: that release may have missed them all.
            me.wake_deferred();
            word.look_again();
        }
        Ok(())
    }

    /// The one who waited longest, with the word that it may still sleep on.
    fn notify_one(self, word: Word) -> Option<(&'static Record, u32)> {
        let body = &self.slot.body;
        body.guard.enter();
        // A waiter keeps the condition alive; without one the slot may be another condition's by now.
        let first = self.bits().map_or(null_mut(), |_| body.first.load(Relaxed));
        let notified = (!first.is_null()).then(|| {
            let waiter = record_of(first);
            self.unlink(waiter);
            let _ = word.count_in();
            // From here on the waiter may be gone and its node in use elsewhere.
            (waiter, waiter.node.tell(NOTIFIED).1)
        });
        body.guard.leave();
        notified
    }

    /// Ends the condition, and its own RLock with it, unless somebody waits or holds that.
    pub(crate) fn destroy(self, me: Me) -> Result {
        let under = self.under()?;
        let own = self.slot.body.own.load(Relaxed) == 1;
        let close = || Condition::table().close(self, 0);
        match under {
            Under::RLock(inner) if own => lock::close(inner, me, close)?,
            _ if close() => under.disown(),
            _ => return self.bits().and(Err(Error::Busy)),
        }
        super::recycle(self, Some(me));
        Ok(())
    }

    /// In a forked child: nobody waits any more, and nobody is inside the guard.
    pub(crate) fn forget_waiters(self) {
        if let Ok(under) = self.under() {
            let body = &self.slot.body;
            body.guard.reset();
            body.first.store(null_mut(), Relaxed);
            body.last.store(null_mut(), Relaxed);
            self.slot.head.state.store(crate::slot::word(self.generation(), 0), Relaxed);
            under.word().forget_waiters();
        }
    }
}

/// The pointer that leads to what follows `previous`: its own, or the list's when there is none.
fn link(previous: *mut Record, first: &AtomicPtr<Record>) -> &AtomicPtr<Record> {
    if previous.is_null() { first } else { &node_of(previous).next }
}

fn node_of(record: *mut Record) -> &'static park::Node {
    &record_of(record).node
}

fn record_of(record: *mut Record) -> &'static Record {
    // SAFETY: lists hold only records of threads, whose memory is never given back.
    unsafe { &*record }
}
