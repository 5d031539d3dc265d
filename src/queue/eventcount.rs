//! An event count: who finds nothing to do sleeps until somebody says that there may be something.
//!
//! | bits     | meaning                                                                                |
//! |----------|----------------------------------------------------------------------------------------|
//! | `WAKING` | one who waits was woken and has not looked yet: nobody else is woken                   |
//! | 1 .. 31  | the round: counts the wake-ups                                                         |
//! | 32 .. 63 | how many wait; exact                                                                   |
//!
//! Sleepers sleep on the lower half, so a new round keeps one who has not fallen asleep yet from doing so. README.md
//! tells why no wake-up is lost.

use super::Attempt;
use crate::atomic::{AtomicU64, Ordering::*, Seed, load_in_order, seeded};
use crate::error::{Error, Result};
use crate::park::{self, Wait, Woken};

const WAKING: u64 = 1;
const ROUND: u32 = 2;
const WAITER: u64 = 1 << 32;
const WAITERS: u64 = !(WAITER - 1);

#[cfg_attr(loom, derive(Default))]
pub(super) struct EventCount(AtomicU64);

impl EventCount {
    /// Waits until `attempt` is done or fails, or until the wait's time is gone and it has failed once more.
    pub(super) fn wait<T>(&self, wait: &Wait, mut attempt: impl FnMut() -> Result<Attempt<T>>) -> Result<T> {
        self.0.fetch_add(WAITER, SeqCst);
        let mut woken = Woken::LookAgain;
        let ended = loop {
            let seen = self.look();
            woken = match attempt() {
                Ok(Attempt::Done(done)) => break Ok(done),
                Err(error) => break Err(error),
                Ok(_) if woken == Woken::TimedOut => break Err(Error::Timeout),
                Ok(Attempt::Blocked) => wait.sleep(&self.0, seen),
                Ok(Attempt::Busy) => pause(wait),
            };
        };
        self.leave();
        ended
    }

    /// What the word is to one who is about to look; from now on others are woken again.
    fn look(&self) -> u32 {
        let seen = self.0.load(SeqCst);
        if seen & WAKING == 0 || seeded(Seed::EventCount) {
            return seen as u32;
        }
        (self.0.fetch_and(!WAKING, SeqCst) & !WAKING) as u32
    }

    /// Counts the caller out. In a process forked meanwhile it may not be counted any more.
    fn leave(&self) {
        self.update(|seen| if seen & WAITERS == 0 { seen } else { seen - WAITER });
    }

    /// There may be something for one who waits.
    #[inline(always)]
    pub(super) fn notify(&self) {
        let seen = load_in_order(&self.0);
        if seen & WAITERS != 0 && seen & WAKING == 0 {
            self.wake_one();
        }
    }

    #[cold]
    #[inline(never)]
    fn wake_one(&self) {
        let before = self.update(|seen| match seen {
            _ if seen & WAITERS == 0 || seen & WAKING != 0 => seen,
            _ => next_round(seen) | WAKING,
        });
        if before & WAITERS != 0 && before & WAKING == 0 {
            park::wake(&self.0, 1);
        }
    }

    /// Something has changed for all who wait.
    pub(super) fn notify_all(&self) {
        if load_in_order(&self.0) & WAITERS != 0 {
            self.update(next_round);
            park::wake(&self.0, u32::MAX);
        }
    }

    /// In a forked child: nobody waits any more.
    #[cfg(not(loom))]
    pub(super) fn forget_waiters(&self) {
        self.0.store(self.0.load(Relaxed) as u32 as u64, Relaxed);
    }

    /// Replaces the word; says what it was.
    fn update(&self, next: impl Fn(u64) -> u64) -> u64 {
        let mut seen = self.0.load(Relaxed);
        loop {
            match self.0.compare_exchange_weak(seen, next(seen), SeqCst, Relaxed) {
                Ok(before) => return before,
                Err(now) => seen = now,
            }
        }
    }
}

/// Waits a moment for a thread that wakes nobody.
fn pause(wait: &Wait) -> Woken {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    park::nap();
    if wait.deadline().has_passed() { Woken::TimedOut } else { Woken::LookAgain }
}

/// The same with the round counted up.
fn next_round(seen: u64) -> u64 {
    seen & WAITERS | (seen as u32).wrapping_add(ROUND) as u64
}
