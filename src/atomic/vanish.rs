//! loom's atomics, before each access of which a thread of a model may vanish, as all but one do in a forked child.
//!
//! What a child gets of another thread's memory is what that thread had written until some moment: while the system
//! copies the tables of pages, a thread either still writes to what both will see, or waits until the copy is made.
//! So a thread of a model stops between two of its accesses, and whoever forks sees all that was before.

pub(crate) use loom::sync::atomic::{Ordering, fence};

use Ordering::*;
use loom::sync::atomic;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::AtomicU8;

/// How far the running execution is: nobody can vanish, somebody can, somebody has; or threads end, and nobody vanishes.
static STAGE: AtomicU8 = AtomicU8::new(NONE);
const NONE: u8 = 0;
const MORTAL: u8 = 1;
const FORKED: u8 = 2;
const ENDING: u8 = 3;

loom::lazy_static! {
    /// Not 0 after the fork. Looked at by exchanges only, which get the newest value.
    static ref FORK: atomic::AtomicU64 = atomic::AtomicU64::new(0);
}

loom::thread_local! {
    static IS_MORTAL: Cell<bool> = Cell::new(false);
}

/// What a thread is left with.
struct Vanished;

/// At the beginning of each execution.
pub(crate) fn begin() {
    STAGE.store(NONE, Relaxed);
}

/// In threads that do `work` so, before the fork: each access can be the last one. `None`: it was.
pub(crate) fn mortal<R>(work: impl FnOnce() -> R) -> Option<R> {
    IS_MORTAL.with(|mortal| mortal.set(true));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    IS_MORTAL.with(|mortal| mortal.set(false));
    match done {
        Ok(result) => Some(result),
        Err(reason) if reason.is::<Vanished>() => None,
        Err(reason) => panic::resume_unwind(reason),
    }
}

/// Before there are threads: some of them will be mortal.
pub(crate) fn expect_fork() {
    let _brought_into_being = FORK.load(Relaxed);
    STAGE.store(MORTAL, Relaxed);
}

/// Before there are threads: some of them will end, as threads do.
pub(crate) fn expect_ends() {
    STAGE.store(ENDING, Relaxed);
}

/// Whether threads of the running model may have ended.
pub(crate) fn may_have_ended() -> bool {
    STAGE.load(Relaxed) == ENDING
}

/// Those who are mortal take no step more. The caller sees all that they have done.
pub(crate) fn fork() {
    FORK.swap(1, Acquire);
    STAGE.store(FORKED, Relaxed);
}

/// Whether there was a fork.
pub(crate) fn has_forked() -> bool {
    STAGE.load(Relaxed) == FORKED
}

/// A thread that is not there any more goes no further.
pub(crate) fn step() {
    if STAGE.load(Relaxed) != NONE
        && IS_MORTAL.with(Cell::get)
        && !std::thread::panicking()
        && FORK.fetch_or(0, Release) != 0
    {
        panic::resume_unwind(Box::new(Vanished));
    }
}

macro_rules! with_steps {
    ($($name:ident $(<$of:ident>)?: $value:ty;)*) => {$(
        #[derive(Debug)]
        pub(crate) struct $name $(<$of>)? (atomic::$name $(<$of>)?);

        impl $(<$of>)? $name $(<$of>)? {
            pub(crate) fn new(value: $value) -> Self {
                $name(atomic::$name::new(value))
            }

            pub(crate) fn with_mut<R>(&mut self, change: impl FnOnce(&mut $value) -> R) -> R {
                self.0.with_mut(change)
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                step();
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                step();
                self.0.store(value, order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.swap(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                step();
                self.0.compare_exchange(old, new, success, failure)
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(old, new, success, failure)
            }

            pub(crate) fn fetch_update(
                &self,
                success: Ordering,
                failure: Ordering,
                change: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                step();
                self.0.fetch_update(success, failure, change)
            }
        }
    )*};
}

macro_rules! with_sums {
    ($($name:ident: $value:ty;)*) => {$(
        impl Default for $name {
            fn default() -> Self {
                $name::new(0)
            }
        }

        impl $name {
            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_add(value, order)
            }

            pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_sub(value, order)
            }

            pub(crate) fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_and(value, order)
            }

            pub(crate) fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                step();
                self.0.fetch_or(value, order)
            }
        }
    )*};
}

with_steps! {
    AtomicI64: i64;
    AtomicU32: u32;
    AtomicU64: u64;
    AtomicPtr<T>: *mut T;
}

with_sums! {
    AtomicI64: i64;
    AtomicU32: u32;
    AtomicU64: u64;
}

impl<T> Default for AtomicPtr<T> {
    fn default() -> Self {
        AtomicPtr::new(core::ptr::null_mut())
    }
}
