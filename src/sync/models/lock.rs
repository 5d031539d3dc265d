//! Lock: one at a time, handed over to those in a hurry, nobody forgotten, nothing left behind.

use super::*;
use crate::error::Error;
use crate::sync::condition::{self, Condition, Under};
use crate::sync::lock::{Lock, create};

fn lock() -> Live<Lock> {
    made(create(me(0)))
}

/// As the calls of C do it: the quick way, then the one beside others, then the long one.
fn visit(lock: Live<Lock>, room: &Room, me: Me) {
    if !lock.acquire_quick(me) && !lock.acquire_watched(me) {
        lock.acquire(me, Timeout::FOREVER).unwrap();
    }
    room.visit();
    if !lock.release_quick(me) && !lock.release_watched(me) {
        lock.release(me).unwrap();
    }
}

/// Whether the lock came before the end of the time.
fn try_visit(lock: Live<Lock>, room: &Room, me: Me) -> bool {
    match lock.acquire(me, SOON) {
        Ok(()) => room.visit(),
        Err(error) => {
            assert_eq!(error, Error::Timeout);
            return false;
        }
    }
    lock.release(me).unwrap();
    true
}

/// Nobody holds it, waits for it or is expected by it: its word is as new.
fn unused(lock: Live<Lock>) {
    lock.destroy(me(0)).expect("nothing is left of its users");
}

fn two_exclude_each_other() {
    let (lock, room) = (lock(), Room::new());
    let inside = room.clone();
    all::<2>(move |me| {
        visit(lock, &inside, me);
        visit(lock, &inside, me);
    });
    assert_eq!(room.visits(), 4);
    unused(lock);
}

fn three_exclude_each_other() {
    let (lock, room) = (lock(), Room::new());
    let inside = room.clone();
    all::<3>(move |me| visit(lock, &inside, me));
    assert_eq!(room.visits(), 3);
    unused(lock);
}

#[test]
fn exclusion() {
    holds("lock: two exclude each other", 3, two_exclude_each_other);
    holds("lock: three exclude each other", 2, three_exclude_each_other);
    finds(Seed::Word, 2, two_exclude_each_other);
    finds(Seed::Sleep, 2, two_exclude_each_other);
}

fn the_hurried_are_served() {
    let (lock, room) = (lock(), Room::new());
    let inside = room.clone();
    all::<3>(move |me| {
        hurry();
        visit(lock, &inside, me);
    });
    assert_eq!(room.visits(), 3);
    unused(lock);
}

fn two_are_served_twice() {
    let (lock, room) = (lock(), Room::new());
    let inside = room.clone();
    all::<2>(move |me| {
        hurry();
        visit(lock, &inside, me);
        visit(lock, &inside, me);
    });
    assert_eq!(room.visits(), 4);
    unused(lock);
}

/// A patient one that takes a grant ends the hand-over while a hurried one still waits.
fn the_hurried_wait_beside_the_patient() {
    let (lock, room) = (lock(), Room::new());
    let inside = room.clone();
    all::<3>(move |me| {
        if me.id() == crate::sync::models::me(1).id() {
            hurry();
        }
        visit(lock, &inside, me);
    });
    assert_eq!(room.visits(), 3);
    unused(lock);
}

#[test]
fn hand_over() {
    holds("lock: three in a hurry", 2, the_hurried_are_served);
    holds("lock: two in a hurry, twice each", 3, two_are_served_twice);
    holds("lock: one in a hurry beside two that are not", 2, the_hurried_wait_beside_the_patient);
    finds(Seed::Grant, 1, the_hurried_are_served);
}

/// One whose time runs out takes neither the lock nor a wake-up nor a grant away with it.
fn one_gives_up(in_a_hurry: bool) {
    let (lock, room) = (lock(), Room::new());
    let main = me(0);
    lock.acquire(main, Timeout::FOREVER).unwrap();
    let (inside, outside) = (room.clone(), room.clone());
    let brief = spawn(1, move |me| {
        if in_a_hurry {
            hurry();
        }
        try_visit(lock, &inside, me);
    });
    let patient = spawn(2, move |me| visit(lock, &outside, me));
    room.visit();
    lock.release(main).unwrap();
    brief.join();
    patient.join();
    assert!((2..=3).contains(&room.visits()));
    unused(lock);
}

#[test]
fn timeouts() {
    holds("lock: one gives up", 2, || one_gives_up(false));
    holds("lock: one in a hurry gives up", 2, || one_gives_up(true));
}

/// The one who releases is not the one who acquired.
fn another_releases() {
    let (lock, room) = (lock(), Room::new());
    lock.acquire(me(0), Timeout::FOREVER).unwrap();
    let (inside, outside) = (room.clone(), room.clone());
    let waits = spawn(1, move |me| visit(lock, &inside, me));
    let releases = spawn(2, move |me| {
        outside.visit();
        lock.release(me).unwrap();
    });
    waits.join();
    releases.join();
    assert_eq!(room.visits(), 2);
    unused(lock);
}

#[test]
fn any_thread_releases() {
    holds("lock: another releases", 3, another_releases);
}

/// Destroying it either fails, or its users find it gone; nobody is left waiting.
fn destroyed_in_use() {
    let (lock, room) = (lock(), Room::new());
    let inside = room.clone();
    let user = spawn(1, move |me| match lock.acquire(me, Timeout::FOREVER) {
        Ok(()) => {
            inside.visit();
            lock.release(me).unwrap();
        }
        Err(error) => assert_eq!(error, Error::StaleHandle),
    });
    let destroyed = lock.destroy(me(0));
    user.join();
    match destroyed {
        Ok(()) => assert_eq!(lock.locked(), Err(Error::StaleHandle)),
        Err(error) => {
            assert_eq!((error, room.visits()), (Error::Busy, 1));
            unused(lock);
        }
    }
}

/// Either the condition comes to be, or the lock ends.
fn destroyed_under_a_new_condition() {
    let (lock, main) = (lock(), me(0));
    // loom takes what was stored before an object was shared for unordered, so each word is first used once.
    let first: Live<Condition> = made(condition::create_with(main, Under::Lock(lock)));
    assert_eq!(lock.destroy(main), Err(Error::Busy));
    first.destroy(main).unwrap();
    let adopts = spawn(1, move |me| match condition::create_with(me, Under::Lock(lock)) {
        Ok(id) => {
            // As long as the condition lives, so does its lock.
            assert_eq!(lock.destroy(me), Err(Error::Busy));
            made::<Condition>(Ok(id)).destroy(me).unwrap();
        }
        Err(error) => assert_eq!(error, Error::StaleHandle),
    });
    let destroyed = lock.destroy(main);
    adopts.join();
    if destroyed.is_err() {
        assert_eq!(destroyed, Err(Error::Busy));
        unused(lock);
    }
}

#[test]
fn destroying() {
    holds("lock: destroyed in use", 3, destroyed_in_use);
    holds("lock: destroyed under a new condition", 3, destroyed_under_a_new_condition);
}
