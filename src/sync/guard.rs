//! The small lock inside other primitives and around the library's own lists.
//!
//! It has no handle and no owner, is held for some dozens of instructions, and never while user code
//! runs. The fork handler takes those that stand around lists (thread/README.md, "Fork").

use crate::atomic::{AtomicU64, Ordering::*};
use crate::park::{self, Spin};

const FREE: u64 = 0;
const HELD: u64 = 1;
/// Held, and somebody may sleep; it may also be set when nobody does.
const CONTENDED: u64 = 2;

/// The lock itself; all zero is free.
#[cfg_attr(loom, derive(Default))]
pub(crate) struct RawGuard {
    word: AtomicU64,
}

impl RawGuard {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        RawGuard { word: AtomicU64::new(FREE) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        RawGuard { word: AtomicU64::new(FREE) }
    }

    #[inline(always)]
    pub(crate) fn enter(&self) {
        if !self.try_enter() {
            self.enter_slow();
        }
    }

    #[inline(always)]
    pub(crate) fn try_enter(&self) -> bool {
        self.word.compare_exchange(FREE, HELD, Acquire, Relaxed).is_ok()
    }

    #[cold]
    fn enter_slow(&self) {
        let mut spin = Spin::short();
        while spin.next() {
            if self.word.load(Relaxed) == FREE && self.try_enter() {
                return;
            }
        }
        #[cfg(not(any(loom, shuttle)))]
        park::bare::make_good();
        while self.word.swap(CONTENDED, Acquire) != FREE {
            park::doze(&self.word, CONTENDED as u32);
        }
    }

    /// The same for what a process forked without handlers may reach: gives up there, since whoever holds it may
    /// not be there, and in any case after seconds. Sleeps are counted: a process that was stopped for long has not waited long.
    #[cfg(not(loom))]
    pub(crate) fn enter_for_seconds(&self) -> bool {
        if self.try_enter() {
            return true;
        }
        let mut spin = Spin::short();
        while spin.next() {
            if self.word.load(Relaxed) == FREE && self.try_enter() {
                return true;
            }
        }
        let mut long_sleeps = 0;
        while self.word.swap(CONTENDED, Acquire) != FREE {
            if long_sleeps >= 50 || park::inside::is_without_handlers() {
                return false;
            }
            let began = crate::time::now();
            park::doze_for(&self.word, CONTENDED as u32, 100_000_000);
            long_sleeps += (crate::time::now() - began >= 100_000_000) as u32;
        }
        true
    }

    #[inline(always)]
    pub(crate) fn leave(&self) {
        if self.word.swap(FREE, Release) == CONTENDED && !super::seeded(super::Seed::Guard) {
            park::wake(&self.word, 1);
        }
    }

    /// In a forked child: whoever held it is not here.
    pub(crate) fn reset(&self) {
        self.word.store(FREE, Relaxed);
    }
}

/// A value of the library's own behind a `RawGuard`.
#[cfg(not(loom))]
pub(crate) type Guarded<T> = parking_lot::lock_api::Mutex<RawGuard, T>;
#[cfg(loom)]
pub(crate) type Guarded<T> = core::marker::PhantomData<T>;

#[cfg(not(loom))]
// SAFETY: `enter` admits one at a time, until that one's `leave`.
unsafe impl parking_lot::lock_api::RawMutex for RawGuard {
    const INIT: RawGuard = RawGuard::new();
    type GuardMarker = parking_lot::lock_api::GuardNoSend;

    fn lock(&self) {
        self.enter();
    }

    fn try_lock(&self) -> bool {
        self.try_enter()
    }

    unsafe fn unlock(&self) {
        self.leave();
    }
}
