//! The running thread: found in one thread-local word, registered on first sight.

use super::registry::{self, create_dummy};
use super::{Control, Handle, control, end};
use crate::atomic::Ordering::*;
use crate::error::{Error, Result};
use crate::frame::inside;
use crate::park::{Me, Record, records};
use crate::slot::{find, index_of};
use crate::sys::{native, tls};

/// Stands in the thread-local word of a thread whose end has passed.
const OVER: *const () = core::ptr::without_provenance(1);

/// The running thread, registered now if the library has not seen it before.
#[inline(always)]
pub(crate) fn me() -> Result<Me> {
    let record = tls::record();
    if record.addr() > OVER.addr() {
        // SAFETY: the word holds this thread's own record, whose memory is never given back.
        return Ok(unsafe { Me::new(&*record.cast::<Record>()) });
    }
    register(record)
}

/// The running thread if it is known; for those who must not allocate, or not call anything.
#[inline(always)]
pub(crate) fn known() -> Option<Me> {
    let record = tls::record();
    // SAFETY: as in `me`.
    (record.addr() > OVER.addr()).then(|| unsafe { Me::new(&*record.cast::<Record>()) })
}

#[cold]
#[inline(never)]
fn register(word: *const ()) -> Result<Me> {
    if word == OVER {
        // Key destructors of the very last round: there is nobody left to clear up after them.
        return Err(Error::Finalizing);
    }
    // Not every exported function that asks for the thread has said that it is inside.
    inside(|| {
        end::prepare()?;
        let thread = if native::is_main() { registry::main()? } else { create_dummy()? };
        adopt(thread).inspect_err(|_| registry::forget_dummy(thread))?;
        known().ok_or(Error::Internal)
    })
}

/// Makes the running thread `thread`, from now to its end.
pub(super) fn adopt(thread: Handle) -> Result {
    let record = records().at(index_of(thread.id)).ok_or(Error::Internal)?;
    let control = control(thread.id)?;
    // This may be refused; then nothing has changed.
    end::arm(record)?;
    control.own.innermost.set(core::ptr::null_mut());
    control.own.rounds.set(0);
    control.own.timer.set(0);
    control.own.done_callback.set(core::ptr::null());
    control.own.in_hook.set(false);
    control.own.in_shutdown.store(false, Relaxed);
    control.own.mourner.set(None);
    record.adopt(thread.id);
    tls::with(|block| block.record.set((record as *const Record).cast()));
    control.set_native(native::thread_id());
    Ok(())
}

/// The running thread is not known any more: `over` says that it will not be again.
pub(super) fn leave(over: bool) {
    tls::with(|block| block.record.set(if over { OVER } else { core::ptr::null() }));
}

/// The running thread's handle.
pub(crate) fn handle(me: Me) -> Result<Handle> {
    find(me.id())
}

/// The running thread's `Control`.
pub(crate) fn own(me: Me) -> Result<&'static Control> {
    control(me.id())
}
