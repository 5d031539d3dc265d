//! Several functions at once: fork and join, on the caller's stack, without allocation.

use super::parallel::{self, Fork, Level};
use super::worker::{self, Worker};
use crate::atomic::Ordering::*;
use crate::error::{Error, Result};
pub(crate) use crate::frame::Task;
use crate::park::Me;
use crate::thread::current;
use crate::thread::failure::{self, Failure};
use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::ptr::{null, null_mut};

/// The second half of some tasks.
#[repr(C)]
struct Half {
    fork: Fork,
    tasks: *const [Task],
}

/// The second of two tasks.
#[repr(C)]
struct Other {
    fork: Fork,
    tasks: *const [Task; 2],
}

/// Two tasks inside of parallel work, a step of a recursion, in fewer steps than the general way; an error is the number of
/// the pool in which one has failed. `None`: they are not of this kind, or there is no room, and nothing was done.
#[inline(always)]
pub(crate) fn invoke_quick(me: Me, pool: u64, tasks: &[Task; 2]) -> Option<core::result::Result<(), u64>> {
    let worker = worker::of(me)?;
    // SAFETY: a seat lives as long as the body.
    let seat = unsafe { worker.seat_in_loop.get().as_ref() }?;
    if pool == 0 || worker.body().known_as.load(SeqCst) != pool {
        return None;
    }
    if tasks[0].callback.is_none() || tasks[1].callback.is_none() {
        return None;
    }
    let mut other = Other { fork: Fork::new(run_other), tasks };
    let (worker, fork) = parallel::push_quick(worker, seat, (&raw mut other).cast())?;
    // SAFETY: the fork of `other`, which is read again like `worker`: `push_quick` says why.
    let tasks = unsafe { &*(*fork.cast::<Other>()).tasks };
    let mut failure = ManuallyDrop::new(Failure::NONE);
    let level = Level::nested(worker, fork, &raw mut *failure);
    // SAFETY: the caller of `invoke` promised that each may be called with its argument; `between` gives the second.
    unsafe { parallel::call_pair(&level, &tasks[0]) };
    // From here on everything is read from the level: so no register need be kept for it meanwhile.
    level.worker().innermost().set(level.outer_failure);
    // SAFETY: all callbacks have returned, so nobody else refers to the failure.
    if unsafe { !(*level.failure).failed } {
        return Some(Ok(()));
    }
    Some(Err(failed_quick(&level)))
}

/// The second task of `invoke_quick`, if nobody has stolen it; NULL if somebody has, and by now it is done.
pub(super) unsafe extern "C-unwind" fn between(level: *mut c_void) -> *const Task {
    // SAFETY: `call_pair` passes its level, which lives on this stack, with the fork of an `Other`.
    let (level, task) = unsafe {
        let level = &*level.cast::<Level>();
        (level, &raw const (*(*level.fork.get().cast::<Other>()).tasks)[1])
    };
    if parallel::take_back_quick(level) { task } else { null() }
}

#[cold]
#[inline(never)]
fn failed_quick(level: &Level) -> u64 {
    let worker = level.worker();
    // SAFETY: it has failed, and nobody else refers to it; it is read once.
    let _ = failed(worker.me, unsafe { level.failure.read() });
    worker.body().id
}

unsafe fn run_other(fork: *mut Fork, level: &Level) {
    // SAFETY: only `invoke_quick` makes such forks, as the first field of an `Other`, and waits until this has returned.
    call(level, unsafe { &(*(*fork.cast::<Other>()).tasks)[1] });
}

/// Calls all of `tasks`, in parallel as far as there are threads; fails if one of them did.
#[inline(never)]
pub(crate) fn invoke(me: Me, pool: u64, tasks: &[Task]) -> Result {
    if tasks.iter().any(|task| task.callback.is_none()) {
        return Err(Error::NullCallback);
    }
    super::take_part(me, pool, |worker| outermost(worker, |level| run(level, tasks)))?
}

/// Runs `work` as the first step of some parallel work, and says whether anything in it has failed.
#[inline(always)]
pub(super) fn outermost(worker: &Worker, work: impl FnOnce(&Level)) -> Result {
    let mut failure = ManuallyDrop::new(Failure::NONE);
    let place: *mut Failure = &raw mut *failure;
    let level = Level::first(worker, null(), null_mut(), place);
    parallel::join(worker);
    let me = worker.me;
    work(&level);
    worker.innermost().set(level.outer_failure);
    parallel::leave(worker);
    // SAFETY: all callbacks have returned, so nobody else refers to the failure.
    if unsafe { !(*place).failed } {
        return Ok(());
    }
    // SAFETY: as above; it is read once.
    failed(me, unsafe { place.read() })
}

#[cold]
fn failed(me: Me, failure: Failure) -> Result {
    if let Ok(control) = current::own(me) {
        failure::remember(control, failure);
    }
    Err(Error::Failed)
}

/// Runs some tasks; `here` has split nothing off yet.
fn run(here: &Level, tasks: &[Task]) {
    match tasks {
        [] => {}
        [only] => call(here, only),
        _ => {
            let (first, second) = tasks.split_at(tasks.len().div_ceil(2));
            let mut half = Half { fork: Fork::new(run_half), tasks: second };
            let split = parallel::push(here, (&raw mut half).cast());
            run_inside(here, first);
            if !split || parallel::take_back(here) {
                run_inside(here, second);
            }
        }
    }
}

#[inline(always)]
fn run_inside(here: &Level, tasks: &[Task]) {
    match tasks {
        [only] => call(here, only),
        _ => run(&Level::inside(here), tasks),
    }
}

#[inline(always)]
fn call(here: &Level, task: &Task) {
    if let Task { callback: Some(callback), arg } = *task {
        // SAFETY: the caller of `invoke` promised that each may be called with its argument.
        unsafe { parallel::call(here, callback, arg) };
    }
}

unsafe fn run_half(fork: *mut Fork, level: &Level) {
    // SAFETY: only `run` makes such forks, as the first field of a `Half`, and waits until this has returned.
    let tasks = unsafe { &*(*fork.cast::<Half>()).tasks };
    run(&Level::inside(level), tasks);
}

/// The number of the running thread in its pool, if it is at work in one.
pub(crate) fn worker_index(me: Me) -> Option<u32> {
    let worker = worker::of(me)?;
    let at_work = worker.loops.get() > 0 || !worker.running.get().is_null();
    // Without a seat it works alone: nobody else has a number in this loop.
    at_work.then(|| worker.seat().map_or(0, |seat| seat.index))
}
