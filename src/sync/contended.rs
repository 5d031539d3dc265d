//! The word of a Lock or RLock when somebody else has it: waiting for it, and what comes of owners that have ended.
//!
//! The states stand in word.rs; README.md tells why no wake-up is lost and nobody starves.

use super::word::{CLOSING, GRANT, LOCKED, Owned, STARVING, WAITER, WAKING, Word, waiters};
use crate::atomic::{Ordering::*, spin_loop};
use crate::error::{Error, Result};
use crate::park::{self, Fate, Me, SIGN, Spin, Wait, Woken};
use crate::slot::index_of;
use crate::sys::tools;
use crate::time::Timeout;

/// How long a waiter waits before it is handed the lock, in nanoseconds; and how long a thread takes locks that others
/// want, before it sleeps once.
#[cfg(not(loom))]
const fn patience() -> i64 {
    1_000_000
}

/// How long one who has told the others in a cycle sleeps before it tells them again, in nanoseconds.
const SHORTEST: i64 = 1_000_000;
const LONGEST: i64 = 1_000_000_000;

/// Time stands still in models; a thread of theirs has patience or has none.
#[cfg(loom)]
use super::models::patience;

/// What a waiter does that finds itself in a cycle of waits that cannot end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnCycle {
    /// It gives up.
    Fail,
    /// It must have the word, having waited on a condition: the others in the cycle look, and one that can gives up.
    TellOthers,
}

impl Word {
    /// Takes the word, waiting for it as long as `timeout` says.
    pub(crate) fn acquire(self, me: Me, timeout: Timeout) -> Result {
        let taken = self.acquire_slow(me, timeout);
        self.say_taken(taken)
    }

    /// Tells race detectors that the caller has it now.
    fn say_taken(self, taken: Result) -> Result {
        if matches!(taken, Ok(()) | Err(Error::OwnerDead)) {
            tools::acquire(self.head);
        }
        taken
    }

    #[cold]
    #[inline(never)]
    fn acquire_slow(self, me: Me, timeout: Timeout) -> Result {
        let mut spin = if timeout.is_forever() { Spin::for_lock(patience()) } else { Spin::for_lock_timed() };
        if !timeout.is_zero() && me.is_restless(patience()) {
            spin = Spin::over();
        }
        loop {
            let bits = self.bits()?;
            if bits & (LOCKED | STARVING) == 0 {
                if self.take(me, bits, bits | self.signed(me)) {
                    return Ok(());
                }
                continue;
            }
            if bits & CLOSING != 0 {
                spin_loop();
                continue;
            }
            if !timeout.is_zero() && bits & STARVING == 0 && spin.next() {
                continue;
            }
            if let Some(taken) = self.succeed(me, bits) {
                return taken;
            }
            if timeout.is_zero() {
                return Err(Error::Timeout);
            }
            break;
        }
        me.rests();
        // Where others ran instead, it has waited since it let them: it may be its turn.
        let began = spin.began().unwrap_or_else(crate::time::now);
        let wait = Wait::begin_until(me, self.id, began, timeout.deadline_from(began));
        let bits = self.count_in()?;
        let late = (bits & GRANT != 0).then_some(bits);
        self.wait_counted(me, &wait, late, OnCycle::Fail)
    }

    /// Takes the word for a thread that somebody has counted among the waiters already.
    pub(crate) fn acquire_counted(self, me: Me) -> Result {
        let wait = Wait::begin(me, self.id, Timeout::FOREVER);
        me.expect(0);
        let taken = self.wait_counted(me, &wait, None, OnCycle::TellOthers);
        drop(wait);
        self.say_taken(taken)
    }

    /// One waiter more; a condition also counts in those whom it sends here. Says what the bits are then.
    pub(crate) fn count_in(self) -> Result<u32> {
        loop {
            let bits = self.bits()?;
            if bits & CLOSING == 0 && self.exchange_weak(bits, bits + WAITER) {
                return Ok(bits + WAITER);
            }
            spin_loop();
        }
    }

    /// The waiter's loop. Whoever leaves, sleeps or takes clears `WAKING`: the next release wakes again.
    ///
    /// `late` are the bits in which it was counted in, if the word was granted then: that grant is not for it,
    /// or one who comes again and again would take it from those who starve.
    fn wait_counted(self, me: Me, wait: &Wait, mut late: Option<u32>, on_cycle: OnCycle) -> Result {
        let endless = self.owned == Owned::ByOne && wait.deadline().is_never();
        let mut look_for_cycle = endless;
        let mut woken = Woken::LookAgain;
        let mut has_slept = false;
        // After how long it tells the others in a cycle again, who may have been about to sleep; 0: there is none.
        let mut pause = 0;
        let mut spin = Spin::over();
        loop {
            let bits = self.bits()?;
            let settled = bits & !WAKING;
            let calm = if waiters(bits) == 1 { settled & !STARVING } else { settled };
            if late == Some(bits) && woken != Woken::TimedOut {
                // The word as it is, `WAKING` and all: somebody else is to look.
                woken = wait.sleep(&self.head.state, bits);
                has_slept = true;
                late = late.filter(|_| woken == Woken::TimedOut);
            } else if bits & GRANT != 0 && late != Some(bits) {
                // Ours as good as anybody's who waits. Others who starve will say so when they look.
                if self.take(me, bits, (settled & !(GRANT | STARVING) | self.signed(me)) - WAITER) {
                    return Ok(());
                }
            } else if bits & LOCKED == 0 {
                if self.take(me, bits, (calm | self.signed(me)) - WAITER) {
                    return Ok(());
                }
            } else if woken != Woken::TimedOut && spin.next() {
                // Just woken, it is worth a few looks: the next release need not wake again.
            } else if let Some(taken) = self.succeed(me, bits) {
                self.count_out();
                return taken;
            } else if woken == Woken::TimedOut {
                if self.exchange_weak(bits, calm - WAITER) {
                    return Err(Error::Timeout);
                }
            } else if look_for_cycle {
                look_for_cycle = false;
                match on_cycle {
                    OnCycle::Fail if park::is_refused(me, super::awaited_owner) => {
                        self.count_out();
                        return Err(Error::Cycle);
                    }
                    OnCycle::Fail => {}
                    OnCycle::TellOthers => {
                        let told = park::tell_cycle(me, super::awaited_owner, super::look_again);
                        pause = if told { (2 * pause).clamp(SHORTEST, LONGEST) } else { 0 };
                    }
                }
            } else if bits & STARVING == 0 && wait.age() >= patience() && !wait.deadline().has_passed() {
                // Awake, and so served at once by the next release. If this one has not slept, that wakes one who
                // does, too: it has waited longer, and is the next to say so.
                let awake = if has_slept { WAKING } else { 0 };
                if self.exchange_weak(bits, bits | STARVING | awake) {
                    // It is granted next, and nobody fights for it then.
                    spin = Spin::short();
                }
            } else if bits & WAKING != 0 && !super::seeded(super::Seed::Heir) {
                // Then it looks once more: who tells that an owner has died, or of a cycle, changes the word by this
                // flag, so it is told only of what comes after the flag is gone.
                if self.exchange_weak(bits, settled) {
                    look_for_cycle = endless && on_cycle == OnCycle::Fail;
                }
            } else if bits & WAKING == 0 || self.exchange_weak(bits, settled) {
                // Without the flag, but for the bug that models plant.
                woken = match pause {
                    0 => wait.sleep(&self.head.state, settled),
                    _ => wait.sleep_at_most(&self.head.state, settled, pause),
                };
                has_slept = true;
                look_for_cycle = endless && (on_cycle == OnCycle::Fail || pause > 0);
                spin = Spin::for_lock(patience());
            }
        }
    }

    /// Takes the place of a dead owner; one compare-exchange admits one: on the word if it has a sign, which is then
    /// the successor's, else on the owner word.
    fn succeed(self, me: Me, bits: u32) -> Option<Result> {
        let owner = self.holder(bits);
        let heir = match (park::fate(owner), self.owned) {
            (Fate::Lives, _) => return None,
            (Fate::Ended, Owned::ByAnyone) => {
                // Should it have had this thread's sign: it is not this thread that took it.
                me.touch(0);
                return None;
            }
            (Fate::Lost, Owned::ByAnyone) => Ok(()),
            (_, Owned::ByOne) => Err(Error::OwnerDead),
        };
        let signed = self.signed(me);
        me.touch(self.id);
        if bits & SIGN != 0 {
            self.exchange(bits, bits & !SIGN | signed).then_some(())?;
            self.head.owner.store(me.id(), Relaxed);
        } else if signed == LOCKED {
            self.head.owner.compare_exchange(owner, me.id(), SeqCst, Relaxed).ok()?;
        } else {
            if bits & CLOSING != 0 {
                return None;
            }
            // Nobody gives it back meanwhile: the name and the sign change as one.
            self.exchange(bits, bits | CLOSING).then_some(())?;
            let won = self.head.owner.compare_exchange(owner, me.id(), SeqCst, Relaxed).is_ok();
            self.open(if won { signed } else { LOCKED });
            won.then_some(())?;
        }
        if let Some(dead) = park::records().at(index_of(owner)) {
            tools::acquire(dead);
        }
        Some(heir)
    }

    /// Whoever has closed a word without a sign signs and opens it.
    fn open(self, signed: u32) {
        while let Ok(bits) = self.bits() {
            if self.exchange_weak(bits, bits & !CLOSING | signed) {
                return;
            }
        }
    }

    /// Takes the word as it is in `bits`, and signs it.
    fn take(self, me: Me, bits: u32, taken: u32) -> bool {
        me.touch(self.id);
        let taken = self.exchange_weak(bits, taken);
        if taken {
            self.head.owner.store(me.id(), Relaxed);
        }
        taken
    }

    /// A counted waiter leaves without the word, or has it already. If it leaves the word to others who wait, one of these
    /// is woken: it may have been this waiter that the last release has woken for it.
    fn count_out(self) {
        while let Ok(bits) = self.bits() {
            let last = waiters(bits) == 1;
            let is_left = !last && (bits & LOCKED == 0 || bits & GRANT != 0);
            // A grant must not be left to nobody: the last waiter gives it back.
            let gone = match (last, is_left) {
                (true, _) if bits & GRANT != 0 => STARVING | WAKING | GRANT | LOCKED,
                (true, _) => STARVING | WAKING,
                (false, true) => 0,
                (false, false) => WAKING,
            };
            if self.exchange_weak(bits, (bits & !gone) - WAITER) {
                if is_left {
                    park::wake(&self.head.state, 1);
                }
                return;
            }
        }
    }
}
