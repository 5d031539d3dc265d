//! Semaphore: no permit and no wake-up is lost, also when the time of one who waits runs out.

use super::*;
use crate::error::Error;
use crate::sync::semaphore::{Semaphore, create};

fn semaphore(value: i64) -> Live<Semaphore> {
    made(create(me(0), value, false))
}

/// Takes a permit without a time limit.
fn take(semaphore: Live<Semaphore>, me: Me) {
    if !semaphore.acquire_quick() {
        semaphore.acquire(|| Ok(me), Timeout::FOREVER).unwrap();
    }
}

fn give(semaphore: Live<Semaphore>, n: i64) {
    if !semaphore.release_quick(n) {
        semaphore.release(n).unwrap();
    }
}

/// `left` permits are there, nobody waits and nobody is expected to.
fn unused(semaphore: Live<Semaphore>, left: i64) {
    assert_eq!(semaphore.value(), Ok(left));
    assert_eq!(semaphore.bits().unwrap() & !crate::slot::OPEN, left as u32, "the flag for waiters is gone");
    semaphore.destroy(me(0)).expect("nobody waits");
}

/// The last who waits goes while another one comes: the flag for waiters must not be gone then.
fn one_goes_while_one_comes() {
    let semaphore = semaphore(0);
    let tasks = [1, 2].map(|n| spawn(n, move |me| take(semaphore, me)));
    give(semaphore, 1);
    give(semaphore, 1);
    tasks.into_iter().for_each(Task::join);
    unused(semaphore, 0);
}

/// Both permits are released at once.
fn two_at_once() {
    let semaphore = semaphore(0);
    let tasks = [1, 2].map(|n| spawn(n, move |me| take(semaphore, me)));
    give(semaphore, 2);
    tasks.into_iter().for_each(Task::join);
    unused(semaphore, 0);
}

/// One whose time runs out takes no permit with it, nor the wake-up that was meant for the other.
fn one_gives_up() {
    let semaphore = semaphore(0);
    let taken = Arc::new(AtomicUsize::new(0));
    let counts = taken.clone();
    let brief = spawn(1, move |me| match semaphore.acquire(|| Ok(me), SOON) {
        Ok(()) => drop(counts.fetch_add(1, Relaxed)),
        Err(error) => assert_eq!(error, Error::Timeout),
    });
    let patient = spawn(2, move |me| take(semaphore, me));
    give(semaphore, 1);
    give(semaphore, 1);
    brief.join();
    patient.join();
    unused(semaphore, 1 - taken.load(Relaxed) as i64);
}

/// As a lock: who gives a permit is seen by who takes it.
fn as_a_lock() {
    let (semaphore, room) = (semaphore(1), Room::new());
    let inside = room.clone();
    all::<2>(move |me| {
        for _ in 0..2 {
            take(semaphore, me);
            inside.visit();
            give(semaphore, 1);
        }
    });
    assert_eq!(room.visits(), 4);
    unused(semaphore, 1);
}

/// Destroying it either fails, or the one who waits finds it gone.
fn destroyed_in_use() {
    let semaphore = semaphore(0);
    let waits = spawn(1, move |me| semaphore.acquire(|| Ok(me), Timeout::FOREVER));
    match semaphore.destroy(me(0)) {
        Ok(()) => {
            assert_eq!(waits.join(), Err(Error::StaleHandle));
            // The next life of the slot begins with nobody waiting.
            unused(made(create(me(0), 3, true)), 3);
        }
        Err(error) => {
            assert_eq!(error, Error::Busy);
            give(semaphore, 1);
            waits.join().unwrap();
            unused(semaphore, 0);
        }
    }
}

#[test]
fn wake_ups() {
    holds("semaphore: one goes while one comes", 3, one_goes_while_one_comes);
    holds("semaphore: two at once", 2, two_at_once);
    holds("semaphore: as a lock", 3, as_a_lock);
    finds(Seed::Semaphore, 3, one_goes_while_one_comes);
    finds(Seed::Sleep, 2, two_at_once);
}

#[test]
fn timeouts_and_end() {
    holds("semaphore: one gives up", 2, one_gives_up);
    holds("semaphore: destroyed in use", 3, destroyed_in_use);
}
