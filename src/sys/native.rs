//! The system's threads: starting them, their ids, names, niceness, policy and processors.

use super::Errno;
use crate::error::{Error, Result};
use core::ffi::c_void;
use core::mem::MaybeUninit;

/// Where a new thread of the system begins.
pub(crate) type Entry = extern "C-unwind" fn(*mut c_void) -> *mut c_void;

unsafe extern "C-unwind" {
    /// As libc has it, but for an entry that may be unwound: `pthread_exit` does that.
    #[link_name = "pthread_create"]
    fn create(
        thread: *mut libc::pthread_t,
        attributes: *const libc::pthread_attr_t,
        entry: Entry,
        arg: *mut c_void,
    ) -> i32;
}

/// Starts a detached thread; `stack_size` 0 is the system's default.
///
/// Usable until the thread itself ends, by whatever way.
pub(crate) fn start(entry: Entry, arg: *mut c_void, stack_size: usize) -> Result {
    let _errno = Errno::keep();
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let place = attributes.as_mut_ptr();
    // SAFETY: `place` is valid for an attribute object; each call below gets it initialised.
    if unsafe { libc::pthread_attr_init(place) } != 0 {
        return Err(Error::NoMemory);
    }
    // SAFETY: as above; both values are among those that exist.
    unsafe { libc::pthread_attr_setdetachstate(place, libc::PTHREAD_CREATE_DETACHED) };
    let mut refused = 0;
    if stack_size > 0 {
        let page = 4096usize;
        let rounded = stack_size.checked_next_multiple_of(page).unwrap_or(usize::MAX & !(page - 1));
        // SAFETY: as above.
        refused = unsafe { libc::pthread_attr_setstacksize(place, rounded) };
    }
    if refused == 0 {
        let mut thread = 0;
        // SAFETY: the entry takes any pointer, and its contract is the caller's business.
        refused = unsafe { create(&mut thread, place, entry, arg) };
    }
    // SAFETY: initialised above, not used any more.
    unsafe { libc::pthread_attr_destroy(place) };
    match refused {
        0 => Ok(()),
        libc::EPERM => Err(Error::Permission),
        libc::EINVAL => Err(Error::NoMemory),
        libc::ENOMEM => Err(Error::NoMemory),
        _ => Err(Error::NoThread),
    }
}

/// The lowest address of the calling thread's stack, which the library has started; NULL if the system does not say.
pub(crate) fn stack_base() -> usize {
    let _errno = Errno::keep();
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut base, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: all places are valid for writing; the attributes are initialised by the first call and used only
    // when that has gone well.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return 0;
        }
        libc::pthread_attr_getstack(attributes.as_ptr(), &mut base, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    base.addr()
}

/// The system's number of the calling thread.
pub(crate) fn thread_id() -> u64 {
    // SAFETY: has no preconditions and cannot fail.
    (unsafe { libc::gettid() }) as u64
}

/// Whether the calling thread is the one that the process began with.
pub(crate) fn is_main() -> bool {
    thread_id() == process_id()
}

/// The first 15 bytes of a name, cut at a character, and a zero: as much as the system keeps.
fn short(name: &str) -> ([u8; 16], usize) {
    let mut end = name.len().min(15);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let mut short = [0u8; 16];
    short[..end].copy_from_slice(&name.as_bytes()[..end]);
    (short, end)
}

/// Tells the system the name of the calling thread.
pub(crate) fn set_own_name(name: &str) {
    let _errno = Errno::keep();
    let (short, _) = short(name);
    // SAFETY: `short` is a text of at most 15 bytes and its end.
    unsafe { libc::prctl(libc::PR_SET_NAME, short.as_ptr()) };
}

/// Tells the system the name of thread `tid`.
pub(crate) fn set_name(tid: u64, name: &str) {
    let _errno = Errno::keep();
    let (short, end) = short(name);
    let mut path = [0u8; 48];
    let place = {
        use std::io::Write;
        let mut rest = &mut path[..];
        // Ends in the zero that `path` was made of: 20 digits at most.
        let _ = write!(rest, "/proc/self/task/{tid}/comm");
        path.as_ptr()
    };
    uncancelled(|| {
        // SAFETY: `place` is a C string, `short` readable for `end` bytes.
        unsafe {
            let file = libc::open(place.cast(), libc::O_WRONLY | libc::O_CLOEXEC);
            if file >= 0 {
                libc::write(file, short.as_ptr().cast(), end);
                libc::close(file);
            }
        }
    });
}

/// Does something that libc makes a cancellation point, without being cancelled in it.
pub(crate) fn uncancelled<R>(work: impl FnOnce() -> R) -> R {
    unsafe extern "C" {
        fn pthread_setcancelstate(state: i32, old: *mut i32) -> i32;
    }
    const DISABLE: i32 = 1;
    let mut old = 0;
    // SAFETY: both states exist, `old` is valid for writing.
    unsafe { pthread_setcancelstate(DISABLE, &mut old) };
    let result = work();
    // SAFETY: as above.
    unsafe { pthread_setcancelstate(old, core::ptr::null_mut()) };
    result
}

/// Writes all of `text` to standard error, as far as it takes it.
pub(crate) fn complain(text: &[u8]) {
    let _errno = Errno::keep();
    uncancelled(|| {
        let mut rest = text;
        while !rest.is_empty() {
            // SAFETY: `rest` is readable for its length.
            let written = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(0) | Err(_) => return,
                Ok(written) => rest = &rest[written..],
            }
        }
    });
}

fn refusal(errno: &Errno) -> Error {
    match errno.now() {
        libc::EPERM | libc::EACCES => Error::Permission,
        libc::EINVAL => Error::BadValue,
        libc::ESRCH => Error::Ended,
        libc::ENOSYS => Error::Unsupported,
        number => crate::error::system(number),
    }
}

/// The niceness of thread `tid`.
pub(crate) fn nice(tid: u64) -> Result<i32> {
    let errno = Errno::keep();
    // SAFETY: errno's address is valid; -1 is a niceness too, so only errno tells of a failure.
    let nice = unsafe {
        *libc::__errno_location() = 0;
        libc::getpriority(libc::PRIO_PROCESS, tid as libc::id_t)
    };
    if nice == -1 && errno.now() != 0 { Err(refusal(&errno)) } else { Ok(nice) }
}

/// Sets the niceness of thread `tid`.
pub(crate) fn set_nice(tid: u64, nice: i32) -> Result {
    let errno = Errno::keep();
    // SAFETY: has no preconditions.
    let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, tid as libc::id_t, nice) };
    if done == 0 { Ok(()) } else { Err(refusal(&errno)) }
}

/// The policies in the order of their C numbers.
const POLICIES: [i32; 5] =
    [libc::SCHED_OTHER, libc::SCHED_BATCH, libc::SCHED_IDLE, libc::SCHED_FIFO, libc::SCHED_RR];

/// How many policies there are; their numbers begin with 0.
pub(crate) const POLICY_COUNT: i32 = POLICIES.len() as i32;

/// Whether a policy knows priorities above 0, and which.
pub(crate) fn priorities(policy: i32) -> core::ops::RangeInclusive<i32> {
    if policy >= 3 { 1..=99 } else { 0..=0 }
}

/// The policy and real-time priority of thread `tid`.
pub(crate) fn scheduler(tid: u64) -> Result<(i32, i32)> {
    let errno = Errno::keep();
    let mut parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: `parameters` is valid for writing.
    let (policy, done) = unsafe {
        let tid = tid as libc::pid_t;
        (libc::sched_getscheduler(tid), libc::sched_getparam(tid, &mut parameters))
    };
    if policy < 0 || done < 0 {
        return Err(refusal(&errno));
    }
    let number = POLICIES.iter().position(|&known| known == policy & !libc::SCHED_RESET_ON_FORK);
    Ok((number.ok_or(Error::Unsupported)? as i32, parameters.sched_priority))
}

/// Sets the policy and real-time priority of thread `tid`.
pub(crate) fn set_scheduler(tid: u64, policy: i32, priority: i32) -> Result {
    let errno = Errno::keep();
    let policy = *POLICIES.get(policy as usize).ok_or(Error::BadValue)?;
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: `parameters` is readable.
    let done = unsafe { libc::sched_setscheduler(tid as libc::pid_t, policy, &parameters) };
    if done == 0 { Ok(()) } else { Err(refusal(&errno)) }
}

/// The largest processor number that a set can hold, plus one.
pub(crate) const PROCESSORS: usize = 8192;

/// A set of processors as the system takes it.
pub(crate) type Set = [u64; PROCESSORS / 64];

/// The processors that thread `tid` may run on.
pub(crate) fn affinity(tid: u64) -> Result<Set> {
    let errno = Errno::keep();
    let mut set: Set = [0; PROCESSORS / 64];
    // SAFETY: `set` is valid for its size.
    let done =
        unsafe { libc::syscall(libc::SYS_sched_getaffinity, tid as libc::pid_t, size_of::<Set>(), &mut set) };
    if done > 0 { Ok(set) } else { Err(refusal(&errno)) }
}

/// Lets thread `tid` run on these processors only.
pub(crate) fn set_affinity(tid: u64, set: &Set) -> Result {
    let errno = Errno::keep();
    // SAFETY: `set` is readable for its size.
    let done =
        unsafe { libc::syscall(libc::SYS_sched_setaffinity, tid as libc::pid_t, size_of::<Set>(), set) };
    if done == 0 { Ok(()) } else { Err(refusal(&errno)) }
}

/// Makes a key whose destructor runs at the end of each thread that set a value.
pub(crate) fn make_key(destructor: unsafe extern "C" fn(*mut c_void)) -> Result<u32> {
    let _errno = Errno::keep();
    let mut key = 0;
    // SAFETY: `key` is valid for writing.
    let refused = unsafe { libc::pthread_key_create(&mut key, Some(destructor)) };
    if refused == 0 { Ok(key) } else { Err(Error::NoMemory) }
}

/// Gives back a key that nobody has set.
pub(crate) fn drop_key(key: u32) {
    // SAFETY: the key exists and is not used by anybody.
    unsafe { libc::pthread_key_delete(key) };
}

/// Sets the calling thread's value of a key.
pub(crate) fn set_key(key: u32, value: *const c_void) -> Result {
    let _errno = Errno::keep();
    // SAFETY: the key came from `make_key`.
    let refused = unsafe { libc::pthread_setspecific(key, value) };
    if refused == 0 { Ok(()) } else { Err(Error::NoMemory) }
}

/// Lets three functions run around every `fork`: before it, after it in the parent, in the child.
pub(crate) fn at_fork(
    before: extern "C" fn(),
    in_parent: extern "C" fn(),
    in_child: extern "C" fn(),
) -> Result {
    let _errno = Errno::keep();
    // SAFETY: the library is never unloaded, so the functions stay.
    let refused = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    if refused == 0 { Ok(()) } else { Err(Error::NoMemory) }
}

/// Lets `last` run when the process exits, at this place in the order.
pub(crate) fn at_exit(last: extern "C" fn()) -> Result {
    let _errno = Errno::keep();
    // SAFETY: the library is never unloaded, so the function stays.
    if unsafe { libc::atexit(last) } == 0 { Ok(()) } else { Err(Error::NoMemory) }
}

/// Does something while every signal is blocked on this thread but those that its own faults raise:
/// a thread started meanwhile begins like that.
pub(crate) fn with_signals_blocked<R>(work: impl FnOnce() -> R) -> R {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    let mut old = MaybeUninit::<libc::sigset_t>::uninit();
    let faults = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT];
    // SAFETY: `set` is filled before it is changed or used, `old` is valid for writing.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        for signal in faults {
            libc::sigdelset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), old.as_mut_ptr());
    }
    let result = work();
    // SAFETY: the first call has filled `old`.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), core::ptr::null_mut()) };
    result
}

/// The system's number of the process, which is that of its main thread.
pub(crate) fn process_id() -> u64 {
    // SAFETY: has no preconditions and cannot fail.
    (unsafe { libc::getpid() }) as u64
}
