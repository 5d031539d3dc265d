//! libthreading: Python's `threading` behind a checked C ABI.
//!
//! The layers, arrows pointing down only; `tests/consistency/layers.rs` keeps them:
//!
//! ```text
//!  capi/          the C surface: names, documentation, argument conversion; no logic
//!    |
//!  timer/         built of threads and locks
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

#![cfg_attr(loom, allow(dead_code, unused_imports, reason = "models use a part of it"))]

mod atomic;
mod error;
mod park;
mod slot;
mod sync;
mod time;

#[cfg(not(loom))]
pub mod capi;
#[cfg(not(loom))]
mod frame;
#[cfg(not(loom))]
mod sys;
#[cfg(not(loom))]
mod thread;
#[cfg(not(loom))]
mod timer;
