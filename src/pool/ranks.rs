//! Queued tasks with a priority: the lowest comes first, and of equal ones the first.

use super::entry::Entry;
use crate::atomic::{AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::sync::RawGuard;
use core::cell::UnsafeCell;
use std::collections::BinaryHeap;

/// A task with a priority other than 0.
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
#[derive(Default)]
struct Inner {
    /// Priority below 0: before all that have none.
    urgent: BinaryHeap<Ranked>,
    /// Priority above 0: after all that have none.
    late: BinaryHeap<Ranked>,
    turn: u64,
}

/// The tasks. How many there are stands outside of the guard, and apart from what changes with every task, since all
/// who take look at it each time.
#[repr(align(128))]
pub(super) struct Ranks {
    urgent: AtomicU64,
    length: AtomicU64,
    guard: RawGuard,
    inner: UnsafeCell<Inner>,
}

// SAFETY: `inner` is used under the guard only.
unsafe impl Sync for Ranks {}

impl Ranks {
    pub(super) fn new() -> Self {
        Ranks {
            urgent: AtomicU64::new(0),
            length: AtomicU64::new(0),
            guard: RawGuard::new(),
            inner: UnsafeCell::new(Inner::default()),
        }
    }

    /// How many there are.
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
        self.urgent.store(inner.urgent.len() as u64, Relaxed);
        self.length.store((inner.urgent.len() + inner.late.len()) as u64, Release);
        self.guard.leave();
        result
    }

    /// Puts a task whose priority is not 0.
    pub(super) fn put(&self, entry: Entry, priority: i64) -> Result {
        self.with(|inner| {
            inner.turn += 1;
            let heap = if priority < 0 { &mut inner.urgent } else { &mut inner.late };
            let _errno = crate::sys::Errno::keep();
            heap.try_reserve(1).map_err(|_| Error::NoMemory)?;
            heap.push(Ranked { priority, turn: inner.turn, entry });
            Ok(())
        })
    }

    /// Takes the first of those that come before all others.
    pub(super) fn take_urgent(&self) -> Option<Entry> {
        self.with(|inner| inner.urgent.pop()).map(|ranked| ranked.entry)
    }

    /// Takes the first of those that come after all others.
    pub(super) fn take_late(&self) -> Option<Entry> {
        self.with(|inner| inner.late.pop()).map(|ranked| ranked.entry)
    }
}
