//! A heap of deadlines that knows where each timer's entry stands, so that one can be taken out from the
//! middle.

use crate::error::{Error, Result};
use crate::slot::index_of;
use crate::time::Deadline;

/// Children of a node: four keep the tree flat and share a cache line or two.
const ARITY: usize = 4;

/// A timer that is due at some time.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) deadline: Deadline,
    pub(super) timer: u64,
}

/// The earliest deadline stands first; equal ones come in no promised order.
pub(super) struct Heap {
    entries: Vec<Entry>,
    /// Where the entry of the timer in each slot stands, if it has one: beside the slots, which lie too far
    /// apart in memory to be visited whenever an entry moves.
    places: Vec<u32>,
}

impl Heap {
    pub(super) const fn new() -> Heap {
        Heap { entries: Vec::new(), places: Vec::new() }
    }

    pub(super) fn first(&self) -> Option<Entry> {
        self.entries.first().copied()
    }

    /// Puts an entry in, leaving room for so many others; says whether it is the earliest now.
    pub(super) fn push(&mut self, entry: Entry, others: usize) -> Result<bool> {
        self.entries.try_reserve(1 + others).map_err(|_| Error::NoMemory)?;
        let slots = index_of(entry.timer) as usize + 1;
        if let Some(missing) = slots.checked_sub(self.places.len()) {
            self.places.try_reserve(missing).map_err(|_| Error::NoMemory)?;
            self.places.resize(slots, 0);
        }
        self.entries.push(entry);
        Ok(self.rise(self.entries.len() - 1, entry) == 0)
    }

    /// Takes out the earliest entry.
    pub(super) fn pop(&mut self) {
        self.remove_at(0);
    }

    /// Takes out the entry of a timer that has one.
    pub(super) fn remove(&mut self, timer: u64) {
        self.remove_at(self.places[index_of(timer) as usize] as usize);
    }

    /// Forgets all entries, but not the memory.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    fn remove_at(&mut self, place: usize) {
        let Some(last) = self.entries.pop() else { return };
        if place < self.entries.len() {
            let place = self.sink(place);
            self.rise(place, last);
        }
    }

    /// Moves the gap at `place` towards the start until `entry` is in order there.
    fn rise(&mut self, mut place: usize, entry: Entry) -> usize {
        while place > 0 {
            let parent = (place - 1) / ARITY;
            if self.entries[parent].deadline <= entry.deadline {
                break;
            }
            self.set(place, self.entries[parent]);
            place = parent;
        }
        self.set(place, entry);
        place
    }

    /// Moves the gap at `place` to the leaves. What fills it comes from there too, so it will hardly have to
    /// rise again, and is not compared on the way.
    fn sink(&mut self, mut place: usize) -> usize {
        loop {
            let children = place * ARITY + 1..(place * ARITY + 1 + ARITY).min(self.entries.len());
            let Some(least) = children.min_by_key(|&child| self.entries[child].deadline) else { break };
            self.set(place, self.entries[least]);
            place = least;
        }
        place
    }

    fn set(&mut self, place: usize, entry: Entry) {
        self.entries[place] = entry;
        self.places[index_of(entry.timer) as usize] = place as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::{handle, kind};

    fn entry(deadline: usize, index: usize) -> Entry {
        Entry { deadline: Deadline::at(deadline as i64), timer: handle(kind::TIMER, index as u32, 1) }
    }

    /// Numbers that look random.
    fn numbers() -> impl Iterator<Item = usize> {
        let mut x = 1u64;
        core::iter::repeat_with(move || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 33) as usize
        })
    }

    #[test]
    fn deadlines_come_out_in_order_without_those_taken_out_before() {
        let mut heap = Heap::new();
        let mut expected = Vec::new();
        for (index, x) in (0..3000).zip(numbers()) {
            let first = heap.push(entry(x, index), 0).unwrap();
            expected.push((x, index));
            assert_eq!(first, expected.iter().min() == Some(&(x, index)));
            if x % 3 == 0 {
                let (_, taken) = expected.swap_remove(x / 3 % expected.len());
                heap.remove(entry(0, taken).timer);
            }
        }
        expected.sort();
        for (deadline, index) in expected {
            let first = heap.first().unwrap();
            assert_eq!((first.deadline, first.timer), (Deadline::at(deadline as i64), entry(0, index).timer));
            heap.pop();
        }
        assert!(heap.first().is_none());
    }
}
