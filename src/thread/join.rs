//! Waiting for the end of a thread: any number of times, from many threads, also after it.

use super::{AWAITED, ENDED, FAILED, Handle, LOST, STARTED, registry};
use crate::error::{Error, Result};
use crate::park::{self, Me, Spin, Wait, Woken, records};
use crate::slot::{Answers, find, index_of};
use crate::sync;
use crate::sys::tools;
use crate::time::Timeout;
use core::ffi::c_void;

/// Threads are waited for, and that can close a cycle; their slots no thread's cache keeps.
pub(super) static ANSWERS: Answers = Answers {
    push_free: |_| {},
    awaited_owner: |thread| Some(thread).filter(|&thread| park::is_awaitable(thread)),
    look_again: |thread| {
        if let Ok(thread) = find::<super::Thread>(thread) {
            thread.look_again();
        }
    },
    forget: |_| {},
};

impl Handle {
    /// Waits for the end as long as `timeout` says.
    pub(crate) fn join(self, me: Me, timeout: Timeout) -> Result {
        self.wait_for_end(me, timeout)?;
        self.has_ended();
        Ok(())
    }

    /// Tells race detectors that the caller knows of the end.
    pub(super) fn has_ended(self) {
        if let Some(record) = records().at(index_of(self.id)) {
            tools::acquire(record);
        }
    }

    fn wait_for_end(self, me: Me, timeout: Timeout) -> Result {
        let bits = self.bits()?;
        if bits & STARTED == 0 {
            return Err(Error::NotStarted);
        }
        if bits & LOST != 0 {
            return Err(Error::Forked);
        }
        if bits & ENDED != 0 {
            return Ok(());
        }
        if self.id == me.id() {
            return Err(Error::WaitsForSelf);
        }
        if timeout.is_zero() {
            return Err(Error::Timeout);
        }
        let wait = Wait::begin(me, self.id, timeout);
        let mut woken = Woken::LookAgain;
        let mut spin = if wait.is_over_at_once() { Spin::over() } else { Spin::long() };
        loop {
            // It lived when this began, so a slot that is closed by now tells of its end.
            let Ok(bits) = self.bits() else { return Ok(()) };
            if bits & ENDED != 0 {
                return Ok(());
            }
            if bits & STARTED == 0 {
                return Err(Error::NotStarted);
            }
            if woken == Woken::TimedOut {
                return Err(Error::Timeout);
            }
            if spin.next() {
                continue;
            }
            if timeout.is_forever() && park::is_refused(me, sync::awaited_owner) {
                return Err(Error::Cycle);
            }
            if bits & AWAITED != 0 || self.exchange_weak(bits, bits | AWAITED) {
                woken = wait.sleep(&self.slot.head.state, bits | AWAITED);
            }
        }
    }

    /// Those who wait look again, also one that is just about to sleep: the flag is another one then.
    fn look_again(self) {
        let _ = self.update(|bits| Ok(bits ^ AWAITED));
        park::wake(&self.slot.head.state, u32::MAX);
    }

    /// From now on it has ended: joiners go on. Says what its bits were.
    ///
    /// Under the guard: who uses the system's number of a thread holds it, and looks at the bits first.
    pub(super) fn end(self) -> Result<u32> {
        if let Some(record) = records().at(index_of(self.id)) {
            tools::release(record);
        }
        let before = registry::guarded(|| self.update(|bits| Ok((bits | ENDED) & !AWAITED)))?;
        if before & AWAITED != 0 {
            park::wake(&self.slot.head.state, u32::MAX);
        }
        Ok(before)
    }

    /// What the target returned.
    pub(crate) fn result(self) -> Result<*mut c_void> {
        match self.outcome()? & FAILED {
            0 => registry::shared(self, |shared| Ok(shared.result)),
            _ => Err(Error::Failed),
        }
    }

    /// Uses code and message of the failure.
    pub(crate) fn with_failure<R>(self, work: impl FnOnce(i32, &str) -> R) -> Result<R> {
        match self.outcome()? & FAILED {
            0 => Err(Error::NotFailed),
            _ => registry::shared(self, |shared| {
                Ok(work(shared.failure.code, shared.failure.message.as_str()))
            }),
        }
    }

    /// The bits of a thread that has ended here.
    fn outcome(self) -> Result<u32> {
        let bits = self.bits()?;
        match bits & (ENDED | LOST) {
            ENDED => {
                self.has_ended();
                Ok(bits)
            }
            0 if bits & STARTED == 0 => Err(Error::NotStarted),
            0 => Err(Error::NotEnded),
            _ => Err(Error::Forked),
        }
    }
}
