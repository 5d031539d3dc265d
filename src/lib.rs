//! libthreading: Python's `threading` behind a checked C ABI.
//!
//! The layers, arrows pointing down only; `tests/consistency/layers.rs` keeps them:
//!
//! ```text
//!  capi/          the C surface: names, documentation, argument conversion; no logic
//!    |
//!  pool/ timer/ queue/   built of threads and locks
//!    |
//!  thread/        start, join, registry, current, locals, hooks, exit, fork
//!    |
//!  sync/          lock rlock condition semaphore event barrier: algorithms on one or two words
//!    |
//!  slot/  park/   the life of objects  |  the only wait, and who waits for whom
//!    |
//!  time  error  atomic  frame
//!    |
//!  sys/           libc only
//! ```

#![cfg_attr(any(loom, shuttle), allow(dead_code, unused_imports, reason = "models use a part of it"))]

mod atomic;
mod error;
mod park;
#[cfg(not(loom))]
mod pool;
/// What loom tries of pools.
#[cfg(loom)]
mod pool {
    mod deque;
    mod entry;
    mod handle;
    mod idle;
    mod models;
    mod ring;
    mod word;
}
mod queue;
mod slot;
mod sync;
mod time;

#[cfg(not(loom))]
pub mod capi;
#[cfg(not(loom))]
mod frame;
#[cfg(not(loom))]
mod sys;
#[cfg(loom)]
mod sys {
    pub(crate) use loom::thread::yield_now;
    pub(crate) mod tools;
}
#[cfg(not(loom))]
mod thread;
#[cfg(not(loom))]
mod timer;
