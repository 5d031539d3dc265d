//! A heap of deadlines whose entries know their places, so that one can be taken out from the middle.

use super::Timer;
use crate::atomic::Ordering::Relaxed;
use crate::error::{Error, Result};
use crate::slot::find;
use crate::time::Deadline;

/// Children of a node: four keep the tree flat and share a cache line.
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
}

impl Heap {
    pub(super) const fn new() -> Heap {
        Heap { entries: Vec::new() }
    }

    pub(super) fn first(&self) -> Option<Entry> {
        self.entries.first().copied()
    }

    /// Puts an entry in, leaving room for so many others.
    pub(super) fn push(&mut self, entry: Entry, others: usize) -> Result {
        self.entries.try_reserve(1 + others).map_err(|_| Error::NoMemory)?;
        self.entries.push(entry);
        self.rise(self.entries.len() - 1);
        Ok(())
    }

    /// Takes out the entry at `place`, which its timer knows.
    pub(super) fn remove(&mut self, place: usize) -> Option<Entry> {
        let last = self.entries.pop()?;
        if place == self.entries.len() {
            return Some(last);
        }
        let removed = core::mem::replace(self.entries.get_mut(place)?, last);
        self.sink(place);
        self.rise(place);
        Some(removed)
    }

    /// Forgets all entries, but not the memory.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    fn rise(&mut self, mut place: usize) {
        let entry = self.entries[place];
        while place > 0 {
            let parent = (place - 1) / ARITY;
            if self.entries[parent].deadline <= entry.deadline {
                break;
            }
            self.set(place, self.entries[parent]);
            place = parent;
        }
        self.set(place, entry);
    }

    fn sink(&mut self, mut place: usize) {
        let entry = self.entries[place];
        loop {
            let children = place * ARITY + 1..(place * ARITY + 1 + ARITY).min(self.entries.len());
            let Some(least) = children.min_by_key(|&child| self.entries[child].deadline) else { break };
            if entry.deadline <= self.entries[least].deadline {
                break;
            }
            self.set(place, self.entries[least]);
            place = least;
        }
        self.set(place, entry);
    }

    fn set(&mut self, place: usize, entry: Entry) {
        self.entries[place] = entry;
        if let Ok(timer) = find::<Timer>(entry.timer) {
            timer.slot.body.place.store(place as u32, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_out_in_order() {
        let mut heap = Heap::new();
        let mut x = 1u64;
        for _ in 0..2000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let deadline = Deadline::at((x >> 33) as i64);
            heap.push(Entry { deadline, timer: 0 }, 0).unwrap();
            if x.is_multiple_of(7) {
                let place = (x >> 40) as usize % heap.entries.len();
                let expected = heap.entries[place].deadline;
                assert_eq!(heap.remove(place).unwrap().deadline, expected);
            }
        }
        let mut last = Deadline::at(0);
        while heap.first().is_some() {
            let entry = heap.remove(0).unwrap();
            assert!(entry.deadline >= last);
            last = entry.deadline;
        }
    }
}
