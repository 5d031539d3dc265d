//! Every reason for which a call can end, and the C status that each belongs to.

/// Why a call did not end with "done": first the outcomes, then misuse and failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Error {
    /// The time ran out first.
    Timeout,
    /// The timer was cancelled.
    Cancelled,
    /// The queue or pool is shut down.
    Closed,
    /// The barrier or pool is broken.
    Broken,
    /// The target or action itself failed.
    Failed,
    /// Acquired, but the owner before ended without releasing.
    OwnerDead,
    /// The handle is zero.
    ZeroHandle,
    /// The handle is of another kind, or of none.
    WrongKind,
    /// The object of this handle was destroyed, or never existed.
    StaleHandle,
    /// An out-parameter is NULL.
    NullOut,
    /// A callback is NULL.
    NullCallback,
    /// A pointer that must point to something is NULL.
    NullArgument,
    /// A timeout or interval is below the smallest that has a meaning.
    BadTimeout,
    /// A count is out of its range.
    BadCount,
    /// A text is not UTF-8.
    BadText,
    /// An options struct has a size or a tail that this version does not know.
    BadOptions,
    /// A number is none of the values that its parameter knows.
    BadValue,
    /// The queue does not know priorities.
    BadOrder,
    /// No living thread has this ident.
    BadIdent,
    /// The stack size is below the smallest allowed.
    BadStack,
    /// The pool's queue is full.
    Full,
    /// The pool's queue is full, and the caller is to do the work; never leaves the pool.
    CallerRuns,
    /// The future's task has begun, or it is over.
    Begun,
    /// The lock is not locked.
    NotLocked,
    /// The thread has been started before.
    Started,
    /// The thread has not been started yet.
    NotStarted,
    /// The thread has not ended yet.
    NotEnded,
    /// The thread has ended already.
    Ended,
    /// The thread did not fail.
    NotFailed,
    /// The handle was given up before, or is not the caller's to give up.
    NotYours,
    /// No target, task or action runs on this thread.
    NoTarget,
    /// The process is ending.
    Finalizing,
    /// The caller does not hold the lock.
    NotOwner,
    /// The caller would wait for itself.
    WaitsForSelf,
    /// The wait would close a cycle of threads that wait for each other.
    Cycle,
    /// The object is held, waited on or in use.
    Busy,
    /// A counter is at its limit.
    Overflow,
    /// Memory could not be had.
    NoMemory,
    /// The system starts no more threads.
    NoThread,
    /// The system does not allow it.
    Permission,
    /// This system has no such thing.
    Unsupported,
    /// What ran behind this handle stayed in the parent process.
    Forked,
    /// The system refused for another reason; errno is kept beside it.
    System,
    /// A bug of this library, caught at its boundary.
    Internal,
}

/// The result of everything inside the library.
pub(crate) type Result<T = ()> = core::result::Result<T, Error>;

impl Error {
    /// The number that a C caller gets.
    pub(crate) const fn status(self) -> i32 {
        use Error::*;
        match self {
            Timeout | Full => 1,
            Cancelled => 3,
            Closed => 4,
            Broken => 5,
            Failed => 6,
            OwnerDead => 7,
            ZeroHandle | WrongKind | StaleHandle => -1,
            NullOut | NullCallback | NullArgument | BadTimeout | BadCount | BadText | BadOptions
            | BadValue | BadOrder | BadIdent | BadStack => -2,
            NotLocked | Begun | Started | NotStarted | NotEnded | Ended | NotFailed | NotYours | NoTarget
            | Finalizing => -3,
            NotOwner => -4,
            WaitsForSelf | Cycle => -5,
            Busy => -6,
            Overflow => -7,
            NoMemory => -8,
            NoThread => -9,
            Permission => -10,
            Unsupported => -11,
            Forked => -12,
            System => -13,
            Internal | CallerRuns => -14,
        }
    }

    /// The cause in words, as `threading_last_error()` shows it.
    pub(crate) const fn cause(self) -> &'static str {
        use Error::*;
        match self {
            Timeout => "the time ran out",
            Cancelled => "it was cancelled",
            Closed => "it is shut down",
            Broken => "it is broken",
            Failed => "the callback failed",
            OwnerDead => "the owner before ended without releasing it",
            ZeroHandle => "the handle is zero",
            WrongKind => "the handle is of another kind",
            StaleHandle => "the handle names no live object",
            NullOut => "the out-parameter is NULL",
            NullCallback => "the callback is NULL",
            NullArgument => "an argument is NULL",
            BadTimeout => "the time is below its smallest value",
            BadCount => "the count is out of range",
            BadText => "the text is not UTF-8",
            BadOptions => "the options' size is wrong or their unknown tail is not zero",
            BadValue => "the value is none that this parameter knows",
            BadOrder => "the queue's order knows no priorities",
            BadIdent => "no living thread has this ident",
            BadStack => "the stack size is below 32 KiB",
            Full => "the queue is full",
            CallerRuns => "the caller is to run it",
            Begun => "it has begun or is over",
            NotLocked => "it is not locked",
            Started => "the thread was started before",
            NotStarted => "the thread has not been started",
            NotEnded => "the thread has not ended",
            Ended => "the thread has ended",
            NotFailed => "it did not fail",
            NotYours => "the handle was given up before or is not the caller's",
            NoTarget => "no target, task or action runs on this thread",
            Finalizing => "the process is ending",
            NotOwner => "the caller does not hold it",
            WaitsForSelf => "the caller would wait for itself",
            Cycle => "the wait would close a cycle of threads that wait for each other",
            Busy => "it is held, waited on or in use",
            Overflow => "the counter is at its limit",
            NoMemory => "no memory",
            NoThread => "the system starts no more threads",
            Permission => "the system does not allow it",
            Unsupported => "not on this system",
            Forked => "it stayed in the parent process",
            System => "the system refused",
            Internal => "a bug in libthreading",
        }
    }
}

/// An error number of the system that no status stands for; kept for the text of `threading_last_error()`.
pub(crate) fn system(number: i32) -> Error {
    #[cfg(not(loom))]
    crate::sys::tls::with(|block| block.errno.set(number as u64));
    #[cfg(loom)]
    let _ = number;
    Error::System
}
