//! Counting what is done, waiting for it, shutting down, and questions.

use super::Attempt;
use super::object::{Body, DROPPED, Queue, SHUT};
use crate::atomic::Ordering::*;
use crate::error::{Error, Result};
use crate::park::Me;
use crate::slot::Live;
use crate::sys::tools;
use crate::time::Timeout;

impl Body {
    /// Counts one item more as done. Says whether all that were put are.
    pub(super) fn count_done(&self) -> Result<bool> {
        let mut done = self.done.0.load(SeqCst);
        loop {
            if done >= self.items.puts()? {
                return Err(Error::Overflow);
            }
            match self.done.0.compare_exchange_weak(done, done + 1, SeqCst, SeqCst) {
                // Looked at again: the one who joins has seen this step, or counts itself in before the next look.
                Ok(_) => return Ok(done + 1 >= self.items.puts()?),
                Err(now) => done = now,
            }
        }
    }

    fn unfinished(&self) -> Result<u64> {
        let done = self.done.0.load(SeqCst);
        Ok(self.items.puts()?.saturating_sub(done))
    }
}

impl Live<Queue> {
    /// An item that was taken is done.
    pub(crate) fn task_done(self, me: Me) -> Result {
        tools::release(&self.slot.body.joiners);
        if self.inside(me, |_, body| body.count_done())? {
            self.slot.body.joiners.notify_all();
        }
        Ok(())
    }

    /// Waits until all items that were put are done.
    pub(crate) fn join(self, me: Me, timeout: Timeout) -> Result {
        let attempt = || {
            self.inside(me, |_, body| match body.unfinished()? {
                0 => Ok(Attempt::Done(())),
                _ => Ok(Attempt::Blocked),
            })
        };
        self.until(me, timeout, &self.slot.body.joiners, attempt, |_| Ok(false))?;
        tools::acquire(&self.slot.body.joiners);
        Ok(())
    }

    /// Nothing more is put; what is there can still be got, or is dropped at once.
    pub(crate) fn shutdown(self, me: Me, immediate: bool) -> Result {
        tools::release(&self.slot.head.state);
        self.inside(me, |_, body| body.items.close())?;
        self.set(if immediate { SHUT | DROPPED } else { SHUT })?;
        self.slot.body.getters.notify_all();
        self.slot.body.putters.notify_all();
        if immediate {
            self.drop_items(me)?;
            self.slot.body.joiners.notify_all();
        }
        Ok(())
    }

    /// How many items can be got.
    pub(crate) fn qsize(self, me: Me) -> Result<i64> {
        self.inside(me, |bits, body| if bits & DROPPED == 0 { body.items.size() } else { Ok(0) })
    }

    /// How many of the items put are not done.
    pub(crate) fn unfinished_tasks(self, me: Me) -> Result<i64> {
        self.inside(me, |_, body| Ok(i64::try_from(body.unfinished()?).unwrap_or(i64::MAX)))
    }

    pub(crate) fn is_empty(self, me: Me) -> Result<bool> {
        Ok(self.qsize(me)? == 0)
    }

    pub(crate) fn is_full(self, me: Me) -> Result<bool> {
        self.inside(me, |_, body| Ok(body.items.size()? >= body.bound))
    }

    pub(crate) fn is_shutdown(self) -> Result<bool> {
        Ok(self.bits()? & SHUT != 0)
    }
}
