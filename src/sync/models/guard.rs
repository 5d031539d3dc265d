//! The small lock inside other primitives: one at a time, and whoever sleeps is woken.

use super::*;
use crate::sync::RawGuard;

fn exclusion<const N: usize>() {
    let (guard, room) = (Arc::new(RawGuard::new()), Room::new());
    let (shared, inside) = (guard.clone(), room.clone());
    all::<N>(move |_| {
        for _ in N..4 {
            shared.enter();
            inside.visit();
            shared.leave();
        }
    });
    assert_eq!(room.visits(), (N * (4 - N)) as u64);
    assert!(guard.try_enter(), "nobody is inside any more");
}

#[test]
fn one_at_a_time() {
    holds("guard: two, twice each", 4, exclusion::<2>);
    holds("guard: three", 3, exclusion::<3>);
    finds(Seed::Guard, 2, exclusion::<2>);
    finds(Seed::Sleep, 2, exclusion::<2>);
}
