//! FIFO: a list of blocks, into which one compare-exchange puts an item and out of which one takes it.
//!
//! Both ends are one word each:
//!
//! | bits     | meaning                                                                          |
//! |----------|----------------------------------------------------------------------------------|
//! | 0 .. 23  | the number of the block                                                          |
//! | `CLOSED` | of the tail: nothing more is put                                                 |
//! | 25 .. 63 | the position: counts cells, and one more for each block; its low bits are the cell's offset |
//!
//! README.md tells why nothing is lost. Orderings: the item is published by its stamp, a release that the
//! acquire of whoever takes it reads. The exchanges of both ends are sequentially consistent, because who is about
//! to sleep reads them after it has said that it waits, and who has moved an end looks for those who wait.

use super::blocks::{self, BITS, Block, CELLS, block};
use super::{Apart, Attempt};
use crate::atomic::{AtomicU64, Ordering::*, Seed, load_in_order, seeded};
use crate::error::{Error, Result};
use core::ffi::c_void;

const INDEX: u64 = 0xff_ffff;
const CLOSED: u64 = 1 << 24;
const STEP: u64 = 1 << 25;
const POSITION: u64 = !(STEP - 1);
/// The part of a position that counts blocks.
const LAP: u64 = !((STEP << BITS) - 1);

/// The end where items are put.
struct Tail {
    word: AtomicU64,
    /// The head as somebody who put has seen it last: it has moved on since, if at all.
    head: AtomicU64,
}

/// Items in the order of their coming.
pub(super) struct List {
    tail: Apart<Tail>,
    head: Apart<AtomicU64>,
    /// How many items there may be.
    bound: i64,
}

const fn offset(end: u64) -> u32 {
    (end / STEP) as u32 & ((1 << BITS) - 1)
}

/// The end one cell further on, within a block.
const fn next_cell(end: u64) -> u64 {
    (end & (POSITION | INDEX)).wrapping_add(STEP)
}

/// The end at the first cell of the block `index`, which follows the one that `end` is in.
const fn next_block(end: u64, index: u32) -> u64 {
    (end & LAP).wrapping_add(STEP << BITS) | index as u64
}

/// How many cells lie between two ends; below 0 when one was read long before the other.
const fn distance(tail: u64, head: u64) -> i64 {
    let positions = (tail & POSITION).wrapping_sub(head & POSITION) as i64 / STEP as i64;
    let blocks = (tail & LAP).wrapping_sub(head & LAP) as i64 / (STEP << BITS) as i64;
    positions - blocks
}

fn block_at(end: u64) -> &'static Block {
    block((end & INDEX) as u32)
}

impl List {
    /// An empty list.
    pub(super) fn new(bound: i64) -> Result<List> {
        let first = blocks::take()?;
        block(first).start.store(0, Relaxed);
        let end = || AtomicU64::new(first as u64);
        Ok(List { tail: Apart(Tail { word: end(), head: end() }), head: Apart(end()), bound })
    }

    /// Puts an item in, if there is room.
    #[inline(always)]
    pub(super) fn put(&self, item: *mut c_void) -> Result<Attempt<()>> {
        let mut tail = self.tail.0.word.load(Acquire);
        loop {
            if tail & CLOSED != 0 {
                return Err(Error::Closed);
            }
            if !self.has_room(tail) {
                return Ok(Attempt::Blocked);
            }
            if offset(tail) == CELLS - 1 {
                match self.put_last(tail, item)? {
                    None => return Ok(Attempt::Done(())),
                    Some(now) => tail = now,
                }
                continue;
            }
            match self.reserve(tail, next_cell(tail)) {
                Ok(()) => {
                    publish(tail, item);
                    return Ok(Attempt::Done(()));
                }
                Err(now) => tail = now,
            }
        }
    }

    /// Takes the cell at `tail`; otherwise the tail as it is now.
    #[inline(always)]
    fn reserve(&self, tail: u64, next: u64) -> core::result::Result<(), u64> {
        self.tail.0.word.compare_exchange_weak(tail, next, SeqCst, Acquire).map(drop)
    }

    /// Puts an item into the last cell of a block. The block after it comes first, so a failure loses nothing, and
    /// nobody ever waits for one who was to bring it.
    #[cold]
    fn put_last(&self, tail: u64, item: *mut c_void) -> Result<Option<u64>> {
        let fresh = blocks::take()?;
        // If `tail` is out of date so may be this, and the exchange fails.
        let start = block_at(tail).start.load(Relaxed).wrapping_add(CELLS as u64);
        block(fresh).start.store(start, Relaxed);
        if let Err(now) = self.reserve(tail, next_block(tail, fresh)) {
            blocks::give_back(fresh);
            return Ok(Some(now));
        }
        block_at(tail).next.store(fresh, Relaxed);
        publish(tail, item);
        Ok(None)
    }

    /// Whether one more item may be put at `tail`. An old head is as good: there are no more items than it says.
    #[inline(always)]
    fn has_room(&self, tail: u64) -> bool {
        if self.bound == i64::MAX || distance(tail, self.tail.0.head.load(Relaxed)) < self.bound {
            return true;
        }
        let head = load_in_order(&self.head.0);
        self.tail.0.head.store(head, Relaxed);
        distance(tail, head) < self.bound
    }

    /// Takes the oldest item. `Busy`: somebody is just putting it.
    #[inline(always)]
    pub(super) fn get(&self) -> Result<Attempt<*mut c_void>> {
        let mut head = self.head.0.load(Acquire);
        loop {
            let block = block_at(head);
            let cell = block.cell(offset(head));
            if cell.stamp.load(Acquire) == 0 && !seeded(Seed::List) {
                let tail = load_in_order(&self.tail.0.word);
                if tail & POSITION == head & POSITION {
                    return if tail & CLOSED == 0 { Ok(Attempt::Blocked) } else { Err(Error::Closed) };
                }
                let now = load_in_order(&self.head.0);
                if now == head {
                    return Ok(Attempt::Busy);
                }
                head = now;
                continue;
            }
            // Read before it is taken: afterwards the block may be anybody's.
            let item = cell.item.load(Relaxed);
            let last = offset(head) == CELLS - 1;
            let next = if last { next_block(head, block.next.load(Relaxed)) } else { next_cell(head) };
            match self.head.0.compare_exchange_weak(head, next, SeqCst, Acquire) {
                Ok(_) => {
                    if last {
                        blocks::give_back((head & INDEX) as u32);
                    }
                    return Ok(Attempt::Done(item));
                }
                Err(now) => head = now,
            }
        }
    }

    /// Lets nothing more be put.
    pub(super) fn close(&self) {
        self.tail.0.word.fetch_or(CLOSED, SeqCst);
    }

    /// How many items there are, or are just being put.
    pub(super) fn size(&self) -> i64 {
        let head = load_in_order(&self.head.0);
        distance(load_in_order(&self.tail.0.word), head).clamp(0, self.bound)
    }

    /// How many items have ever been put.
    pub(super) fn puts(&self) -> u64 {
        let mut tail = self.tail.0.word.load(SeqCst);
        loop {
            let start = block_at(tail).start.load(Relaxed);
            // The start belongs to this block if the block is still at the end.
            let now = self.tail.0.word.load(SeqCst);
            if now & (LAP | INDEX) == tail & (LAP | INDEX) {
                return start.wrapping_add(offset(tail) as u64);
            }
            tail = now;
        }
    }

    /// Reserves a cell as one who is stopped before it publishes.
    #[cfg(test)]
    pub(super) fn reserve_only(&self) -> impl FnOnce(*mut c_void) + use<> {
        let tail = self.tail.0.word.load(SeqCst);
        assert!(offset(tail) < CELLS - 1 && self.reserve(tail, next_cell(tail)).is_ok());
        move |item| publish(tail, item)
    }
}

/// Fills the cell at `tail`, which is reserved for the caller.
#[inline(always)]
fn publish(tail: u64, item: *mut c_void) {
    let cell = block_at(tail).cell(offset(tail));
    if seeded(Seed::Publish) {
        cell.stamp.store(1, Relaxed);
    }
    cell.item.store(item, Relaxed);
    cell.stamp.store(1, Release);
}

impl Drop for List {
    /// Nobody else uses the list any more. Items that are left are forgotten.
    fn drop(&mut self) {
        while let Ok(Attempt::Done(_)) = self.get() {}
        if self.size() == 0 {
            blocks::give_back((self.head.0.load(Relaxed) & INDEX) as u32);
        }
    }
}
