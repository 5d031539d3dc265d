//! What those do with a future's word who have its handle: the life that they mean must last, and the handle not be
//! given up.

use super::word::{
    AWAITED, BUSY, CANCELLED, FINISHED, HIDDEN, Kept, LISTED, LISTING, NOTIFIED, PENDING, QUEUED, RUNNING,
    SETTLING, STATE, WATCHED, announce, change, end, is_done,
};
use crate::atomic::{Ordering::*, spin_loop};
use crate::error::{Error, Result};
use crate::park::{self, Me, Wait, Woken};
use crate::slot::{Live, OPEN, generation_of, index_of, word};
use crate::sys::tools;
use core::ffi::c_void;

impl<T: Kept> Live<T> {
    pub(super) fn index(self) -> u32 {
        index_of(self.id)
    }

    /// The bits of a future whose handle is good.
    pub(super) fn seen(self) -> Result<u32> {
        let bits = self.bits()?;
        if bits & HIDDEN != 0 {
            return Err(Error::StaleHandle);
        }
        if is_done(bits) {
            tools::acquire(&self.slot.head);
        }
        Ok(bits)
    }

    /// Changes the bits as `to` says, in this life; says what they were.
    fn update(self, mut to: impl FnMut(u32) -> Result<u32>) -> Result<u32> {
        loop {
            let bits = self.seen()?;
            if bits & LISTING != 0 {
                spin_loop();
                continue;
            }
            if self.exchange_weak(bits, to(bits)?) {
                return Ok(bits);
            }
        }
    }

    /// Begins the task of a queued future for one who waits for it, and is to run it himself; its entry stays in the
    /// queue.
    pub(super) fn claim_awaited(self, me: Me) -> bool {
        let claimed = self.update(|bits| match bits & (STATE | QUEUED) {
            QUEUED => Ok(bits | RUNNING | BUSY),
            _ => Err(Error::Begun),
        });
        if claimed.is_ok() {
            self.slot.head.owner.store(me.id(), Release);
        }
        claimed.is_ok()
    }

    /// Adds a flag to a future that is not done; false when it is.
    pub(super) fn flag(self, flag: u32) -> Result<bool> {
        let bits = self.update(|bits| Ok(if is_done(bits) { bits } else { bits | flag }))?;
        Ok(!is_done(bits))
    }

    /// Sleeps until a future that had these bits has others, unless they are others already.
    pub(super) fn sleep(self, wait: &Wait, bits: u32) -> Woken {
        if bits & AWAITED != 0 || bits & LISTING == 0 && self.exchange_weak(bits, bits | AWAITED) {
            return wait.sleep(&self.slot.head.state, bits | AWAITED);
        }
        spin_loop();
        Woken::LookAgain
    }

    /// Those who wait look again, also one that is just about to sleep: the flag is another one then.
    pub(super) fn look_again(self) {
        let _ = self.update(|bits| Ok(if is_done(bits) { bits } else { bits ^ AWAITED }));
        park::wake(&self.slot.head.state, u32::MAX);
    }

    /// Keeps others from changing the word while a callback is added; false when it is done.
    pub(super) fn begin_listing(self, me: Me) -> Result<bool> {
        me.touch(self.id);
        let bits = self.update(|bits| Ok(if is_done(bits) { bits } else { bits | LISTING }))?;
        Ok(!is_done(bits))
    }

    /// Ends what `begin_listing` began.
    pub(super) fn end_listing(self) {
        tools::release(&self.slot.head);
        let _ = change(self.slot, |bits| Some(bits & !LISTING | LISTED));
    }

    /// The result of a future that is `FINISHED`.
    pub(super) fn value(self) -> Result<*mut c_void> {
        let value = self.slot.body.value().load(Acquire);
        self.seen().map(|_| value)
    }

    /// Cancels it if nobody has begun.
    pub(crate) fn cancel(self) -> Result {
        let before = self.update(|bits| match bits & STATE {
            _ if T::is_lost(self, bits) => Err(Error::Forked),
            PENDING => Ok(bits & !STATE | CANCELLED | BUSY),
            CANCELLED | NOTIFIED => Ok(bits),
            _ => Err(Error::Begun),
        })?;
        if before & STATE == PENDING && end(self.slot, self.index(), CANCELLED) {
            T::call_back(self.slot, self.index());
        }
        Ok(())
    }

    /// Begins a promise, or takes note that it is cancelled; says what its state was.
    pub(super) fn begin(self) -> Result<u32> {
        let before = self.update(|bits| match bits & STATE {
            PENDING => Ok(bits & !STATE | RUNNING),
            CANCELLED => Ok(bits & !STATE | NOTIFIED),
            _ => Err(Error::Begun),
        })?;
        Ok(before & STATE)
    }

    /// Admits the one who sets the value of a promise.
    pub(super) fn settle(self) -> Result {
        self.update(|bits| match bits & STATE {
            PENDING | RUNNING => Ok(bits & !STATE | SETTLING | BUSY),
            _ => Err(Error::Begun),
        })?;
        Ok(())
    }

    /// The same for quick ways: what it is, if it is that.
    #[inline(always)]
    pub(crate) fn value_quick(self) -> Option<*mut c_void> {
        let finished = |bits: Result<u32>| bits.is_ok_and(|bits| bits & (STATE | HIDDEN) == FINISHED);
        if !finished(self.bits()) {
            return None;
        }
        let value = self.slot.body.value().load(Acquire);
        finished(self.bits()).then_some(value)
    }

    /// Gives the handle up; what runs goes on, under a number that nobody was told. True: that may be a callback.
    pub(crate) fn destroy(self, me: Me) -> Result<bool> {
        loop {
            let bits = self.seen()?;
            if bits & LISTING != 0 {
                spin_loop();
                continue;
            }
            if bits & (QUEUED | BUSY) == 0 {
                if !T::table().close(self, bits & !OPEN) {
                    continue;
                }
                // First, since a destructor of an argument may be left by force.
                announce(self.slot, bits);
                if bits & LISTED != 0 {
                    T::drop_callbacks(self.slot);
                }
                T::recycle(self, bits, Some(me));
                return Ok(false);
            }
            let generation = generation_of(self.id);
            let kept = bits & !(AWAITED | WATCHED);
            let (old, new) = (word(generation, bits), word(generation.wrapping_add(1), kept | HIDDEN));
            if self.slot.head.state.compare_exchange_weak(old, new, SeqCst, Relaxed).is_ok() {
                announce(self.slot, bits);
                return Ok(bits & BUSY != 0);
            }
        }
    }
}
