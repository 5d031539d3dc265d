//! What is queued for a pool from outside, in the order of coming, or by priority.
//!
//! A list of chunks with a guard at each end: of those who put, who hold it for some nanoseconds, and of those who
//! take, who hold it once for many tasks. So the two do not wait for each other, and each end has cache lines of its
//! own. Each counts in a word outside of its guard; whoever looks for work reads these and takes no guard.
//!
//! | word          | counts                              | written                                              |
//! |---------------|-------------------------------------|------------------------------------------------------|
//! | `back.count`  | tasks without priority, ever        | under the back guard, after the task is in its place |
//! | `front.count` | those of them that were taken       | under the front guard, after they were read          |
//!
//! A task is published by the release store of `back.count` and taken after an acquire load of it; so is the chunk that it
//! stands in. A place is written once, until its chunk is retired: by one who has taken all that was in it, under the
//! front guard, and who therefore has seen that the list goes on behind it. Nobody who puts comes back to it.

use super::entry::Entry;
use super::ranks::Ranks;
use super::ring::Ring;
use super::stock::{Chunk, ROOM, Stock, free, map};
use crate::atomic::{AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::sync::RawGuard;
use core::cell::UnsafeCell;
use core::ptr::null_mut;

/// How many tasks wait for each that is queued without a look at the clock.
const EXACT: u64 = 32;

/// Where tasks are put.
struct Back {
    tail: *mut Chunk,
    /// Places used in the last chunk.
    to: usize,
    /// The sum of the times of putting: what `Front::times` is more than that is the time spent waiting.
    times: i64,
    /// The clock when it was last read here, and `EXACT` for each task that was put since, with that one.
    now: i64,
    untimed: u64,
    /// The most that a queue with a bound held.
    most: u64,
}

/// Where tasks are taken.
struct Front {
    head: *mut Chunk,
    /// Places read in the first chunk.
    from: usize,
    times: i64,
    most: u64,
    /// A chunk to be freed when the guard is given up, or NULL.
    waste: *mut Chunk,
}

impl Back {
    /// The time for the sum, with so many tasks before. Reading the clock takes as long as putting a task, so where many
    /// wait, some count as put when the last one was that read it. All who wait have waited since, and are `EXACT` times as
    /// many: so much smaller than the sum is what it is too large by.
    #[inline(always)]
    fn time(&mut self, before: u64, priority: i64) -> i64 {
        if before <= self.untimed || priority != 0 {
            self.now = crate::time::ticks();
            self.untimed = 0;
        }
        self.untimed += EXACT;
        self.now
    }
}

/// One end of the list, and its count of tasks.
#[repr(align(128))]
struct End<T> {
    guard: RawGuard,
    count: AtomicU64,
    inner: UnsafeCell<T>,
}

// SAFETY: `inner` is used under the guard only.
unsafe impl<T> Sync for End<T> {}

impl<T> End<T> {
    fn new(inner: T) -> Self {
        End { guard: RawGuard::new(), count: AtomicU64::new(0), inner: UnsafeCell::new(inner) }
    }

    #[inline(always)]
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        self.guard.enter();
        // SAFETY: under the guard this is the only reference; `work` calls no user code.
        let result = work(unsafe { &mut *self.inner.get() });
        self.guard.leave();
        result
    }
}

/// The queue.
pub(super) struct Injector {
    back: End<Back>,
    front: End<Front>,
    ranks: Ranks,
    stock: Stock,
}

impl Injector {
    /// Empty, and with room for what comes back.
    pub(super) fn new() -> Result<Self> {
        let stock = Stock::new()?;
        let first = map()?;
        Ok(Injector {
            back: End::new(Back { tail: first, to: 0, times: 0, now: 0, untimed: 0, most: 0 }),
            front: End::new(Front { head: first, from: 0, times: 0, most: 0, waste: null_mut() }),
            ranks: Ranks::new(),
            stock,
        })
    }

    /// How many tasks without priority there are. Read in this order it is never less than none, and none only if there
    /// was none when the first of the two words was read.
    #[inline(always)]
    fn plain(&self) -> u64 {
        let taken = self.front.count.load(SeqCst);
        self.back.count.load(SeqCst) - taken
    }

    /// How many tasks there are: exact for who holds the guard of an end, otherwise never too few.
    #[inline(always)]
    pub(super) fn length(&self) -> u64 {
        self.plain() + self.ranks.length()
    }

    /// How many without priority were ever taken.
    pub(super) fn taken(&self) -> u64 {
        self.front.count.load(SeqCst)
    }

    /// Whether one of them comes before all that have no priority.
    #[inline(always)]
    pub(super) fn is_urgent(&self) -> bool {
        self.ranks.is_urgent()
    }

    /// Queues a task unless there are `bound` already. Not inlined, so that the entry comes in registers: read from memory
    /// at once what was written in two halves, the processor would wait for both to be written.
    #[inline(never)]
    pub(super) fn put(&self, entry: Entry, priority: i64, bound: u64) -> Result {
        self.back.with(|back| {
            // Nobody else puts meanwhile, so there are not more than this.
            let plain = self.plain();
            let length = if bound == u64::MAX { 0 } else { plain + self.ranks.length() };
            if length >= bound {
                return Err(Error::Full);
            }
            let now = back.time(plain, priority);
            match priority {
                0 => self.append(back, entry, false)?,
                _ => self.ranks.put(entry, priority)?,
            }
            back.most = back.most.max(length + 1);
            back.times = back.times.wrapping_add(now);
            Ok(())
        })
    }

    /// Queues a task that had been taken, without memory too as long as there is the reserve.
    pub(super) fn put_back(&self, entry: Entry) -> Result {
        self.back.with(|back| {
            let now = back.time(self.plain(), 0);
            self.append(back, entry, true)?;
            back.times = back.times.wrapping_add(now);
            Ok(())
        })
    }

    #[inline(always)]
    fn append(&self, back: &mut Back, entry: Entry, returns: bool) -> Result {
        if back.to == ROOM {
            let fresh = self.stock.fresh(returns)?;
            // SAFETY: the list's last chunk, under the back guard. Nobody reads this before the next task is published.
            unsafe { (*back.tail).next = fresh };
            (back.tail, back.to) = (fresh, 0);
        }
        // SAFETY: the list's last chunk, under the back guard; `to` is below its size.
        unsafe { (&raw mut (*back.tail).entries).cast::<Entry>().add(back.to).write(entry) };
        back.to += 1;
        // Whoever looks without the guard looks again before he sleeps.
        self.back.count.store(self.back.count.load(Relaxed) + 1, Release);
        Ok(())
    }

    /// Takes the next task, and up to `more` others into `ring`.
    pub(super) fn take(&self, ring: Option<&Ring>, more: u64) -> Option<Entry> {
        self.take_with(|front| {
            if self.is_urgent()
                && let Some(entry) = self.ranks.take_urgent()
            {
                return Some((entry, 1));
            }
            let plain = self.plain();
            if plain == 0 {
                return self.ranks.take_late().map(|entry| (entry, 1));
            }
            let mut count = 1;
            let first = self.shift(front);
            if let Some(ring) = ring {
                while count <= more && count < plain && ring.has_room() {
                    ring.push(self.shift(front));
                    count += 1;
                }
            }
            self.count_taken(front, count);
            Some((first, count))
        })
    }

    /// Takes the next task that has no priority.
    pub(super) fn take_plain(&self) -> Option<Entry> {
        self.take_with(|front| {
            (self.plain() > 0).then(|| {
                let entry = self.shift(front);
                self.count_taken(front, 1);
                (entry, 1)
            })
        })
    }

    fn take_with(&self, work: impl FnOnce(&mut Front) -> Option<(Entry, u64)>) -> Option<Entry> {
        if self.length() == 0 {
            return None;
        }
        let now = crate::time::ticks();
        let (entry, waste) = self.front.with(|front| {
            front.most = front.most.max(self.length());
            let Some((entry, count)) = work(front) else { return (None, null_mut()) };
            front.times = front.times.wrapping_add(now.wrapping_mul(count as i64));
            (Some(entry), core::mem::replace(&mut front.waste, null_mut()))
        });
        free(waste);
        entry
    }

    /// Reads the next task that has no priority; there is one.
    fn shift(&self, front: &mut Front) -> Entry {
        if front.from == ROOM {
            // SAFETY: the list's first chunk, under the front guard. A task that stands behind it is published.
            let next = unsafe { (*front.head).next };
            front.waste = self.stock.retire(core::mem::replace(&mut front.head, next));
            front.from = 0;
        }
        // SAFETY: a place of the first chunk whose task is published, under the front guard.
        let entry = unsafe { (&raw const (*front.head).entries).cast::<Entry>().add(front.from).read() };
        front.from += 1;
        entry
    }

    /// So many tasks without priority were read.
    fn count_taken(&self, front: &mut Front, count: u64) {
        // It has only grown since the guard was taken.
        front.most = front.most.max(self.length());
        self.front.count.store(self.front.count.load(Relaxed) + count, Release);
    }

    /// How many there are, the most there ever were, and how long all have waited, in ticks.
    pub(super) fn history(&self) -> (u64, u64, i64) {
        let now = crate::time::ticks();
        self.back.with(|back| {
            self.front.with(|front| {
                let length = self.length();
                let waiting = now.wrapping_mul(length as i64);
                let waited = front.times.wrapping_add(waiting).wrapping_sub(back.times);
                (length, front.most.max(back.most).max(length), waited.max(0))
            })
        })
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        free(self.front.inner.get_mut().head);
    }
}
