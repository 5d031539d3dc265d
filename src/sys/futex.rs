//! The futex: private, on the monotonic clock, never a cancellation point.

use super::Errno;
use core::ptr::null;

/// Sleeps while `*word == expected`; false when `deadline` (monotonic, absolute) came first.
pub(crate) fn wait(word: *const u32, expected: u32, deadline: Option<i64>) -> bool {
    let errno = Errno::keep();
    let until = deadline.map(|nanos| libc::timespec {
        tv_sec: (nanos / 1_000_000_000) as libc::time_t,
        tv_nsec: (nanos % 1_000_000_000) as _,
    });
    let until = until.as_ref().map_or(null(), |time| time as *const libc::timespec);
    // WAIT_BITSET is the form whose timeout is a point in time.
    let operation = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY:
    // - `word` points into a slot, a record or a static: readable for ever;
    // - `until` is NULL or points to a timespec that outlives the call.
    let result =
        unsafe { libc::syscall(libc::SYS_futex, word, operation, expected, until, null::<u32>(), !0u32) };
    if result == 0 {
        return true;
    }
    match errno.now() {
        libc::ETIMEDOUT => false,
        libc::EAGAIN | libc::EINTR => true,
        // No futex here (a sandbox forbids it): wait by looking again, politely.
        _ => {
            super::yield_now();
            deadline.is_none_or(|nanos| super::monotonic_nanos() < nanos)
        }
    }
}

/// Wakes up to `count` of those who sleep on `word`, and says how many; async-signal-safe.
pub(crate) fn wake(word: *const u32, count: u32) -> u32 {
    let _errno = Errno::keep();
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    let count = count.min(i32::MAX as u32);
    // SAFETY: waking by address reads nothing there.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word, operation, count) };
    woken.max(0) as u32
}

/// Moves one sleeper from `from`, if it still holds `expected`, to `to`, without waking it.
pub(crate) fn requeue(from: *const u32, expected: u32, to: *const u32) {
    let _errno = Errno::keep();
    let operation = libc::FUTEX_CMP_REQUEUE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: both words are readable for ever, as in `wait`.
    unsafe { libc::syscall(libc::SYS_futex, from, operation, 0u32, 1usize, to, expected) };
}
