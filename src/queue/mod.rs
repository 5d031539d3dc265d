//! Queues: items that some threads put and others get. README.md has the protocols.

mod blocks;
mod eventcount;
mod list;
#[cfg(loom)]
mod models;
#[cfg(not(loom))]
mod object;
#[cfg(not(loom))]
mod sorted;
#[cfg(not(loom))]
mod tasks;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(not(loom))]
mod transfer;

#[cfg(not(loom))]
pub(crate) use object::{Order, Queue, create};

/// Something that stands in cache lines of its own, two at a time as processors fetch them.
#[repr(align(128))]
struct Apart<T>(T);

/// How a try to put or to get ended.
pub(crate) enum Attempt<T> {
    Done(T),
    /// Full, or empty: who waits is woken when that changes.
    Blocked,
    /// Another thread is in the middle of a step of a few instructions; nobody wakes who waits for its end.
    Busy,
}
