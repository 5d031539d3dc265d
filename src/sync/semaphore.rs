//! Semaphore: the permits stand in the word; a waiter takes one when it sees one, none is assigned.
//!
//! | bits      | meaning                                                                       |
//! |-----------|-------------------------------------------------------------------------------|
//! | 0 .. 29   | permits                                                                       |
//! | `WAITING` | somebody may sleep: release wakes. Cleared by the last waiter, on its way out |
//!
//! `waiters` counts exactly, for destroy. Whoever clears `WAITING` looks at the count again afterwards
//! and wakes all if it is not zero: a waiter that slept on the old word sets the flag anew.

use super::COUNT_MAX;
use crate::atomic::{AtomicU32, Ordering::*};
use crate::error::{Error, Result};
use crate::park::{self, Me, Spin, Wait, Woken};
use crate::slot::{Live, OPEN, Object, Table, kind};
use crate::sys::tools;
use crate::time::Timeout;

const WAITING: u32 = 1 << 30;
const PERMITS: u32 = WAITING - 1;

/// What a Semaphore keeps beside its word.
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Semaphore {
    /// Never reset: one whose handle has just died still counts out.
    waiters: AtomicU32,
    /// The most permits there may be: the initial value if it is bounded.
    bound: AtomicU32,
}

#[cfg(not(loom))]
impl Object for Semaphore {
    const KIND: u8 = kind::SEMAPHORE;
    fn table() -> &'static Table<Semaphore> {
        static TABLE: Table<Semaphore> = Table::new();
        &TABLE
    }
}

/// Makes a semaphore with `value` permits, which are also the most it may have if it is `bounded`.
pub(crate) fn create(me: Me, value: i64, bounded: bool) -> Result<u64> {
    if !(0..=COUNT_MAX).contains(&value) {
        return Err(Error::BadCount);
    }
    let bound = if bounded && !super::seeded(super::Seed::Bound) { value } else { COUNT_MAX } as u32;
    let fill = |body: &Semaphore| body.bound.store(bound, Relaxed);
    Ok(Semaphore::table().create(Some(me.cache()), value as u32, fill)?.id)
}

impl Live<Semaphore> {
    /// Takes a permit if there is one and nobody interferes.
    #[inline(always)]
    pub(crate) fn acquire_quick(self) -> bool {
        self.state().is_some_and(|state| state as u32 & PERMITS > 0 && self.advance(state, state - 1))
    }

    /// Takes a permit, waiting for one as long as `timeout` says.
    pub(crate) fn acquire(self, me: impl FnOnce() -> Result<Me>, timeout: Timeout) -> Result {
        if !self.take()? {
            self.acquire_slow(me()?, timeout)?;
        }
        tools::acquire(&self.slot.head);
        Ok(())
    }

    /// Takes a permit if there is one.
    fn take(self) -> Result<bool> {
        loop {
            let bits = self.bits()?;
            if bits & PERMITS == 0 {
                return Ok(false);
            }
            if self.exchange_weak(bits, bits - 1) {
                return Ok(true);
            }
            if super::seeded(super::Seed::Weak) {
                return Ok(false);
            }
        }
    }

    fn acquire_slow(self, me: Me, timeout: Timeout) -> Result {
        if timeout.is_zero() {
            return Err(Error::Timeout);
        }
        let mut spin = Spin::long();
        while spin.next() {
            if self.take()? {
                return Ok(());
            }
        }
        let wait = Wait::begin(me, self.id, timeout);
        self.bits()?;
        self.slot.body.waiters.fetch_add(1, SeqCst);
        let ended = self.wait_counted(&wait);
        self.leave();
        ended
    }

    fn wait_counted(self, wait: &Wait) -> Result {
        let mut woken = Woken::LookAgain;
        loop {
            if self.take()? {
                return Ok(());
            }
            if woken == Woken::TimedOut {
                return Err(Error::Timeout);
            }
            let bits = self.bits()?;
            if bits & PERMITS == 0 && (bits & WAITING != 0 || self.exchange_weak(bits, bits | WAITING)) {
                woken = wait.sleep(&self.slot.head.state, bits | WAITING);
            }
        }
    }

    /// A waiter goes; the last one clears the flag.
    fn leave(self) {
        let waiters = &self.slot.body.waiters;
        if waiters.fetch_sub(1, SeqCst) > 1 {
            return;
        }
        while let Ok(bits) = self.bits() {
            if bits & WAITING == 0 {
                return;
            }
            if self.exchange_weak(bits, bits & !WAITING) {
                break;
            }
        }
        // One who came between the two steps may sleep on the flag that is gone: it sets it again.
        if waiters.load(SeqCst) > 0 && !super::seeded(super::Seed::Semaphore) {
            park::wake(&self.slot.head.state, u32::MAX);
        }
    }

    /// Gives back `n` permits, if there is room, nobody waits and nobody interferes.
    #[inline(always)]
    pub(crate) fn release_quick(self, n: i64) -> bool {
        self.state().is_some_and(|state| {
            let room = self.slot.body.bound.load(Relaxed) as i64 - (state as u32 & PERMITS) as i64;
            state as u32 & WAITING == 0 && n > 0 && n <= room && self.advance(state, state + n as u64)
        })
    }

    /// Gives back `n` permits, all or none; async-signal-safe.
    pub(crate) fn release(self, n: i64) -> Result {
        if n < 1 {
            self.bits()?;
            return Err(Error::BadCount);
        }
        tools::release(&self.slot.head);
        loop {
            let bits = self.bits()?;
            let room = self.slot.body.bound.load(Relaxed) - (bits & PERMITS);
            if n > room as i64 {
                return Err(Error::Overflow);
            }
            if self.exchange_weak(bits, bits + n as u32) {
                if bits & WAITING != 0 {
                    park::wake(&self.slot.head.state, n as u32);
                }
                return Ok(());
            }
        }
    }

    /// The permits there are.
    pub(crate) fn value(self) -> Result<i64> {
        Ok((self.bits()? & PERMITS) as i64)
    }

    /// Ends the semaphore, unless somebody waits.
    pub(crate) fn destroy(self, me: Me) -> Result {
        loop {
            let bits = self.bits()?;
            if self.slot.body.waiters.load(SeqCst) > 0 {
                return Err(Error::Busy);
            }
            if Semaphore::table().close(self, bits & !OPEN) {
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
