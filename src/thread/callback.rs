//! Waits that run user code: a barrier's action can fail, and can be left by force without harm.

use super::failure::{self, Failure};
use super::{current, text::Text};
use crate::atomic::AtomicU64;
use crate::error::{Error, Result};
use crate::frame::{self, Ask, Callback, Left, NOTHING};
use crate::park::{Me, Wait, Woken};
use crate::slot::Live;
use crate::sync::barrier::{Barrier, Turn};
use crate::sync::condition::Condition;
use crate::time::Timeout;
use core::ffi::c_void;

/// An action that runs: its place for a failure, and what must be put right when it is left.
struct Running {
    me: Me,
    outer: *mut Failure,
    failure: Failure,
    left: fn(*mut c_void),
    context: *mut c_void,
}

unsafe extern "C-unwind" fn was_left(context: *mut c_void) {
    // SAFETY: `action` passed a `Running` that lives while the callback runs.
    let running = unsafe { &mut *context.cast::<Running>() };
    if let Ok(control) = current::own(running.me) {
        control.own.innermost.set(running.outer);
    }
    running.failure.clear();
    (running.left)(running.context);
}

/// Runs `action`; says whether it did well. A failure is kept for `threading_last_failure`.
///
/// `left` is called with `context` when the action is left by force instead.
pub(crate) fn action(
    me: Me,
    action: Ask,
    arg: *mut c_void,
    left: fn(*mut c_void),
    context: *mut c_void,
) -> Result<bool> {
    let control = current::own(me)?;
    let outer = control.own.innermost.get();
    let running = Running { me, outer, failure: Failure::NONE, left, context };
    // Nothing here may be dropped by unwinding: `was_left` clears what there is instead.
    let mut running = core::mem::ManuallyDrop::new(running);
    let place: *mut Running = &mut *running;
    // SAFETY: `place` points to `running`, which outlives the callback.
    control.own.innermost.set(unsafe { &raw mut (*place).failure });
    let left = Left { call: Some(was_left), context: place.cast() };
    // SAFETY: the action's giver promised that it may be called with `arg`; `place` is as above.
    let answer = unsafe { frame::ask(action, arg, left) };
    control.own.innermost.set(outer);
    // SAFETY: the callback has returned, so nobody else refers to it.
    let failure = core::mem::replace(unsafe { &mut (*place).failure }, Failure::NONE);
    if failure.failed {
        failure::remember(control, failure);
        return Ok(false);
    }
    if answer != 0 {
        failure::remember(control, Failure { failed: true, code: answer, message: Text::EMPTY });
    }
    Ok(answer == 0)
}

/// Runs a timer's callback on one of the library's threads; a failure goes to the excepthook.
pub(crate) fn run_timer(
    me: Me,
    timer: u64,
    callback: Callback,
    arg: *mut c_void,
    left: fn(*mut c_void),
    context: *mut c_void,
) {
    let Ok(control) = current::own(me) else { return };
    let outer = control.own.innermost.get();
    let running = Running { me, outer, failure: Failure::NONE, left, context };
    let mut running = core::mem::ManuallyDrop::new(running);
    let place: *mut Running = &mut *running;
    // SAFETY: `place` points to `running`, which outlives the callback.
    control.own.innermost.set(unsafe { &raw mut (*place).failure });
    control.own.timer.set(timer);
    let left = Left { call: Some(was_left), context: place.cast() };
    // SAFETY: the callback's giver promised that it may be called with `arg`; `place` is as above.
    unsafe { frame::call(callback, arg, left) };
    control.own.timer.set(0);
    control.own.innermost.set(outer);
    // SAFETY: the callback has returned, so nobody else refers to it.
    let failure = unsafe { &mut (*place).failure };
    if failure.failed {
        failure::report(me.id(), failure.code, failure.message.as_c_str());
        failure.clear();
    }
}

/// The timer whose callback runs on this thread, 0 for none.
pub(crate) fn running_timer(me: Me) -> u64 {
    current::own(me).map_or(0, |control| control.own.timer.get())
}

/// Waits at the barrier; the party that comes last runs the action on its own stack.
pub(crate) fn barrier_wait(me: Me, barrier: Live<Barrier>, timeout: Timeout) -> Result<i64> {
    let (index, round, run, arg) = match barrier.arrive(me, timeout)? {
        Turn::Passed(index) => return Ok(index),
        Turn::Act { index, round, action, arg } => (index, round, action, arg),
    };
    let acting = Acting { me, barrier, round };
    let well = action(me, run, arg, acting_was_left, (&raw const acting).cast_mut().cast())?;
    barrier.acted(me, round, well).map(|()| index)
}

/// A barrier whose action runs.
struct Acting {
    me: Me,
    barrier: Live<Barrier>,
    round: u32,
}

/// The acting party is gone: the barrier breaks for the others.
fn acting_was_left(acting: *mut c_void) {
    // SAFETY: `barrier_wait` passed an `Acting` that lives while the action runs.
    let acting = unsafe { &*acting.cast::<Acting>() };
    let _ = acting.barrier.acted(acting.me, acting.round, false);
}

/// Waits on the condition until `predicate` says yes. It is asked with the lock held, first before any
/// wait; when it is left by force, the lock stays held, as by any code of the holder's.
pub(crate) fn wait_for(
    me: Me,
    condition: Live<Condition>,
    predicate: Ask,
    arg: *mut c_void,
    timeout: Timeout,
) -> Result {
    let under = condition.under()?;
    if !under.mine(me) {
        return Err(Error::NotOwner);
    }
    let began = crate::time::now();
    let deadline = timeout.deadline_from(began);
    let mut dead_owner = false;
    loop {
        // SAFETY: the predicate's giver promised that it may be called with `arg`.
        if unsafe { frame::ask(predicate, arg, NOTHING) } != 0 {
            break;
        }
        match condition.wait(me, under, Wait::begin_until(me, condition.id, began, deadline)) {
            Ok(()) => {}
            Err(Error::OwnerDead) => dead_owner = true,
            // SAFETY: as above.
            Err(Error::Timeout) => match unsafe { frame::ask(predicate, arg, NOTHING) } {
                _ if dead_owner => break,
                0 => return Err(Error::Timeout),
                _ => break,
            },
            Err(error) => return Err(error),
        }
    }
    if dead_owner { Err(Error::OwnerDead) } else { Ok(()) }
}

/// Sleeps as long as `timeout` says; a sleep that ends at its time has gone well.
pub(crate) fn sleep(me: Me, timeout: Timeout) -> Result {
    if timeout.is_zero() {
        return Ok(());
    }
    let wait = Wait::begin(me, me.id(), timeout);
    let word = AtomicU64::new(0);
    while wait.sleep(&word, 0) != Woken::TimedOut {}
    Ok(())
}
