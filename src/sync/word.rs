//! The word that Lock and RLock share: one compare-exchange takes it and proves the handle alive.
//!
//! | bits       | meaning                                                                             |
//! |------------|-------------------------------------------------------------------------------------|
//! | `LOCKED`   | somebody holds it, or it is being handed over                                       |
//! | `WAKING`   | a waiter was woken and has not looked yet; releasing wakes no second one            |
//! | `GRANT`    | with `LOCKED`: released to the waiters; whichever looks first owns it, nobody else  |
//! | `STARVING` | a waiter has waited a millisecond: the next release is a `GRANT`                    |
//! | `CLOSING`  | with `LOCKED`: destroy looks whether it may, or an heir signs; a few instructions   |
//! | `SIGN`     | with `LOCKED`, of a Lock: the sign of who holds it (park/sign.rs), if it has one    |
//! | `WAITER`*n | n threads wait: exact, because each counts itself in and out                        |
//!
//! The owner word beside it names who holds it, from a moment after it was taken. Whoever has a sign leaves its name
//! there when it gives a Lock back: a name counts only as long as the sign is its own. All others, and those who hold
//! an RLock, wipe it before they give the word back: 0 is no name.
//!
//! README.md tells why no wake-up is lost. Orderings: taking it is an acquire, giving it back a
//! release, on this word; the owner word orders nothing and is written relaxed. Everything
//! that decides whether to sleep is SeqCst, since the other side reads and writes the same words
//! the other way round.

use crate::atomic::{Ordering::*, spin_loop};
use crate::error::{Error, Result};
use crate::park::{self, Me, Record, SIGN, sign_of, signer};
use crate::slot::{Head, generation_of, lives, word};
use crate::sys::tools;

pub(crate) const LOCKED: u32 = 1 << 0;
pub(super) const WAKING: u32 = 1 << 1;
pub(super) const GRANT: u32 = 1 << 2;
pub(super) const STARVING: u32 = 1 << 3;
pub(crate) const CLOSING: u32 = 1 << 4;
pub(crate) const WAITER: u32 = 1 << 12;
const FLAGS: u32 = WAITER - 1;

/// Every thread that waits is counted, and there are never more: `Thread` has no room for them.
const _: () = assert!(crate::park::MOST <= waiters(u32::MAX));

/// What a dead owner means: an RLock tells, a Lock has no owner in this sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owned {
    /// Any thread may release it: only an owner lost in a fork is succeeded, and silently.
    ByAnyone,
    /// Only the owner releases it: a successor is told that the owner died.
    ByOne,
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
    pub(super) fn generation(self) -> u32 {
        generation_of(self.id)
    }

    pub(super) fn bits(self) -> Result<u32> {
        let state = self.head.state.load(SeqCst);
        if lives(state, self.generation()) { Ok(state as u32) } else { Err(Error::StaleHandle) }
    }

    #[inline(always)]
    pub(super) fn exchange(self, old: u32, new: u32) -> bool {
        let (old, new) = (word(self.generation(), old), word(self.generation(), new));
        self.head.state.compare_exchange(old, new, SeqCst, Relaxed).is_ok()
    }

    /// The same for one who looks again when it fails: that may be without cause.
    #[inline(always)]
    pub(super) fn exchange_weak(self, old: u32, new: u32) -> bool {
        let (old, new) = (word(self.generation(), old), word(self.generation(), new));
        self.head.state.compare_exchange_weak(old, new, SeqCst, Relaxed).is_ok()
    }

    /// `LOCKED` as the caller sets it: with its sign, if it has one.
    #[inline(always)]
    pub(super) fn signed(self, me: Me) -> u32 {
        match self.owned {
            Owned::ByAnyone => LOCKED | me.sign(),
            Owned::ByOne => LOCKED,
        }
    }

    /// The sign with which the thread `owner` holds it.
    pub(super) fn sign_of(self, owner: u64) -> u32 {
        match self.owned {
            Owned::ByAnyone => sign_of(owner),
            Owned::ByOne => 0,
        }
    }

    /// Who holds it, going by `bits`; 0 if that is nobody, or one who has not signed yet.
    pub(super) fn holder(self, bits: u32) -> u64 {
        let owner = self.head.owner.load(SeqCst);
        match bits & SIGN {
            _ if bits & LOCKED == 0 => 0,
            sign if sign == self.sign_of(owner) => owner,
            0 => 0,
            // The name is late, or that of another one who was late came after it.
            _ if super::seeded(super::Seed::Sign) => 0,
            sign => signer(sign),
        }
    }

    /// Whether the caller holds it: of a Lock, whether nobody has released it since the caller took it.
    #[inline(always)]
    pub(crate) fn is_mine(self, me: Me) -> bool {
        // SeqCst: a notifier has put off a wake before it looks here, a releaser looks for that after it frees the word.
        let state = self.head.state.load(SeqCst);
        let signed = state as u32 & (LOCKED | SIGN) == self.signed(me);
        signed
            && lives(state, self.generation())
            && (self.head.owner.load(Relaxed) == me.id() || self.holder(state as u32) == me.id())
    }

    /// The same for quick ways, of a lock that surely lives: false may mean that it is not known.
    #[inline(always)]
    pub(super) fn is_held(head: &Head, signs: u32, me: Me) -> bool {
        let bits = head.state.load(Relaxed) as u32;
        bits & (LOCKED | SIGN) == LOCKED | me.sign() & signs && head.owner.load(Relaxed) == me.id()
    }

    /// Where in the word a holder's sign stands.
    pub(super) fn signs(self) -> u32 {
        match self.owned {
            Owned::ByAnyone => SIGN,
            Owned::ByOne => 0,
        }
    }

    /// Takes the word when it is free and nobody waits.
    #[inline(always)]
    pub(crate) fn take_free(self, me: Me) -> core::result::Result<(), u64> {
        let (free, held) = (word(self.generation(), 0), word(self.generation(), self.signed(me)));
        me.touch(self.id);
        self.head.state.compare_exchange_weak(free, held, Acquire, Relaxed)?;
        self.head.owner.store(me.id(), Relaxed);
        Ok(())
    }

    /// Takes the word when it is free and no waiter is served first.
    #[inline(always)]
    pub(crate) fn try_fast(self, me: Me) -> bool {
        self.take_free(me).or_else(|now| self.try_barge(now, me)).is_ok()
    }

    /// The same for one who has just seen that it is not so: looks before it tries, and so keeps nobody up.
    pub(crate) fn try_again(self, me: Me) -> bool {
        me.touch(self.id);
        let now = self.head.state.load(Relaxed);
        me.set_crowded(waiters(now as u32) > 0);
        self.try_barge(now, me).is_ok()
    }

    /// Takes the word before a thread that was woken comes to it.
    #[inline(always)]
    fn try_barge(self, now: u64, me: Me) -> core::result::Result<(), u64> {
        if now as u32 & (LOCKED | STARVING) != 0 || !lives(now, self.generation()) {
            return Err(now);
        }
        let held = now | self.signed(me) as u64;
        self.head.state.compare_exchange_weak(now, held, Acquire, Relaxed)?;
        self.head.owner.store(me.id(), Relaxed);
        Ok(())
    }

    /// Gives the word back if nobody waits, for one who has a sign: the usual case of a Lock, and no more.
    #[inline(always)]
    pub(crate) fn release_signed(self, me: Me) -> bool {
        let signed = self.signed(me);
        let (held, free) = (word(self.generation(), signed), word(self.generation(), 0));
        signed != LOCKED && self.give_back(held, free)
    }

    /// Gives the word back when nobody need be woken; the caller has seen that it may.
    #[inline(always)]
    pub(crate) fn release_fast(self, me: Me) -> bool {
        let now = self.head.state.load(Relaxed);
        me.set_crowded(waiters(now as u32) > 0);
        let signed = self.signed(me);
        if now != word(self.generation(), signed) && !self.is_looked_after(now, signed, me) {
            return false;
        }
        if signed != LOCKED {
            return self.give_back(now, now - signed as u64);
        }
        // Without a sign in it the word would seem to be its last owner's as soon as somebody else has taken it.
        me.touch(self.id);
        let owner = self.head.owner.load(Relaxed);
        if !super::seeded(super::Seed::Owner) {
            self.head.owner.store(0, Relaxed);
        }
        let given_back = self.give_back(now, now - LOCKED as u64);
        if !given_back {
            // Signed again, unless somebody has signed since: the slow way must know whose wake is put off.
            let _ = self.head.owner.compare_exchange(0, owner, SeqCst, Relaxed);
        }
        given_back
    }

    #[inline(always)]
    fn give_back(self, now: u64, free: u64) -> bool {
        let order = if super::seeded(super::Seed::Word) { Relaxed } else { Release };
        self.head.state.compare_exchange_weak(now, free, order, Relaxed).is_ok()
    }

    /// Threads wait, but releasing need not wake any: one was woken and is about to look, and the caller, or one who
    /// had its place before and has ended, holds the word and has put off no wake until now.
    #[inline(always)]
    fn is_looked_after(self, now: u64, signed: u32, me: Me) -> bool {
        now as u32 & (LOCKED | WAKING | GRANT | STARVING | CLOSING | SIGN) == signed | WAKING
            && lives(now, self.generation())
            && (signed != LOCKED || self.head.owner.load(Relaxed) == me.id())
            && !me.has_deferred()
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
        let mut wiped = 0;
        loop {
            let bits = self.bits()?;
            if bits & CLOSING != 0 {
                spin_loop();
                continue;
            }
            if bits & LOCKED == 0 || bits & GRANT != 0 {
                return Err(Error::NotLocked);
            }
            let holder = if bits & SIGN != 0 {
                self.holder(bits)
            } else {
                me.touch(self.id);
                wiped = wiped.max(self.head.owner.swap(0, SeqCst));
                wiped
            };
            let unsigned = bits & !SIGN;
            let free = match (waiters(bits), bits & STARVING, bits & WAKING) {
                (0, _, _) => bits & !FLAGS,
                (_, STARVING, _) => unsigned | GRANT,
                (_, _, WAKING) => unsigned & !LOCKED,
                _ => (unsigned & !LOCKED) | WAKING,
            };
            if self.exchange_weak(bits, free) {
                // After the exchange: a notifier that puts off a wake looks afterwards whether it still holds.
                let put_off = park::record_of(holder, me).and_then(|record| record.take_deferred(self.id));
                // The holder's name may be another's that came late.
                let put_off = put_off.or_else(|| me.record().take_deferred(self.id));
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
            let held = if bits & (GRANT | CLOSING) != 0 { 0 } else { bits & (LOCKED | SIGN) };
            self.exchange(bits, held);
        }
    }

    /// In a forked child: if it was caught between being taken and being signed, its taker is lost.
    pub(crate) fn sign_for(self, lost: u64) {
        let Ok(bits) = self.bits() else { return };
        if bits & CLOSING != 0 {
            // It was looking whether it may end the lock.
            self.exchange(bits, bits & !FLAGS);
            return;
        }
        if bits & LOCKED == 0 || bits & GRANT != 0 {
            return;
        }
        let signed = self.sign_of(lost);
        let (sign, owner) = (bits & SIGN, self.head.owner.load(Relaxed));
        let took_it = match sign {
            // It took it and has not signed, or was about to give it back and has wiped the name.
            0 => owner == 0 || signed == 0 && self.holder(bits) == 0,
            // A name that is there already is of one who had the same place before.
            _ => sign == signed,
        };
        if took_it {
            self.head.owner.store(lost, Relaxed);
            self.exchange(bits, bits | signed);
        }
    }
}
