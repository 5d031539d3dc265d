//! Section Locals: Python's `threading.local`.

use super::boundary::{call, call_unwind, put, quick_put};
use super::status::{threading_destructor, threading_status};
use crate::slot::find;
use crate::thread::{known, local, me};
use core::ffi::c_void;
use core::mem::MaybeUninit;

/// A local: a pointer of which every thread has a value of its own, NULL until the thread sets it.
///
/// A thread's value is destroyed when the thread ends, before a join of it returns; the values of all threads
/// are destroyed with the local. There is no limit on the number of locals. When the process exits, the
/// values of the threads that still run are not destroyed.
///
/// \code
/// void *buffer = NULL;
/// threading_local_get(buffers, &buffer);  // threading_local_create(free, &buffers) made it
/// if (buffer == NULL) {
///   buffer = malloc(4096);
///   threading_local_set(buffers, buffer);
/// }
/// \endcode
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_local {
    /// The number by which languages in one process share the local; 0 names nothing.
    pub id: u64,
}

/// Makes a local without a value in any thread.
///
/// \param destructor  gets each value other than NULL once, on its thread when that ends or on the thread
///                    that destroys the local; NULL when values need none
/// \param out         where the local is written
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `threading.local`
#[unsafe(no_mangle)]
pub extern "C" fn threading_local_create(
    destructor: threading_destructor,
    out: Option<&mut MaybeUninit<threading_local>>,
) -> threading_status {
    call("threading_local_create", 0, || put(out, || Ok(threading_local { id: local::create(destructor)? })))
}

/// Ends `local` and destroys its values in all threads; from then on its handle names nothing.
///
/// The destructor runs here, also for the values of other threads: these must not use them any more. What
/// unwinds from it, a C++ exception or `pthread_exit`, passes through this call; values that are left then
/// die with their threads.
///
/// \param local  the local
/// \returns #THREADING_OK
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_local_destroy(local: threading_local) -> threading_status {
    call_unwind("threading_local_destroy", local.id, || local::destroy(find(local.id)?))
}

/// Reads the value that the calling thread has set.
///
/// \param local  the local
/// \param out    where the value is written; NULL when this thread has set none
/// \returns #THREADING_OK; #THREADING_E_INVALID when `out` is NULL
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_local_get(
    local: threading_local,
    out: Option<&mut MaybeUninit<*mut c_void>>,
) -> threading_status {
    quick_put(
        out,
        || local::get_quick(known()?, local.id),
        move |out| call("threading_local_get", local.id, || put(out, || local::get(me()?, local.id))),
    )
}

/// Sets the value of the calling thread.
///
/// The value before is not destroyed: it is the caller's again. A value that is set while the thread ends, by
/// a destructor of another value, is destroyed as well; destructors that go on setting values for ever are
/// left alone after some rounds.
///
/// \param local  the local
/// \param value  the value; NULL is as if none had been set
/// \returns #THREADING_OK; #THREADING_E_NO_MEMORY
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn threading_local_set(local: threading_local, value: *mut c_void) -> threading_status {
    call("threading_local_set", local.id, || local::set(me()?, local.id, value))
}
