//! Barrier: parties wait for each other, round after round; one of them acts before all go on.
//!
//! | bits    | meaning                                                                        |
//! |---------|--------------------------------------------------------------------------------|
//! | 0 .. 29 | parties that arrived in this round; all of them while the action runs          |
//! | BROKEN  | every wait fails until reset                                                   |
//!
//! All of it changes under the guard only; the word is there for destroy and for those who just ask.
//! Each waiter sleeps on a word of its own, in which it is told how the round ended. One that
//! comes while the action runs belongs to the next round: it waits outside and is told to try again.
//! The owner word counts those who were told so and have not entered yet: they use the barrier, too.

use super::COUNT_MAX;
use super::guard::RawGuard;
use crate::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::park::{self, Me, Record, Spin, Wait, Woken};
use crate::slot::{Live, OPEN, Object, Table, kind};
use crate::sys::tools;
use crate::time::Timeout;
use core::ffi::c_void;
use core::ptr::null_mut;

const BROKEN: u32 = 1 << 30;
const ARRIVED: u32 = BROKEN - 1;

/// What the list says of a waiter: first how it waits, then how the round ended for it.
const SPINS: u32 = 1;
const SLEEPS: u32 = 2;
const PASSED: u32 = 3;
const FAILED: u32 = 4;
const AGAIN: u32 = 5;

/// What one of the parties does before any is released; not 0: it failed.
pub(crate) type Action = unsafe extern "C-unwind" fn(*mut c_void) -> i32;

/// What a Barrier keeps beside its word.
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Barrier {
    guard: RawGuard,
    waiters: AtomicPtr<Record>,
    parties: AtomicU32,
    /// Changes whenever a round ends, however it does.
    round: AtomicU32,
    action: AtomicPtr<()>,
    arg: AtomicPtr<c_void>,
    timeout: AtomicI64,
}

/// How an arrival went on.
pub(crate) enum Turn {
    /// The round is over; the index is the order of arrival.
    Passed(i64),
    /// The caller came last: it acts, then says how that went by `acted`.
    Act { index: i64, round: u32, action: Action, arg: *mut c_void },
}

#[cfg(not(loom))]
impl Object for Barrier {
    const KIND: u8 = kind::BARRIER;
    fn table() -> &'static Table<Barrier> {
        static TABLE: Table<Barrier> = Table::new();
        &TABLE
    }
}

/// Makes a barrier; `timeout` is for waits that name none.
pub(crate) fn create(
    me: Me,
    parties: i64,
    action: Option<Action>,
    arg: *mut c_void,
    timeout_ns: i64,
) -> Result<u64> {
    if !(1..=COUNT_MAX).contains(&parties) {
        return Err(Error::BadCount);
    }
    Timeout::from_nanos(timeout_ns)?;
    let fill = |body: &Barrier| {
        body.waiters.store(null_mut(), Relaxed);
        body.parties.store(parties as u32, Relaxed);
        body.action.store(action.map_or(null_mut(), |action| action as *mut ()), Relaxed);
        body.arg.store(arg, Relaxed);
        body.timeout.store(timeout_ns, Relaxed);
    };
    Ok(Barrier::table().create(Some(me.cache()), 0, fill)?.id)
}

impl Live<Barrier> {
    /// Arrives, and waits for the others as long as `timeout` says.
    pub(crate) fn arrive(self, me: Me, timeout: Timeout) -> Result<Turn> {
        let body = &self.slot.body;
        let timeout = match timeout.is_forever() {
            true => Timeout::from_nanos(body.timeout.load(Relaxed))?,
            false => timeout,
        };
        let wait = Wait::begin(me, self.id, timeout);
        me.touch(self.id);
        let mut again = false;
        loop {
            body.guard.enter();
            if again {
                self.count_outside(-1);
            }
            let round = body.round.load(Relaxed);
            tools::release(self.meeting(round));
            let arrived = self.enter(me);
            body.guard.leave();
            let ended = match arrived? {
                Entry::Last(turn) => Ok(turn),
                Entry::Waits(index) => match self.await_end(me, &wait) {
                    Ok(AGAIN) => {
                        again = true;
                        continue;
                    }
                    told => told.map(|_| Turn::Passed(index)),
                },
            };
            tools::acquire(self.meeting(round));
            return ended;
        }
    }

    /// What race detectors know a round by: not the same as the one after it, which some may be in already.
    fn meeting(self, round: u32) -> &'static AtomicU64 {
        let head = &self.slot.head;
        if round.is_multiple_of(2) { &head.state } else { &head.owner }
    }

    /// Counts those outside who will enter; the caller holds the guard.
    fn count_outside(self, by: i64) {
        let outside = &self.slot.head.owner;
        outside.store(outside.load(Relaxed).wrapping_add_signed(by), Relaxed);
    }

    /// Joins the round; the caller holds the guard.
    fn enter(self, me: Me) -> Result<Entry> {
        let body = &self.slot.body;
        let bits = self.bits()?;
        if bits & BROKEN != 0 {
            return Err(Error::Broken);
        }
        let (arrived, parties) = (bits & ARRIVED, body.parties.load(Relaxed));
        if arrived == parties {
            self.enlist(me);
            return Ok(Entry::Waits(0));
        }
        if arrived + 1 < parties {
            self.enlist(me);
            self.set(arrived + 1)?;
            return Ok(Entry::Waits(arrived as i64));
        }
        let index = arrived as i64;
        let action = body.action.load(Relaxed);
        if action.is_null() {
            self.end_round(0, PASSED)?;
            return Ok(Entry::Last(Turn::Passed(index)));
        }
        self.set(parties)?;
        // SAFETY: `create` stored an `Action` here, or NULL.
        let action = unsafe { core::mem::transmute::<*mut (), Action>(action) };
        let (round, arg) = (body.round.load(Relaxed), body.arg.load(Relaxed));
        Ok(Entry::Last(Turn::Act { index, round, action, arg }))
    }

    /// The action of `round` has run; unless the round was ended meanwhile, it ends now.
    pub(crate) fn acted(self, me: Me, round: u32, well: bool) -> Result {
        let body = &self.slot.body;
        me.touch(self.id);
        tools::release(self.meeting(round));
        body.guard.enter();
        let current = self.bits().is_ok() && body.round.load(Relaxed) == round;
        let ended = match (current, well) {
            (false, _) => Err(Error::Broken),
            (true, true) => self.end_round(0, PASSED),
            (true, false) => self.end_round(BROKEN, FAILED),
        };
        body.guard.leave();
        if well { ended } else { Err(Error::Failed) }
    }

    /// Waits until this thread is told how the round ended for it.
    fn await_end(self, me: Me, wait: &Wait) -> Result<u32> {
        let node = &me.record().node;
        let mut spin = if wait.is_over_at_once() { Spin::over() } else { Spin::long() };
        let mut told = node.told();
        while told == SPINS && spin.next() {
            told = node.told();
        }
        if told == SPINS {
            told = node.change(SPINS, SLEEPS).map_or_else(|now| now, |()| SLEEPS);
        }
        while told == SLEEPS {
            if me.sleep_on_node(wait, SLEEPS) == Woken::TimedOut {
                return self.time_out(me);
            }
            told = node.told();
            if super::seeded(super::Seed::Spurious) {
                break;
            }
        }
        if told == FAILED { Err(Error::Broken) } else { Ok(told) }
    }

    /// This thread's time is gone: the barrier breaks for all, unless the round ended just before.
    fn time_out(self, me: Me) -> Result<u32> {
        let body = &self.slot.body;
        body.guard.enter();
        let told = me.record().node.told();
        if told == SLEEPS {
            let _ = self.end_round(BROKEN, FAILED);
        }
        body.guard.leave();
        match told {
            SLEEPS => Err(Error::Timeout),
            FAILED => Err(Error::Broken),
            told => Ok(told),
        }
    }

    /// Ends the round under the guard: all who wait are told, and the word becomes `bits`.
    fn end_round(self, bits: u32, told: u32) -> Result {
        let body = &self.slot.body;
        self.bits()?;
        body.round.store(body.round.load(Relaxed).wrapping_add(1), Relaxed);
        self.set(bits)?;
        let mut next = body.waiters.swap(null_mut(), Relaxed);
        while !next.is_null() {
            // SAFETY: lists hold only records of threads, whose memory is never given back.
            let node = unsafe { &(*next).node };
            // Read first: once it is told, the thread may be gone and its node in use elsewhere.
            next = node.next.load(Relaxed);
            let outside = node.previous.load(Relaxed) == OUTSIDE;
            let told = if outside && told == PASSED { AGAIN } else { told };
            if told == AGAIN {
                self.count_outside(1);
            }
            if node.tell(told).0 == SLEEPS && !super::seeded(super::Seed::Barrier) {
                park::wake(&node.word, 1);
            }
        }
        Ok(())
    }

    /// Puts the caller among those who wait; the caller holds the guard.
    fn enlist(self, me: Me) {
        let body = &self.slot.body;
        let node = &me.record().node;
        let acting = self.bits().is_ok_and(|bits| bits & ARRIVED == body.parties.load(Relaxed));
        node.begin(SPINS);
        node.previous.store(if acting { OUTSIDE } else { null_mut() }, Relaxed);
        node.next.store(body.waiters.load(Relaxed), Relaxed);
        body.waiters.store(me.place(), Relaxed);
    }

    /// Replaces the bits; the caller holds the guard, so only the end of the object can interfere.
    fn set(self, new: u32) -> Result {
        loop {
            let bits = self.bits()?;
            if self.exchange_weak(bits, new) {
                return Ok(());
            }
        }
    }

    /// Breaks it: all who wait and all who come fail, until reset.
    pub(crate) fn abort(self, me: Me) -> Result {
        self.interfere(me, BROKEN)
    }

    /// Makes it as new; those who wait fail.
    pub(crate) fn reset(self, me: Me) -> Result {
        self.interfere(me, 0)
    }

    fn interfere(self, me: Me, bits: u32) -> Result {
        let body = &self.slot.body;
        me.touch(self.id);
        body.guard.enter();
        tools::release(self.meeting(body.round.load(Relaxed)));
        let ended = self.end_round(bits, FAILED);
        body.guard.leave();
        ended
    }

    /// How many parties make a round.
    pub(crate) fn parties(self) -> Result<i64> {
        let parties = self.slot.body.parties.load(Relaxed);
        self.bits()?;
        Ok(parties as i64)
    }

    /// How many wait in the round that is filling; none once it is full.
    pub(crate) fn n_waiting(self) -> Result<i64> {
        let parties = self.slot.body.parties.load(Relaxed);
        let arrived = self.bits()? & ARRIVED;
        Ok(if arrived < parties { arrived as i64 } else { 0 })
    }

    /// Whether it is broken.
    pub(crate) fn broken(self) -> Result<bool> {
        Ok(self.bits()? & BROKEN != 0)
    }

    /// Ends the barrier, unless somebody waits or acts.
    pub(crate) fn destroy(self, me: Me) -> Result {
        let body = &self.slot.body;
        body.guard.enter();
        let closed = self.bits().and_then(|bits| match bits & ARRIVED {
            0 if self.slot.head.owner.load(Relaxed) == 0 && Barrier::table().close(self, bits & !OPEN) => {
                Ok(())
            }
            _ => Err(Error::Busy),
        });
        body.guard.leave();
        closed?;
        super::recycle(self, Some(me));
        Ok(())
    }

    /// In a forked child: nobody waits any more, and nobody is inside the guard.
    pub(crate) fn forget_waiters(self) {
        let body = &self.slot.body;
        if let Ok(bits) = self.bits() {
            body.guard.reset();
            body.waiters.store(null_mut(), Relaxed);
            self.slot.head.owner.store(0, Relaxed);
            body.round.store(body.round.load(Relaxed).wrapping_add(1), Relaxed);
            let _ = self.set(bits & BROKEN);
        }
    }
}

/// Stands where a list would name the node before: this waiter belongs to the next round.
const OUTSIDE: *mut Record = core::ptr::without_provenance_mut(1);

/// How an arrival entered the round.
enum Entry {
    /// It waits, as the so-many-th.
    Waits(i64),
    /// It completed the round.
    Last(Turn),
}
