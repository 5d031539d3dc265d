//! Bodies: who steps in finds the object dead, or is waited for before the body is given back.

use super::*;
use crate::atomic::AtomicU64;
use crate::park::inside::wait_until_left;

const OBJECT: u64 = 7;

fn given_back_when_left() {
    let (alive, body) = (Arc::new(AtomicU64::new(1)), Room::new());
    let (lives, used) = (alive.clone(), body.clone());
    let user = spawn(1, move |me| {
        me.enter(OBJECT);
        if lives.load(Relaxed) == 1 {
            used.visit();
        }
        me.leave();
    });
    alive.store(0, Relaxed);
    assert!(wait_until_left(OBJECT));
    body.visit();
    user.join();
}

/// One who is inside something else is not waited for.
fn inside_another() {
    let user = me(1);
    user.enter(OBJECT + 1);
    all::<0>(|_| ());
    assert!(wait_until_left(OBJECT));
    user.leave();
}

#[test]
fn bodies() {
    holds("inside: given back when left", 4, given_back_when_left);
    holds("inside: inside another", 1, inside_another);
    finds(Seed::Inside, 4, given_back_when_left);
}
