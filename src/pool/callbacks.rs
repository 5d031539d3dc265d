//! What is called when a future is done: once, in the order of adding, outside all locks.

use super::future::{self, Future};
use super::word;
use crate::atomic::Ordering::*;
use crate::error::{Error, Result};
use crate::frame::{self, Callback, Left, NOTHING};
use crate::park::Me;
use crate::slot::{Live, Slot};
use crate::sys::tools;
use crate::thread::{self, current};
use core::alloc::Layout;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::null_mut;
use std::alloc::{alloc, dealloc};

/// What is called with the future's number and the user's pointer.
pub(crate) type DoneCallback = unsafe extern "C-unwind" fn(u64, *mut c_void);

/// One callback in a future's list.
pub(crate) struct Node {
    callback: DoneCallback,
    arg: *mut c_void,
    destructor: Option<Callback>,
    next: *mut Node,
}

/// Lets `callback` be called when the future `id` is done: here and now if it is. On failure the argument stays the
/// caller's.
pub(crate) fn add(
    me: Me,
    id: u64,
    callback: DoneCallback,
    arg: *mut c_void,
    destructor: Option<Callback>,
) -> Result {
    future::with(id, Live::seen)?;
    // SAFETY: a `Node` is not of size zero.
    let place: *mut Node = unsafe { alloc(Layout::new::<Node>()) }.cast();
    if place.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: new memory of the right layout.
    unsafe { place.write(Node { callback, arg, destructor, next: null_mut() }) };
    let added = future::with(id, |future| list_or_call(me, future, place));
    if added.is_err() {
        // SAFETY: allocated above with this layout, and nobody has seen it.
        unsafe { dealloc(place.cast(), Layout::new::<Node>()) };
    }
    added
}

/// Hands over `place`, except on failure.
fn list_or_call(me: Me, future: Live<Future>, place: *mut Node) -> Result {
    if future.begin_listing(me)? {
        let first = &future.slot.body.callbacks;
        // SAFETY: `add` has written `place`; the list is this thread's until `end_listing`.
        unsafe { (*place).next = first.load(Relaxed) };
        first.store(place, Relaxed);
        future.end_listing();
    } else {
        call(place, future.id, None, 0);
    }
    Ok(())
}

/// A callback that is being called, and the rest that waits for it.
struct Run {
    node: Node,
    /// What the callback calls the future; 0 once it has given that up itself.
    number: Cell<u64>,
    /// The future, unless the callback came too late to stand in its list.
    slot: Option<&'static Slot<Future>>,
    index: u32,
    rest: *mut Node,
    /// Whether its handle was given up, so that the future is shown during the call only.
    hidden: Cell<bool>,
    /// The callback in which this one is called.
    outer: *const Run,
}

/// Where the running thread keeps its innermost callback.
fn innermost() -> Option<&'static Cell<*const c_void>> {
    current::own(thread::me().ok()?).ok().map(|control| &control.own.done_callback)
}

/// The running thread's callback that calls a future `id`.
fn called_with(id: u64) -> Option<&'static Run> {
    let mut at: *const Run = innermost()?.get().cast();
    // SAFETY: the runs of a thread stand on its own stack, as long as their callbacks run.
    while let Some(run) = unsafe { at.as_ref() } {
        if run.number.get() == id && run.slot.is_some() {
            return Some(run);
        }
        at = run.outer;
    }
    None
}

/// The future that a running callback calls `id`, although somebody else has given its handle up meanwhile.
pub(super) fn still_shown(id: u64) -> Option<Live<Future>> {
    let run = called_with(id)?;
    let (number, hidden) = word::show(run.slot?, run.index);
    run.hidden.set(run.hidden.get() | hidden);
    Some(Live { slot: run.slot?, id: number })
}

/// The handle `id` was given up here: a callback that knows the future by it has done so itself.
pub(super) fn given_up(id: u64) {
    if let Some(run) = called_with(id) {
        run.number.set(0);
    }
}

unsafe extern "C-unwind" fn call_done(run: *mut c_void) {
    // SAFETY: `call` passes a `Run` that lives during the call.
    let run = unsafe { &*run.cast::<Run>() };
    // SAFETY: its giver promised that it may be called with `arg`, once.
    unsafe { (run.node.callback)(run.number.get(), run.node.arg) };
}

unsafe extern "C-unwind" fn was_left(run: *mut c_void) {
    // SAFETY: as above; the `Run` outlives the passing.
    let run = unsafe { &*run.cast::<Run>() };
    called(run);
    if let Some(slot) = run.slot {
        call_all(run.rest, slot, run.index);
    }
}

/// Reads a node and frees it.
fn open(place: *mut Node) -> Node {
    // SAFETY: the caller hands over a node that `add` wrote and nobody else has.
    let node = unsafe { place.read() };
    // SAFETY: as above; its contents have been read.
    unsafe { dealloc(place.cast(), Layout::new::<Node>()) };
    node
}

/// Calls one callback, and says which is next; runs user code, so there is nothing to drop here.
fn call(place: *mut Node, number: u64, slot: Option<&'static Slot<Future>>, index: u32) -> *mut Node {
    let node = open(place);
    let rest = node.next;
    let (number, hidden) = slot.map_or((number, false), |slot| word::show(slot, index));
    let innermost = innermost();
    let outer = innermost.map_or(core::ptr::null(), |place| place.get().cast());
    let run = Run { node, number: Cell::new(number), slot, index, rest, hidden: Cell::new(hidden), outer };
    let context: *mut c_void = (&raw const run).cast_mut().cast();
    if let Some(place) = innermost {
        place.set(context);
    }
    // SAFETY: `call_done` takes the `Run`, which lives on this stack during the call and its passing.
    unsafe { frame::call(call_done, context, Left { call: Some(was_left), context }) };
    called(&run);
    rest
}

/// A callback has been called, or was left by force.
fn called(run: &Run) {
    if let Some(place) = innermost() {
        place.set(run.outer.cast());
    }
    if let Some(destructor) = run.node.destructor {
        // SAFETY: its giver promised that it may be called with `arg`, once.
        unsafe { frame::call(destructor, run.node.arg, NOTHING) };
    }
    if let Some(slot) = run.slot.filter(|_| run.hidden.get()) {
        word::hide(slot);
    }
}

/// Calls all callbacks from `first` on, and then lets the future go.
fn call_all(mut first: *mut Node, slot: &'static Slot<Future>, index: u32) {
    while !first.is_null() {
        first = call(first, 0, Some(slot), index);
    }
    word::let_go(slot, index, word::BUSY);
}

/// Takes the list of a done future and turns it round: the first added comes first.
fn take(slot: &Slot<Future>) -> *mut Node {
    let (mut rest, mut turned) = (slot.body.callbacks.swap(null_mut(), Acquire), null_mut());
    while !rest.is_null() {
        // SAFETY: nodes of `add`; the future is done or closed, so the list is the caller's alone.
        let next = unsafe { core::mem::replace(&mut (*rest).next, turned) };
        (turned, rest) = (rest, next);
    }
    turned
}

/// Calls all callbacks of a future that is done and `BUSY`, and then lets it go.
pub(super) fn run(slot: &'static Slot<Future>, index: u32) {
    tools::acquire(&slot.head);
    call_all(take(slot), slot, index);
}

/// The future ends without ever being done: its callbacks are not called, but their arguments destroyed.
pub(super) fn drop_all(slot: &Slot<Future>) {
    tools::acquire(&slot.head);
    let mut first = take(slot);
    while !first.is_null() {
        let node = open(first);
        if let Some(destructor) = node.destructor {
            // SAFETY: its giver promised that it may be called with `arg`, once.
            unsafe { frame::call(destructor, node.arg, NOTHING) };
        }
        first = node.next;
    }
}
