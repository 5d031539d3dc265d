//! The word that Lock and RLock share: one compare-exchange takes it and proves the handle alive.
//!
//! | bits       | meaning                                                                             |
//! |------------|-------------------------------------------------------------------------------------|
//! | `LOCKED`   | somebody holds it, or it is being handed over                                       |
//! | `WAKING`   | a waiter was woken and has not looked yet; releasing wakes no second one            |
//! | `GRANT`    | with `LOCKED`: released to the waiters; whichever looks first owns it, nobody else  |
//! | `STARVING` | a waiter has waited a millisecond: the next release is a `GRANT`                    |
//! | `CLOSING`  | with `LOCKED`: destroy looks whether it may; lasts a few instructions               |
//! | `WAITER`*n | n threads wait: exact, because each counts itself in and out                        |
//!
//! README.md tells why no wake-up is lost. Orderings: taking it is an acquire, giving it back a
//! release, on this word; the owner word beside it orders nothing and is written relaxed. Everything
//! that decides whether to sleep is SeqCst, since the other side reads and writes the same words
//! the other way round.

use crate::atomic::{Ordering::*, spin_loop};
use crate::error::{Error, Result};
use crate::park::{self, Fate, Me, Record, Spin, Wait, Woken};
use crate::slot::{Head, generation_of, index_of, lives, word};
use crate::sys::tools;
use crate::time::Timeout;

pub(crate) const LOCKED: u32 = 1 << 0;
const WAKING: u32 = 1 << 1;
const GRANT: u32 = 1 << 2;
const STARVING: u32 = 1 << 3;
pub(crate) const CLOSING: u32 = 1 << 4;
pub(crate) const WAITER: u32 = 1 << 8;
const FLAGS: u32 = WAITER - 1;

/// How long a waiter waits before it is handed the lock, in nanoseconds.
#[cfg(not(loom))]
const fn patience() -> i64 {
    1_000_000
}

/// Time stands still in models; a thread of theirs has patience or has none.
#[cfg(loom)]
use super::models::patience;

/// What a dead owner means: an RLock tells, a Lock has no owner in this sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owned {
    /// Any thread may release it: only an owner lost in a fork is succeeded, and silently.
    ByAnyone,
    /// Only the owner releases it: a successor is told that the owner died.
    ByOne,
}

/// What a waiter does that finds itself in a cycle of waits that cannot end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnCycle {
    /// It gives up.
    Fail,
    /// It must have the word, having waited on a condition: the next in the cycle looks, and gives up.
    TellOthers,
}

/// The word of one lock, with the life that the caller means.
#[derive(Clone, Copy)]
pub(crate) struct Word {
    pub(crate) head: &'static Head,
    pub(crate) id: u64,
    pub(crate) owned: Owned,
}

/// How many threads wait, going by `bits`.
pub(crate) const fn waiters(bits: u32) -> u32 {
    (bits & !crate::slot::OPEN) / WAITER
}

impl Word {
    #[inline(always)]
    fn generation(self) -> u32 {
        generation_of(self.id)
    }

    fn bits(self) -> Result<u32> {
        let state = self.head.state.load(SeqCst);
        if lives(state, self.generation()) { Ok(state as u32) } else { Err(Error::StaleHandle) }
    }

    #[inline(always)]
    fn exchange(self, old: u32, new: u32) -> bool {
        let (old, new) = (word(self.generation(), old), word(self.generation(), new));
        self.head.state.compare_exchange(old, new, SeqCst, Relaxed).is_ok()
    }

    /// The same for one who looks again when it fails: that may be without cause.
    #[inline(always)]
    fn exchange_weak(self, old: u32, new: u32) -> bool {
        let (old, new) = (word(self.generation(), old), word(self.generation(), new));
        self.head.state.compare_exchange_weak(old, new, SeqCst, Relaxed).is_ok()
    }

    /// Takes the word when it is free and no waiter is served first.
    #[inline(always)]
    pub(crate) fn try_fast(self, me: Me) -> bool {
        let (free, held) = (word(self.generation(), 0), word(self.generation(), LOCKED));
        me.touch(self.id);
        let taken = match self.head.state.compare_exchange_weak(free, held, Acquire, Relaxed) {
            Ok(_) => true,
            Err(now) => self.try_barge(now),
        };
        if taken {
            self.head.owner.store(me.id(), Relaxed);
        }
        taken
    }

    /// Threads wait, but the word is free: takes it before the one that was woken comes to it.
    #[inline(always)]
    fn try_barge(self, now: u64) -> bool {
        let free = now as u32 & (LOCKED | STARVING) == 0 && lives(now, self.generation());
        free && self.head.state.compare_exchange_weak(now, now | LOCKED as u64, Acquire, Relaxed).is_ok()
    }

    /// Gives the word back when nobody need be woken; the caller has seen that it may.
    #[inline(always)]
    pub(crate) fn release_fast(self, me: Me) -> bool {
        let now = self.head.state.load(Relaxed);
        let held = word(self.generation(), LOCKED);
        if now != held && !self.is_looked_after(now, me) {
            return false;
        }
        me.touch(self.id);
        let owner = self.head.owner.load(Relaxed);
        if !super::seeded(super::Seed::Owner) {
            self.head.owner.store(0, Relaxed);
        }
        let order = if super::seeded(super::Seed::Word) { Relaxed } else { Release };
        let free = now - LOCKED as u64;
        let given_back = self.head.state.compare_exchange_weak(now, free, order, Relaxed).is_ok();
        if !given_back {
            // Signed again, unless somebody has signed since: the slow way must know whose wake is put off.
            let _ = self.head.owner.compare_exchange(0, owner, SeqCst, Relaxed);
        }
        given_back
    }

    /// Threads wait, but releasing need not wake any: one was woken and is about to look, and the caller,
    /// who holds the word, has put off no wake until now.
    #[inline(always)]
    fn is_looked_after(self, now: u64, me: Me) -> bool {
        now as u32 & (LOCKED | WAKING | GRANT | STARVING | CLOSING) == LOCKED | WAKING
            && lives(now, self.generation())
            && self.head.owner.load(Relaxed) == me.id()
            && !me.has_deferred()
    }

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
        me.touch(self.id);
        let mut spin = if timeout.is_forever() { Spin::short() } else { Spin::short_timed() };
        loop {
            let bits = self.bits()?;
            if bits & (LOCKED | STARVING) == 0 {
                if self.exchange_weak(bits, bits | LOCKED) {
                    return self.owned_by(me);
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
            if let Some(taken) = self.succeed(me) {
                return taken;
            }
            if timeout.is_zero() {
                return Err(Error::Timeout);
            }
            break;
        }
        let wait = Wait::begin(me, self.id, timeout);
        let bits = self.count_in()?;
        let late = (bits & GRANT != 0).then_some(bits);
        self.wait_counted(me, &wait, late, OnCycle::Fail)
    }

    /// Takes the word for a thread that somebody has counted among the waiters already.
    pub(crate) fn acquire_counted(self, me: Me) -> Result {
        me.touch(self.id);
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
        let mut spin = Spin::over();
        loop {
            let bits = self.bits()?;
            let settled = bits & !WAKING;
            let calm = if waiters(bits) == 1 { settled & !STARVING } else { settled };
            if late == Some(bits) && woken != Woken::TimedOut {
                // The word as it is, `WAKING` and all: somebody else is to look.
                woken = wait.sleep(&self.head.state, bits);
                late = late.filter(|_| woken == Woken::TimedOut);
            } else if bits & GRANT != 0 && late != Some(bits) {
                // Ours as good as anybody's who waits. Others who starve will say so when they look.
                if self.exchange_weak(bits, (settled & !(GRANT | STARVING)) - WAITER) {
                    return self.owned_by(me);
                }
            } else if bits & LOCKED == 0 {
                if self.exchange_weak(bits, (calm | LOCKED) - WAITER) {
                    return self.owned_by(me);
                }
            } else if woken != Woken::TimedOut && spin.next() {
                // Just woken, it is worth a few looks: the next release need not wake again.
            } else if let Some(taken) = self.succeed(me) {
                self.count_out();
                return taken;
            } else if woken == Woken::TimedOut {
                if self.exchange_weak(bits, calm - WAITER) {
                    return Err(Error::Timeout);
                }
            } else if look_for_cycle {
                look_for_cycle = false;
                match (park::would_deadlock(me, super::awaited_owner), on_cycle) {
                    (None, _) => {}
                    (Some(_), OnCycle::Fail) => {
                        self.count_out();
                        return Err(Error::Cycle);
                    }
                    (Some(next), OnCycle::TellOthers) => super::look_again(next),
                }
            } else if bits & STARVING == 0 && wait.age() >= patience() {
                // Awake, and so served at once by the next release.
                if self.exchange_weak(bits, bits | STARVING | WAKING) {
                    spin = Spin::short();
                }
            } else if bits & WAKING == 0 || self.exchange_weak(bits, settled) {
                woken = wait.sleep(&self.head.state, settled);
                look_for_cycle = endless && on_cycle == OnCycle::Fail;
                spin = Spin::short();
            }
        }
    }

    /// Takes the place of a dead owner; the one compare-exchange on the owner word admits one.
    fn succeed(self, me: Me) -> Option<Result> {
        let owner = self.head.owner.load(SeqCst);
        let heir = match (park::fate(owner), self.owned) {
            (Fate::Lives, _) | (Fate::Ended, Owned::ByAnyone) => return None,
            (Fate::Lost, Owned::ByAnyone) => Ok(()),
            (_, Owned::ByOne) => Err(Error::OwnerDead),
        };
        self.head.owner.compare_exchange(owner, me.id(), SeqCst, Relaxed).ok()?;
        if let Some(dead) = park::records().at(index_of(owner)) {
            tools::acquire(dead);
        }
        Some(heir)
    }

    fn owned_by(self, me: Me) -> Result {
        self.head.owner.store(me.id(), Relaxed);
        Ok(())
    }

    /// A counted waiter leaves without the word, or has it already.
    fn count_out(self) {
        while let Ok(bits) = self.bits() {
            let last = waiters(bits) == 1;
            let gone = if last { STARVING | WAKING } else { WAKING };
            // A grant must not be left to nobody: the last waiter gives it back.
            let gone = if last && bits & GRANT != 0 { gone | GRANT | LOCKED } else { gone };
            if self.exchange_weak(bits, (bits & !gone) - WAITER) {
                return;
            }
        }
    }

    /// Gives the word back, after telling race detectors.
    pub(crate) fn release(self, me: Me) -> Result {
        tools::release(self.head);
        if self.release_fast(me) { Ok(()) } else { self.release_slow(me) }
    }

    /// Gives the word back, waking or serving a waiter.
    #[cold]
    #[inline(never)]
    fn release_slow(self, me: Me) -> Result {
        let mut holder = 0;
        loop {
            let bits = self.bits()?;
            if bits & CLOSING != 0 {
                spin_loop();
                continue;
            }
            if bits & LOCKED == 0 || bits & GRANT != 0 {
                return Err(Error::NotLocked);
            }
            me.touch(self.id);
            holder = holder.max(self.head.owner.swap(0, SeqCst));
            let free = match (waiters(bits), bits & STARVING, bits & WAKING) {
                (0, _, _) => bits & !FLAGS,
                (_, STARVING, _) => bits | GRANT,
                (_, _, WAKING) => bits & !LOCKED,
                _ => (bits & !LOCKED) | WAKING,
            };
            if self.exchange_weak(bits, free) {
                // After the exchange: a notifier that puts off a wake looks afterwards whether it still holds.
                let put_off = park::record_of(holder, me).and_then(|record| record.take_deferred(self.id));
                self.wake_after_release(bits, put_off);
                return Ok(());
            }
        }
    }

    /// Wakes one waiter if the release asks for it: whoever was notified under the lock, if anyone was.
    fn wake_after_release(self, bits: u32, put_off: Option<&Record>) {
        let forgotten = bits & STARVING != 0 && super::seeded(super::Seed::Grant);
        let wakes_one = bits & WAKING == 0 && waiters(bits) > 0 && !forgotten;
        // Also when it is not its turn: it looks, and then sleeps where the others do. Moving it there
        // asleep could come after the release that would have woken it.
        let woken = put_off.map_or(0, |waiter| park::wake(&waiter.node.word, 1));
        // One that was put off may have left its own word by itself, and sleep on this one already.
        if wakes_one && woken == 0 {
            park::wake(&self.head.state, 1);
        }
    }

    /// Lets the waiters look again, also one that is just about to sleep.
    pub(crate) fn look_again(self) {
        while let Ok(bits) = self.bits() {
            if waiters(bits) == 0 {
                return;
            }
            if self.exchange_weak(bits, bits | WAKING) {
                park::wake(&self.head.state, u32::MAX);
                return;
            }
        }
    }

    /// In a forked child, whose only thread calls this: nobody waits any more.
    pub(crate) fn forget_waiters(self) {
        if let Ok(bits) = self.bits() {
            let held = if bits & (GRANT | CLOSING) != 0 { 0 } else { bits & LOCKED };
            self.exchange(bits, held);
        }
    }

    /// In a forked child: if it was caught between being taken and being signed, its taker is lost.
    pub(crate) fn sign_for(self, lost: u64) {
        if self.bits().is_ok_and(|bits| bits & LOCKED != 0) {
            let _ = self.head.owner.compare_exchange(0, lost, SeqCst, Relaxed);
        }
    }
}
