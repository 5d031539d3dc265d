//! What the library calls back; each call is written down. `prelude.c` has the same functions in C.

use crate::abi::{self, Pointer};
use core::ffi::c_char;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Which callback was called, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Called {
    Target(usize),
    Destructor(usize),
    Callback(usize),
    Done(u64, usize),
    Predicate(usize),
    Action(usize),
    Hook(u64, i32),
}

static LOG: Mutex<Vec<Called>> = Mutex::new(Vec::new());

fn log(called: Called) {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).push(called);
}

/// What was called since the last time.
pub(crate) fn taken() -> Vec<Called> {
    std::mem::take(&mut *LOG.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(crate) unsafe extern "C-unwind" fn same(arg: Pointer) -> Pointer {
    log(Called::Target(arg as usize));
    arg
}

pub(crate) const FAILURE: (i32, &str) = (41, "fäils");

pub(crate) unsafe extern "C-unwind" fn fails(arg: Pointer) -> Pointer {
    log(Called::Target(arg as usize));
    // SAFETY: the text ends with a NUL.
    unsafe { abi::threading_fail(41, c"fäils".as_ptr()) };
    arg
}

unsafe extern "C-unwind" {
    fn pthread_exit(value: Pointer) -> !;
}

pub(crate) unsafe extern "C-unwind" fn leaves(arg: Pointer) -> Pointer {
    log(Called::Target(arg as usize));
    // SAFETY: nothing on this stack has a destructor to run.
    unsafe { pthread_exit(arg) }
}

pub(crate) unsafe extern "C-unwind" fn ends(arg: Pointer) {
    log(Called::Destructor(arg as usize));
}

pub(crate) unsafe extern "C-unwind" fn called(arg: Pointer) {
    log(Called::Callback(arg as usize));
}

pub(crate) unsafe extern "C-unwind" fn done(future: u64, arg: Pointer) {
    log(Called::Done(future, arg as usize));
}

pub(crate) unsafe extern "C-unwind" fn never(arg: Pointer) -> i32 {
    log(Called::Predicate(arg as usize));
    0
}

pub(crate) unsafe extern "C-unwind" fn always(arg: Pointer) -> i32 {
    log(Called::Predicate(arg as usize));
    1
}

pub(crate) unsafe extern "C-unwind" fn succeeds(arg: Pointer) -> i32 {
    log(Called::Action(arg as usize));
    0
}

pub(crate) unsafe extern "C-unwind" fn refuses(arg: Pointer) -> i32 {
    log(Called::Action(arg as usize));
    77
}

pub(crate) unsafe extern "C-unwind" fn raises(arg: Pointer) -> i32 {
    log(Called::Action(arg as usize));
    // SAFETY: the text ends with a NUL.
    unsafe { abi::threading_fail(42, c"raised".as_ptr()) }
}

/// Which gates are open; their numbers are never used again.
static OPEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static OPENED: Condvar = Condvar::new();

/// The gate that a task came to last.
static REACHED: AtomicUsize = AtomicUsize::new(0);

/// Before a task is sent to a gate: numbers come again with each input.
pub(crate) fn forget_reached() {
    REACHED.store(0, Ordering::SeqCst);
}

/// Whether a task stands at this gate, or has.
pub(crate) fn is_reached(number: usize) -> bool {
    REACHED.load(Ordering::SeqCst) == number
}

/// A task that goes on until its gate is opened.
pub(crate) unsafe extern "C-unwind" fn gate(number: Pointer) {
    REACHED.store(number as usize, Ordering::SeqCst);
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    while !open.contains(&(number as usize)) {
        open = OPENED.wait(open).unwrap_or_else(PoisonError::into_inner);
    }
    open.retain(|one| *one != number as usize);
}

pub(crate) fn open_gate(number: usize) {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner).push(number);
    OPENED.notify_all();
}

pub(crate) unsafe extern "C-unwind" fn hook(thread: u64, code: i32, _: *const c_char, _: Pointer) {
    log(Called::Hook(thread, code));
}
