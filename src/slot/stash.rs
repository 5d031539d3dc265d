//! Free slots of one kind on their way from the caches of those who free to those who make.
//!
//! They could all stand on the table's free stack, but each step down a stack waits for the slot above to arrive
//! from the processor that freed it. Here their indices lie side by side. Nobody waits for the stash: who finds
//! it in use, or full, or empty, turns to the stack. A thread that vanishes in a fork while it has it takes no more along
//! than the slots in it.

use crate::atomic::{AtomicU32, Ordering::*};
use core::cell::UnsafeCell;

#[cfg(not(loom))]
const ROOM: usize = 4096;
/// A model's stack is small.
#[cfg(loom)]
const ROOM: usize = 16;

/// The indices, used by whoever has exchanged `taken` from 0 to 1.
pub(super) struct Stash {
    taken: AtomicU32,
    /// How many there were when it was used last: who sees none need not look.
    seen: AtomicU32,
    inner: UnsafeCell<Inner>,
}

struct Inner {
    count: usize,
    free: [u32; ROOM],
}

// SAFETY: `inner` is used only by the one who has exchanged `taken`.
unsafe impl Sync for Stash {}

impl Stash {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Stash {
        Stash {
            taken: AtomicU32::new(0),
            seen: AtomicU32::new(0),
            inner: UnsafeCell::new(Inner { count: 0, free: [0; ROOM] }),
        }
    }

    #[cfg(loom)]
    pub(super) fn new() -> Stash {
        Stash {
            taken: AtomicU32::new(0),
            seen: AtomicU32::new(0),
            inner: UnsafeCell::new(Inner { count: 0, free: [0; ROOM] }),
        }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> Option<R> {
        self.taken.compare_exchange_weak(0, 1, Acquire, Relaxed).ok()?;
        // SAFETY: until `taken` is 0 again nobody else uses it, and `work` keeps no reference.
        let inner = unsafe { &mut *self.inner.get() };
        let result = work(inner);
        self.seen.store(inner.count as u32, Relaxed);
        self.taken.store(0, Release);
        Some(result)
    }

    /// Takes the latest, as many as there are; says how many.
    pub(super) fn take(&self, into: &mut [u32]) -> usize {
        if self.seen.load(Relaxed) == 0 {
            return 0;
        }
        let taken = self.with(|inner| {
            let count = inner.count.min(into.len());
            let from = inner.count - count;
            into[..count].copy_from_slice(&inner.free[from..inner.count]);
            inner.count = from;
            count
        });
        taken.unwrap_or(0)
    }

    /// Puts all of them, or none; says whether.
    pub(super) fn put(&self, indices: &[u32]) -> bool {
        let put = self.with(|inner| {
            let to = inner.count + indices.len();
            let Some(place) = inner.free.get_mut(inner.count..to) else { return false };
            place.copy_from_slice(indices);
            inner.count = to;
            true
        });
        put.unwrap_or(false)
    }
}
