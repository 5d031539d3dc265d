//! Making threads and starting them, on their own or on the caller's stack.

use super::attributes::Wishes;
use super::current::{self, adopt};
use super::failure::{self, Failure};
use super::text::Text;
use super::{
    AWAITED, Control, DAEMON, ENDED, FAILED, FOREIGN, GIVEN_UP, HIDDEN, Handle, STARTED, WORKER, control,
    end, exit, hooks, registry, thread,
};
use crate::atomic::{AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::{self, Callback, Left, NOTHING, Target};
use crate::park::{self, Me, records};
use crate::slot::index_of;
use crate::sys::native;
use core::ffi::{c_char, c_void};
use core::ptr::null_mut;
use std::alloc::{Layout, alloc, dealloc};

/// What a new thread is to be.
pub(crate) struct Plan<'a> {
    pub(crate) target: Target,
    pub(crate) arg: *mut c_void,
    /// Empty for one that the library gives.
    pub(crate) name: &'a str,
    /// `None`: as the creator is.
    pub(crate) daemon: Option<bool>,
    pub(crate) stack_size: usize,
    /// Bytes of `arg` to copy; 0 passes the pointer itself.
    pub(crate) arg_size: usize,
    pub(crate) arg_destructor: Option<Callback>,
    pub(crate) wishes: Wishes,
}

/// The smallest stack: Python's.
pub(crate) const SMALLEST_STACK: usize = 32 * 1024;

/// The stack size of threads that name none; 0 is the system's default.
static STACK_SIZE: AtomicU64 = AtomicU64::new(0);

/// Sets the stack size of threads made from now on; says what it was.
pub(crate) fn set_stack_size(bytes: usize) -> Result<usize> {
    if bytes != 0 && bytes < SMALLEST_STACK {
        return Err(Error::BadStack);
    }
    Ok(STACK_SIZE.swap(bytes as u64, Relaxed) as usize)
}

/// What a copied argument is aligned to.
const COPY_ALIGNMENT: usize = 16;

/// Makes a thread that is not started; on failure the argument stays the caller's.
pub(crate) fn create(me: Me, plan: Plan) -> Result<Handle> {
    if plan.stack_size != 0 && plan.stack_size < SMALLEST_STACK {
        return Err(Error::BadStack);
    }
    let copy = copy_argument(plan.arg, plan.arg_size)?;
    let daemon = match plan.daemon {
        Some(daemon) => daemon,
        None => current::handle(me)?.is_daemon()?,
    };
    let (arg, size) = (if copy.is_null() { plan.arg } else { copy.cast() }, plan.arg_size);
    let made = registry::create(if daemon { DAEMON } else { 0 }, "Thread", plan.name, |shared| {
        shared.target = Some(plan.target);
        shared.arg = arg;
        shared.arg_destructor = plan.arg_destructor;
        shared.copy = copy;
        shared.copy_size = size;
        shared.stack_size = plan.stack_size;
        shared.wishes = plan.wishes;
        Ok(())
    });
    if made.is_err() {
        free_copy(copy, size);
    }
    made
}

fn copy_argument(arg: *mut c_void, size: usize) -> Result<*mut u8> {
    if size == 0 {
        return Ok(null_mut());
    }
    if arg.is_null() {
        return Err(Error::NullArgument);
    }
    let layout = Layout::from_size_align(size, COPY_ALIGNMENT).map_err(|_| Error::NoMemory)?;
    // SAFETY: the layout is not of size zero.
    let copy = unsafe { alloc(layout) };
    if copy.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: the caller promised that `arg` has `size` bytes; `copy` is new.
    unsafe { copy.copy_from_nonoverlapping(arg.cast(), size) };
    Ok(copy)
}

fn free_copy(copy: *mut u8, size: usize) {
    if !copy.is_null() {
        // SAFETY: `copy_argument` allocated it with this very layout, which was valid then.
        unsafe { dealloc(copy, Layout::from_size_align_unchecked(size, COPY_ALIGNMENT)) };
    }
}

/// An argument that its thread does not need any more.
pub(super) struct Argument {
    destructor: Option<Callback>,
    arg: *mut c_void,
    copy: *mut u8,
    size: usize,
}

/// Takes the argument of `id` away, if that has not been done.
pub(super) fn take_argument(id: u64) -> Option<Argument> {
    let thread = thread(id).ok()?;
    let taken = registry::shared(thread, |shared| {
        let copy = core::mem::replace(&mut shared.copy, null_mut());
        let (destructor, arg, size) = (shared.arg_destructor.take(), shared.arg, shared.copy_size);
        Ok(Argument { destructor, arg, copy, size })
    });
    taken.ok()
}

impl Argument {
    /// Destroys it and frees the copy; runs user code.
    pub(super) fn finish(self) {
        if let Some(destructor) = self.destructor {
            // SAFETY: its giver promised that it may be called with `arg`, once.
            unsafe { frame::call(destructor, self.arg, NOTHING) };
        }
        free_copy(self.copy, self.size);
    }
}

/// Destroys and frees the argument of `id`, if that has not been done; runs user code.
pub(super) fn finish_argument(id: u64) {
    if let Some(argument) = take_argument(id) {
        argument.finish();
    }
}

/// Starts it: from then on it lives. If that fails it is as before, and may be tried again.
pub(crate) fn start(thread: Handle) -> Result {
    end::prepare()?;
    exit::prepare()?;
    claim(thread)?;
    let begun = begin(thread);
    if begun.is_err() {
        unclaim(thread);
    }
    begun
}

/// Starts a thread of the library's own: not enumerated, not waited for, not reached by signals.
pub(crate) fn start_own(name: &str, target: Target) -> Result {
    let thread = registry::create(DAEMON | HIDDEN | GIVEN_UP, "", name, |shared| {
        shared.target = Some(target);
        Ok(())
    })?;
    let begun = native::with_signals_blocked(|| {
        end::prepare()?;
        thread.update(|bits| Ok(bits | STARTED))?;
        begin(thread)
    });
    begun.inspect_err(|_| registry::forget(thread))
}

/// What a pool's new thread is to be.
pub(crate) struct WorkerPlan<'a> {
    pub(crate) name: &'a str,
    pub(crate) target: Target,
    pub(crate) arg: *mut c_void,
    pub(crate) daemon: bool,
    pub(crate) stack_size: usize,
    /// Its niceness; 0: as the thread that starts it.
    pub(crate) nice: i32,
}

/// Starts a thread of a pool: enumerated, but not reached by signals, and nobody's to destroy.
pub(crate) fn start_worker(plan: WorkerPlan) -> Result {
    end::prepare()?;
    exit::prepare()?;
    let daemon = if plan.daemon { DAEMON } else { 0 };
    let thread = registry::create(daemon | GIVEN_UP | WORKER, "", plan.name, |shared| {
        shared.target = Some(plan.target);
        shared.arg = plan.arg;
        shared.stack_size = plan.stack_size;
        shared.wishes.nice = Some(plan.nice).filter(|&nice| nice != 0);
        Ok(())
    })?;
    registry::ALIVE.fetch_add(1, Relaxed);
    let begun = native::with_signals_blocked(|| {
        thread.update(|bits| Ok(bits | STARTED))?;
        begin(thread)
    });
    begun.inspect_err(|_| {
        registry::ALIVE.fetch_sub(1, Relaxed);
        registry::forget(thread);
    })
}

/// Makes a thread and starts it; if either fails there is none, and the argument stays the caller's.
pub(crate) fn spawn(me: Me, plan: Plan) -> Result<Handle> {
    let thread = create(me, plan)?;
    start(thread).inspect_err(|_| abandon(thread))?;
    Ok(thread)
}

/// Forgets a thread that could not be started, with the copy of its argument, but not the argument itself.
fn abandon(thread: Handle) {
    let _ = registry::shared(thread, |shared| {
        shared.arg_destructor = None;
        Ok(())
    });
    let _ = destroy(thread);
}

/// The first to come starts it.
fn claim(thread: Handle) -> Result {
    thread.update(|bits| match bits & (STARTED | ENDED | GIVEN_UP) {
        0 => Ok(bits | STARTED),
        GIVEN_UP => Err(Error::StaleHandle),
        _ => Err(Error::Started),
    })?;
    registry::ALIVE.fetch_add(1, Relaxed);
    Ok(())
}

fn unclaim(thread: Handle) {
    registry::ALIVE.fetch_sub(1, Relaxed);
    let before = thread.update(|bits| Ok(bits & !(STARTED | AWAITED)));
    if before.is_ok_and(|bits| bits & AWAITED != 0) {
        park::wake(&thread.slot.head.state, u32::MAX);
    }
}

fn begin(thread: Handle) -> Result {
    let control = control(thread.id)?;
    control.set_native(0);
    records().at(index_of(thread.id)).ok_or(Error::Internal)?.adopt(thread.id);
    let (stack_size, wishing) =
        registry::shared(thread, |shared| Ok((shared.stack_size, shared.wishes.any())))?;
    // What may be refused is heard of before the start is over.
    let listening = wishing || end::takes_memory();
    control.report.store(if listening { AWAITED_REPORT } else { UNHEARD }, Relaxed);
    let stack_size = if stack_size == 0 { STACK_SIZE.load(Relaxed) as usize } else { stack_size };
    native::start(trampoline, control as *const Control as *mut c_void, stack_size)?;
    if !listening {
        return Ok(());
    }
    loop {
        match control.report.load(Acquire) {
            AWAITED_REPORT => park::doze(&control.report, AWAITED_REPORT as u32),
            GRANTED => return Ok(()),
            refused => return Err(Wishes::refusal(refused - REFUSED)),
        }
    }
}

/// Values of `Control::report`: nobody listens; the starter does; the wishes are granted; or they are
/// refused for the reason with the number above this.
const UNHEARD: u64 = 0;
const AWAITED_REPORT: u64 = 1;
const GRANTED: u64 = 2;
const REFUSED: u64 = 3;

/// Where every thread that the library starts begins. Nothing here has a destructor: the target may
/// end the thread by force.
extern "C-unwind" fn trampoline(control: *mut c_void) -> *mut c_void {
    // SAFETY: `begin` passes a `Control`, and its memory is never given back.
    let control = unsafe { &*control.cast::<Control>() };
    frame::inside(|| {
        // The starter has put the thread's number into the record of the same index.
        if let Some(me) = settle(control) {
            hooks::thread_starts(me);
            run_target(me);
        }
    });
    null_mut()
}

/// Makes the new thread known and grants its wishes; `None`: refused, so it never was.
fn settle(control: &'static Control) -> Option<Me> {
    let thread = thread(control.id.load(Acquire)).ok()?;
    let granted = adopt(thread).and_then(|()| grant_wishes(thread));
    if granted.is_err() {
        end::disarm();
        control.set_native(0);
    }
    let me = if granted.is_ok() { current::known() } else { None };
    match (control.report.load(Acquire), granted) {
        (UNHEARD, Ok(())) => {}
        (UNHEARD, Err(_)) => was_not_adopted(thread),
        (_, granted) => {
            // From here on a refused thread is nobody's: it only returns.
            control.report.store(granted.map_or_else(|error| REFUSED + error as u64, |()| GRANTED), Release);
            park::wake(&control.report, u32::MAX);
        }
    }
    me
}

/// Grants the wishes for the new thread, which calls this; refused, they are kept for the next start.
fn grant_wishes(thread: Handle) -> Result {
    let wishes = registry::shared(thread, |shared| {
        native::set_own_name(shared.name.as_str());
        Ok(core::mem::replace(&mut shared.wishes, Wishes::NONE))
    })?;
    if !wishes.any() {
        return Ok(());
    }
    wishes.grant().inspect_err(|_| {
        let _ = registry::shared(thread, |shared| {
            shared.wishes = wishes;
            Ok(())
        });
    })
}

/// There was no memory to notice the end of the new thread, and nobody waits to hear it: it has failed.
fn was_not_adopted(thread: Handle) {
    let _ = registry::shared(thread, |shared| {
        let code = Error::NoMemory.status();
        shared.failure = Failure { failed: true, code, message: Text::EMPTY };
        Ok(())
    });
    let _ = thread.update(|bits| Ok(bits | FAILED));
    finish_argument(thread.id);
    let _ = end_of_run(thread);
}

/// A target that runs: whose it is, and what was innermost around it.
struct Running {
    me: Me,
    target: Handle,
    outer: *mut Failure,
}

unsafe extern "C-unwind" fn was_left(running: *mut c_void) {
    // SAFETY: `run_as` passed a `Running` that lives while the target runs.
    let running = unsafe { &*running.cast::<Running>() };
    if let Ok(control) = current::own(running.me) {
        control.own.innermost.set(running.outer);
    }
    let _ = registry::shared(running.target, |shared| {
        if !shared.failure.failed {
            shared.failure = Failure { failed: true, code: CANCELLED, message: Text::EMPTY };
        }
        Ok(())
    });
    let _ = running.target.update(|bits| Ok(bits | FAILED));
}

/// The code of a target that was left by `pthread_exit`, cancellation or an exception.
const CANCELLED: i32 = Error::Cancelled.status();

fn run_target(me: Me) {
    let Ok(target) = current::handle(me) else { return };
    if let Some((code, message)) = run_as(me, target, was_left) {
        failure::report(target.id, code, message);
    }
    finish_argument(target.id);
}

/// Runs the target of `target` on this thread, and keeps its result, or its failure, which it returns.
fn run_as(me: Me, target: Handle, left: Callback) -> Option<(i32, *const c_char)> {
    let innermost = &current::own(me).ok()?.own.innermost;
    let control = control(target.id).ok()?;
    let taken = registry::shared(target, |shared| Ok((shared.target.take(), shared.arg)));
    let Ok((Some(function), arg)) = taken else { return None };
    let running = Running { me, target, outer: innermost.get() };
    // SAFETY: the shared part outlives the thread; only this thread writes the failure while it runs.
    innermost.set(unsafe { &raw mut (*control.shared.get()).failure });
    let left = Left { call: Some(left), context: (&raw const running).cast_mut().cast() };
    // SAFETY: the target's giver promised that it may be called with `arg`; `running` outlives it.
    let result = unsafe { frame::target(function, arg, left) };
    innermost.set(running.outer);
    let failed = registry::shared(target, |shared| {
        shared.result = result;
        let failure = &shared.failure;
        Ok(failure.failed.then(|| (failure.code, failure.message.as_c_str())))
    });
    let failed = failed.ok().flatten()?;
    let _ = target.update(|bits| Ok(bits | FAILED));
    Some(failed)
}

/// Runs the target here and now, as Python's `Thread.run`; afterwards the thread has ended.
pub(crate) fn run(me: Me, target: Handle) -> Result {
    claim(target)?;
    if let Ok(control) = control(target.id) {
        control.is_run_by_another();
    }
    run_as(me, target, run_was_left);
    finish_argument(target.id);
    if end_of_run(target)? & FAILED != 0 { Err(Error::Failed) } else { Ok(()) }
}

unsafe extern "C-unwind" fn run_was_left(running: *mut c_void) {
    // SAFETY: as in `was_left`.
    let target = unsafe { (*running.cast::<Running>()).target };
    // SAFETY: passed on.
    unsafe { was_left(running) };
    finish_argument(target.id);
    let _ = end_of_run(target);
}

/// The run is over: joiners go on.
fn end_of_run(target: Handle) -> Result<u32> {
    registry::ALIVE.fetch_sub(1, Relaxed);
    let before = target.end()?;
    if before & GIVEN_UP != 0 {
        registry::forget(target);
    }
    Ok(before)
}

/// Gives the handle up: a thread that runs runs on, one that never started is no more.
pub(crate) fn destroy(target: Handle) -> Result {
    let before = target.update(|bits| {
        if bits & (FOREIGN | GIVEN_UP) != 0 {
            return Err(Error::NotYours);
        }
        Ok(bits | GIVEN_UP)
    })?;
    // First the thread, then the argument: its destructor may be left by force.
    let argument = if before & STARTED == 0 { take_argument(target.id) } else { None };
    if before & (STARTED | ENDED) != STARTED {
        registry::forget(target);
    }
    if let Some(argument) = argument {
        argument.finish();
    }
    Ok(())
}
