//! Who there is: the guard around what threads share, the count of the living, their list.

use super::text::{Line, Text};
use super::{
    AWAITED, DAEMON, ENDED, FOREIGN, HIDDEN, Handle, LOST, STARTED, Shared, Thread, control, controls,
};
use crate::atomic::{AtomicI64, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::park::records;
use crate::slot::{Object, find, index_of, kind, set_answers};
use crate::sync::RawGuard;
use core::fmt::Write;

/// Around all that threads share; held for some dozens of instructions, taken before each fork.
pub(super) static GUARD: RawGuard = RawGuard::new();

/// Threads that live and are not hidden; the main thread counts from the start.
pub(super) static ALIVE: AtomicI64 = AtomicI64::new(0);

/// How many threads got a name of the library's making.
static NAMED: AtomicU64 = AtomicU64::new(0);

/// The main thread's handle; 0 until somebody needs it.
static MAIN: AtomicU64 = AtomicU64::new(0);

/// Runs `work` while no other thread is inside; `work` calls no user code and cannot unwind.
pub(crate) fn guarded<R>(work: impl FnOnce() -> R) -> R {
    if super::fork::holds_guard() {
        return work();
    }
    GUARD.enter();
    let result = work();
    GUARD.leave();
    result
}

/// Uses what threads share about `thread`, if it still exists.
pub(crate) fn shared<R>(thread: Handle, work: impl FnOnce(&mut Shared) -> Result<R>) -> Result<R> {
    let control = control(thread.id)?;
    guarded(|| {
        thread.bits()?;
        // SAFETY: under the guard this is the only reference, and `work` keeps none.
        work(unsafe { &mut *control.shared.get() })
    })
}

/// Makes a thread that nobody has started; with an empty name it becomes `prefix-N`.
pub(super) fn create(
    bits: u32,
    prefix: &str,
    name: &str,
    fill: impl FnOnce(&mut Shared) -> Result,
) -> Result<Handle> {
    let text = if name.is_empty() {
        let mut line = Line::<32>::new();
        let _ = write!(line, "{prefix}-{}", NAMED.fetch_add(1, Relaxed) + 1);
        Text::copy(line.as_str())?
    } else {
        Text::copy(name)?
    };
    // Closed slots are made and unmade under the guard alone, so a lost thread's is never seen half made.
    set_answers(kind::THREAD, &super::join::ANSWERS);
    let thread = Thread::table().create(None, bits | HIDDEN, |_| ())?;
    let index = index_of(thread.id);
    let made = records().reach(index).and_then(|_| controls().reach(index)).and_then(|control| {
        guarded(|| {
            control.id.store(thread.id, Relaxed);
            control.set_native(0);
            control.report.store(0, Relaxed);
            // SAFETY: under the guard this is the only reference.
            let shared = unsafe { &mut *control.shared.get() };
            *shared = Shared::NEW;
            shared.name = text;
            fill(shared)
        })
    });
    match made {
        Ok(()) => {
            thread.update(|now| Ok(now & !HIDDEN | bits & HIDDEN))?;
            Ok(thread)
        }
        Err(error) => {
            forget(thread);
            Err(error)
        }
    }
}

/// Ends a slot's life, whatever its bits: the thread is over and given up, or never was.
pub(super) fn forget(thread: Handle) {
    let closed = guarded(|| {
        let bits = loop {
            let bits = thread.bits().ok()?;
            if Thread::table().close(thread, bits & !crate::slot::OPEN) {
                break bits;
            }
        };
        // SAFETY: under the guard this is the only reference; the slot is nobody's until it is recycled.
        let shared = control(thread.id).ok().map(|control| unsafe { &mut *control.shared.get() });
        shared.map(|shared| (bits, core::mem::replace(shared, Shared::NEW)))
    });
    let Some((bits, _old)) = closed else { return };
    if bits & AWAITED != 0 {
        crate::park::wake(&thread.slot.head.state, u32::MAX);
    }
    if bits & LOST == 0 {
        let _ = Thread::table().recycle(thread, None);
    }
}

/// The main thread, known from the first moment that somebody asks for it.
pub(crate) fn main() -> Result<Handle> {
    let known = MAIN.load(Acquire);
    if known != 0 {
        return find(known);
    }
    // A fork from now on has something to put right.
    super::end::prepare()?;
    let made = create(STARTED | FOREIGN, "", "MainThread", |_| Ok(()))?;
    match MAIN.compare_exchange(0, made.id, AcqRel, Acquire) {
        Ok(_) => {
            ALIVE.fetch_add(1, Relaxed);
            if let Some(record) = records().at(index_of(made.id)) {
                record.adopt(made.id);
            }

            control(made.id)?.set_native(crate::sys::native::process_id());
            Ok(made)
        }
        Err(first) => {
            forget(made);
            find(first)
        }
    }
}

/// Whether `thread` is the main one.
pub(super) fn is_main(thread: u64) -> bool {
    MAIN.load(Acquire) == thread
}

/// Makes `thread` the main one: in a forked child, the thread that forked.
pub(super) fn set_main(thread: u64) {
    MAIN.store(thread, Release);
}

/// A foreign thread that the library sees for the first time.
pub(super) fn create_dummy() -> Result<Handle> {
    let thread = create(STARTED | FOREIGN | DAEMON, "Dummy", "", |_| Ok(()))?;
    ALIVE.fetch_add(1, Relaxed);
    Ok(thread)
}

/// The foreign thread could not be registered after all: it is still one that the library has not seen.
pub(super) fn forget_dummy(thread: Handle) {
    if !is_main(thread.id) {
        ALIVE.fetch_sub(1, Relaxed);
        forget(thread);
    }
}

/// How many threads live.
pub(crate) fn active_count() -> Result<i64> {
    main()?;
    Ok(ALIVE.load(Relaxed))
}

/// Visits every thread that lives and is not one of the library's own.
pub(crate) fn each_alive(mut visit: impl FnMut(Handle, u32)) {
    Thread::table().each(|thread| {
        let bits = thread.bits().unwrap_or(ENDED);
        if bits & (STARTED | ENDED | HIDDEN) == STARTED {
            visit(thread, bits);
        }
    });
}

/// The living thread with this ident: an ident is the number of a handle.
pub(crate) fn by_ident(ident: u64) -> Result<Handle> {
    find::<Thread>(ident).and_then(|thread| thread.bits().map(|_| thread)).map_err(|_| Error::BadIdent)
}
