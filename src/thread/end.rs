//! The end of a thread, however it comes: return, pthread_exit, cancellation; foreign threads too.
//!
//! The destructor of a pthread key runs in each case. It lets three rounds of destructors pass, so that
//! those of the user's keys still find the thread alive, and does its work in the last.

use super::registry::{self, ALIVE};
use super::{Control, FOREIGN, GIVEN_UP, HIDDEN, control, current, hooks, local};
use crate::atomic::{AtomicU32, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::inside;
use crate::park::{Me, Record, records};
use crate::slot::{Object, find};
use crate::sync;
use crate::sys::{native, tools};
use core::ffi::c_void;

/// The key plus one; 0 until the first thread registers.
static KEY: AtomicU32 = AtomicU32::new(0);

/// POSIX promises at least this many rounds of key destructors.
const LAST_ROUND: u32 = 4;

/// The round in which a thread's end is told. ThreadSanitizer's own destructor ends the thread for it in the last one,
/// and it must hear of this before.
fn last_round() -> u32 {
    if tools::is_tsan() { LAST_ROUND - 1 } else { LAST_ROUND }
}

/// Makes the key, and whatever else must stand before the first thread is registered.
pub(super) fn prepare() -> Result {
    if KEY.load(Acquire) != 0 {
        return Ok(());
    }
    let key = native::make_key(ended)?;
    match KEY.compare_exchange(0, key + 1, AcqRel, Acquire) {
        Ok(_) => super::fork::prepare(),
        Err(_) => {
            native::drop_key(key);
            Ok(())
        }
    }
}

/// How many keys a thread has room for from the start; for the others glibc allocates it.
const ROOMY_KEYS: u32 = 32;

/// Whether a new thread may lack the memory to let its end be noticed.
pub(super) fn takes_memory() -> bool {
    KEY.load(Acquire) > ROOMY_KEYS
}

/// Lets `ended` run when the calling thread ends.
pub(super) fn arm(record: &'static Record) -> Result {
    let key = KEY.load(Acquire).checked_sub(1).ok_or(Error::Internal)?;
    native::set_key(key, (record as *const Record).cast())
}

/// The calling thread ends without having been one of ours: see start.rs.
pub(super) fn disarm() {
    if let Some(key) = KEY.load(Acquire).checked_sub(1) {
        let _ = native::set_key(key, core::ptr::null());
    }
    current::leave(false);
}

unsafe extern "C" fn ended(record: *mut c_void) {
    // SAFETY: the key's value is this thread's own record.
    let me = unsafe { Me::new(&*record.cast::<Record>()) };
    inside(|| come_by(me));
}

/// A round of destructors.
fn come_by(me: Me) {
    let Ok(control) = control(me.id()) else { return };
    let round = control.own.rounds.get() + 1;
    control.own.rounds.set(round);
    control.own.innermost.set(core::ptr::null_mut());
    if round == 1 {
        super::start::finish_argument(me.id());
    }
    local::run_destructors(me);
    if round < last_round() && arm(me.record()).is_ok() {
        return;
    }
    hooks::thread_exits(me);
    finish(me, control);
}

/// Takes the thread out of everything that knows it; from the last step on joiners go on.
fn finish(me: Me, control: &Control) {
    let Ok(thread) = find::<super::Thread>(me.id()) else { return };
    local::drop_table(me);
    while let Some((kind, index)) = me.cache().drain() {
        sync::push_free(kind, index);
    }
    // SAFETY: this thread's own, and it does not come back here.
    unsafe {
        *control.own.error_text.get() = super::text::Text::EMPTY;
        (*control.own.last_failure.get()).clear();
    }
    let mourner = control.own.mourner.take();
    me.wake_deferred();
    let (id, held) = (me.id(), me.held());
    current::leave(true);
    tools::release(me.record());
    me.record().bury();
    if held > 0 {
        tell_waiters_of(id);
    }
    let hidden = thread.bits().is_ok_and(|bits| bits & HIDDEN != 0);
    if !hidden {
        ALIVE.fetch_sub(1, Relaxed);
    }
    // Nobody will destroy it; but the main thread's handle stays good for ever.
    let over = thread.end().is_ok_and(|bits| bits & (GIVEN_UP | FOREIGN) != 0);
    if over && !registry::is_main(id) {
        registry::forget(thread);
    }
    if let Some((hears, about)) = mourner {
        hears(about);
    }
}

/// Those who wait for something that the dead thread `owner` held look again, and succeed it.
fn tell_waiters_of(owner: u64) {
    super::Thread::table().each(|thread| {
        let Some(record) = records().at(crate::slot::index_of(thread.id)) else { return };
        let waited_for = record.held_up().map_or(0, |(_, wait)| wait.object);
        if sync::awaited_owner(waited_for) == Some(owner) {
            sync::look_again(waited_for);
        }
    });
}
