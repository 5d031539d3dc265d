//! Sleeping on Linux: the futex on the lower half of a 64-bit word, private, absolute deadlines.

use super::{Woken, Word};
use crate::atomic::{AtomicU64, wake_late, wakes_early};
use crate::sys::futex;
use crate::time::Deadline;

/// Sleeps while the lower half of `word` is `expected`.
pub(super) fn sleep(word: &impl Word, expected: u32, deadline: Deadline) -> Woken {
    if wakes_early() {
        return Woken::LookAgain;
    }
    let deadline = (!deadline.is_never()).then(|| deadline.nanos());
    match futex::wait(word.low(), expected, deadline) {
        true => Woken::LookAgain,
        false => Woken::TimedOut,
    }
}

/// Wakes up to `count` of those who sleep on `word`, and says how many; async-signal-safe.
pub(crate) fn wake(word: &impl Word, count: u32) -> u32 {
    wake_late();
    futex::wake(word.low(), count)
}

/// Moves one who sleeps on `from` to those who sleep on `to`, unless `from` is no longer `expected`.
pub(crate) fn requeue(from: &AtomicU64, expected: u32, to: &AtomicU64) {
    wake_late();
    futex::requeue(from.low(), expected, to.low());
}
