//! A fence of two unequal halves: next to nothing for those who pass it often, dear for those who seldom do.
//!
//! Of two threads that each write a word, pass their half and then read the other's word, at least one sees what
//! the other wrote; as with two sequentially consistent fences. The light half only keeps the compiler from
//! reordering, because the heavy half lets the system run a barrier on every thread of the process.

use crate::atomic::{Ordering::SeqCst, fence};
use core::hint::cold_path;

#[cfg(not(loom))]
mod mode {
    use core::sync::atomic::{AtomicU32, Ordering::*};

    /// Nobody has asked the system yet: both halves are fences.
    const UNKNOWN: u32 = 0;
    const EXPEDITED: u32 = 1;
    /// The system has no such barrier: both halves are fences.
    const EQUAL: u32 = 2;

    static MODE: AtomicU32 = AtomicU32::new(UNKNOWN);

    /// Acquire: whoever leaves his fence out by this reads the other's word after it. So one who has written that word, and
    /// finds after a fence that nobody has asked, knows that the other runs a fence or sees the word.
    #[inline(always)]
    pub(super) fn is_expedited() -> bool {
        MODE.load(Acquire) == EXPEDITED
    }

    /// Asks the system, if nobody has. The answer is the same for all who ask at once.
    #[cfg(target_os = "linux")]
    pub(super) fn ask() {
        if MODE.load(Relaxed) == UNKNOWN {
            let answer = if crate::sys::membarrier::register() { EXPEDITED } else { EQUAL };
            let _ = MODE.compare_exchange(UNKNOWN, answer, SeqCst, Relaxed);
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn ask() {
        MODE.store(EQUAL, Relaxed);
    }

    #[cfg(target_os = "linux")]
    pub(super) fn run() {
        if !crate::sys::membarrier::run() {
            // A sandbox forbids it by now. Those who passed the light half just before have written what they
            // write when a moment has gone by; all others run a real fence from here on.
            MODE.store(EQUAL, SeqCst);
            crate::park::nap();
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn run() {}
}

/// Lets later light halves cost nothing, if the system can; before the first of them in earnest.
pub(crate) fn prepare() {
    #[cfg(not(loom))]
    mode::ask();
}

/// The half of those who come by often.
#[inline(always)]
pub(crate) fn light() {
    #[cfg(not(loom))]
    if mode::is_expedited() {
        core::sync::atomic::compiler_fence(SeqCst);
        return;
    }
    cold_path();
    fence(SeqCst);
}

/// The half of those who seldom come by: some microseconds. The first asks the system, which may take milliseconds.
pub(crate) fn heavy() {
    #[cfg(not(loom))]
    mode::ask();
    heavy_unasked();
}

/// The same, but nobody asks the system for it: until somebody has, the light half is a fence like this one.
pub(crate) fn heavy_unasked() {
    fence(SeqCst);
    #[cfg(not(loom))]
    if mode::is_expedited() {
        mode::run();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::*};
    use std::sync::{Arc, Barrier};

    /// Store, fence, load on both sides: never do both miss the other's store.
    #[test]
    fn one_of_two_sees_the_other() {
        super::prepare();
        const ROUNDS: usize = 3_000;
        let words: Arc<Vec<[AtomicU32; 4]>> = Arc::new((0..ROUNDS).map(|_| Default::default()).collect());
        let start = Arc::new(Barrier::new(2));
        let (others, both) = (words.clone(), start.clone());
        let often = std::thread::spawn(move || {
            for round in others.iter() {
                both.wait();
                round[0].store(1, Relaxed);
                super::light();
                round[2].store(round[1].load(Relaxed), Relaxed);
            }
        });
        for round in words.iter() {
            start.wait();
            round[1].store(1, Relaxed);
            super::heavy();
            round[3].store(round[0].load(Relaxed), Relaxed);
        }
        often.join().unwrap();
        for round in words.iter() {
            assert!(round[2].load(Relaxed) + round[3].load(Relaxed) > 0, "both missed the other");
        }
    }
}
