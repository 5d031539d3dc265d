//! The profile hook: hears of threads that start and end, and of waits that begin and end.

use super::{HIDDEN, current, registry};
use crate::atomic::{AtomicU32, Ordering::*};
use crate::frame;
use crate::park::{self, Me};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;

/// What hears: event, thread, object (0 for none), and the user's pointer.
pub(crate) type Hook = unsafe extern "C-unwind" fn(i32, u64, u64, *mut c_void);

const THREAD_START: i32 = 1;
const THREAD_EXIT: i32 = 2;
const WAIT_BEGIN: i32 = 3;
const WAIT_END: i32 = 4;
const TASK_BEGIN: i32 = 5;
const TASK_END: i32 = 6;

struct Place(UnsafeCell<(Option<Hook>, *mut c_void)>);

// SAFETY: used under the registry's guard only.
unsafe impl Sync for Place {}

static HOOK: Place = Place(UnsafeCell::new((None, null_mut())));

/// Whether there is a hook, so that nobody need take the guard to find none.
static ON: AtomicU32 = AtomicU32::new(0);

/// Sets the hook; `None` switches it off.
pub(crate) fn set(hook: Option<Hook>, user: *mut c_void) {
    // SAFETY: under the guard this is the only use.
    registry::guarded(|| unsafe { *HOOK.0.get() = (hook, user) });
    ON.store(hook.is_some() as u32, Release);
    park::set_wait_hook(hook.map(|_| waits as park::WaitHook));
}

/// A thread has started: called by itself, before its target.
pub(super) fn thread_starts(me: Me) {
    tell(me, THREAD_START, 0);
}

/// A thread is about to end: called by itself.
pub(super) fn thread_exits(me: Me) {
    tell(me, THREAD_EXIT, 0);
}

/// A pool's task begins or ends: called by the thread that runs it, with its future if it has one.
#[inline(always)]
pub(crate) fn task(me: Me, begins: bool, object: u64) {
    if ON.load(Relaxed) != 0 {
        tell(me, if begins { TASK_BEGIN } else { TASK_END }, object);
    }
}

fn waits(me: Me, object: u64, begins: bool) {
    tell(me, if begins { WAIT_BEGIN } else { WAIT_END }, object);
}

/// Calls the hook, but not for what the hook itself does, and not for the library's own threads.
fn tell(me: Me, event: i32, object: u64) {
    if ON.load(Acquire) == 0 {
        return;
    }
    let Ok(control) = current::own(me) else { return };
    let hidden = super::thread(me.id()).and_then(|it| it.bits()).is_ok_and(|it| it & HIDDEN != 0);
    if hidden || control.own.in_hook.replace(true) {
        return;
    }
    // SAFETY: under the guard this is the only use.
    let (hook, user) = registry::guarded(|| unsafe { *HOOK.0.get() });
    if let Some(hook) = hook {
        // SAFETY: its giver promised that it may be called so.
        frame::hook(|| unsafe { hook(event, me.id(), object, user) });
    }
    control.own.in_hook.set(false);
}
