//! Running one task: its failure is kept, its argument destroyed, its end told, also when it is left by force.

use super::body::Body;
use super::callbacks;
use super::future::{self, Future};
use super::parallel;
use super::word;
use super::work;
use super::worker::Worker;
use crate::atomic::Ordering::*;
use crate::error::Error;
use crate::frame::{self, Callback, Left, Target};
use crate::slot::Slot;
use crate::sys::tools;
use crate::thread::failure::{self, Failure};
use crate::thread::hooks;
use crate::thread::text::Text;
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::ptr::null_mut;

/// What runs.
#[derive(Clone, Copy)]
pub(super) enum What {
    Callback(Callback),
    Task(&'static Slot<Future>, u32, Place),
    /// A target whose failure somebody else books, who is told of it with his pointer.
    Part {
        target: Target,
        owner: *const c_void,
        ended: fn(*const c_void, Ended),
    },
}

/// Where a task runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Under nothing but the thread's own loop, which looks for work as soon as the task is done.
    Loop,
    /// Inside something of the user's, which goes on afterwards.
    Inside,
}

/// How a part has ended.
pub(super) struct Ended<'a> {
    pub(super) result: *mut c_void,
    pub(super) failure: &'a mut Failure,
    /// The code that ran it is left, too: what that had still to do is to be done now.
    pub(super) by_force: bool,
}

/// A task that runs; it lives on the stack of its thread.
pub(super) struct Running {
    pub(super) worker: *const Worker,
    pub(super) outer: *const Running,
    pub(super) what: What,
    arg: *mut c_void,
    failure: UnsafeCell<ManuallyDrop<Failure>>,
    outer_failure: *mut Failure,
    /// How often the thread had said that it waits outside.
    blocking: u32,
    /// The target has returned: what remains is the destructor.
    returned: Cell<bool>,
    result: Cell<*mut c_void>,
}

/// The code of a task that was left by `pthread_exit`, cancellation or an exception.
pub(super) const LEFT: i32 = Error::Cancelled.status();

/// Runs a callback of `execute`.
pub(super) fn callback(worker: &Worker, callback: Callback, arg: *mut c_void) {
    run(worker, What::Callback(callback), arg);
}

/// Runs the task of a future that the caller has claimed.
pub(super) fn task(worker: &Worker, slot: &'static Slot<Future>, index: u32, place: Place) {
    tools::acquire(&slot.head);
    run(worker, What::Task(slot, index, place), future::work(slot).1);
}

/// Runs a task to its end; here nothing may be dropped by unwinding, `was_left` clears up instead. Inlined, since copying
/// `what` soon after it was written makes the processor wait.
#[inline(always)]
pub(super) fn run(worker: &Worker, what: What, arg: *mut c_void) {
    let innermost = worker.innermost();
    let running = Running {
        worker,
        outer: worker.running.get(),
        what,
        arg,
        failure: UnsafeCell::new(ManuallyDrop::new(Failure::NONE)),
        outer_failure: innermost.get(),
        blocking: worker.blocking.get(),
        returned: Cell::new(false),
        result: Cell::new(null_mut()),
    };
    worker.running.set(&raw const running);
    innermost.set(running.failure.get().cast());
    hooks::task(worker.me, true, object(what));
    let context: *mut c_void = (&raw const running).cast_mut().cast();
    let left = Left { call: Some(was_left), context };
    // SAFETY: whoever queued the task promised that it may be called with `arg`; `running` outlives it.
    let result = unsafe {
        match what {
            What::Callback(callback) => {
                frame::call(callback, arg, left);
                null_mut()
            }
            What::Part { target, .. } => frame::target(target, arg, left),
            What::Task(slot, ..) => match future::work(slot).0 {
                Some(target) => frame::target(target, arg, left),
                None => null_mut(),
            },
        }
    };
    innermost.set(running.outer_failure);
    running.result.set(result);
    running.returned.set(true);
    if let Some(destructor) = worker.body().plan.arg_destructor {
        // SAFETY: the pool's maker promised that it may be called with the argument of each task, once.
        unsafe { frame::call(destructor, arg, left) };
    }
    settle(&running, false);
}

/// The object that a task is known by: its future.
fn object(what: What) -> u64 {
    match what {
        What::Task(slot, index, _) => {
            let generation = slot.head.state.load(Relaxed) >> 32;
            crate::slot::handle(crate::slot::kind::FUTURE, index, generation as u32)
        }
        _ => 0,
    }
}

/// The task is over: counts it, then tells whoever waits for it.
fn settle(running: &Running, by_force: bool) {
    // SAFETY: the worker outlives its tasks.
    let worker = unsafe { &*running.worker };
    worker.running.set(running.outer);
    while worker.blocking.get() > running.blocking {
        // The task forgot to say that it goes on.
        worker.blocking.set(worker.blocking.get() - 1);
        super::wait::unblock(worker);
    }
    match worker.seat() {
        Some(seat) => seat.done.store(seat.done.load(Relaxed) + 1, Relaxed),
        None => drop(worker.body().done_without_seat.fetch_add(1, Relaxed)),
    }
    hooks::task(worker.me, false, object(running.what));
    // SAFETY: the task has returned or was left, so nobody else refers to its failure.
    let failure = unsafe { &mut *running.failure.get() };
    match running.what {
        What::Callback(_) if failure.failed => {
            failure::report(worker.me.id(), failure.code, failure.message.as_c_str());
            failure.clear();
        }
        What::Callback(_) => {}
        What::Task(slot, index, place) => {
            if place == Place::Loop {
                work::start_finishing(worker);
            }
            let text = core::mem::replace(&mut failure.message, Text::EMPTY);
            let listed = match failure.failed {
                true => future::fail(slot, index, failure.code, text),
                false => word::finish(slot, index, running.result.get()),
            };
            if listed {
                if work::stop_finishing(worker) {
                    work::pass_on(worker.body());
                }
                callbacks::run(slot, index);
            }
        }
        What::Part { owner, ended, .. } => {
            ended(owner, Ended { result: running.result.get(), failure, by_force });
            failure.clear();
        }
    }
    tools::release(&worker.body().idle);
}

unsafe extern "C-unwind" fn was_left(running: *mut c_void) {
    // SAFETY: `run` passed a `Running` that outlives the passing.
    let running = unsafe { &*running.cast::<Running>() };
    // SAFETY: the worker outlives its tasks.
    let worker = unsafe { &*running.worker };
    worker.innermost().set(running.outer_failure);
    if !running.returned.replace(true) {
        // SAFETY: the task was left, so nobody else refers to its failure.
        let failure = unsafe { &mut *running.failure.get() };
        if !failure.failed && !matches!(running.what, What::Callback(_)) {
            (failure.failed, failure.code) = (true, LEFT);
        }
        destroy_argument(worker.body(), running.arg);
    }
    settle(running, true);
    leave_call(worker);
}

/// Something has been left by force: if it was all that the thread runs in place of one of the pool's, that is over.
pub(super) fn leave_call(worker: &Worker) {
    if worker.running.get().is_null() && worker.calls.replace(false) {
        worker.body().end_caller_run();
        parallel::leave(worker);
    }
}

/// Destroys the argument of a task that has ended, or will not run.
pub(super) fn destroy_argument(body: &Body, arg: *mut c_void) {
    if let Some(destructor) = body.plan.arg_destructor {
        // SAFETY: as in `run`.
        unsafe { frame::call(destructor, arg, frame::NOTHING) };
    }
}

/// Runs the pool's initializer on a thread that begins; false when it failed.
pub(super) fn initializer(worker: &Worker) -> bool {
    let body = worker.body();
    let Some(initializer) = body.plan.initializer else { return true };
    let left = |body: *mut c_void| {
        // SAFETY: passed below; the thread is a user of it.
        super::break_pool(unsafe { &*body.cast::<Body>() });
    };
    let arg = body.plan.initializer_arg;
    let context = worker.body.cast_mut().cast();
    let well = crate::thread::callback::action(worker.me, initializer, arg, left, context);
    if let (Ok(false), Ok(failure)) = (&well, failure::last(worker.me)) {
        failure::report(worker.me.id(), failure.code, failure.message.as_c_str());
    }
    well == Ok(true)
}
