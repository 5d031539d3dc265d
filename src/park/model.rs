//! Sleeping in loom's models: a futex whose sleepers stand in one queue.
//!
//! Between two accesses to loom's atomics a thread of a model is alone, so what follows an access belongs to it. The
//! word is compared by an exchange of nothing, since loom gives only those the newest value; the system does so by a
//! barrier. A deadline may come at any moment after the sleep began.

use super::{Record, Woken, Word};
use crate::atomic::vanish;
use crate::atomic::{AtomicU64, Ordering::*, Seed, seeded};
use crate::slot::{handle, kind};
use crate::time::Deadline;
use loom::thread::{self, Thread};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

/// One who sleeps.
struct Sleeper {
    thread: Thread,
    /// The address of the word it sleeps on.
    word: usize,
}

struct Beds {
    /// Changed by every step, so that loom tries them in every order; it orders no other memory.
    steps: AtomicU64,
    sleepers: Mutex<VecDeque<Sleeper>>,
}

loom::lazy_static! {
    static ref BEDS: Beds = Beds { steps: AtomicU64::new(0), sleepers: Mutex::default() };
}

/// The threads of a model, found as the library's own are: by the index in a thread's number.
pub(crate) struct Records([Record; 4]);

impl Records {
    pub(crate) fn at(&self, index: u32) -> Option<&Record> {
        self.0.get(index as usize)
    }
}

loom::lazy_static! {
    static ref RECORDS: Records =
        Records(std::array::from_fn(|n| Record::new(handle(kind::THREAD, n as u32, 1))));
}

pub(crate) fn records() -> &'static Records {
    &RECORDS
}

/// Brings all this into being before there are threads that could race for that.
pub(crate) fn make_beds() {
    vanish::begin();
    step();
    records();
}

fn step() {
    BEDS.steps.fetch_add(1, Relaxed);
}

fn sleepers() -> MutexGuard<'static, VecDeque<Sleeper>> {
    BEDS.sleepers.lock().expect("nothing panics inside")
}

fn address(word: &impl Word) -> usize {
    word.low() as usize
}

/// Sleeps while the lower half of `word` is `expected`.
pub(super) fn sleep(word: &impl Word, expected: u32, deadline: Deadline) -> Woken {
    step();
    if word.read() != expected && !seeded(Seed::Sleep) {
        return Woken::LookAgain;
    }
    let thread = thread::current();
    let me = thread.id();
    sleepers().push_back(Sleeper { thread, word: address(word) });
    if !deadline.is_never() {
        step();
        let place = sleepers().iter().position(|sleeper| sleeper.thread.id() == me);
        return match place.and_then(|place| sleepers().remove(place)) {
            Some(_) => Woken::TimedOut,
            None => Woken::LookAgain,
        };
    }
    while sleepers().iter().any(|sleeper| sleeper.thread.id() == me) {
        vanish::step();
        thread::park();
    }
    Woken::LookAgain
}

/// After a fork: those who sleep are not there any more.
pub(crate) fn clear_beds() {
    sleepers().drain(..).for_each(|sleeper| sleeper.thread.unpark());
}

/// Wakes up to `count` of those who sleep on `word`, the longest first, and says how many.
pub(crate) fn wake(word: &impl Word, count: u32) -> u32 {
    step();
    let mut left = count;
    sleepers().retain(|sleeper| {
        let wakes = left > 0 && sleeper.word == address(word);
        if wakes {
            left -= 1;
            sleeper.thread.unpark();
        }
        !wakes
    });
    count - left
}

/// Moves one who sleeps on `from` to those who sleep on `to`, unless `from` is no longer `expected`.
pub(crate) fn requeue(from: &AtomicU64, expected: u32, to: &AtomicU64) {
    step();
    if from.read() != expected {
        return;
    }
    let mut sleepers = sleepers();
    let found = sleepers.iter().position(|sleeper| sleeper.word == address(from));
    if let Some(mut sleeper) = found.and_then(|place| sleepers.remove(place)) {
        sleeper.word = address(to);
        sleepers.push_back(sleeper);
    }
}
