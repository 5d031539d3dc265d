//! Putting and getting, at once or after a wait.

use super::Attempt;
use super::eventcount::EventCount;
use super::object::{Body, DROPPED, Items, Queue};
use crate::error::{Error, Result};
use crate::park::{Me, Spin, Wait};
use crate::slot::Live;
use crate::sys::tools;
use crate::time::Timeout;
use core::ffi::c_void;

impl Live<Queue> {
    /// Puts an item if there is room and nothing is in the way.
    #[inline(always)]
    pub(crate) fn put_quick(self, me: Me, item: *mut c_void) -> bool {
        matches!(self.try_put(me, item), Ok(Attempt::Done(())))
    }

    /// Takes an item if there is one and nothing is in the way.
    #[inline(always)]
    pub(crate) fn get_quick(self, me: Me) -> Option<*mut c_void> {
        match self.try_get(me) {
            Ok(Attempt::Done(item)) => Some(item),
            _ => None,
        }
    }

    #[inline(always)]
    fn try_put(self, me: Me, item: *mut c_void) -> Result<Attempt<()>> {
        let put = self.inside(me, |_, body| body.items.put(item, 0));
        if let Ok(Attempt::Done(())) = put {
            self.slot.body.getters.notify();
        }
        put
    }

    #[inline(always)]
    fn try_get(self, me: Me) -> Result<Attempt<*mut c_void>> {
        let got = self.inside(me, |bits, body| match bits & DROPPED {
            0 => body.items.get(),
            _ => Err(Error::Closed),
        });
        if let Ok(Attempt::Done(_)) = got {
            self.slot.body.putters.notify();
        }
        got
    }

    /// Puts an item, waiting for room as long as `timeout` says.
    pub(crate) fn put(self, me: Me, item: *mut c_void, timeout: Timeout) -> Result {
        let attempt = || self.say_put(|| self.try_put(me, item));
        self.until(me, timeout, &self.slot.body.putters, attempt, has_room)
    }

    /// Tells race detectors of a try to put: it comes before each get of the item, and after each that made room.
    fn say_put(self, attempt: impl FnOnce() -> Result<Attempt<()>>) -> Result<Attempt<()>> {
        let (items, room) = (&self.slot.head.state, &self.slot.head.owner);
        tools::release(items);
        let put = attempt();
        match put {
            Ok(Attempt::Done(())) => tools::acquire(room),
            Err(Error::Closed) => tools::acquire(items),
            _ => {}
        }
        put
    }

    /// The same of a try to get.
    fn say_got<T>(self, attempt: impl FnOnce() -> Result<Attempt<T>>) -> Result<Attempt<T>> {
        let (items, room) = (&self.slot.head.state, &self.slot.head.owner);
        tools::release(room);
        let got = attempt();
        if matches!(got, Ok(Attempt::Done(_)) | Err(Error::Closed)) {
            tools::acquire(items);
        }
        got
    }

    /// The same with a priority, which only queues in that order know.
    pub(crate) fn put_priority(self, me: Me, item: *mut c_void, priority: i64, timeout: Timeout) -> Result {
        let try_put = || {
            let put = self.inside(me, |_, body| match &body.items {
                Items::Sorted(sorted) if sorted.by_priority => sorted.put(item, priority),
                _ => Err(Error::BadOrder),
            });
            if let Ok(Attempt::Done(())) = put {
                self.slot.body.getters.notify();
            }
            put
        };
        self.until(me, timeout, &self.slot.body.putters, || self.say_put(try_put), has_room)
    }

    /// Takes an item, waiting for one as long as `timeout` says.
    pub(crate) fn get(self, me: Me, timeout: Timeout) -> Result<*mut c_void> {
        let attempt = || self.say_got(|| self.try_get(me));
        self.until(me, timeout, &self.slot.body.getters, attempt, has_items)
    }

    /// Attempts until it is done. One who has waited may have been woken for more than it takes, so it wakes the
    /// next if there is something left.
    pub(super) fn until<T>(
        self,
        me: Me,
        timeout: Timeout,
        waiters: &EventCount,
        mut attempt: impl FnMut() -> Result<Attempt<T>>,
        left: fn(&Body) -> Result<bool>,
    ) -> Result<T> {
        if let Attempt::Done(done) = attempt()? {
            return Ok(done);
        }
        if timeout.is_zero() {
            return Err(Error::Timeout);
        }
        let mut spin = Spin::long();
        while spin.next() {
            if let Attempt::Done(done) = attempt()? {
                return Ok(done);
            }
        }
        let wait = Wait::begin(me, self.id, timeout);
        self.count_in()?;
        let ended = waiters.wait(&wait, attempt);
        if self.inside(me, |_, body| left(body)).unwrap_or(true) {
            waiters.notify();
        }
        self.count_out();
        ended
    }
}

fn has_items(body: &Body) -> Result<bool> {
    Ok(body.items.size()? > 0)
}

fn has_room(body: &Body) -> Result<bool> {
    Ok(body.items.size()? < body.bound)
}
