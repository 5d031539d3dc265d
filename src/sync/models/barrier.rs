//! Barrier: all pass or all fail, each with an index of its own, round after round.

use super::*;
use crate::error::Error;
use crate::sync::barrier::{Barrier, Turn, create};
use core::ffi::c_void;
use core::ptr::null_mut;

fn barrier(parties: i64) -> Live<Barrier> {
    made(create(me(0), parties, None, null_mut(), -1))
}

unsafe extern "C-unwind" fn count(rounds: *mut c_void) -> i32 {
    // SAFETY: the models pass a `Room` that outlives the barrier.
    unsafe { &*rounds.cast::<Room>() }.visit();
    0
}

/// A barrier that enters the room each time when all are there and none has gone on.
fn barrier_with_action(parties: i64, room: &Room) -> Live<Barrier> {
    let room = room as *const Room as *mut c_void;
    made(create(me(0), parties, Some(count), room, -1))
}

/// Arrives, acts if it is the caller's turn, and says which index it was.
fn pass(barrier: Live<Barrier>, me: Me, timeout: Timeout) -> Result<i64> {
    match barrier.arrive(me, timeout)? {
        Turn::Passed(index) => Ok(index),
        Turn::Act { index, round, action, arg } => {
            // SAFETY: it is the barrier's own action with its own argument.
            let well = unsafe { action(arg) } == 0;
            barrier.acted(me, round, well).map(|()| index)
        }
    }
}

/// Nobody waits, and it is as good as new.
fn unused(barrier: Live<Barrier>) {
    assert_eq!((barrier.n_waiting(), barrier.broken()), (Ok(0), Ok(false)));
    barrier.destroy(me(0)).expect("nobody waits");
}

fn three_pass() {
    let barrier = barrier(3);
    let tasks = [1, 2].map(|n| spawn(n, move |me| pass(barrier, me, Timeout::FOREVER)));
    let mut seen = 1 << pass(barrier, me(0), Timeout::FOREVER).unwrap();
    for task in tasks {
        seen |= 1 << task.join().unwrap();
    }
    assert_eq!(seen, 0b111, "each index is there once");
    unused(barrier);
}

/// What one did before it arrived, the other sees when it passed; twice.
fn two_rounds() {
    let (barrier, room) = (barrier(2), Room::new());
    let inside = room.clone();
    let even = spawn(1, move |me| {
        inside.visit();
        let first = pass(barrier, me, Timeout::FOREVER).unwrap();
        let second = pass(barrier, me, Timeout::FOREVER).unwrap();
        first + 2 * second
    });
    let first = pass(barrier, me(0), Timeout::FOREVER).unwrap();
    room.visit();
    let second = pass(barrier, me(0), Timeout::FOREVER).unwrap();
    assert_eq!(first + 2 * second + even.join(), 3);
    assert_eq!(room.visits(), 2);
    unused(barrier);
}

/// Two parties, and four threads arrive: the action runs once in each round, before any of it goes on.
fn two_rounds_with_action() {
    let room = Room::new();
    let barrier = barrier_with_action(2, &room);
    let tasks = [1, 2, 3].map(|n| spawn(n, move |me| pass(barrier, me, Timeout::FOREVER)));
    let mut sum = pass(barrier, me(0), Timeout::FOREVER).unwrap();
    sum += tasks.into_iter().map(|task| task.join().unwrap()).sum::<i64>();
    assert_eq!((sum, room.visits()), (2, 2));
    unused(barrier);
}

/// The time of one of two runs out: both pass, or neither does.
fn one_of_two_gives_up() {
    let barrier = barrier(2);
    let patient = spawn(1, move |me| pass(barrier, me, Timeout::FOREVER));
    let brief = pass(barrier, me(0), SOON);
    match (brief, patient.join()) {
        (Ok(one), Ok(other)) => assert_eq!(one + other, 1),
        (Err(Error::Timeout), Err(Error::Broken)) => {
            assert_eq!(barrier.broken(), Ok(true));
            barrier.reset(me(0)).unwrap();
        }
        other => panic!("{other:?}"),
    }
    unused(barrier);
}

/// One of three never comes: the time of one runs out, and both fail.
fn one_never_comes() {
    let barrier = barrier(3);
    let patient = spawn(1, move |me| pass(barrier, me, Timeout::FOREVER));
    assert_eq!(pass(barrier, me(0), SOON), Err(Error::Timeout));
    assert_eq!(patient.join(), Err(Error::Broken));
    assert_eq!(pass(barrier, me(0), Timeout::FOREVER), Err(Error::Broken));
    barrier.reset(me(0)).unwrap();
    unused(barrier);
}

/// It is reset while one waits or arrives: that one fails, or belongs to the new round.
fn reset_while_one_waits() {
    let barrier = barrier(2);
    let waits = spawn(1, move |me| pass(barrier, me, Timeout::FOREVER));
    barrier.reset(me(0)).unwrap();
    let mine = pass(barrier, me(0), SOON);
    match (waits.join(), mine) {
        (Ok(one), Ok(other)) => return assert_eq!(one + other, 1),
        (Err(Error::Broken), Err(Error::Timeout)) => (),
        other => panic!("{other:?}"),
    }
    barrier.reset(me(0)).unwrap();
    unused(barrier);
}

/// It is aborted while the action may run: who has not passed yet fails.
fn aborted() {
    let room = Room::new();
    let barrier = barrier_with_action(2, &room);
    let tasks = [1, 2].map(|n| spawn(n, move |me| pass(barrier, me, Timeout::FOREVER)));
    barrier.abort(me(0)).unwrap();
    match tasks.map(Task::join) {
        [Ok(one), Ok(other)] => assert_eq!((one + other, room.visits()), (1, 1)),
        [Err(Error::Broken), Err(Error::Broken)] => (),
        other => panic!("{other:?}"),
    }
    assert_eq!(barrier.broken(), Ok(true));
    barrier.reset(me(0)).unwrap();
    unused(barrier);
}

#[test]
fn passing() {
    holds("barrier: three pass", 2, three_pass);
    holds("barrier: two rounds", 4, two_rounds);
    holds("barrier: two rounds with an action", 1, two_rounds_with_action);
    finds(Seed::Barrier, 2, three_pass);
    finds(Seed::Sleep, 2, two_rounds);
}

#[test]
fn breaking() {
    holds("barrier: one of two gives up", 4, one_of_two_gives_up);
    holds("barrier: one never comes", 4, one_never_comes);
    holds("barrier: reset while one waits", 4, reset_while_one_waits);
    holds("barrier: aborted", 3, aborted);
}
