//! A seat's forks: the parts of parallel work that its thread has split off and not begun.
//!
//! The thread itself puts and takes at the bottom, last in, first out; others steal at the top, where the largest
//! parts are. After Chase and Lev, with places that are never moved: when they are all taken, the thread does the
//! work itself instead of splitting it off.
//!
//! Taking the last fork is a race between two who each write one counter and read the other's, with a full barrier between
//! write and read on both sides. There are two kinds of forks, marked in the place where they stand:
//!
//! - Those of a recursion's steps are taken back all the time and stolen seldom. Their own thread passes the light half
//!   of fence.rs (`push_quick`, `pop_quick`), and the thief runs the heavy one, which interrupts that thread.
//! - All others stand for more work: both sides run a fence (`push`, `pop`), and nobody is interrupted.
//!
//! A thief reads what stands in the place before its barrier, which depends on that, and once more after it: if it is
//! something else by then, it was put there meanwhile, perhaps with the other mark, and is left alone.

use crate::atomic::{self, AtomicI64, AtomicPtr, Ordering::*, Seed, seeded};
use crate::park::fence;
use crate::sys::tools;

#[cfg(not(loom))]
const ROOM: usize = 512;
#[cfg(loom)]
const ROOM: usize = 2;

/// The mark of a fork that is taken back without a fence.
const QUICK: usize = 1;

fn is_quick<T>(marked: *mut T) -> bool {
    marked.addr() & QUICK != 0
}

/// The deque.
pub(super) struct Deque<T> {
    top: AtomicI64,
    bottom: AtomicI64,
    places: [AtomicPtr<T>; ROOM],
}

impl<T> Deque<T> {
    /// Empty; so is one of zeros, where atomics are words.
    #[cfg(any(loom, shuttle))]
    pub(super) fn new() -> Self {
        Deque {
            top: AtomicI64::new(0),
            bottom: AtomicI64::new(0),
            places: core::array::from_fn(|_| AtomicPtr::new(core::ptr::null_mut())),
        }
    }

    fn place(&self, at: i64) -> &AtomicPtr<T> {
        &self.places[at as usize % ROOM]
    }

    /// Where the next fork goes: forks from here on are split off later than now.
    pub(super) fn bottom(&self) -> i64 {
        self.bottom.load(Relaxed)
    }

    /// The place where it goes: what race detectors know a fork by that is stolen there.
    pub(super) fn next(&self) -> &AtomicPtr<T> {
        self.place(self.bottom())
    }

    /// Whether there is something to steal, at some moment.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.top.load(SeqCst) >= self.bottom.load(SeqCst)
    }

    /// Puts a fork, if there is room; only the own thread does that.
    pub(super) fn push(&self, fork: *mut T) -> bool {
        self.put(fork)
    }

    /// The same for a fork that is taken back with `pop_quick`.
    #[inline(always)]
    pub(super) fn push_quick(&self, fork: *mut T) -> bool {
        const { assert!(align_of::<T>() > QUICK) };
        self.put(fork.map_addr(|address| address | QUICK))
    }

    #[inline(always)]
    fn put(&self, marked: *mut T) -> bool {
        let bottom = self.bottom.load(Relaxed);
        if bottom - self.top.load(Acquire) >= ROOM as i64 {
            return false;
        }
        self.place(bottom).store(marked, Relaxed);
        self.bottom.store(bottom + 1, Release);
        true
    }

    /// Takes back the fork that was put last, of either kind, if nobody has stolen it; only the own thread does that.
    pub(super) fn pop(&self) -> bool {
        self.take_back(|| atomic::fence(SeqCst))
    }

    /// The same for a fork of `push_quick`.
    #[inline(always)]
    pub(super) fn pop_quick(&self) -> bool {
        self.take_back(fence::light)
    }

    #[inline(always)]
    fn take_back(&self, barrier: impl FnOnce()) -> bool {
        let bottom = self.bottom.load(Relaxed) - 1;
        // Release: who reads this one sees the forks below, too.
        self.bottom.store(bottom, Release);
        if !seeded(Seed::Deque) {
            barrier();
        }
        let top = self.top.load(Relaxed);
        if top < bottom {
            return true;
        }
        // The last one, or none: whoever moves the top has it.
        let mine = top == bottom && self.top.compare_exchange(top, top + 1, SeqCst, Relaxed).is_ok();
        self.bottom.store(bottom + 1, Release);
        mine
    }

    /// Steals the fork that was put first, unless it was put before `from`.
    pub(super) fn steal(&self, from: i64) -> Option<*mut T> {
        let top = self.top.load(Acquire);
        if top < from || top >= self.bottom.load(Acquire) {
            return None;
        }
        let marked = self.place(top).load(Relaxed);
        if is_quick(marked) {
            fence::heavy()
        } else {
            atomic::fence(SeqCst)
        }
        if top >= self.bottom.load(Acquire) {
            return None;
        }
        if self.place(top).load(Relaxed) != marked {
            return None;
        }
        self.top.compare_exchange(top, top + 1, SeqCst, Relaxed).ok()?;
        tools::acquire(self.place(top));
        Some(marked.map_addr(|address| address & !QUICK))
    }
}
