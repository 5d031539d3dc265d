//! A seat's own queue: each task is taken once, whole and in the order of coming.

use super::*;
use crate::pool::entry::Entry;
use crate::pool::ring::Ring;
use core::ptr::without_provenance_mut;

fn entry(number: usize) -> Entry {
    Entry { call: without_provenance_mut(number), arg: without_provenance_mut(number) }
}

fn number(entry: Entry) -> usize {
    assert_eq!(entry.call.addr(), entry.arg.addr(), "an entry is whole");
    entry.arg.addr()
}

/// All that `takes` gives, which is in order.
fn all_of(mut takes: impl FnMut() -> Option<Entry>) -> Vec<usize> {
    let taken: Vec<_> = core::iter::from_fn(|| takes().map(number)).collect();
    assert!(taken.is_sorted(), "first in, first out: {taken:?}");
    taken
}

fn each_once(mut taken: Vec<usize>, count: usize) {
    taken.sort_unstable();
    assert_eq!(taken, (1..=count).collect::<Vec<_>>(), "each is taken once");
}

/// The owner puts three into a ring of two, and takes when there is no room; another one takes.
fn put_and_taken() {
    let ring = Arc::new(Ring::new());
    let shared = ring.clone();
    let thief = spawn(1, move |_| all_of(|| shared.pop()));
    let mut taken = Vec::new();
    for n in 1..=3 {
        if !ring.has_room() {
            taken.extend(ring.pop().map(number));
        }
        assert!(ring.has_room(), "only the owner puts");
        ring.push(entry(n));
    }
    taken.extend(all_of(|| ring.pop()));
    taken.extend(thief.join());
    taken.extend(all_of(|| ring.pop()));
    each_once(taken, 3);
}

/// Two others take at once, one of them half of what there is, into a ring of its own.
fn two_thieves() {
    let ring = Arc::new(Ring::new());
    let (first, second) = (ring.clone(), ring.clone());
    ring.push(entry(1));
    ring.push(entry(2));
    let one = spawn(1, move |_| first.pop().map(number));
    let other = spawn(2, move |_| {
        let mine = Ring::new();
        let mut taken: Vec<_> = second.steal(&mine).map(number).into_iter().collect();
        taken.extend(all_of(|| mine.pop()));
        taken
    });
    let mut taken: Vec<_> = ring.pop().map(number).into_iter().collect();
    if ring.has_room() {
        ring.push(entry(3));
    }
    let all = 2 + ring.length() as usize;
    taken.extend(one.join());
    taken.extend(other.join());
    taken.extend(all_of(|| ring.pop()));
    assert!((2..=all.min(3)).contains(&taken.len()), "{taken:?}");
    each_once(taken.clone(), taken.len());
}

/// What others steal is put elsewhere, and can be stolen from there.
fn stolen_twice() {
    let rings = Arc::new([Ring::new(), Ring::new()]);
    rings[0].push(entry(1));
    rings[0].push(entry(2));
    let (first, second) = (rings.clone(), rings.clone());
    let one = spawn(1, move |_| first[0].steal(&first[1]).map(number));
    let other = spawn(2, move |_| second[1].pop().map(number));
    let mut taken: Vec<_> = [one.join(), other.join()].into_iter().flatten().collect();
    for ring in rings.iter() {
        taken.extend(all_of(|| ring.pop()));
    }
    each_once(taken, 2);
}

/// The owner wants certain ones, which another one may have taken.
fn wanted() {
    let ring = Arc::new(Ring::new());
    ring.push(entry(1));
    ring.push(entry(2));
    let shared = ring.clone();
    let thief = spawn(1, move |_| shared.pop().map(number));
    let mut taken: Vec<_> = [1, 2].into_iter().filter(|&n| ring.pop_if(entry(n))).collect();
    ring.push(entry(3));
    assert!(!ring.pop_if(entry(1)), "it was taken");
    taken.extend(all_of(|| ring.pop()));
    taken.extend(thief.join());
    each_once(taken, 3);
}

#[test]
fn tasks() {
    holds("ring: put and taken", 3, put_and_taken);
    holds("ring: two thieves", 2, two_thieves);
    holds("ring: stolen twice", 3, stolen_twice);
    holds("ring: wanted", 2, wanted);
    finds(Seed::Ring, 2, put_and_taken);
}
