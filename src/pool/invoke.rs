//! Several functions at once: fork and join, on the caller's stack, without allocation.

use super::parallel::{self, Fork, Level};
use super::worker::{self, Worker};
use crate::error::{Error, Result};
use crate::frame::Callback;
use crate::park::Me;
use crate::slot::seek;
use crate::thread::current;
use crate::thread::failure::{self, Failure};
use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::ptr::{null, null_mut};

/// One function with its argument, as C passes it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Task {
    pub(crate) callback: Option<Callback>,
    pub(crate) arg: *mut c_void,
}

/// The second half of some tasks.
#[repr(C)]
struct Half {
    fork: Fork,
    tasks: *const [Task],
}

/// Two tasks inside of parallel work: a step of a recursion. `None`: they are not of this kind, and nothing was done.
#[inline(always)]
pub(crate) fn invoke_quick(me: Me, pool: u64, tasks: &[Task]) -> Option<Result> {
    let [first @ Task { callback: Some(one), .. }, second @ Task { callback: Some(other), .. }] = tasks
    else {
        return None;
    };
    let worker = super::at_work_in(me, pool, seek)?;
    (worker.loops.get() > 0).then(|| two(worker, (*one, first.arg), (*other, second)))
}

/// Does what the general way does, in fewer steps.
#[inline(always)]
fn two(worker: &Worker, (one, arg): (Callback, *mut c_void), (other, second): (Callback, &Task)) -> Result {
    let mut failure = ManuallyDrop::new(Failure::NONE);
    let place: *mut Failure = &raw mut *failure;
    let level = Level::first(worker, null(), null_mut(), place);
    let loops = worker.loops.get();
    worker.loops.set(loops + 1);
    let me = worker.me;
    let mut half = Half { fork: Fork::new(run_half), tasks: core::slice::from_ref(second) };
    let split = parallel::offer(&level, (&raw mut half).cast());
    // SAFETY: the caller of `invoke` promised that each may be called with its argument.
    unsafe { parallel::call_quick(&level, one, arg) };
    if !split || parallel::take_back(&level) {
        // SAFETY: as above.
        unsafe { parallel::call_quick(&level, other, second.arg) };
    }
    worker.innermost().set(level.outer_failure);
    worker.loops.set(loops);
    // SAFETY: all callbacks have returned, so nobody else refers to the failure.
    if unsafe { !(*place).failed } {
        return Ok(());
    }
    // SAFETY: as above; it is read once.
    failed(me, unsafe { place.read() })
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
