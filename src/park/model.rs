//! Sleeping in loom's models: a futex built of loom's own mutex and condition.

use super::Woken;
use crate::atomic::{AtomicU64, Ordering::SeqCst};
use crate::time::Deadline;
use loom::sync::{Condvar, Mutex};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

/// One who sleeps: the address it sleeps on, and whether it was woken.
struct Sleeper {
    key: usize,
    woken: bool,
}

struct Beds {
    sleepers: Mutex<VecDeque<(u64, Sleeper)>>,
    rise: Condvar,
}

loom::lazy_static! {
    static ref BEDS: Arc<Beds> =
        Arc::new(Beds { sleepers: Mutex::new(VecDeque::new()), rise: Condvar::new() });
}

std::thread_local! {
    static NEXT: RefCell<u64> = const { RefCell::new(0) };
}

fn key(word: &AtomicU64) -> usize {
    word as *const AtomicU64 as usize
}

/// Sleeps while the lower half of `word` is `expected`; a deadline that can come comes at once.
pub(super) fn sleep(word: &AtomicU64, expected: u32, deadline: Deadline) -> Woken {
    let beds = BEDS.clone();
    let mut sleepers = beds.sleepers.lock().unwrap();
    if word.load(SeqCst) as u32 != expected {
        return Woken::LookAgain;
    }
    if !deadline.is_never() {
        return Woken::TimedOut;
    }
    let me = NEXT.with(|next| {
        *next.borrow_mut() += 1;
        *next.borrow()
    });
    sleepers.push_back((me, Sleeper { key: key(word), woken: false }));
    loop {
        sleepers = beds.rise.wait(sleepers).unwrap();
        if let Some(place) = sleepers.iter().position(|(id, sleeper)| *id == me && sleeper.woken) {
            sleepers.remove(place);
            return Woken::LookAgain;
        }
    }
}

/// Wakes up to `count` of those who sleep on `word`, the longest first, and says how many.
pub(crate) fn wake(word: &AtomicU64, count: u32) -> u32 {
    let beds = BEDS.clone();
    let mut sleepers = beds.sleepers.lock().unwrap();
    let mut left = count;
    for (_, sleeper) in sleepers.iter_mut() {
        if left > 0 && sleeper.key == key(word) && !sleeper.woken {
            sleeper.woken = true;
            left -= 1;
        }
    }
    beds.rise.notify_all();
    count - left
}

/// Moves one who sleeps on `from` to those who sleep on `to`.
pub(crate) fn requeue(from: &AtomicU64, expected: u32, to: &AtomicU64) {
    let beds = BEDS.clone();
    let mut sleepers = beds.sleepers.lock().unwrap();
    if from.load(SeqCst) as u32 != expected {
        return;
    }
    let found = sleepers.iter().position(|(_, sleeper)| sleeper.key == key(from) && !sleeper.woken);
    if let Some((id, mut sleeper)) = found.and_then(|place| sleepers.remove(place)) {
        sleeper.key = key(to);
        sleepers.push_back((id, sleeper));
    }
}
