//! Forks: each is taken back or stolen, once; what was split off before a thief began is not for it.

use super::*;
use crate::pool::deque::Deque;
use core::ptr::without_provenance_mut;

/// Counts who got what.
#[derive(Clone)]
struct Forks {
    deque: Arc<Deque<u64>>,
    taken: Arc<[AtomicUsize; 3]>,
}

impl Forks {
    fn new() -> Forks {
        Forks { deque: Arc::new(Deque::new()), taken: Arc::default() }
    }

    fn took(&self, number: usize) {
        assert_eq!(self.taken[number].fetch_add(1, Relaxed), 0, "fork {number} is taken once");
    }

    /// Those with odd numbers are of the quick kind.
    fn push(&self, number: usize) {
        let fork = without_provenance_mut(number * align_of::<u64>());
        assert!(if number % 2 == 1 { self.deque.push_quick(fork) } else { self.deque.push(fork) });
    }

    /// Takes back what was put last, unless it was stolen.
    fn pop(&self, number: usize) -> bool {
        let back = if number % 2 == 1 { self.deque.pop_quick() } else { self.deque.pop() };
        if back {
            self.took(number);
        }
        back
    }

    fn steal(&self, from: i64) -> bool {
        let fork = self.deque.steal(from);
        if let Some(fork) = fork {
            self.took(fork.addr() / align_of::<u64>());
        }
        fork.is_some()
    }

    fn each_was_taken(&self, count: usize) {
        while self.steal(0) {}
        let taken = self.taken.iter().map(|times| times.load(Relaxed)).sum::<usize>();
        assert_eq!(taken, count, "none is lost");
        assert!(self.deque.is_empty());
    }
}

/// One is split off; it is taken back, or stolen by one of two.
fn one_and_two_thieves() {
    let forks = Forks::new();
    forks.push(1);
    let thieves = [1, 2].map(|n| {
        let forks = forks.clone();
        spawn(n, move |_| forks.steal(0))
    });
    let back = forks.pop(1);
    let stolen = thieves.map(|thief| thief.join());
    assert!(back as u32 + stolen[0] as u32 + stolen[1] as u32 <= 1);
    forks.each_was_taken(1);
}

/// Two are split off, and both may be stolen by one who comes twice.
fn one_thief() {
    let forks = Forks::new();
    let other = forks.clone();
    let thief = spawn(1, move |_| other.steal(0) && other.steal(0));
    forks.push(1);
    forks.push(2);
    assert!(forks.pop(2) || !forks.pop(1));
    thief.join();
    forks.each_was_taken(2);
}

/// Two are split off, one after the other, and taken back in turn.
fn two_and_two_thieves() {
    let forks = Forks::new();
    let thieves = [1, 2].map(|n| {
        let forks = forks.clone();
        spawn(n, move |_| forks.steal(0))
    });
    forks.push(1);
    forks.push(2);
    let second = forks.pop(2);
    let first = forks.pop(1);
    assert!(second || !first, "the first is stolen before the second");
    for thief in thieves {
        thief.join();
    }
    forks.each_was_taken(2);
}

/// A place is used again while one who looks at it is late.
fn places_come_round() {
    let forks = Forks::new();
    let other = forks.clone();
    forks.push(0);
    let thief = spawn(1, move |_| other.steal(0) as u32 + other.steal(0) as u32);
    let mut back = forks.pop(0) as u32;
    forks.push(1);
    forks.push(2);
    back += forks.pop(2) as u32;
    let stolen = thief.join();
    let left = core::iter::from_fn(|| forks.steal(0).then_some(())).count() as u32;
    assert_eq!(back + stolen + left, 3, "none is lost");
    assert!(forks.deque.is_empty());
}

/// What stood in a place is taken back and something of the other kind put there, while two come to steal.
fn another_in_its_place() {
    let forks = Forks::new();
    forks.push(0);
    forks.push(2);
    let thieves = [1, 2].map(|n| {
        let forks = forks.clone();
        spawn(n, move |_| forks.steal(0) as u32)
    });
    let mut back = forks.pop(2) as u32;
    forks.push(1);
    back += forks.pop(1) as u32;
    let stolen = thieves.into_iter().map(|thief| thief.join()).sum::<u32>();
    let left = core::iter::from_fn(|| forks.steal(0).then_some(())).count() as u32;
    assert_eq!(back + stolen + left, 3, "none is lost");
}

/// One who waits for the second fork steals only what was split off after the first.
fn only_later_ones() {
    let forks = Forks::new();
    forks.push(1);
    let from = forks.deque.bottom();
    let other = forks.clone();
    let thief = spawn(1, move |_| other.steal(from));
    forks.push(2);
    assert!(!thief.join(), "the first one stands before it");
    assert!(forks.pop(2) && forks.pop(1));
    forks.each_was_taken(2);
}

#[test]
fn forks() {
    holds("deque: one and two thieves", 2, one_and_two_thieves);
    holds("deque: two and two thieves", 2, two_and_two_thieves);
    holds("deque: one thief", 3, one_thief);
    holds("deque: places come round", 3, places_come_round);
    holds("deque: only later ones", 3, only_later_ones);
    holds("deque: another in its place", 2, another_in_its_place);
    finds(Seed::Deque, 2, one_thief);
}
