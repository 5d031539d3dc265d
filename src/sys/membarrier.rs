//! A memory barrier that one thread runs on behalf of all threads of the process.

use super::Errno;

// linux/membarrier.h; libc does not name them for every system that has them.
const PRIVATE_EXPEDITED: i32 = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;

fn membarrier(command: i32) -> bool {
    let _errno = Errno::keep();
    // SAFETY: takes no pointers; what the system does not know it refuses.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Asks the system for such barriers; as often as one likes. A forked child inherits the answer.
pub(crate) fn register() -> bool {
    membarrier(REGISTER_PRIVATE_EXPEDITED)
}

/// Every thread of the process has passed a full barrier; false: the system does not do it any more.
pub(crate) fn run() -> bool {
    membarrier(PRIVATE_EXPEDITED)
}
