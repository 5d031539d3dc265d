//! What is queued for a pool from outside, in the order of coming, or by priority.
//!
//! A guard is held for some nanoseconds by those who put, and once for many tasks by those who take. The lengths
//! stand outside of it, so that whoever looks for work need not take it.

use super::entry::Entry;
use super::ring::Ring;
use crate::atomic::{AtomicU64, Ordering::*, is_scarce};
use crate::error::{Error, Result};
use crate::sync::RawGuard;
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use std::collections::BinaryHeap;

/// So many that a chunk is 64 KB: it comes from the system and goes back there, not to an allocator that keeps it.
const ROOM: usize = 4095;

/// How many empty chunks are kept: a queue that swells and shrinks does not go to the system each time.
const SPARES: usize = 16;

/// A part of the list.
struct Chunk {
    entries: [Entry; ROOM],
    next: *mut Chunk,
}

/// A task with a priority other than 0; the lowest comes first, and of equal ones the first.
struct Ranked {
    priority: i64,
    turn: u64,
    entry: Entry,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (other.priority, other.turn).cmp(&(self.priority, self.turn))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.turn == other.turn
    }
}

impl Eq for Ranked {}

/// What stands behind the guard.
///
/// First what every put writes: with the guard and the length it fills one cache line, so that is all that goes to
/// and fro between one who puts and one who takes.
#[repr(C)]
struct Inner {
    tail: *mut Chunk,
    /// Places in the last and the first chunk.
    to: usize,
    /// Sums of the times of putting and taking: their difference is the time spent waiting.
    put: i64,
    head: *mut Chunk,
    from: usize,
    taken: i64,
    most: u64,
    /// Empty chunks, kept for the next time, and those that are too many.
    spares: *mut Chunk,
    kept: usize,
    /// One more, for tasks that were accepted and come back when there is no memory.
    reserve: *mut Chunk,
    waste: *mut Chunk,
    /// Priority below 0, and above.
    urgent: BinaryHeap<Ranked>,
    late: BinaryHeap<Ranked>,
    turn: u64,
}

/// The queue.
#[repr(C, align(64))]
pub(super) struct Injector {
    guard: RawGuard,
    length: AtomicU64,
    urgent: AtomicU64,
    inner: UnsafeCell<Inner>,
}

// SAFETY: `inner` is used under the guard only.
unsafe impl Sync for Injector {}

impl Injector {
    /// Empty, and with room for what comes back.
    pub(super) fn new() -> Result<Self> {
        let inner = Inner {
            head: null_mut(),
            tail: null_mut(),
            from: 0,
            to: 0,
            spares: null_mut(),
            kept: 0,
            reserve: map_chunk()?,
            waste: null_mut(),
            urgent: BinaryHeap::new(),
            late: BinaryHeap::new(),
            turn: 0,
            put: 0,
            taken: 0,
            most: 0,
        };
        Ok(Injector {
            guard: RawGuard::new(),
            inner: UnsafeCell::new(inner),
            length: AtomicU64::new(0),
            urgent: AtomicU64::new(0),
        })
    }

    /// How many tasks there are.
    #[inline(always)]
    pub(super) fn length(&self) -> u64 {
        self.length.load(SeqCst)
    }

    /// Whether one of them comes before all that have no priority.
    #[inline(always)]
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent.load(Relaxed) > 0
    }

    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        self.guard.enter();
        // SAFETY: under the guard this is the only reference; `work` calls no user code.
        let inner = unsafe { &mut *self.inner.get() };
        let result = work(inner);
        let waste = core::mem::replace(&mut inner.waste, null_mut());
        self.guard.leave();
        free(waste);
        result
    }

    /// Queues a task unless there are `bound` already.
    pub(super) fn put(&self, entry: Entry, priority: i64, bound: u64) -> Result {
        let now = crate::time::ticks();
        self.with(|inner| {
            let length = self.length.load(Relaxed);
            if length >= bound {
                return Err(Error::Full);
            }
            match priority {
                0 => inner.append(entry, false)?,
                _ => inner.rank(entry, priority)?,
            }
            inner.put = inner.put.wrapping_add(now);
            if priority < 0 {
                self.urgent.store(inner.urgent.len() as u64, Relaxed);
            }
            // The guard's end publishes it; whoever looks without the guard looks again before he sleeps.
            self.length.store(length + 1, Release);
            Ok(())
        })
    }

    /// Queues a task that had been taken, without memory too as long as there is the reserve.
    pub(super) fn put_back(&self, entry: Entry) -> Result {
        let now = crate::time::ticks();
        self.with(|inner| {
            inner.append(entry, true)?;
            inner.put = inner.put.wrapping_add(now);
            self.length.store(self.length.load(Relaxed) + 1, Release);
            Ok(())
        })
    }

    /// Takes the next task, and up to `more` others into `ring`.
    pub(super) fn take(&self, ring: Option<&Ring>, more: u64) -> Option<Entry> {
        if self.length.load(Relaxed) == 0 {
            return None;
        }
        let now = crate::time::ticks();
        self.with(|inner| {
            let length = self.length.load(Relaxed);
            let (first, plain) = inner.next()?;
            // It only grows between two takes.
            inner.most = inner.most.max(length);
            let mut count = 1;
            if let Some(ring) = ring.filter(|_| plain) {
                while count <= more && ring.has_room() {
                    let Some(entry) = inner.shift() else { break };
                    ring.push(entry);
                    count += 1;
                }
            }
            inner.taken = inner.taken.wrapping_add(now.wrapping_mul(count as i64));
            if !plain {
                self.urgent.store(inner.urgent.len() as u64, Relaxed);
            }
            self.length.store(length - count, Release);
            Some(first)
        })
    }

    /// Takes the next task that has no priority.
    pub(super) fn take_plain(&self) -> Option<Entry> {
        if self.length.load(Relaxed) == 0 {
            return None;
        }
        let now = crate::time::ticks();
        self.with(|inner| {
            inner.most = inner.most.max(self.length.load(Relaxed));
            let entry = inner.shift()?;
            inner.taken = inner.taken.wrapping_add(now);
            self.length.store(self.length.load(Relaxed) - 1, Release);
            Some(entry)
        })
    }

    /// The most there ever were, and how long all have waited, in ticks.
    pub(super) fn history(&self) -> (u64, i64) {
        let now = crate::time::ticks();
        self.with(|inner| {
            let length = self.length.load(Relaxed);
            let waiting = now.wrapping_mul(length as i64);
            (inner.most.max(length), inner.taken.wrapping_add(waiting).wrapping_sub(inner.put).max(0))
        })
    }
}

impl Inner {
    fn append(&mut self, entry: Entry, returns: bool) -> Result {
        if self.tail.is_null() || self.to == ROOM {
            let fresh = match self.fresh() {
                Err(_) if returns && !self.reserve.is_null() => {
                    core::mem::replace(&mut self.reserve, null_mut())
                }
                fresh => fresh?,
            };
            match self.tail.is_null() {
                true => (self.head, self.from) = (fresh, 0),
                // SAFETY: the list's last chunk, under the guard.
                false => unsafe { (*self.tail).next = fresh },
            }
            (self.tail, self.to) = (fresh, 0);
        }
        // SAFETY: the list's last chunk, under the guard; `to` is below its size.
        unsafe { (&raw mut (*self.tail).entries).cast::<Entry>().add(self.to).write(entry) };
        self.to += 1;
        Ok(())
    }

    fn fresh(&mut self) -> Result<*mut Chunk> {
        if self.spares.is_null() || is_scarce() {
            return map_chunk();
        }
        self.kept -= 1;
        // SAFETY: a chunk that `retire` put here, and that nobody else has.
        let next = unsafe { core::mem::replace(&mut (*self.spares).next, null_mut()) };
        Ok(core::mem::replace(&mut self.spares, next))
    }

    fn rank(&mut self, entry: Entry, priority: i64) -> Result {
        self.turn += 1;
        let heap = if priority < 0 { &mut self.urgent } else { &mut self.late };
        let _errno = crate::sys::Errno::keep();
        heap.try_reserve(1).map_err(|_| Error::NoMemory)?;
        heap.push(Ranked { priority, turn: self.turn, entry });
        Ok(())
    }

    /// The next task, and whether it had no priority.
    fn next(&mut self) -> Option<(Entry, bool)> {
        if let Some(ranked) = self.urgent.pop() {
            return Some((ranked.entry, false));
        }
        if let Some(entry) = self.shift() {
            return Some((entry, true));
        }
        self.late.pop().map(|ranked| (ranked.entry, false))
    }

    fn shift(&mut self) -> Option<Entry> {
        if self.head.is_null() || self.head == self.tail && self.from == self.to {
            return None;
        }
        // SAFETY: a place of the first chunk that `append` has written, under the guard.
        let entry = unsafe { (&raw const (*self.head).entries).cast::<Entry>().add(self.from).read() };
        self.from += 1;
        if self.head == self.tail && self.from == self.to {
            (self.from, self.to) = (0, 0);
        } else if self.from == ROOM {
            // SAFETY: the first of several chunks, read to its end.
            let next = unsafe { (*self.head).next };
            let empty = core::mem::replace(&mut self.head, next);
            self.from = 0;
            self.retire(empty);
        }
        Some(entry)
    }

    /// A chunk is empty: it is kept, or left to whoever gives up the guard next.
    fn retire(&mut self, chunk: *mut Chunk) {
        if self.reserve.is_null() {
            // SAFETY: nobody else has the chunk any more.
            unsafe { (*chunk).next = null_mut() };
            self.reserve = chunk;
            return;
        }
        let list = if self.kept < SPARES { &mut self.spares } else { &mut self.waste };
        self.kept = (self.kept + 1).min(SPARES);
        // SAFETY: nobody else has the chunk any more.
        unsafe { (*chunk).next = core::mem::replace(list, chunk) };
    }
}

/// A chunk of zeros, so that it takes memory only where it is used.
fn map_chunk() -> Result<*mut Chunk> {
    Ok(crate::sys::map_zeroed(size_of::<Chunk>())?.cast())
}

/// Gives a list of chunks back to the system.
fn free(mut chunk: *mut Chunk) {
    while !chunk.is_null() {
        // SAFETY: a chunk of `fresh`, mapped with this size, that nobody else has any more.
        unsafe {
            let next = (*chunk).next;
            crate::sys::unmap(chunk.cast(), size_of::<Chunk>());
            chunk = next;
        }
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        while inner.shift().is_some() {}
        free(inner.head);
        free(inner.spares);
        free(inner.reserve);
        free(inner.waste);
    }
}
