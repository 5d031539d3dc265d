//! A heap of deadlines. An entry that is taken out stays where it is, marked as dead, until its time comes or the dead
//! are the most: so taking out is as quick as it can be, and most timers are.

use crate::error::{Error, Result};
use crate::slot::{generation_of, index_of};
use crate::time::Deadline;

/// Children of a node: four keep the tree flat and share a cache line or two.
const ARITY: usize = 4;

/// So few dead entries are not worth a search.
const FEW: usize = 64;

/// A timer that is due at some time.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) deadline: Deadline,
    pub(super) timer: u64,
}

/// The earliest deadline stands first; equal ones come in no promised order.
pub(super) struct Heap {
    entries: Vec<Entry>,
    /// The generation of the timer in each slot that has an entry, 0 if it has none: beside the slots, which lie too
    /// far apart in memory to be visited for each entry.
    alive: Vec<u32>,
    /// Entries that were taken out.
    dead: usize,
}

impl Heap {
    pub(super) const fn new() -> Heap {
        Heap { entries: Vec::new(), alive: Vec::new(), dead: 0 }
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.len() == self.dead
    }

    /// The earliest deadline, or one before it whose entry is dead since the last `trim`.
    pub(super) fn first(&self) -> Option<Deadline> {
        self.entries.first().map(|entry| entry.deadline)
    }

    /// Drops what is dead and stands first.
    pub(super) fn trim(&mut self) {
        while let Some(&first) = self.entries.first()
            && !self.is_alive(first)
        {
            self.drop_first();
            self.dead -= 1;
        }
    }

    /// Puts an entry in, leaving room for so many others; says whether it is the earliest now.
    pub(super) fn push(&mut self, entry: Entry, others: usize) -> Result<bool> {
        self.entries.try_reserve(1 + others).map_err(|_| Error::NoMemory)?;
        let slots = index_of(entry.timer) as usize + 1;
        if let Some(missing) = slots.checked_sub(self.alive.len()) {
            self.alive.try_reserve(missing).map_err(|_| Error::NoMemory)?;
            self.alive.resize(slots, 0);
        }
        self.alive[slots - 1] = generation_of(entry.timer);
        self.entries.push(entry);
        Ok(self.rise(self.entries.len() - 1, entry) == 0)
    }

    /// Takes out the earliest entry if it is due; dead ones stand first neither before nor after.
    pub(super) fn pop_due(&mut self, now: i64) -> Option<Entry> {
        self.trim();
        let first = self.entries.first().copied().filter(|first| first.deadline.nanos() <= now)?;
        self.drop_first();
        self.alive[index_of(first.timer) as usize] = 0;
        self.trim();
        Some(first)
    }

    /// The timer that probably comes next.
    pub(super) fn peek(&self) -> Option<u64> {
        self.entries.first().map(|entry| entry.timer)
    }

    /// Takes out the entry of a timer that has one.
    pub(super) fn remove(&mut self, timer: u64) {
        self.alive[index_of(timer) as usize] = 0;
        self.dead += 1;
        if self.is_empty() {
            self.entries.clear();
            self.dead = 0;
        } else if self.dead > FEW && self.dead > self.entries.len() / 2 {
            self.bury();
        }
    }

    /// Takes out the entry of a timer that may get another one before its time: nothing of it may stay.
    pub(super) fn remove_at_once(&mut self, timer: u64) {
        self.alive[index_of(timer) as usize] = 0;
        self.bury();
    }

    /// Forgets all entries, also those that nobody took out, but not the memory.
    pub(super) fn forget(&mut self) {
        self.entries.clear();
        self.dead = 0;
    }

    fn is_alive(&self, entry: Entry) -> bool {
        self.alive[index_of(entry.timer) as usize] == generation_of(entry.timer)
    }

    /// Drops all dead entries.
    #[cold]
    fn bury(&mut self) {
        let alive = &self.alive;
        self.entries.retain(|entry| alive[index_of(entry.timer) as usize] == generation_of(entry.timer));
        self.dead = 0;
        for place in (0..self.entries.len().div_ceil(ARITY)).rev() {
            let entry = self.entries[place];
            let gap = self.sink(place);
            self.rise_below(place, gap, entry);
        }
    }

    fn drop_first(&mut self) {
        let Some(last) = self.entries.pop() else { return };
        if !self.entries.is_empty() {
            let gap = self.sink(0);
            self.rise(gap, last);
        }
    }

    /// Moves the gap at `place` towards the start until `entry` is in order there.
    fn rise(&mut self, place: usize, entry: Entry) -> usize {
        self.rise_below(0, place, entry)
    }

    /// The same in the tree that hangs below `top`.
    fn rise_below(&mut self, top: usize, mut place: usize, entry: Entry) -> usize {
        while place > top {
            let parent = (place - 1) / ARITY;
            if self.entries[parent].deadline <= entry.deadline {
                break;
            }
            self.entries[place] = self.entries[parent];
            place = parent;
        }
        self.entries[place] = entry;
        place
    }

    /// Moves the gap at `place` to the leaves. What fills it comes from there too, so it will hardly have to
    /// rise again, and is not compared on the way.
    fn sink(&mut self, mut place: usize) -> usize {
        loop {
            let children = place * ARITY + 1..(place * ARITY + 1 + ARITY).min(self.entries.len());
            let Some(least) = children.min_by_key(|&child| self.entries[child].deadline) else { break };
            self.entries[place] = self.entries[least];
            place = least;
        }
        place
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

    /// Puts 3000 in, and takes out one for each `every` of them.
    fn in_order_without_those_taken_out(every: usize) {
        let mut heap = Heap::new();
        let mut expected = Vec::new();
        for (index, x) in (0..3000).zip(numbers()) {
            let earlier = heap.first().is_some_and(|first| first <= Deadline::at(x as i64));
            assert_eq!(heap.push(entry(x, index), 0).unwrap(), !earlier);
            expected.push((x, index));
            if x % every == 0 {
                let (_, taken) = expected.swap_remove(x / every % expected.len());
                heap.remove(entry(0, taken).timer);
                assert!(heap.entries.len() <= FEW.max(2 * expected.len()) + 1);
            }
            assert_eq!(heap.is_empty(), expected.is_empty());
        }
        expected.sort();
        let deadlines: Vec<_> = expected.iter().map(|&(deadline, _)| Deadline::at(deadline as i64)).collect();
        for (i, (deadline, index)) in expected.into_iter().enumerate() {
            assert!(heap.pop_due(deadline as i64 - 1).is_none());
            let first = heap.pop_due(deadline as i64).unwrap();
            assert_eq!((first.deadline, first.timer), (deadlines[i], entry(0, index).timer));
            assert_eq!(heap.first(), deadlines.get(i + 1).copied(), "nothing dead stands first");
        }
        assert!(heap.is_empty() && heap.entries.is_empty());
    }

    #[test]
    fn deadlines_come_out_in_order() {
        in_order_without_those_taken_out(3);
    }

    #[test]
    fn few_are_left_of_many() {
        in_order_without_those_taken_out(1);
    }

    /// A slot's next timer is not taken for the one before, whose entry is still there.
    #[test]
    fn an_entry_is_of_one_life() {
        let mut heap = Heap::new();
        let lives = [1, 2].map(|generation| handle(kind::TIMER, 5, generation));
        heap.push(entry(9, 6), 0).unwrap();
        heap.push(Entry { deadline: Deadline::at(1), timer: lives[0] }, 0).unwrap();
        heap.remove(lives[0]);
        heap.push(Entry { deadline: Deadline::at(2), timer: lives[1] }, 0).unwrap();
        assert_eq!(heap.pop_due(9).map(|entry| entry.timer), Some(lives[1]));
        assert_eq!(heap.pop_due(9).map(|entry| entry.timer), Some(entry(9, 6).timer));
        assert!(heap.is_empty());
    }

    #[test]
    fn nothing_stays_of_one_taken_out_at_once() {
        let mut heap = Heap::new();
        heap.push(entry(9, 6), 0).unwrap();
        heap.push(entry(1, 5), 0).unwrap();
        heap.remove_at_once(entry(1, 5).timer);
        heap.push(entry(10, 5), 0).unwrap();
        assert_eq!(heap.pop_due(9).map(|entry| entry.timer), Some(entry(9, 6).timer));
        assert!(heap.pop_due(9).is_none());
    }
}
