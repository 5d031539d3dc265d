//! Sleeping where there is no futex: `parking_lot_core`, keyed by the word's address.
//!
//! Keeps the behaviour, but not the promises for signal handlers and forked children.

use super::{Woken, Word};
use crate::atomic::AtomicU64;
use crate::sys::Errno;
use crate::time::Deadline;
use parking_lot_core::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, FilterOp, ParkResult};
use std::time::{Duration, Instant};

fn key(word: &impl Word) -> usize {
    word.low() as usize
}

/// Sleeps while the lower half of `word` is `expected`.
pub(super) fn sleep(word: &impl Word, expected: u32, deadline: Deadline) -> Woken {
    let _errno = Errno::keep();
    let until = match deadline.is_never() {
        true => None,
        false => {
            let left = deadline.nanos().saturating_sub(crate::time::now()).max(0);
            Instant::now().checked_add(Duration::from_nanos(left as u64))
        }
    };
    let still = || word.read() == expected;
    // SAFETY:
    // - the key is the address of a word of ours;
    // - no callback panics, parks or calls into `parking_lot`.
    let result =
        unsafe { parking_lot_core::park(key(word), still, || (), |_, _| (), DEFAULT_PARK_TOKEN, until) };
    match result {
        ParkResult::TimedOut => Woken::TimedOut,
        ParkResult::Unparked(_) | ParkResult::Invalid => Woken::LookAgain,
    }
}

/// Wakes up to `count` of those who sleep on `word`, and says how many.
pub(crate) fn wake(word: &impl Word, count: u32) -> u32 {
    let _errno = Errno::keep();
    let mut left = count;
    let filter = |_| match left {
        0 => FilterOp::Stop,
        _ => {
            left -= 1;
            FilterOp::Unpark
        }
    };
    // SAFETY: the key is the address of a word of ours; neither callback panics or parks.
    let result = unsafe { parking_lot_core::unpark_filter(key(word), filter, |_| DEFAULT_UNPARK_TOKEN) };
    result.unparked_threads as u32
}

/// Here the sleeper is woken instead: it goes to `to` by itself.
pub(crate) fn requeue(from: &AtomicU64, _expected: u32, _to: &AtomicU64) {
    wake(from, 1);
}
