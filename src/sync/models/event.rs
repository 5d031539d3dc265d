//! Event: whoever waits at a set returns, even if it is cleared at once, and sees what was done before it.

use super::*;
use crate::error::Error;
use crate::slot::OPEN;
use crate::sync::event::{Event, create};

fn event() -> Live<Event> {
    made(create(me(0)))
}

/// Waits without a time limit, then looks at what the setter did before.
fn wait(event: Live<Event>, room: &Room, me: Me) {
    event.wait(|| Ok(me), Timeout::FOREVER).unwrap();
    assert_eq!(room.visits(), 1);
}

fn set(event: Live<Event>) {
    if !event.set_quick() {
        event.set().unwrap();
    }
}

fn clear(event: Live<Event>) {
    if !event.clear_quick() {
        event.clear().unwrap();
    }
}

/// Returns when somebody is about to sleep: in an event that was never set, only its flag for that can stand.
fn until_somebody_waits(event: Live<Event>) {
    while event.bits().unwrap() == OPEN {
        loom::thread::yield_now();
    }
}

fn set_wakes_all() {
    let (event, room) = (event(), Room::new());
    let tasks = [1, 2].map(|n| {
        let room = room.clone();
        spawn(n, move |me| wait(event, &room, me))
    });
    room.visit();
    set(event);
    tasks.into_iter().for_each(Task::join);
    assert_eq!(event.is_set(), Ok(true));
    event.destroy(me(0)).expect("nobody waits");
}

fn set_and_clear_at_once() {
    let (event, room) = (event(), Room::new());
    let seen = room.clone();
    let waits = spawn(1, move |me| wait(event, &seen, me));
    until_somebody_waits(event);
    room.visit();
    set(event);
    clear(event);
    waits.join();
    assert_eq!(event.is_set(), Ok(false));
    event.destroy(me(0)).expect("nobody waits");
}

/// The one whose time runs out takes no wake-up from the other.
fn one_gives_up() {
    let (event, room) = (event(), Room::new());
    let seen = room.clone();
    let patient = spawn(1, move |me| wait(event, &seen, me));
    let brief = spawn(2, move |me| match event.wait(|| Ok(me), SOON) {
        Ok(()) => (),
        Err(error) => assert_eq!(error, Error::Timeout),
    });
    until_somebody_waits(event);
    room.visit();
    set(event);
    patient.join();
    brief.join();
    event.destroy(me(0)).expect("nobody waits");
}

/// Two set it while one waits and clears.
fn many_set() {
    let event = event();
    let waits = spawn(1, move |me| {
        event.wait(|| Ok(me), Timeout::FOREVER).unwrap();
        clear(event);
    });
    let sets = spawn(2, move |_| set(event));
    set(event);
    waits.join();
    sets.join();
    event.destroy(me(0)).expect("nobody waits");
}

fn destroyed_in_use() {
    let event = event();
    let waits = spawn(1, move |me| event.wait(|| Ok(me), Timeout::FOREVER));
    match event.destroy(me(0)) {
        Ok(()) => {
            assert_eq!(waits.join(), Err(Error::StaleHandle));
            // The next life of the slot begins with nobody waiting.
            made::<Event>(create(me(0))).destroy(me(0)).unwrap();
        }
        Err(error) => {
            assert_eq!(error, Error::Busy);
            set(event);
            waits.join().unwrap();
            event.destroy(me(0)).expect("nobody waits any more");
        }
    }
}

#[test]
fn wake_ups() {
    holds("event: set wakes all", 3, set_wakes_all);
    holds("event: set and clear at once", 3, set_and_clear_at_once);
    holds("event: many set", 3, many_set);
    finds(Seed::Event, 2, set_and_clear_at_once);
    finds(Seed::Sleep, 2, set_wakes_all);
}

#[test]
fn timeouts_and_end() {
    holds("event: one gives up", 2, one_gives_up);
    holds("event: destroyed in use", 3, destroyed_in_use);
}
