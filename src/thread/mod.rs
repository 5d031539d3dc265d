//! Threads: what the library knows of each, from its making to its end. README.md has the protocols.
//!
//! | bits        | meaning                                                                         |
//! |-------------|---------------------------------------------------------------------------------|
//! | `STARTED`   | start or run was called, or the thread was there before the library knew it      |
//! | `ENDED`     | it is no more; with `STARTED` alone it lives                                    |
//! | `FAILED`    | with `ENDED`: its target failed                                                 |
//! | `DAEMON`    | the process does not wait for it                                                |
//! | `FOREIGN`   | the library did not start it; nobody's to destroy                               |
//! | `GIVEN_UP`  | its creator destroyed the handle while it ran: its end closes the slot          |
//! | `HIDDEN`    | one of the library's own: not enumerated, not waited for                        |
//! | `LOST`      | with `ENDED`: it stayed in the parent process                                   |
//! | `AWAITED`   | somebody may sleep on this word: the end wakes all                              |
//! | `WORKER`    | a pool's: what the pool has to do is waited for, not the thread                 |
//!
//! Everything about a thread that is not in this word stands in its `Control`, at the same index. What
//! more than one thread may write there is behind the registry's guard; none of it is on a fast path.

pub(crate) mod attributes;
pub(crate) mod callback;
pub(crate) mod current;
pub(crate) mod end;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod fork;
pub(crate) mod hooks;
pub(crate) mod join;
pub(crate) mod last_error;
pub(crate) mod local;
pub(crate) mod registry;
pub(crate) mod start;
pub(crate) mod text;

pub(crate) use current::{known, me};

use crate::atomic::{AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::{Callback, Target};
use crate::slot::{Live, Object, Table, find, index_of, kind};
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use text::Text;

pub(crate) const STARTED: u32 = 1 << 0;
pub(crate) const ENDED: u32 = 1 << 1;
pub(crate) const FAILED: u32 = 1 << 2;
pub(crate) const DAEMON: u32 = 1 << 3;
pub(crate) const FOREIGN: u32 = 1 << 4;
pub(crate) const GIVEN_UP: u32 = 1 << 5;
pub(crate) const HIDDEN: u32 = 1 << 6;
pub(crate) const LOST: u32 = 1 << 7;
pub(crate) const AWAITED: u32 = 1 << 8;
pub(crate) const WORKER: u32 = 1 << 9;

/// A thread's slot; all of it is in the state word and the `Control`.
pub(crate) struct Thread;

impl Object for Thread {
    const KIND: u8 = kind::THREAD;
    const MOST: u32 = crate::park::MOST;
    fn table() -> &'static Table<Thread> {
        static TABLE: Table<Thread> = Table::new();
        &TABLE
    }
}

/// A thread as its callers name it.
pub(crate) type Handle = Live<Thread>;

/// Finds the thread that `id` names.
pub(crate) fn thread(id: u64) -> Result<Handle> {
    find(id)
}

/// What is known of a thread beside its word; all zero is a thread that nobody made yet.
pub(crate) struct Control {
    /// The thread's handle, as its starter passes it on.
    pub(crate) id: AtomicU64,
    /// The system's number of the thread in the lower half, 0 until it runs; `ASKED` when somebody may
    /// sleep until then.
    native: AtomicU64,
    /// What the new thread says of the wishes for it; see start.rs.
    report: AtomicU64,
    /// What several threads may write: only under the registry's guard.
    pub(crate) shared: UnsafeCell<Shared>,
    /// What only the thread itself uses.
    pub(crate) own: Own,
}

// SAFETY: `shared` is used under the registry's guard only, `own` by its own thread only.
unsafe impl Sync for Control {}

/// See `Control::shared`.
pub(crate) struct Shared {
    pub(crate) name: Text,
    pub(crate) target: Option<Target>,
    pub(crate) arg: *mut c_void,
    pub(crate) arg_destructor: Option<Callback>,
    /// The memory of a copied argument with its size; NULL when `arg` is the caller's own.
    pub(crate) copy: *mut u8,
    pub(crate) copy_size: usize,
    pub(crate) result: *mut c_void,
    pub(crate) failure: failure::Failure,
    pub(crate) stack_size: usize,
    pub(crate) wishes: attributes::Wishes,
}

impl Shared {
    /// Of a thread that was just made.
    pub(crate) const NEW: Shared = Shared {
        name: Text::EMPTY,
        target: None,
        arg: core::ptr::null_mut(),
        arg_destructor: None,
        copy: core::ptr::null_mut(),
        copy_size: 0,
        result: core::ptr::null_mut(),
        failure: failure::Failure::NONE,
        stack_size: 0,
        wishes: attributes::Wishes::NONE,
    };
}

/// See `Control::own`.
pub(crate) struct Own {
    /// Where `threading_fail` leaves its mark: the innermost target or action that runs.
    pub(crate) innermost: Cell<*mut failure::Failure>,
    /// The thread's last failed callback, for `threading_last_failure`.
    pub(crate) last_failure: UnsafeCell<failure::Failure>,
    /// The text that `threading_last_error` made last.
    pub(crate) error_text: UnsafeCell<Text>,
    /// How often the end of the thread has come by; see end.rs.
    pub(crate) rounds: Cell<u32>,
    /// The timer whose callback runs here, 0 for none.
    pub(crate) timer: Cell<u64>,
    /// What the layer above knows of the innermost done callback that runs here.
    pub(crate) done_callback: Cell<*const c_void>,
    /// Whether a profile hook runs, so that its own waits are not reported to it.
    pub(crate) in_hook: Cell<bool>,
    /// Whether the thread waits for the others to end, so that these need not wait for it.
    pub(crate) in_shutdown: core::sync::atomic::AtomicBool,
    /// What is told when the thread is no more, by the thread itself: a layer above.
    pub(crate) mourner: Cell<Option<Mourner>>,
}

/// A function that hears of the end of a thread, and its argument.
pub(crate) type Mourner = (fn(*const c_void), *const c_void);

/// The `Control` of the thread `id`; it exists once a thread was made in that slot.
pub(crate) fn control(id: u64) -> Result<&'static Control> {
    controls().at(index_of(id)).ok_or(Error::StaleHandle)
}

fn controls() -> &'static crate::slot::Chunks<Control> {
    static CONTROLS: crate::slot::Chunks<Control> = crate::slot::Chunks::new();
    &CONTROLS
}

/// Somebody asks for the system's number of a thread that has not said it yet.
const ASKED: u64 = 1 << 32;

/// Instead of such a number: the target is run by another thread, so the system knows of none.
const RUN_BY_ANOTHER: u64 = u32::MAX as u64;

impl Control {
    /// The system's number of the thread, once it runs.
    pub(crate) fn native(&self) -> Option<u64> {
        Some(self.native.load(Acquire)).filter(|&native| native as u32 != 0 && native != RUN_BY_ANOTHER)
    }

    /// The system has no thread for it: another one runs its target.
    pub(crate) fn is_run_by_another(&self) {
        self.set_native(RUN_BY_ANOTHER);
    }

    /// The thread runs, or does not any more: 0.
    pub(crate) fn set_native(&self, native: u64) {
        if self.native.swap(native, AcqRel) == ASKED {
            crate::park::wake(&self.native, u32::MAX);
        }
    }
}

impl Handle {
    /// Whether it has been started and has not ended.
    pub(crate) fn is_alive(self) -> Result<bool> {
        let bits = self.bits()?;
        if bits & ENDED != 0 {
            self.has_ended();
        }
        Ok(bits & (STARTED | ENDED) == STARTED)
    }

    /// Whether the process does not wait for it.
    pub(crate) fn is_daemon(self) -> Result<bool> {
        Ok(self.bits()? & DAEMON != 0)
    }

    /// Changes the bits by `change`, however often others change them meanwhile; says what they were.
    pub(crate) fn update(self, mut change: impl FnMut(u32) -> Result<u32>) -> Result<u32> {
        loop {
            let bits = self.bits()?;
            if self.exchange_weak(bits, change(bits)?) {
                return Ok(bits);
            }
        }
    }

    /// The system's number of the thread; waits for a thread that is just starting to say it.
    pub(crate) fn native_id(self) -> Result<u64> {
        let control = control(self.id)?;
        loop {
            let bits = self.bits()?;
            if bits & STARTED == 0 {
                return Err(Error::NotStarted);
            }
            if bits & LOST != 0 {
                return Err(Error::Forked);
            }
            if bits & ENDED != 0 {
                return Err(Error::Ended);
            }
            if let Some(native) = control.native() {
                return Ok(native);
            }
            if control.native.load(Acquire) == RUN_BY_ANOTHER {
                return Err(Error::NotStarted);
            }
            let _ = control.native.compare_exchange(0, ASKED, AcqRel, Relaxed);
            crate::park::doze(&control.native, 0);
        }
    }
}
