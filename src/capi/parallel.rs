//! Section Parallel loops: work that is split among the threads of a pool and ends where it began.

use super::boundary::{call_unwind, items, out_of_line, quick};
use super::pool::threading_pool;
use super::status::{THREADING_OK, threading_callback, threading_status};
use crate::error::Error;
use crate::pool::invoke;
use crate::pool::range::{self, Reduction, Span};
use crate::thread::{known, me};
use core::ffi::c_void;
use core::mem::{align_of, offset_of};

/// The body of a loop: it does the numbers from `begin` up to, but without, `end`.
pub type threading_range_body = Option<unsafe extern "C-unwind" fn(begin: i64, end: i64, arg: *mut c_void)>;
/// The body of a reduction: it adds what the numbers from `begin` up to, but without, `end` give to
/// `accumulator`, which is aligned to 16.
pub type threading_range_fold =
    Option<unsafe extern "C-unwind" fn(begin: i64, end: i64, accumulator: *mut c_void, arg: *mut c_void)>;
/// Adds the accumulator `from`, of later numbers, to the accumulator `into`, of earlier ones.
pub type threading_combine =
    Option<unsafe extern "C-unwind" fn(into: *mut c_void, from: *const c_void, arg: *mut c_void)>;

/// One of the functions that threading_parallel_invoke() calls.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct threading_task {
    /// What is called.
    pub callback: threading_callback,
    /// Its argument.
    pub arg: *mut c_void,
}

const _: () = assert!(
    size_of::<threading_task>() == size_of::<invoke::Task>()
        && align_of::<threading_task>() == align_of::<invoke::Task>()
        && offset_of!(threading_task, callback) == offset_of!(invoke::Task, callback)
        && offset_of!(threading_task, arg) == offset_of!(invoke::Task, arg)
);

/// Calls `body` for all numbers from `begin` up to, but without, `end`, on several threads at once.
///
/// The caller works too, on its own stack, and the range is split only while somebody has nothing to do: a
/// loop that nobody can help with, or that is over too soon, is done by the caller alone. Loops nest, and may
/// be called from tasks; waiting for the parts of others a thread only does parts of its own loop. Nothing is
/// allocated. The whole is over when the call returns.
///
/// When a piece fails by threading_fail(), pieces that have not begun are left out. `pthread_exit` in the body
/// makes the work fail with the code #THREADING_CANCELLED; on the calling thread, where a C++ exception may
/// leave it too, it goes on through this call when the parts of others have ended.
///
/// \code
/// static void scale(int64_t begin, int64_t end, void *arg) {
///   double *values = arg;
///   for (int64_t i = begin; i < end; i++) values[i] *= 2;
/// }
/// threading_parallel_for(threading_default_pool(), 0, count, 0, scale, values);
/// \endcode
///
/// \param pool   the pool whose threads help
/// \param begin  the first number
/// \param end    the number after the last; at or below `begin` there is nothing to do
/// \param grain  how many numbers each call of `body` gets but the last; 0 leaves it to the library
/// \param body   what is called with a piece of the range
/// \param arg    the last argument of `body`
/// \returns #THREADING_OK; #THREADING_FAILED when a piece failed, see threading_last_failure();
///          #THREADING_CLOSED when the pool is shut down and the caller is none of its workers;
///          #THREADING_BROKEN when its initializer has failed; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID
///          when `body` is NULL or `grain` is below 0
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_parallel_for(
    pool: threading_pool,
    begin: i64,
    end: i64,
    grain: i64,
    body: threading_range_body,
    arg: *mut c_void,
) -> threading_status {
    call_unwind("threading_parallel_for", pool.id, || {
        let body = body.ok_or(Error::NullCallback)?;
        range::each(me()?, pool.id, Span { begin, end, grain }, body, arg)
    })
}

/// Folds all numbers from `begin` up to, but without, `end` into one result, on several threads at once.
///
/// Each part begins with a copy of `identity`, to which `fold` adds; then `combine` adds the accumulator of a
/// part to that of the part before it. So `combine` need not be commutative, but how the range is cut differs
/// from call to call: sums of floating point numbers may too. It works as threading_parallel_for(); memory is
/// allocated only for accumulators above 64 bytes.
///
/// \param pool      the pool whose threads help
/// \param begin     the first number
/// \param end       the number after the last; at or below `begin` the result is `identity`
/// \param grain     how many numbers each call of `fold` gets but the last; 0 leaves it to the library
/// \param identity  what a part begins with, copied byte by byte: adding it changes nothing
/// \param size      bytes of `identity`, of each accumulator and of `result`
/// \param fold      what is called with a piece of the range and an accumulator
/// \param combine   what adds two accumulators
/// \param arg       the last argument of `fold` and `combine`
/// \param result    where the result is written, only when all went well; it may be `identity`
/// \returns #THREADING_OK; #THREADING_FAILED when a piece failed, see threading_last_failure();
///          #THREADING_CLOSED when the pool is shut down and the caller is none of its workers;
///          #THREADING_BROKEN when its initializer has failed; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID
///          when `identity`, `fold`, `combine` or `result` is NULL or `grain` is below 0
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
/// \sa Python `functools.reduce`
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_parallel_reduce(
    pool: threading_pool,
    begin: i64,
    end: i64,
    grain: i64,
    identity: *const c_void,
    size: usize,
    fold: threading_range_fold,
    combine: threading_combine,
    arg: *mut c_void,
    result: *mut c_void,
) -> threading_status {
    call_unwind("threading_parallel_reduce", pool.id, || {
        let (fold, combine) = (fold.ok_or(Error::NullCallback)?, combine.ok_or(Error::NullCallback)?);
        if identity.is_null() || result.is_null() {
            return Err(Error::NullArgument);
        }
        let reduction = Reduction { identity: identity.cast(), size, fold, combine };
        range::reduce(me()?, pool.id, Span { begin, end, grain }, reduction, arg, result.cast())
    })
}

/// Calls several functions, each once, on several threads at once; the whole is over when the call returns.
///
/// The caller works too, on its own stack; nothing is allocated. Unlike a loop, it begins all of them, also
/// when one has failed. It nests, and passes on what unwinds, as threading_parallel_for() does.
///
/// \param pool   the pool whose threads help
/// \param tasks  the functions with their arguments; NULL when `count` is 0
/// \param count  how many there are
/// \returns #THREADING_OK; #THREADING_FAILED when one failed by threading_fail(), see
///          threading_last_failure(); #THREADING_CLOSED when the pool is shut down and the caller is none of
///          its workers; #THREADING_BROKEN when its initializer has failed; #THREADING_E_NO_MEMORY;
///          #THREADING_E_INVALID when `tasks` is NULL with a `count` above 0, or one of the callbacks is: then
///          none is called
/// \threadsafety any thread, but no signal handler
/// \since 0.1.0
#[unsafe(no_mangle)]
pub extern "C-unwind" fn threading_parallel_invoke(
    pool: threading_pool,
    tasks: *const threading_task,
    count: usize,
) -> threading_status {
    quick(
        || match invoke::invoke_quick(known()?, pool.id, two(tasks, count)?)? {
            Ok(()) => Some(THREADING_OK),
            Err(pool) => Some(out_of_line(move || {
                call_unwind("threading_parallel_invoke", pool, || Err(Error::Failed))
            })),
        },
        move || {
            call_unwind("threading_parallel_invoke", pool.id, || {
                invoke::invoke(me()?, pool.id, items(tasks.cast(), count)?)
            })
        },
    )
}

/// The tasks of a caller who passes two.
#[inline(always)]
fn two<'a>(tasks: *const threading_task, count: usize) -> Option<&'a [invoke::Task; 2]> {
    // SAFETY: the header promises `count` readable tasks that outlive the call.
    if count == 2 { unsafe { tasks.cast::<[invoke::Task; 2]>().as_ref() } } else { None }
}
