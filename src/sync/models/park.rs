//! Waiting: no wake-up is lost between the look and the sleep, and others read a wait whole or not at all.

use super::*;
use crate::park::{Wait, Woken, is_refused, requeue, wake};
use crate::time::Deadline;

/// A sleeper looks, then sleeps; the other changes the word, then wakes.
fn looked_then_slept() {
    let word = Arc::new(AtomicU64::new(0));
    let watched = word.clone();
    let sleeps = spawn(1, move |me| {
        let wait = Wait::begin(me, 7, Timeout::FOREVER);
        while watched.load(Acquire) == 0 {
            wait.sleep(&watched, 0);
        }
    });
    word.swap(1, Release);
    wake(&*word, 1);
    sleeps.join();
}

/// A sleep with a time limit that takes a wake-up says so, and one that says that its time ran out took none.
fn a_timeout_takes_no_wake() {
    let word = Arc::new(AtomicU64::new(0));
    let tasks = [(1, SOON), (2, Timeout::FOREVER)].map(|(n, timeout)| {
        let word = word.clone();
        spawn(n, move |me| {
            let wait = Wait::begin(me, 7, timeout);
            let woken = wait.sleep(&word, 0);
            if woken == Woken::LookAgain && timeout == SOON {
                // It may have taken the wake-up that the other one needs: it passes it on.
                wake(&*word, 1);
            }
        })
    });
    word.swap(1, Release);
    wake(&*word, 1);
    tasks.into_iter().for_each(Task::join);
}

/// One is moved to another word, asleep, and woken there.
fn moved_then_woken() {
    let words = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let watched = words.clone();
    let sleeps = spawn(1, move |me| {
        let wait = Wait::begin(me, 7, Timeout::FOREVER);
        while watched[0].load(Acquire) == 0 {
            wait.sleep(&watched[0], 0);
        }
    });
    let [from, to] = &*words;
    from.swap(1, Release);
    requeue(from, 1, to);
    wake(to, 1);
    sleeps.join();
}

/// The waiter publishes and then looks for a reason to end; the other makes one and then looks for waiters.
fn published_then_looked() {
    let (word, reason) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    // loom takes what was stored before an object was shared for unordered, so both are first used once.
    drop(Wait::begin(me(1), 7, Timeout::FOREVER));
    reason.store(0, SeqCst);
    let (watched, ends) = (word.clone(), reason.clone());
    let waits = spawn(1, move |me| {
        let wait = Wait::begin(me, 7, Timeout::FOREVER);
        while ends.load(SeqCst) == 0 && watched.load(Acquire) == 0 {
            wait.sleep(&watched, 0);
        }
    });
    reason.store(1, SeqCst);
    if me(1).record().waiting().is_some_and(|(_, wait)| wait.object == 7) {
        word.swap(1, SeqCst);
        wake(&*word, u32::MAX);
    }
    waits.join();
}

/// One thread waits twice, for different things; who reads that finds one of the waits or none, never half of both.
fn read_whole() {
    let reads = spawn(1, |_| {
        let seen = me(0).record().waiting();
        if let Some((sequence, wait)) = seen {
            assert_eq!(sequence, wait.object / 100 * 2 - 1);
            assert_eq!(wait.since, wait.object as i64 + 1);
            assert_eq!(wait.deadline.nanos(), wait.object as i64 + 2);
        }
    });
    for object in [100, 200] {
        drop(Wait::begin_until(me(0), object, object as i64 + 1, Deadline::at(object as i64 + 2)));
    }
    reads.join();
    assert_eq!(me(0).record().waiting(), None);
}

/// Each waits for what the next one ends: one is refused, all others wait for it.
fn one_is_refused<const COUNT: usize>() {
    let ends: Arc<[AtomicU64; COUNT]> = Arc::new(std::array::from_fn(|_| AtomicU64::new(0)));
    // loom takes what was stored before an object was shared for unordered, so each record is first used once.
    for n in 1..=COUNT {
        drop(Wait::begin(me(n), 7, Timeout::FOREVER));
    }
    let tasks: [Task<bool>; COUNT] = std::array::from_fn(|at| {
        let ends = ends.clone();
        spawn(at + 1, move |myself| {
            let wait = Wait::begin(myself, at as u64 + 1, Timeout::FOREVER);
            let refused = is_refused(myself, |object| Some(me(object as usize % COUNT + 1).id()));
            while !refused && ends[at].load(Acquire) == 0 {
                wait.sleep(&ends[at], 0);
            }
            drop(wait);
            let before = &ends[(at + COUNT - 1) % COUNT];
            before.swap(1, SeqCst);
            wake(before, u32::MAX);
            refused
        })
    });
    let refused = tasks.map(Task::join);
    assert_eq!(refused.iter().filter(|&&refused| refused).count(), 1, "{refused:?}");
}

#[test]
fn refusals() {
    holds("park: one of two is refused", 5, one_is_refused::<2>);
    holds("park: one of three is refused", 2, one_is_refused::<3>);
    finds(Seed::Refused, 3, one_is_refused::<2>);
}

#[test]
fn wake_ups() {
    holds("park: looked, then slept", 4, looked_then_slept);
    holds("park: a timeout takes no wake", 4, a_timeout_takes_no_wake);
    holds("park: moved, then woken", 4, moved_then_woken);
    finds(Seed::Sleep, 3, looked_then_slept);
}

#[test]
fn publication() {
    holds("park: published, then looked", 4, published_then_looked);
    holds("park: read whole", 4, read_whole);
    finds(Seed::Record, 3, read_whole);
}
