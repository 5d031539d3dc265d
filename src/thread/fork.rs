//! Around `fork`: the child has one thread, and everything that the others left is made good at once.
//!
//! README.md, "Fork", tells what the others can have left and why this finds all of it. It costs a step
//! for each thread, none for the objects that nobody was at.

use super::{
    AWAITED, DAEMON, ENDED, FOREIGN, HIDDEN, Handle, LOST, STARTED, Thread, control, current, registry,
};
use crate::atomic::{AtomicU32, AtomicUsize, Ordering::*};
use crate::error::{Error, Result};
use crate::frame;
#[cfg(not(any(loom, shuttle)))]
use crate::park::bare;
use crate::park::{Record, Spin, inside, records};
use crate::slot::{Object, index_of};
use crate::sync;
use crate::sys::{native, tls};
use core::cell::UnsafeCell;

/// The thread whose fork in progress holds the registry's guard; another one that forks may have given up.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The thread that forks, by the place of its thread-local block: the library need not know it.
fn this_thread() -> usize {
    tls::with(|block| core::ptr::from_ref(block).addr())
}

/// How often the guard is tried before a fork goes on without it: seconds, with turns for others.
const TRIES: u32 = 100_000;

/// 0: no handlers; 1: they are registered; 2: and there is something that they have to look after.
static HANDLERS: AtomicU32 = AtomicU32::new(NONE);
const NONE: u32 = 0;
const IDLE: u32 = 1;
const BUSY: u32 = 2;

/// Handlers that the program registers once this library has been loaded run before these ones' first step, and
/// after their others: the library is whole there, in the child too. So these come as early as anything can.
#[cfg(not(any(loom, shuttle)))]
#[used]
// SAFETY: functions of this signature are what the section holds; it is called once, when the library is loaded.
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array.00101"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
static AT_LOAD: extern "C" fn() = register;

extern "C" fn register() {
    // Without memory for them the first use tries again, and says so if it fails.
    let _ = handle_forks();
}

fn handle_forks() -> Result {
    if HANDLERS.compare_exchange(NONE, IDLE, AcqRel, Relaxed).is_ok() {
        native::at_fork(at_before, at_in_parent, at_in_child)
            .inspect_err(|_| HANDLERS.store(NONE, Release))?;
    }
    Ok(())
}

extern "C" fn at_before() {
    frame::inside(before);
}

extern "C" fn at_in_parent() {
    frame::inside(in_parent);
}

extern "C" fn at_in_child() {
    frame::inside(in_child);
}

/// Lets the three steps below run around every fork; before the first thread is known.
pub(super) fn prepare() -> Result {
    handle_forks()?;
    HANDLERS.store(BUSY, Release);
    #[cfg(not(any(loom, shuttle)))]
    bare::prepare(in_bare_child);
    Ok(())
}

/// Whether the calling thread's fork holds the registry's guard: a handler of the program's runs between these
/// ones, which were registered later than it.
pub(super) fn holds_guard() -> bool {
    let holder = HELD.load(Relaxed);
    holder != 0 && holder == this_thread()
}

/// A layer above that takes part: before the fork (does it hold what it must?), and after it.
#[derive(Clone, Copy)]
struct Participant {
    before: fn() -> bool,
    after: fn(child: bool, held: bool),
}

/// Room for those who take part beside the threads; filled once, in order.
static ALSO: [Place; 4] = [const { Place(UnsafeCell::new(None)) }; 4];

struct Place(UnsafeCell<Option<(Participant, bool)>>);

// SAFETY: written under the registry's guard, and by the forking thread between `before` and after.
unsafe impl Sync for Place {}

/// Lets a layer above take part in every fork from now on.
pub(crate) fn also(before: fn() -> bool, after: fn(child: bool, held: bool)) -> Result {
    super::end::prepare()?;
    // SAFETY: under the guard this is the only use.
    registry::guarded(|| unsafe {
        let free = ALSO.iter().find(|place| (*place.0.get()).is_none()).ok_or(Error::Internal)?;
        *free.0.get() = Some((Participant { before, after }, false));
        Ok(())
    })
}

/// Tries to do something for some seconds.
fn try_long(mut attempt: impl FnMut() -> bool) -> bool {
    let mut spin = Spin::short();
    for _ in 0..TRIES {
        if attempt() {
            return true;
        }
        if !spin.next() {
            crate::sys::yield_now();
        }
    }
    false
}

/// Visits those who take part; the registry's guard is held, or nobody else is there.
fn participants(mut visit: impl FnMut(&mut (Participant, bool))) {
    for place in &ALSO {
        // SAFETY: by the function's contract this is the only use.
        if let Some(participant) = unsafe { &mut *place.0.get() } {
            visit(participant);
        }
    }
}

/// What threads share is whole in the child if nobody is inside the guard now.
///
/// A fork in a signal handler may have interrupted this thread inside it: so it is tried, not taken.
fn before() {
    if HANDLERS.load(Acquire) != BUSY {
        return;
    }
    inside::suspend();
    if try_long(|| registry::GUARD.try_enter()) {
        HELD.store(this_thread(), Relaxed);
        participants(|(participant, held)| *held = try_long(participant.before));
    }
}

fn in_parent() {
    if HELD.compare_exchange(this_thread(), 0, Relaxed, Relaxed).is_ok() {
        participants(|(participant, held)| (participant.after)(false, *held));
        registry::GUARD.leave();
    }
    inside::resume();
}

fn in_child() {
    #[cfg(not(any(loom, shuttle)))]
    bare::is_good();
    make_good(true);
    inside::resume();
}

/// In a child that was forked without handlers, when its thread would wait for the first time.
#[cfg(not(any(loom, shuttle)))]
fn in_bare_child() {
    make_good(false);
}

/// In the child; `prepared`: the first step was taken before the fork.
fn make_good(prepared: bool) {
    HELD.store(0, Relaxed);
    registry::GUARD.reset();
    let me = current::known();
    let mine = me.map_or(0, |me| me.id());
    let others = |visit: &mut dyn FnMut(Handle, u32, &'static Record)| {
        Thread::table().each(|thread| {
            let (Ok(bits), Some(record)) = (thread.bits(), records().at(index_of(thread.id))) else {
                return;
            };
            if thread.id != mine && bits & (STARTED | ENDED) == STARTED {
                visit(thread, bits, record);
            }
        });
    };
    // First all are lost: what they own is then known to have no owner, whoever asks in the second step.
    others(&mut |_, _, record| record.lose());
    others(&mut |thread, _, record| {
        sync::make_good(record);
        if let Ok(control) = control(thread.id) {
            control.set_native(0);
        }
        let _ = thread.update(|bits| Ok((bits | ENDED | LOST) & !AWAITED));
    });
    registry::ALIVE.store(0, Relaxed);
    match current::known().map(|me| (me, current::handle(me))) {
        Some((me, Ok(thread))) => {
            me.forget_deferred();
            if let Ok(control) = control(me.id()) {
                control.set_native(native::thread_id());
            }
            let _ = thread.update(|bits| Ok((bits | FOREIGN) & !(DAEMON | HIDDEN | AWAITED)));
            registry::ALIVE.store(1, Relaxed);
            registry::set_main(me.id());
        }
        _ => registry::set_main(0),
    }
    participants(|(participant, held)| (participant.after)(true, prepared && *held));
}
