//! What stands for the system when shuttle chooses who runs: threads, their local words, the futex and the clock.
//!
//! Threads take turns at each atomic access and never between, so what is here needs no guard of its own. Time passes
//! only when a sleep ends by its deadline, which may be at any moment after it began.

use super::Errno;
use core::sync::atomic::{AtomicI64, Ordering::Relaxed};
use shuttle::rand::Rng;
use std::sync::{Mutex, MutexGuard, PoisonError};

static NOW: AtomicI64 = AtomicI64::new(1);

pub(crate) fn monotonic_nanos() -> i64 {
    NOW.load(Relaxed)
}

pub(crate) fn yield_now() {
    shuttle::thread::yield_now();
}

/// What is shared by the threads of a schedule, and used between their turns.
fn within<T>(place: &'static Mutex<T>) -> MutexGuard<'static, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Before a schedule: nothing is left of the one before, which may have been given up.
pub(crate) fn begin() {
    within(&futex::SLEEPERS).clear();
}

/// Sleeping: those who sleep stand in one queue, each with the address of its word.
pub(crate) mod futex {
    use super::*;
    use shuttle::thread::{self, Thread};

    pub(super) struct Sleeper {
        thread: Thread,
        word: usize,
    }

    pub(super) static SLEEPERS: Mutex<Vec<Sleeper>> = Mutex::new(Vec::new());

    /// One in so many turns of one who sleeps ends its time.
    const TURNS: u32 = 8;

    fn compare(word: *const u32, expected: u32) -> bool {
        // SAFETY: the word is readable for ever; no other thread runs meanwhile.
        unsafe { word.read_volatile() == expected }
    }

    pub(crate) fn wait(word: *const u32, expected: u32, deadline: Option<i64>) -> bool {
        thread::sleep(core::time::Duration::ZERO);
        if !compare(word, expected) && !crate::atomic::seeded(crate::atomic::Seed::Sleep) {
            return true;
        }
        let thread = thread::current();
        let me = thread.id();
        within(&SLEEPERS).push(Sleeper { thread, word: word.addr() });
        let sleeps = || within(&SLEEPERS).iter().position(|sleeper| sleeper.thread.id() == me);
        let Some(deadline) = deadline else {
            while sleeps().is_some() {
                thread::park();
            }
            return true;
        };
        while let Some(place) = sleeps() {
            if shuttle::rand::thread_rng().gen_range(0..TURNS) == 0 {
                within(&SLEEPERS).remove(place);
                NOW.fetch_max(deadline, Relaxed);
                return false;
            }
            thread::yield_now();
        }
        true
    }

    pub(crate) fn wake(word: *const u32, count: u32) -> u32 {
        let mut left = count as usize;
        let is_woken = |sleeper: &mut Sleeper| {
            left > 0 && sleeper.word == word.addr() && {
                left -= 1;
                true
            }
        };
        let woken: Vec<_> = within(&SLEEPERS).extract_if(.., is_woken).collect();
        // Each of these is a turn, too.
        woken.iter().for_each(|sleeper| sleeper.thread.unpark());
        woken.len() as u32
    }

    pub(crate) fn requeue(from: *const u32, expected: u32, to: *const u32) {
        let mut sleepers = within(&SLEEPERS);
        let found = sleepers.iter().position(|sleeper| sleeper.word == from.addr());
        if let Some(place) = found.filter(|_| compare(from, expected)) {
            let mut sleeper = sleepers.remove(place);
            sleeper.word = to.addr();
            sleepers.push(sleeper);
        }
    }
}

#[path = "tls.rs"]
pub(crate) mod tls;

#[path = "native.rs"]
mod real_native;

/// Threads, and what concerns the whole process, which has no end and no forks here.
pub(crate) mod native {
    pub(crate) use super::real_native::*;
    use super::tls;
    use crate::error::Result;
    use core::cell::Cell;
    use core::ffi::c_void;
    use core::ptr::null;
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    type Destructor = unsafe extern "C" fn(*mut c_void);

    /// The library makes one key.
    static DESTRUCTOR: AtomicUsize = AtomicUsize::new(0);

    shuttle::thread_local! {
        static KEPT: Cell<*const c_void> = Cell::new(null());
    }

    /// Lets a thread end as the system does: with rounds of key destructors.
    pub(crate) fn end_thread() {
        let destructor = DESTRUCTOR.load(Relaxed) as *const ();
        let mut kept = KEPT.with(|kept| kept.replace(null()));
        while !kept.is_null() {
            // SAFETY: only `make_key` stores there, which was given a `Destructor`; it takes what its maker set.
            unsafe { core::mem::transmute::<*const (), Destructor>(destructor)(kept.cast_mut()) };
            kept = KEPT.with(|kept| kept.replace(null()));
        }
    }

    pub(crate) fn start(entry: Entry, arg: *mut c_void, _: usize) -> Result {
        let arg = arg.expose_provenance();
        shuttle::thread::spawn(move || {
            entry(core::ptr::with_exposed_provenance_mut(arg));
            end_thread();
        });
        Ok(())
    }

    pub(crate) fn stack_base() -> usize {
        0
    }

    pub(crate) fn thread_id() -> u64 {
        tls::with(|block| core::ptr::from_ref(block).addr() as u32 as u64 | 1)
    }

    pub(crate) fn is_main() -> bool {
        false
    }

    pub(crate) fn set_own_name(_: &str) {}

    /// Models say what is wrong themselves.
    pub(crate) fn complain(_: &[u8]) {}

    pub(crate) fn make_key(destructor: Destructor) -> Result<u32> {
        DESTRUCTOR.store(destructor as usize, Relaxed);
        Ok(1)
    }

    pub(crate) fn drop_key(_: u32) {}

    pub(crate) fn set_key(_: u32, value: *const c_void) -> Result {
        KEPT.with(|kept| kept.set(value));
        Ok(())
    }

    pub(crate) fn at_fork(_: extern "C" fn(), _: extern "C" fn(), _: extern "C" fn()) -> Result {
        Ok(())
    }

    pub(crate) fn at_exit(_: extern "C" fn()) -> Result {
        Ok(())
    }

    pub(crate) fn with_signals_blocked<R>(work: impl FnOnce() -> R) -> R {
        work()
    }
}
