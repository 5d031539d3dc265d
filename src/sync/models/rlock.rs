//! RLock: one thread at a time, as deep as it likes; to all others it is held.

use super::*;
use crate::atomic::vanish;
use crate::error::Error;
use crate::park::Wait;
use crate::sync::rlock::{RLock, create};

fn rlock() -> Live<RLock> {
    made(create(me(0)))
}

fn visit_twice_deep(lock: Live<RLock>, room: &Room, me: Me) {
    lock.acquire(me, Timeout::FOREVER).unwrap();
    lock.acquire(me, Timeout::FOREVER).unwrap();
    assert_eq!(lock.recursion_count(me), Ok(2));
    lock.release(me).unwrap();
    room.visit();
    assert_eq!(lock.is_owned(me), Ok(true));
    lock.release(me).unwrap();
    assert_eq!(lock.release(me), Err(Error::NotOwner));
}

fn unused(lock: Live<RLock>) {
    assert_eq!(lock.recursion_count(me(0)), Ok(0));
    lock.destroy(me(0)).expect("nothing is left of its users");
}

fn owners_exclude_each_other() {
    let (lock, room) = (lock_of_nobody(), Room::new());
    let inside = room.clone();
    all::<2>(move |me| {
        visit_twice_deep(lock, &inside, me);
        assert_eq!(me.held(), 0);
    });
    assert_eq!(room.visits(), 2);
    unused(lock);
}

fn lock_of_nobody() -> Live<RLock> {
    let lock = rlock();
    assert_eq!(lock.release(me(0)), Err(Error::NotOwner));
    lock
}

/// Two in a hurry and one that looks on: it never owns what it did not take.
fn the_hurried_are_served() {
    let (lock, room) = (rlock(), Room::new());
    let inside = room.clone();
    let tasks = [1, 2].map(|n| {
        let inside = inside.clone();
        spawn(n, move |me| {
            hurry();
            visit_twice_deep(lock, &inside, me);
        })
    });
    assert_eq!(lock.release(me(0)), Err(Error::NotOwner));
    tasks.into_iter().for_each(Task::join);
    assert_eq!(room.visits(), 2);
    unused(lock);
}

/// Coming back at once, a thread finds it held by nobody or by the other one, never by itself.
fn coming_back() {
    let (lock, room) = (rlock(), Room::new());
    let inside = room.clone();
    all::<2>(move |me| {
        for _ in 0..2 {
            lock.acquire(me, Timeout::FOREVER).unwrap();
            assert_eq!(lock.recursion_count(me), Ok(1));
            inside.visit();
            lock.release(me).unwrap();
        }
    });
    assert_eq!(room.visits(), 4);
    unused(lock);
}

fn one_gives_up() {
    let (lock, room) = (rlock(), Room::new());
    let main = me(0);
    lock.acquire(main, Timeout::FOREVER).unwrap();
    let (inside, outside) = (room.clone(), room.clone());
    let brief = spawn(1, move |me| match lock.acquire(me, SOON) {
        Ok(()) => {
            inside.visit();
            lock.release(me).unwrap();
        }
        Err(error) => assert_eq!((error, me.held()), (Error::Timeout, 0)),
    });
    let patient = spawn(2, move |me| visit_twice_deep(lock, &outside, me));
    room.visit();
    lock.release(main).unwrap();
    brief.join();
    patient.join();
    assert!((2..=3).contains(&room.visits()));
    unused(lock);
}

/// Each holds one and wants the other's: whoever closes the cycle is told, and nobody waits for ever.
fn a_cycle_is_found() {
    let locks = [rlock(), rlock()];
    // loom takes what was stored before an object was shared for unordered, so each record is first used once.
    for n in [1, 2] {
        drop(Wait::begin(me(n), 7, Timeout::FOREVER));
    }
    let tasks = [1, 2].map(|n| {
        spawn(n, move |me| {
            let [mine, other] = if n == 1 { locks } else { [locks[1], locks[0]] };
            mine.acquire(me, Timeout::FOREVER).unwrap();
            let both = other.acquire(me, Timeout::FOREVER);
            match both {
                Ok(()) => other.release(me).unwrap(),
                Err(error) => assert_eq!(error, Error::Cycle),
            }
            mine.release(me).unwrap();
            both
        })
    });
    let found = tasks.map(Task::join);
    assert!(found.contains(&Ok(())), "one of them could go on");
    locks.into_iter().for_each(unused);
}

/// The thread ends, holding the lock; those who wait for it are told.
fn end_holding(lock: Live<RLock>, me: Me) {
    me.record().bury();
    // An exchange, as in `load_in_order`: either this thread sees who waits, or they see that it has ended.
    lock.slot.head.state.fetch_or(0, SeqCst);
    lock.word().look_again();
}

/// An owner has ended and told the one who waits; another one comes, inherits at once perhaps, and ends, too.
fn owners_end() {
    vanish::expect_ends();
    let lock = rlock();
    lock.acquire(me(0), Timeout::FOREVER).unwrap();
    lock.word().count_in().unwrap();
    end_holding(lock, me(0));
    let waiting = spawn(1, move |me| {
        assert_eq!(lock.word().acquire_counted(me), Err(Error::OwnerDead));
        end_holding(lock, me);
    });
    let coming = spawn(2, move |me| {
        assert_eq!(lock.acquire(me, Timeout::FOREVER), Err(Error::OwnerDead));
        end_holding(lock, me);
    });
    waiting.join();
    coming.join();
}

#[test]
fn ends() {
    holds("rlock: each owner ends", 3, owners_end);
    finds(Seed::Heir, 3, owners_end);
}

#[test]
fn cycles() {
    holds("rlock: a cycle is found", 2, a_cycle_is_found);
}

#[test]
fn exclusion() {
    holds("rlock: owners exclude each other", 1, owners_exclude_each_other);
    holds("rlock: coming back", 1, coming_back);
    finds(Seed::Word, 1, owners_exclude_each_other);
    finds(Seed::Owner, 1, coming_back);
}

#[test]
fn hand_over_and_timeouts() {
    holds("rlock: two in a hurry", 1, the_hurried_are_served);
    holds("rlock: one gives up", 1, one_gives_up);
}
