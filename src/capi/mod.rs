//! The C surface, one file per section of the header, in the header's order.
//!
//! An exported function is written out, and its body is one expression: it turns arguments into types,
//! calls what does the work, and turns the result into a number.

#![expect(non_camel_case_types, reason = "these are C's names")]

mod barrier;
mod boundary;
mod condition;
mod current;
mod event;
mod future;
mod group;
mod hooks;
mod local;
mod lock;
mod parallel;
mod pool;
mod queue;
mod rlock;
mod semaphore;
mod status;
mod thread;
mod thread_attributes;
mod timer;
mod worker;

pub use barrier::*;
pub use condition::*;
pub use current::*;
pub use event::*;
pub use future::*;
pub use group::*;
pub use hooks::*;
pub use local::*;
pub use lock::*;
pub use parallel::*;
pub use pool::*;
pub use queue::*;
pub use rlock::*;
pub use semaphore::*;
pub use status::*;
pub use thread::*;
pub use thread_attributes::*;
pub use timer::*;
pub use worker::*;
