//! Timers: one heap of deadlines and a few threads for all of them; service.rs runs them.
//!
//! | bits        | meaning                                                                        |
//! |-------------|--------------------------------------------------------------------------------|
//! | none        | made, not started                                                              |
//! | `PENDING`   | in the heap                                                                    |
//! | `RUNNING`   | its callback runs                                                              |
//! | `CANCELLED` | never again; with `RUNNING`: once its callback has returned                    |
//! | `FIRED`     | a single shot, run and returned                                                |
//! | `AWAITED`   | somebody may sleep on this word                                                |
//!
//! All of it changes under the service's guard only; joiners sleep on the word. What is cancelled or has
//! fired, and does not run, changes no more: it is given up without the guard.

mod heap;
mod service;

use crate::atomic::{AtomicI64, AtomicPtr, AtomicU32, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::{self, Callback, NOTHING};
use crate::park::{self, Me, Wait, Woken};
use crate::slot::{Answers, Live, OPEN, Object, Table, find, kind, set_answers};
use crate::sys::tools;
use crate::thread::{self, callback};
use crate::time::{Deadline, Timeout};
use core::ffi::c_void;
use core::ptr::null_mut;
use heap::Entry;
use service::{SERVICE, Service};

const PENDING: u32 = 1 << 0;
const RUNNING: u32 = 1 << 1;
const CANCELLED: u32 = 1 << 2;
const FIRED: u32 = 1 << 3;
const AWAITED: u32 = 1 << 4;

/// What a timer keeps beside its word; written under the service's guard only.
pub(crate) struct Timer {
    interval: AtomicI64,
    /// Nanoseconds between two runs; 0 for a single shot.
    period: AtomicI64,
    callback: AtomicPtr<()>,
    arg: AtomicPtr<c_void>,
    destructor: AtomicPtr<()>,
    /// The process it was started in, counted in forks: in a child it will not fire.
    epoch: AtomicU32,
}

impl Object for Timer {
    const KIND: u8 = kind::TIMER;
    fn table() -> &'static Table<Timer> {
        static TABLE: Table<Timer> = Table::new();
        &TABLE
    }
}

/// An argument that is to be destroyed, once nobody holds the guard.
struct Remains(Option<Callback>, *mut c_void);

impl Remains {
    fn is_something(&self) -> bool {
        self.0.is_some()
    }

    fn destroy(self) {
        if let Remains(Some(destructor), arg) = self {
            // SAFETY: the destructor's giver promised that it may be called with `arg`, once.
            unsafe { frame::call(destructor, arg, NOTHING) };
        }
    }
}

/// A timer's slot may be kept by a thread's cache; nobody waits for the other three.
static ANSWERS: Answers = Answers {
    push_free: |index| Timer::table().push(index),
    awaited_owner: |_| None,
    look_again: |_| {},
    forget: |_| {},
};

/// Makes a timer that is not started; on failure the argument stays the caller's.
pub(crate) fn create(
    interval_ns: i64,
    callback: Callback,
    arg: *mut c_void,
    period_ns: i64,
    destructor: Option<Callback>,
) -> Result<u64> {
    if interval_ns < 0 || period_ns < 0 {
        return Err(Error::BadTimeout);
    }
    let fill = |body: &Timer| {
        body.interval.store(interval_ns, Relaxed);
        body.period.store(period_ns, Relaxed);
        body.callback.store(callback as *mut (), Relaxed);
        body.arg.store(arg, Relaxed);
        body.destructor.store(destructor.map_or(null_mut(), |call| call as *mut ()), Relaxed);
    };
    set_answers(kind::TIMER, &ANSWERS);
    Ok(Timer::table().create(thread::known().map(Me::cache), 0, fill)?.id)
}

/// Starts the clock; the callback runs `interval_ns` from now.
pub(crate) fn start(id: u64) -> Result {
    let timer = find::<Timer>(id)?;
    timer.bits()?;
    service::prepare()?;
    tools::release(&timer.slot.head);
    let now = crate::time::now();
    let mut service = SERVICE.lock();
    let bits = timer.bits()?;
    if bits & CANCELLED != 0 {
        return Err(Error::Cancelled);
    }
    if bits & !OPEN != 0 {
        return Err(Error::Started);
    }
    timer.slot.body.epoch.store(service::epoch(), Relaxed);
    let deadline = Deadline::after(now, timer.slot.body.interval.load(Relaxed));
    // The periodic ones that run just now keep their room: they come back.
    let running = service.running as usize;
    let first = service.heap.push(Entry { deadline, timer: id }, running)?;
    set(timer, PENDING);
    if service.is_led() {
        drop(service);
        if first {
            service::tell_leader();
        }
        return Ok(());
    }
    let served = service::see_to_it(service);
    if served.is_err() {
        // Nobody will ever look at the heap: as if it had not been started.
        let mut service = SERVICE.lock();
        if timer.bits().is_ok_and(|bits| bits & PENDING != 0) && !service.is_served() {
            service.heap.remove_at_once(id);
            set(timer, 0);
            return served;
        }
    }
    Ok(())
}

/// What is not running yet will not run; no effect on what runs or has run, but a periodic one stops.
pub(crate) fn cancel(id: u64) -> Result {
    let timer = find::<Timer>(id)?;
    tools::release(&timer.slot.head);
    let mut service = SERVICE.lock();
    let bits = timer.bits()?;
    let remains = withdraw(&mut service, timer, bits);
    drop(service);
    remains.destroy();
    Ok(())
}

/// Cancels under the guard; says what is left to destroy.
fn withdraw(service: &mut Service, timer: Live<Timer>, bits: u32) -> Remains {
    let body = &timer.slot.body;
    if bits & (CANCELLED | FIRED) != 0 {
        return Remains(None, null_mut());
    }
    if bits & (PENDING | RUNNING) != 0 && body.epoch.load(Relaxed) != service::epoch() {
        // The parent process runs it, and destroys the argument.
        set(timer, CANCELLED);
        return Remains(None, null_mut());
    }
    if bits & RUNNING != 0 {
        if body.period.load(Relaxed) > 0 {
            set(timer, RUNNING | CANCELLED);
        }
        return Remains(None, null_mut());
    }
    if bits & PENDING != 0 {
        service.heap.remove(timer.id);
    }
    // Taken out first: once it says that it is cancelled, it can be given up, and its slot used again.
    let remains = remains_of(timer);
    set(timer, CANCELLED);
    remains
}

/// Takes the argument out of a timer that will not run again, under the guard or as who runs it.
fn remains_of(timer: Live<Timer>) -> Remains {
    let body = &timer.slot.body;
    tools::acquire(&timer.slot.head);
    let destructor = body.destructor.load(Relaxed);
    body.destructor.store(null_mut(), Relaxed);
    // SAFETY: only `create` stores here, and it stores what it made of a `Callback`, or NULL.
    let destructor = unsafe { core::mem::transmute::<*mut (), Option<Callback>>(destructor) };
    Remains(destructor, body.arg.load(Relaxed))
}

/// Replaces the bits, under the guard, and wakes who waits for a change.
fn set(timer: Live<Timer>, new: u32) {
    while let Ok(bits) = timer.bits() {
        if timer.exchange_weak(bits, new) {
            if bits & AWAITED != 0 {
                park::wake(&timer.slot.head.state, u32::MAX);
            }
            return;
        }
    }
}

/// Waits until it has run and returned, or will not run.
pub(crate) fn join(me: Me, id: u64, timeout: Timeout) -> Result {
    let timer = find::<Timer>(id)?;
    let joined = wait_for_end(me, timer, timeout);
    if matches!(joined, Ok(()) | Err(Error::Cancelled)) {
        tools::acquire(&timer.slot.head);
    }
    joined
}

fn wait_for_end(me: Me, timer: Live<Timer>, timeout: Timeout) -> Result {
    let id = timer.id;
    let mut bits = timer.bits()?;
    if bits & !(OPEN | AWAITED) == 0 {
        return Err(Error::NotStarted);
    }
    if bits & RUNNING != 0 && callback::running_timer(me) == id {
        return Err(Error::WaitsForSelf);
    }
    let mut wait = None;
    let mut woken = Woken::LookAgain;
    loop {
        match bits & (PENDING | RUNNING | CANCELLED | FIRED) {
            CANCELLED => return Err(Error::Cancelled),
            FIRED => return Ok(()),
            0 => return Err(Error::NotStarted),
            _ if timer.slot.body.epoch.load(Relaxed) != service::epoch() => return Err(Error::Forked),
            _ if timeout.is_zero() || woken == Woken::TimedOut => return Err(Error::Timeout),
            _ => {}
        }
        let wait = wait.get_or_insert_with(|| Wait::begin(me, id, timeout));
        if bits & AWAITED != 0 || timer.exchange_weak(bits, bits | AWAITED) {
            woken = wait.sleep(&timer.slot.head.state, bits | AWAITED);
        }
        // It lived when this began: destroyed meanwhile, it was cancelled.
        let Ok(now) = timer.bits() else { return Err(Error::Cancelled) };
        bits = now;
    }
}

/// Gives the handle up: cancels what has not begun, lets finish what runs, and waits for neither.
pub(crate) fn destroy(id: u64) -> Result {
    let timer = find::<Timer>(id)?;
    let bits = timer.bits()?;
    if bits & (CANCELLED | FIRED) != 0 && bits & RUNNING == 0 {
        return close(timer, true);
    }
    let mut service = SERVICE.lock();
    let bits = timer.bits()?;
    let lost = timer.slot.body.epoch.load(Relaxed) != service::epoch();
    let running = bits & RUNNING != 0 && !lost;
    let remains = if running { Remains(None, null_mut()) } else { withdraw(&mut service, timer, bits) };
    // Whoever runs it takes care of the argument and the slot, since it finds the handle dead.
    let closed = close(timer, !running);
    drop(service);
    remains.destroy();
    closed
}

/// Ends the handle, unless somebody else was first, and the slot's use if it is `free`.
fn close(timer: Live<Timer>, free: bool) -> Result {
    loop {
        let bits = timer.bits()?;
        if Timer::table().close(timer, bits & !OPEN) {
            if bits & AWAITED != 0 {
                park::wake(&timer.slot.head.state, u32::MAX);
            }
            break;
        }
    }
    if free {
        crate::sync::recycle(timer, thread::known());
    }
    Ok(())
}
