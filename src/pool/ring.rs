//! A seat's own queue: first in, first out; one thread puts, everybody takes.
//!
//! `tail` counts what its owner has put, `head` what anybody has taken. A place is read before the exchange that
//! takes it, and counts only if that succeeds: until then the owner does not write there again, because the ring
//! is not empty enough. Putting publishes by a release store of `tail`, read with acquire; taking is an
//! acquire-release exchange of `head`, which the owner reads with acquire before it reuses a place.

use super::entry::Entry;
use crate::atomic::{AtomicPtr, AtomicU32, Ordering::*, Seed, seeded};
use core::ffi::c_void;

#[cfg(not(loom))]
const ROOM: u32 = 256;
#[cfg(loom)]
const ROOM: u32 = 2;

/// One place of a ring.
struct Place {
    call: AtomicPtr<()>,
    arg: AtomicPtr<c_void>,
}

/// The ring.
pub(super) struct Ring {
    head: AtomicU32,
    tail: AtomicU32,
    places: [Place; ROOM as usize],
}

impl Ring {
    /// Empty; so is one of zeros, where atomics are words.
    #[cfg(any(loom, shuttle))]
    pub(super) fn new() -> Self {
        let empty = |_| Place {
            call: AtomicPtr::new(core::ptr::null_mut()),
            arg: AtomicPtr::new(core::ptr::null_mut()),
        };
        Ring { head: AtomicU32::new(0), tail: AtomicU32::new(0), places: core::array::from_fn(empty) }
    }

    /// How many tasks there are, at some moment.
    pub(super) fn length(&self) -> u32 {
        let head = self.head.load(SeqCst);
        self.tail.load(SeqCst).wrapping_sub(head).min(ROOM)
    }

    /// Whether its owner may put one more.
    pub(super) fn has_room(&self) -> bool {
        self.tail.load(Relaxed).wrapping_sub(self.head.load(Acquire)) < ROOM
    }

    /// Puts a task; only the owner does that, who has seen that there is room.
    pub(super) fn push(&self, entry: Entry) {
        let tail = self.tail.load(Relaxed);
        let place = &self.places[(tail % ROOM) as usize];
        place.call.store(entry.call, Relaxed);
        place.arg.store(entry.arg, Relaxed);
        let order = if seeded(Seed::Ring) { Relaxed } else { Release };
        self.tail.store(tail.wrapping_add(1), order);
    }

    /// Takes the task that has been here longest; anybody may.
    pub(super) fn pop(&self) -> Option<Entry> {
        let mut head = self.head.load(Acquire);
        loop {
            if head == self.tail.load(Acquire) {
                return None;
            }
            let entry = self.entry(head);
            match self.head.compare_exchange_weak(head, head.wrapping_add(1), AcqRel, Acquire) {
                Ok(_) => return Some(entry),
                Err(now) => head = now,
            }
        }
    }

    /// Takes the task that has been here longest if it is this one; only the owner asks.
    pub(super) fn pop_if(&self, entry: Entry) -> bool {
        let head = self.head.load(Acquire);
        if head == self.tail.load(Relaxed) || self.entry(head) != entry {
            return false;
        }
        self.head.compare_exchange(head, head.wrapping_add(1), AcqRel, Relaxed).is_ok()
    }

    fn entry(&self, at: u32) -> Entry {
        let place = &self.places[(at % ROOM) as usize];
        Entry { call: place.call.load(Relaxed), arg: place.arg.load(Relaxed) }
    }

    /// What will probably be taken after `count` others.
    pub(super) fn peek(&self, count: u32) -> Option<Entry> {
        let at = self.head.load(Relaxed).wrapping_add(count);
        let entry = self.entry(at);
        (self.tail.load(Relaxed).wrapping_sub(at) as i32 > 0).then_some(entry)
    }

    /// Takes half of what is there: returns one, and puts the others into `mine`, which is empty.
    pub(super) fn steal(&self, mine: &Ring) -> Option<Entry> {
        let mut left = self.length().div_ceil(2);
        let first = self.pop()?;
        while left > 1 && mine.has_room() {
            let Some(entry) = self.pop() else { break };
            mine.push(entry);
            left -= 1;
        }
        Some(first)
    }
}
