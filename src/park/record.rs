//! What the waiting layer knows of each thread: its identity, what it waits for, what it touches.

use super::{Woken, sign_of};
use crate::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering::*, Seed, seeded};
use crate::slot::{Cache, kind, kind_of};
use crate::time::Deadline;
use core::cell::Cell;
use core::ptr::null_mut;

/// A wait as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// The object waited for; 0 when the thread waits for nothing.
    pub(crate) object: u64,
    /// When it gives up.
    pub(crate) deadline: Deadline,
    /// When it began, on the monotonic clock.
    pub(crate) since: i64,
    /// It may end though the object's owner does nothing: it is for any of several, or is about to be refused.
    pub(crate) has_way_out: bool,
}

/// A thread's entry in the list of a condition or barrier.
pub(crate) struct Node {
    /// Which wait it is, and in the lowest `TELLS` bits what the list says of it; the thread sleeps on it.
    ///
    /// The number of the wait keeps one who is late from mistaking the next wait for the one it meant.
    pub(crate) word: AtomicU64,
    pub(crate) next: AtomicPtr<Record>,
    pub(crate) previous: AtomicPtr<Record>,
}

/// The bits of a node's word that a list uses.
const TELLS: u32 = 3;

/// What a condition says of one whom it has notified.
pub(crate) const NOTIFIED: u32 = 2;

impl Node {
    /// Begins a wait of which the list says `tells`.
    pub(crate) fn begin(&self, tells: u32) {
        let wait = (self.word.load(Relaxed) as u32 >> TELLS).wrapping_add(1) << TELLS;
        self.word.store((wait | tells) as u64, Relaxed);
    }

    /// What the list says of this wait.
    pub(crate) fn told(&self) -> u32 {
        self.word.load(Acquire) as u32 & ((1 << TELLS) - 1)
    }

    /// Says something else of it; what was said before, and the whole word as it is now.
    pub(crate) fn tell(&self, tells: u32) -> (u32, u32) {
        let wait = self.word.load(Relaxed) as u32 >> TELLS << TELLS;
        let before = self.word.swap((wait | tells) as u64, SeqCst) as u32;
        (before & ((1 << TELLS) - 1), wait | tells)
    }

    /// The thread itself says `new` if it was `old`; otherwise what it is.
    pub(crate) fn change(&self, old: u32, new: u32) -> Result<(), u32> {
        let wait = self.word.load(Relaxed) as u32 >> TELLS << TELLS;
        let (old, new) = ((wait | old) as u64, (wait | new) as u64);
        match self.word.compare_exchange(old, new, SeqCst, Acquire) {
            Ok(_) => Ok(()),
            Err(now) => Err(now as u32 & ((1 << TELLS) - 1)),
        }
    }
}

/// One thread, as the waiting layer knows it; its memory is never given back.
///
/// Written by its own thread, but for `node`, whose list's guard protects it; so each has lines of its own,
/// two at a time as processors fetch them.
#[repr(C, align(128))]
pub(crate) struct Record {
    /// The thread's handle while it lives, else 0; never reused, so it serves as owner.
    id: AtomicU64,
    /// How many owned primitives it holds; a thread that ends with none needs no search.
    held: Cell<u64>,
    /// The object whose owner word it is about to change: see thread/README.md, "Fork".
    touching: AtomicU64,
    /// The lock at which others count it as a waiter while it does not wait there yet: it waits on a condition.
    expected: AtomicU64,
    /// The object whose body it is inside: see inside.rs.
    pub(super) inside: AtomicU64,
    /// The thread of this record that stayed behind in a parent process, else 0.
    lost: AtomicU64,
    /// The thread of this record when those who join it need not wait for it any more, though it runs.
    over: AtomicU64,
    /// Odd while it waits; changes at both ends of every wait.
    sequence: AtomicU64,
    object: AtomicU64,
    deadline: AtomicI64,
    since: AtomicI64,
    way_out: AtomicU32,
    pub(crate) node: Node,
    /// A waiter that this thread has notified and not woken: it wakes it when it releases that lock.
    deferred: AtomicPtr<Record>,
    deferred_for: AtomicU64,
    pub(crate) cache: Cache,
    /// What the thread is at work as, for the pool layer; only its own thread reads or writes it.
    pub(crate) worker: AtomicPtr<()>,
    /// The values of its locals, for the thread layer: here is where a thread looks first.
    pub(crate) locals: AtomicPtr<()>,
    /// How many `locals` there are room for.
    pub(crate) local_room: AtomicU64,
    /// What `sign_of` says of it.
    sign: AtomicU64,
    /// The lock that it took or gave back last had waiters.
    crowded: Cell<bool>,
    /// How often it has had to wait for a lock since it slept, and when it first looked at the clock since.
    restless: Cell<(u32, i64)>,
}

// SAFETY: `held`, `crowded`, `restless` and `cache` are touched by the record's own thread only, or, when that thread no
// longer exists, by the one that clears up after it; everything else is atomic.
unsafe impl Sync for Record {}

impl Record {
    /// A record of no thread; models make theirs with it.
    #[cfg(loom)]
    pub(crate) fn new(id: u64) -> Record {
        Record {
            id: AtomicU64::new(id),
            sign: AtomicU64::new(sign_of(id) as u64),
            held: Cell::new(0),
            crowded: Cell::new(false),
            restless: Cell::new((0, 0)),
            touching: AtomicU64::new(0),
            expected: AtomicU64::new(0),
            inside: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            over: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            object: AtomicU64::new(0),
            deadline: AtomicI64::new(0),
            since: AtomicI64::new(0),
            way_out: AtomicU32::new(0),
            node: Node {
                word: AtomicU64::new(0),
                next: AtomicPtr::new(null_mut()),
                previous: AtomicPtr::new(null_mut()),
            },
            deferred: AtomicPtr::new(null_mut()),
            deferred_for: AtomicU64::new(0),
            cache: Cache::new(),
            worker: AtomicPtr::new(null_mut()),
            locals: AtomicPtr::new(null_mut()),
            local_room: AtomicU64::new(0),
        }
    }

    /// Takes the record for the thread `id`, from now on alive.
    pub(crate) fn adopt(&self, id: u64) {
        self.sign.store(sign_of(id) as u64, Relaxed);
        self.held.set(0);
        self.crowded.set(false);
        self.restless.set((0, 0));
        self.touching.store(0, Relaxed);
        self.expected.store(0, Relaxed);
        self.inside.store(0, Relaxed);
        self.worker.store(null_mut(), Relaxed);
        #[cfg(not(loom))]
        COUNT.fetch_max(crate::slot::index_of(id) + 1, SeqCst);
        self.sequence.store(self.sequence.load(Relaxed) & !1, Relaxed);
        self.deferred.store(null_mut(), Relaxed);
        self.node.next.store(null_mut(), Relaxed);
        self.node.previous.store(null_mut(), Relaxed);
        self.id.store(id, SeqCst);
    }

    /// The thread is no more; what it owns is from now on owned by a dead thread.
    pub(crate) fn bury(&self) {
        self.id.store(0, SeqCst);
    }

    /// In a forked child: the thread is not here. Its record is never used for another one.
    pub(crate) fn lose(&self) {
        self.lost.store(self.id(), SeqCst);
        self.inside.store(0, Relaxed);
        self.bury();
    }

    /// From now on nobody waits for the thread, though it runs: the main one, when the process exits.
    pub(crate) fn set_over(&self) {
        self.over.store(self.id(), SeqCst);
    }

    /// The thread that was lost with this record.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(SeqCst)
    }

    /// The thread whose record this is, 0 when it has none.
    pub(crate) fn id(&self) -> u64 {
        self.id.load(SeqCst)
    }

    /// The object that its thread was about to take or give back last.
    pub(crate) fn touching(&self) -> u64 {
        self.touching.load(Relaxed)
    }

    /// The lock at which its thread may be counted, though it waits elsewhere or not yet.
    pub(crate) fn expected(&self) -> u64 {
        self.expected.load(Relaxed)
    }

    /// Takes the waiter whose wake this thread has put off until it releases `lock`.
    pub(crate) fn take_deferred(&self, lock: u64) -> Option<&'static Record> {
        if self.deferred.load(SeqCst).is_null() || self.deferred_for.load(Relaxed) != lock {
            return None;
        }
        let waiter = self.deferred.swap(null_mut(), SeqCst);
        // SAFETY: records are never given back.
        (!waiter.is_null()).then(|| unsafe { &*waiter })
    }

    /// The current wait with its sequence number, or `None` when the thread does not wait.
    pub(crate) fn waiting(&self) -> Option<(u64, Published)> {
        loop {
            let before = self.sequence.load(SeqCst);
            if before & 1 == 0 {
                return None;
            }
            let seen = Published {
                object: self.object.load(Acquire),
                deadline: Deadline::at(self.deadline.load(Acquire)),
                since: self.since.load(Acquire),
                has_way_out: self.way_out.load(SeqCst) != 0,
            };
            if self.sequence.load(SeqCst) == before || seeded(Seed::Record) {
                return Some((before, seen));
            }
        }
    }

    /// The same, but for one who was notified at a condition: it needs the lock now, though it may be asleep and not know.
    pub(crate) fn held_up(&self) -> Option<(u64, Published)> {
        let (sequence, wait) = self.waiting()?;
        let lock = self.expected();
        let notified = kind_of(wait.object) == kind::CONDITION && self.node.told() == NOTIFIED;
        if lock == 0 || !notified {
            return Some((sequence, wait));
        }
        Some((sequence, Published { object: lock, deadline: Deadline::NEVER, ..wait }))
    }
}

/// The running thread, to those who act for it.
#[derive(Clone, Copy)]
pub(crate) struct Me(&'static Record);

impl Me {
    /// # Safety
    /// - `record` belongs to the calling thread.
    pub(crate) unsafe fn new(record: &'static Record) -> Me {
        Me(record)
    }

    #[inline(always)]
    pub(crate) fn id(self) -> u64 {
        self.0.id.load(Relaxed)
    }

    /// Its sign in the words of locks, 0 for none.
    #[inline(always)]
    pub(crate) fn sign(self) -> u32 {
        self.0.sign.load(Relaxed) as u32
    }

    /// Whether it had better look at a lock before it tries: an exchange that expects nobody to wait would fail.
    #[inline(always)]
    pub(crate) fn is_crowded(self) -> bool {
        self.0.crowded.get()
    }

    #[inline(always)]
    pub(crate) fn set_crowded(self, crowded: bool) {
        self.0.crowded.set(crowded);
    }

    /// Told each time that the thread has to wait for a lock: whether it has got all of them without sleeping, for
    /// so many nanoseconds. Only now and then does it look at the clock.
    pub(crate) fn is_restless(self, patience: i64) -> bool {
        const SELDOM: u32 = 256;
        let (times, since) = self.0.restless.get();
        if !times.is_multiple_of(SELDOM) {
            self.0.restless.set((times.wrapping_add(1), since));
            return false;
        }
        let now = crate::time::now();
        let since = if times == 0 { now } else { since };
        self.0.restless.set((times.wrapping_add(1), since));
        now - since >= patience
    }

    /// It sleeps now.
    pub(crate) fn rests(self) {
        self.0.restless.set((0, 0));
    }

    #[inline(always)]
    pub(crate) fn record(self) -> &'static Record {
        self.0
    }

    /// The record's place, as lists link it.
    pub(crate) fn place(self) -> *mut Record {
        self.0 as *const Record as *mut Record
    }

    /// Says which object's owner word this thread will change next; a plain store.
    #[inline(always)]
    pub(crate) fn touch(self, object: u64) {
        self.0.touching.store(object, Relaxed);
    }

    /// Says at which lock this thread may be counted from now on before it waits there; 0: at none.
    #[inline(always)]
    pub(crate) fn expect(self, lock: u64) {
        self.0.expected.store(lock, Relaxed);
    }

    /// Counts one owned primitive more.
    #[inline(always)]
    pub(crate) fn hold(self) {
        self.0.held.set(self.0.held.get().wrapping_add(1));
    }

    /// Counts one owned primitive less.
    #[inline(always)]
    pub(crate) fn unhold(self) {
        self.0.held.set(self.0.held.get().wrapping_sub(1));
    }

    /// Puts off waking a waiter until this thread releases `lock`; false when it has put off one already.
    pub(crate) fn defer(self, waiter: &'static Record, lock: u64) -> bool {
        let record = self.0;
        if !record.deferred.load(Relaxed).is_null() {
            return false;
        }
        record.deferred_for.store(lock, Relaxed);
        record.deferred.store((waiter as *const Record).cast_mut(), SeqCst);
        true
    }

    /// Whether this thread has put off a wake.
    #[inline(always)]
    pub(crate) fn has_deferred(self) -> bool {
        !self.0.deferred.load(Relaxed).is_null()
    }

    /// Wakes whom this thread has put off, when it ends without releasing.
    pub(crate) fn wake_deferred(self) {
        if let Some(waiter) = self.0.take_deferred(self.0.deferred_for.load(Relaxed)) {
            super::wake(&waiter.node.word, 1);
        }
    }

    /// In a forked child: whom this thread has put off is not here.
    pub(crate) fn forget_deferred(self) {
        self.0.deferred.store(null_mut(), Relaxed);
    }

    /// How many owned primitives this thread holds.
    pub(crate) fn held(self) -> u64 {
        self.0.held.get()
    }

    pub(crate) fn cache(self) -> &'static Cache {
        &self.0.cache
    }

    /// Sleeps on this thread's own node as long as the list says `tells` of it.
    pub(crate) fn sleep_on_node(self, wait: &super::Wait, tells: u32) -> Woken {
        let word = &self.0.node.word;
        wait.sleep(word, word.load(Relaxed) as u32 >> TELLS << TELLS | tells)
    }

    /// Publishes `wait`: a sequence lock whose writer is the thread itself.
    pub(super) fn publish(self, wait: Published) {
        let record = self.0;
        record.object.store(wait.object, Release);
        record.deadline.store(wait.deadline.nanos(), Release);
        record.since.store(wait.since, Release);
        record.way_out.store(wait.has_way_out as u32, Release);
        record.sequence.store(record.sequence.load(Relaxed).wrapping_add(1), SeqCst);
    }

    /// Says of the wait, which is published, whether it has a way out.
    pub(super) fn set_way_out(self, has_one: bool) {
        self.0.way_out.store(has_one as u32, SeqCst);
    }

    /// Takes the publication back.
    pub(super) fn unpublish(self) {
        let record = self.0;
        record.sequence.store(record.sequence.load(Relaxed).wrapping_add(1), SeqCst);
    }
}

/// The record of the thread `owner`, if it is one.
pub(crate) fn record_of(owner: u64, me: Me) -> Option<&'static Record> {
    if owner == me.id() {
        return Some(me.0);
    }
    records().at(crate::slot::index_of(owner)).filter(|record| record.id() == owner)
}

/// What became of a thread that an owner word names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It lives; or the word names nobody yet, because its owner is just about to write it.
    Lives,
    /// It ended without giving back what it held.
    Ended,
    /// It stayed in the parent process.
    Lost,
}

/// What became of the thread `owner`.
pub(crate) fn fate(owner: u64) -> Fate {
    #[cfg(loom)]
    if !crate::atomic::vanish::has_forked() && !crate::atomic::vanish::may_have_ended() {
        // Until then all threads of a model live.
        return Fate::Lives;
    }
    let Some(record) = records().at(crate::slot::index_of(owner)) else { return Fate::Lives };
    if owner == 0 || record.id() == owner {
        Fate::Lives
    } else if record.lost.load(SeqCst) == owner {
        Fate::Lost
    } else {
        Fate::Ended
    }
}

/// Whether `thread` runs, so that one who joins it waits for it.
pub(crate) fn is_awaitable(thread: u64) -> bool {
    let record = records().at(crate::slot::index_of(thread));
    record.is_some_and(|record| record.id() == thread && record.over.load(SeqCst) != thread)
}

#[cfg(loom)]
pub(crate) use super::backend::records;

/// How many records have ever been taken.
#[cfg(not(loom))]
static COUNT: AtomicU32 = AtomicU32::new(0);

/// One more than the highest index of a record.
#[cfg(not(loom))]
pub(super) fn count() -> u32 {
    COUNT.load(SeqCst)
}

#[cfg(loom)]
pub(super) fn count() -> u32 {
    4
}

/// All records, each at the index of its thread's slot.
#[cfg(not(loom))]
pub(crate) fn records() -> &'static crate::slot::Chunks<Record> {
    static RECORDS: crate::slot::Chunks<Record> = crate::slot::Chunks::new();
    &RECORDS
}
