//! The end of the process: who is waited for, and what is called last.

use super::{DAEMON, FOREIGN, Handle, WORKER, current, registry};
use crate::atomic::{AtomicPtr, AtomicU32, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::{self, Callback, NOTHING};
use crate::park::{Me, records};
use crate::slot::index_of;
use crate::sys::{native, tools};
use crate::time::{Deadline, Timeout};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;
use std::alloc::{Layout, alloc, dealloc};

/// Whether `at_process_exit` stands in the list of exit handlers.
static PREPARED: AtomicU32 = AtomicU32::new(0);

/// Lets the end of the process come by here: from the first thread started or callback registered on.
pub(super) fn prepare() -> Result {
    if PREPARED.swap(1, AcqRel) == 0 {
        native::at_exit(at_process_exit).inspect_err(|_| PREPARED.store(0, Release))?;
    }
    Ok(())
}

/// A callback for the end, in a list whose first was registered last.
struct Last {
    callback: Callback,
    arg: *mut c_void,
    destructor: Option<Callback>,
    next: *mut Last,
}

/// The list, under the registry's guard.
struct Lasts(UnsafeCell<*mut Last>);

// SAFETY: used under the registry's guard only.
unsafe impl Sync for Lasts {}

static LASTS: Lasts = Lasts(UnsafeCell::new(null_mut()));

/// Lets `callback` run at the end, before those registered earlier.
pub(crate) fn register(callback: Callback, arg: *mut c_void, destructor: Option<Callback>) -> Result {
    prepare()?;
    // SAFETY: a `Last` is not of size zero.
    let place: *mut Last = unsafe { alloc(Layout::new::<Last>()) }.cast();
    if place.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: `place` is new; the list is used under the guard only.
    registry::guarded(|| unsafe {
        tools::release(&LASTS);
        let first = LASTS.0.get();
        place.write(Last { callback, arg, destructor, next: *first });
        *first = place;
    });
    Ok(())
}

/// Calls what is registered, the latest first, each once, whoever comes by.
fn run_callbacks() {
    loop {
        // SAFETY: the list is used under the guard only, and holds what `register` wrote.
        let taken = registry::guarded(|| unsafe {
            let first = LASTS.0.get();
            let place = *first;
            (!place.is_null()).then(|| {
                let last = place.read();
                *first = last.next;
                dealloc(place.cast(), Layout::new::<Last>());
                (last.callback, last.arg, last.destructor)
            })
        });
        let Some((callback, arg, destructor)) = taken else { return };
        tools::acquire(&LASTS);
        // SAFETY: their giver promised that both may be called with `arg`.
        unsafe {
            frame::call(callback, arg, NOTHING);
            if let Some(destructor) = destructor {
                frame::call(destructor, arg, NOTHING);
            }
        }
    }
}

/// Waits for all threads that are not daemons, then calls what `register` kept.
pub(crate) fn shutdown(me: Me, timeout: Timeout) -> Result {
    let control = current::own(me)?;
    let outer = control.own.in_shutdown.swap(true, SeqCst);
    let waited = wait_for_all(me, timeout.deadline_from(crate::time::now()));
    if waited.is_ok() {
        run_callbacks();
    }
    control.own.in_shutdown.store(outer, SeqCst);
    waited
}

/// What a layer above has to do before the process may end; says whether there was anything to wait for.
pub(crate) type LastWork = fn(me: Me, deadline: Deadline) -> Result<bool>;

static LAST_WORK: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Lets `work` be done, again and again, until neither it nor any thread is to be waited for.
pub(crate) fn set_last_work(work: LastWork) {
    LAST_WORK.store(work as *mut (), Release);
}

fn do_last_work(me: Me, deadline: Deadline) -> Result<bool> {
    let work = LAST_WORK.load(Acquire);
    if work.is_null() {
        return Ok(false);
    }
    // SAFETY: only `set_last_work` stores here, and it stores a `LastWork`.
    let work = unsafe { core::mem::transmute::<*mut (), LastWork>(work) };
    work(me, deadline)
}

fn wait_for_all(me: Me, deadline: Deadline) -> Result {
    loop {
        // Threads may give pools work, and what pools do may start threads.
        join_all(me, deadline)?;
        if !do_last_work(me, deadline)? {
            return Ok(());
        }
    }
}

fn join_all(me: Me, deadline: Deadline) -> Result {
    let mut given_up = [0; MOST_GIVEN_UP];
    let mut count = 0;
    while let Some(thread) = next_to_wait_for(me, &given_up[..count]) {
        let left = match deadline.is_never() {
            true => Timeout::FOREVER,
            false => Timeout::from_nanos(crate::time::until(deadline.nanos()))?,
        };
        match thread.join(me, left) {
            Err(Error::Timeout) => return Err(Error::Timeout),
            // It waits for this very thread, and would for ever: nothing to wait for.
            Err(Error::Cycle) => match given_up.get_mut(count) {
                Some(place) => (*place, count) = (thread.id, count + 1),
                None => return Err(Error::Cycle),
            },
            _ => {}
        }
    }
    Ok(())
}

/// How many threads there may be that wait for the one that waits for all.
const MOST_GIVEN_UP: usize = 64;

/// A thread that the process waits for: no daemon, not the main one, not one that waits here itself.
fn next_to_wait_for(me: Me, given_up: &[u64]) -> Option<Handle> {
    let mut found = None;
    registry::each_alive(|thread, bits| {
        let waits_too = super::control(thread.id).is_ok_and(|control| control.own.in_shutdown.load(SeqCst));
        let counts = bits & (DAEMON | FOREIGN | WORKER) == 0 && thread.id != me.id() && !waits_too;
        if counts && !given_up.contains(&thread.id) && found.is_none() {
            found = Some(thread);
        }
    });
    found
}

extern "C" fn at_process_exit() {
    frame::inside(finish_process);
}

fn finish_process() {
    // From here on nothing more comes of the main thread: who joins it goes on.
    if let Ok(main) = registry::main() {
        if let Some(record) = records().at(index_of(main.id)) {
            record.set_over();
        }
        let _ = main.end();
    }
    match current::me() {
        Ok(me) => drop(shutdown(me, Timeout::FOREVER)),
        // The process ends because its last thread has: there is nobody to wait for.
        Err(_) => run_callbacks(),
    }
}
