//! The small lock inside other primitives and around the library's own lists.
//!
//! It has no handle and no owner, is held for some dozens of instructions, and never while user code
//! runs. The fork handler takes those that stand around lists (thread/README.md, "Fork").
//!
//! It is free again by a plain store, since an exchange would wait for all that its holder has written. Of one who leaves
//! and one who goes to sleep each writes a word and then reads the other's, with the fence of unequal halves between
//! (park/fence.rs): either the sleeper sees that it is free, or the one who leaves sees that somebody sleeps.
//!
//! | word     | values                                                                              |
//! |----------|-------------------------------------------------------------------------------------|
//! | `held`   | 1 while somebody is inside                                                          |
//! | `asleep` | 1: somebody may sleep on it. Who leaves then makes it 0 and wakes one               |
//!
//! **No wake-up is lost.** Whoever sleeps has made `asleep` 1 after waking up the last time, run the heavy half, and found
//! it held: so he who held it sees the 1 when he leaves, unless another one has, and made it 0. That one woke a sleeper, who
//! makes it 1 again before he enters or sleeps, for those who sleep still; and whoever was about to sleep meanwhile does not,
//! as the word is not 1.

use crate::atomic::{AtomicU32, Ordering::*};
use crate::park::{self, Spin, fence};
use core::hint::cold_path;

/// The lock itself; all zero is free.
#[cfg_attr(loom, derive(Default))]
pub(crate) struct RawGuard {
    held: AtomicU32,
    asleep: AtomicU32,
}

impl RawGuard {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        RawGuard { held: AtomicU32::new(0), asleep: AtomicU32::new(0) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        RawGuard { held: AtomicU32::new(0), asleep: AtomicU32::new(0) }
    }

    #[inline(always)]
    pub(crate) fn enter(&self) {
        if !self.try_enter() {
            self.enter_slow();
        }
    }

    #[inline(always)]
    pub(crate) fn try_enter(&self) -> bool {
        self.held.compare_exchange(0, 1, Acquire, Relaxed).is_ok()
    }

    /// Looks for a little while whether it comes free.
    fn enter_soon(&self) -> bool {
        let mut spin = Spin::short();
        while spin.next() {
            if self.held.load(Relaxed) == 0 && self.try_enter() {
                return true;
            }
        }
        false
    }

    #[cold]
    fn enter_slow(&self) {
        if self.enter_soon() {
            return;
        }
        #[cfg(not(any(loom, shuttle)))]
        park::bare::make_good();
        while !self.enter_or_announce() {
            park::doze(&self.asleep, 1);
        }
    }

    /// Says that somebody may sleep, and enters if it is free after all.
    fn enter_or_announce(&self) -> bool {
        self.asleep.swap(1, SeqCst);
        fence::heavy_unasked();
        self.try_enter()
    }

    /// The same for what a process forked without handlers may reach: gives up there, since whoever holds it may
    /// not be there, and in any case after seconds. Sleeps are counted: a process that was stopped for long has not waited long.
    #[cfg(not(loom))]
    pub(crate) fn enter_for_seconds(&self) -> bool {
        if self.try_enter() || self.enter_soon() {
            return true;
        }
        let mut long_sleeps = 0;
        while !self.enter_or_announce() {
            if long_sleeps >= 50 || park::inside::is_without_handlers() {
                return false;
            }
            let began = crate::time::now();
            park::doze_for(&self.asleep, 1, 100_000_000);
            long_sleeps += (crate::time::now() - began >= 100_000_000) as u32;
        }
        true
    }

    /// Gives it up. It looks at `asleep` after others may be inside: memory that holds a guard must last until this has
    /// returned, so whoever frees it may not go by what was done inside alone.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        self.held.store(0, Release);
        fence::light();
        if self.asleep.load(Relaxed) != 0 {
            cold_path();
            self.wake_one();
        }
    }

    #[inline(never)]
    fn wake_one(&self) {
        self.asleep.swap(0, Relaxed);
        if !super::seeded(super::Seed::Guard) {
            park::wake(&self.asleep, 1);
        }
    }

    /// In a forked child: whoever held it is not here.
    pub(crate) fn reset(&self) {
        self.held.store(0, Relaxed);
        self.asleep.store(0, Relaxed);
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
