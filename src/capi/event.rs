//! Section Event: Python's `threading.Event`.

use super::boundary::{ask, call, put, quick};
use super::status::{THREADING_FOREVER, THREADING_OK, threading_status};
use crate::slot::{find, seek};
use crate::sync::event::{self, Event};
use crate::thread::me;
use crate::time::Timeout;
use core::mem::MaybeUninit;

/// An event: a flag that threads wait for until another thread, or a signal handler, sets it.
///
/// It stays set until it is cleared, and as long as it is set nobody waits. Nothing is used up: one set lets
/// all go on.
///
/// \code
/// while (threading_event_wait(stop, THREADING_SECONDS(1)) == THREADING_TIMEOUT) {
///   write_heartbeat();  // every second, until somebody calls threading_event_set(stop)
/// }
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_event {
    /// The number by which languages in one process share the event; 0 names nothing.
    pub id: u64,
}

/// Makes an event that is not set.
///
/// \param out  where the event is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Event`
#[unsafe(no_mangle)]
pub extern "C" fn threading_event_create(out: Option<&mut MaybeUninit<threading_event>>) -> threading_status {
    call("threading_event_create", 0, || put(out, || Ok(threading_event { id: event::create(me()?)? })))
}

/// Ends `event`; from then on its handle names nothing.
///
/// \param event  the event
/// \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits for it: then nothing has changed
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_event_destroy(event: threading_event) -> threading_status {
    call("threading_event_destroy", event.id, || find::<Event>(event.id)?.destroy(me()?))
}

/// Asks whether `event` is set; the answer may be out of date when it arrives.
///
/// \param event  the event
/// \returns 1 when it is set, 0 when not, or an error status
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.Event.is_set`
#[unsafe(no_mangle)]
pub extern "C" fn threading_event_is_set(event: threading_event) -> i32 {
    quick(
        || seek::<Event>(event.id)?.is_set_quick().map(i32::from),
        move || ask("threading_event_is_set", event.id, || find::<Event>(event.id)?.is_set()),
    )
}

/// Sets `event` and lets all who wait for it go on; nothing happens when it is set already.
///
/// Every thread that waits at this moment goes on, also when the event is cleared before it has woken up.
///
/// \param event  the event
/// \returns #THREADING_OK, also when it was set
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.Event.set`
#[unsafe(no_mangle)]
pub extern "C" fn threading_event_set(event: threading_event) -> threading_status {
    quick(
        || seek::<Event>(event.id)?.set_quick().then_some(THREADING_OK),
        move || call("threading_event_set", event.id, || find::<Event>(event.id)?.set()),
    )
}

/// Clears `event`: who waits from now on waits for the next set.
///
/// \param event  the event
/// \returns #THREADING_OK, also when it was not set
/// \threadsafety any thread, also in a signal handler
/// \since 0.1.0
/// \sa Python `threading.Event.clear`
#[unsafe(no_mangle)]
pub extern "C" fn threading_event_clear(event: threading_event) -> threading_status {
    quick(
        || seek::<Event>(event.id)?.clear_quick().then_some(THREADING_OK),
        move || call("threading_event_clear", event.id, || find::<Event>(event.id)?.clear()),
    )
}

/// Waits until `event` is set, as long as `timeout_ns` says; returns at once when it is.
///
/// #THREADING_OK says that it was set during the wait; another thread may have cleared it since.
///
/// \param event       the event
/// \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
/// \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out before it was set; #THREADING_E_INVALID
///          when `timeout_ns` is below -1
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.Event.wait`
#[unsafe(no_mangle)]
pub extern "C" fn threading_event_wait(event: threading_event, timeout_ns: i64) -> threading_status {
    quick(
        || {
            (timeout_ns >= THREADING_FOREVER && seek::<Event>(event.id)?.is_set_quick() == Some(true))
                .then_some(THREADING_OK)
        },
        move || {
            call("threading_event_wait", event.id, || {
                let timeout = Timeout::from_nanos(timeout_ns)?;
                find::<Event>(event.id)?.wait(me, timeout)
            })
        },
    )
}
