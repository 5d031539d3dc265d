//! What stands in the queues of a pool.

use core::ffi::c_void;

/// One task in a queue: a callback with its argument, or without callback what `arg` says (see leads.rs).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) call: *mut (),
    pub(super) arg: *mut c_void,
}
