//! Event: a flag to wait for. Whoever waits at a set returns, even if it is cleared at once.
//!
//! | bits      | meaning                                                                          |
//! |-----------|----------------------------------------------------------------------------------|
//! | `SET`     | the flag                                                                         |
//! | `WAITING` | somebody may sleep: set wakes all                                                |
//! | `ROUND`*n | counts the times the flag went up; a waiter that sees another round was waited for |
//!
//! The 29 bits of the round could be mistaken only if the flag went up exactly a multiple of 2^29 times
//! between two looks of a waiter, seconds apart at the least; it would then wait for the next set.
//! Setting touches this word alone, so a signal handler may do it.

use crate::atomic::{AtomicU32, Ordering::*};
use crate::error::{Error, Result};
use crate::park::{self, Me, Spin, Wait, Woken};
use crate::slot::{Live, OPEN, Object, Table, kind};
use crate::sys::tools;
use crate::time::Timeout;

const SET: u32 = 1 << 0;
const WAITING: u32 = 1 << 1;
const ROUND: u32 = 1 << 2;
const ROUNDS: u32 = OPEN - ROUND;

/// What an Event keeps beside its word.
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Event {
    /// Threads that wait, exactly; for destroy. Never reset: one whose handle has just died still counts out.
    waiters: AtomicU32,
}

#[cfg(not(loom))]
impl Object for Event {
    const KIND: u8 = kind::EVENT;
    fn table() -> &'static Table<Event> {
        static TABLE: Table<Event> = Table::new();
        &TABLE
    }
}

/// Makes an event that is not set.
pub(crate) fn create(me: Me) -> Result<u64> {
    Ok(Event::table().create(Some(me.cache()), 0, |_| ())?.id)
}

impl Live<Event> {
    /// Whether the flag is set.
    pub(crate) fn is_set(self) -> Result<bool> {
        let set = self.bits()? & SET != 0;
        if set {
            tools::acquire(&self.slot.head);
        }
        Ok(set)
    }

    /// The same for quick ways, which need not tell why they do not know.
    #[inline(always)]
    pub(crate) fn is_set_quick(self) -> Option<bool> {
        Some(self.bits().ok()? & SET != 0)
    }

    /// Sets the flag, if nobody waits and nobody interferes.
    #[inline(always)]
    pub(crate) fn set_quick(self) -> bool {
        // The last round before the count begins again is left to the long way.
        self.state().is_some_and(|state| {
            let usual = state as u32 & (SET | WAITING) == 0 && state as u32 & ROUNDS != ROUNDS;
            usual && self.advance(state, state + (ROUND | SET) as u64)
        })
    }

    /// Sets the flag and wakes all who wait; async-signal-safe.
    pub(crate) fn set(self) -> Result {
        tools::release(&self.slot.head);
        loop {
            let bits = self.bits()?;
            let round = match bits & SET {
                0 => (bits & ROUNDS).wrapping_add(ROUND) & ROUNDS,
                _ => bits & ROUNDS,
            };
            // Also when it is set already: whoever sees the flag then sees what this thread did before.
            if self.exchange_weak(bits, round | SET) {
                if bits & WAITING != 0 {
                    park::wake(&self.slot.head.state, u32::MAX);
                }
                return Ok(());
            }
        }
    }

    /// Clears the flag, if nobody interferes.
    #[inline(always)]
    pub(crate) fn clear_quick(self) -> bool {
        self.state().is_some_and(|state| state as u32 & SET == 0 || self.advance(state, state - SET as u64))
    }

    /// Clears the flag.
    pub(crate) fn clear(self) -> Result {
        loop {
            let bits = self.bits()?;
            if bits & SET == 0 || self.exchange_weak(bits, bits & !SET) {
                return Ok(());
            }
        }
    }

    /// Waits for a set as long as `timeout` says.
    pub(crate) fn wait(self, me: impl FnOnce() -> Result<Me>, timeout: Timeout) -> Result {
        if !self.is_set()? {
            self.wait_slow(me()?, timeout)?;
            tools::acquire(&self.slot.head);
        }
        Ok(())
    }

    fn wait_slow(self, me: Me, timeout: Timeout) -> Result {
        if timeout.is_zero() {
            return Err(Error::Timeout);
        }
        // Every set from here on counts, also one that is cleared before this thread looks again.
        let round = self.bits()? & ROUNDS;
        let mut spin = Spin::long();
        while spin.next() {
            if self.passed(self.bits()?, round) {
                return Ok(());
            }
        }
        let wait = Wait::begin(me, self.id, timeout);
        self.bits()?;
        self.slot.body.waiters.fetch_add(1, SeqCst);
        let ended = self.wait_counted(round, &wait);
        self.slot.body.waiters.fetch_sub(1, SeqCst);
        ended
    }

    fn passed(self, bits: u32, round: u32) -> bool {
        bits & SET != 0 || bits & ROUNDS != round && !super::seeded(super::Seed::Event)
    }

    fn wait_counted(self, round: u32, wait: &Wait) -> Result {
        let mut woken = Woken::LookAgain;
        loop {
            let bits = self.bits()?;
            if self.passed(bits, round) {
                return Ok(());
            }
            if woken == Woken::TimedOut {
                return Err(Error::Timeout);
            }
            if bits & WAITING != 0 || self.exchange_weak(bits, bits | WAITING) {
                woken = wait.sleep(&self.slot.head.state, bits | WAITING);
            }
        }
    }

    /// Ends the event, unless somebody waits.
    pub(crate) fn destroy(self, me: Me) -> Result {
        loop {
            let bits = self.bits()?;
            if self.slot.body.waiters.load(SeqCst) > 0 {
                return Err(Error::Busy);
            }
            if Event::table().close(self, bits & !OPEN) {
                if bits & WAITING != 0 {
                    // One who counted itself in just now finds the end of this life.
                    park::wake(&self.slot.head.state, u32::MAX);
                }
                super::recycle(self, Some(me));
                return Ok(());
            }
        }
    }

    /// In a forked child: nobody waits any more.
    pub(crate) fn forget_waiters(self) {
        if let Ok(bits) = self.bits() {
            self.slot.body.waiters.store(0, Relaxed);
            self.exchange(bits, bits & !WAITING);
        }
    }
}
