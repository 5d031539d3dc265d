//! The free slots of one kind: a bit for each, and two layers of bits above that lead to them.
//!
//! | layer    | a bit says                                                                          |
//! |----------|-------------------------------------------------------------------------------------|
//! | `slots`  | this slot is free: whoever clears the bit has it                                    |
//! | `words`  | there may be free slots in this word of `slots`                                     |
//! | `groups` | there may be bits in this word of `words`                                           |
//!
//! The lowest free slots are handed out first, side by side, and no slot is touched for it: one that was freed elsewhere is
//! still on another processor. A bit above none is cleared by one who came there in vain.
//!
//! **No free slot is forgotten.** Whoever frees one sets its bit and then looks at the layer above; whoever clears a bit
//! there then looks at the layer below, and sets it again if there is something. Each writes before it reads what the
//! other writes, so one of the two sees the other. A thread that vanishes in a fork between the two steps leaves what it led to
//! for the next who frees a slot near it.

use super::Chunks;
use super::chunks::CAPACITY;
use crate::atomic::{AtomicU64, Ordering::*, Seed, load_in_order, seeded};
use crate::error::Result;

/// How many bits of a word are used.
#[cfg(not(loom))]
const BITS: u32 = 64;
#[cfg(loom)]
const BITS: u32 = 2;

const WORDS: u32 = (CAPACITY + 1).div_ceil(BITS);
const GROUPS: u32 = WORDS.div_ceil(BITS);
const TOPS: u32 = GROUPS.div_ceil(BITS);

/// All bits of one kind; zeros are none.
pub(super) struct Free {
    groups: [AtomicU64; TOPS as usize],
    words: [AtomicU64; GROUPS as usize],
    slots: Chunks<AtomicU64>,
}

/// The bit of the one at `at` in its word.
fn bit(at: u32) -> u64 {
    1 << (at % BITS)
}

/// Sets a bit that leads to something.
fn mark(layer: &[AtomicU64], at: u32) {
    let word = &layer[(at / BITS) as usize];
    if load_in_order(word) & bit(at) == 0 {
        word.fetch_or(bit(at), SeqCst);
    }
}

impl Free {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Free {
        Free {
            groups: [const { AtomicU64::new(0) }; TOPS as usize],
            words: [const { AtomicU64::new(0) }; GROUPS as usize],
            slots: Chunks::new(),
        }
    }

    #[cfg(loom)]
    pub(super) fn new() -> Free {
        Free {
            groups: core::array::from_fn(|_| AtomicU64::new(0)),
            words: core::array::from_fn(|_| AtomicU64::new(0)),
            slots: Chunks::new(AtomicU64::default),
        }
    }

    /// Makes room for the bit of a slot that may be freed later.
    pub(super) fn reach(&self, index: u32) -> Result {
        self.slots.reach(index / BITS).map(|_| ())
    }

    /// Frees slots; those that come side by side at once.
    pub(super) fn put(&self, indices: &[u32]) {
        for near in indices.chunk_by(|one, next| one / BITS == next / BITS) {
            let at = near[0] / BITS;
            let bits = near.iter().fold(0, |bits, &index| bits | bit(index));
            if let Some(word) = self.slots.at(at) {
                word.fetch_or(bits, SeqCst);
                mark(&self.words, at);
                mark(&self.groups, at / BITS);
            }
        }
    }

    /// Takes free slots, the lowest first, as many as there are side by side; says how many. `used` is above all.
    pub(super) fn take(&self, used: u32, into: &mut [u32]) -> usize {
        let tops = used.div_ceil(BITS * BITS * BITS) as usize;
        for (top, word) in self.groups.iter().take(tops).enumerate() {
            loop {
                let bits = word.load(Relaxed);
                if bits == 0 {
                    break;
                }
                let group = top as u32 * BITS + bits.trailing_zeros();
                let count = self.take_in_group(group, into);
                if count > 0 {
                    return count;
                }
                word.fetch_and(!bit(group), SeqCst);
                if !seeded(Seed::Slot) && load_in_order(&self.words[group as usize]) != 0 {
                    mark(&self.groups, group);
                }
            }
        }
        0
    }

    fn take_in_group(&self, group: u32, into: &mut [u32]) -> usize {
        let word = &self.words[group as usize];
        loop {
            let bits = word.load(Relaxed);
            if bits == 0 {
                return 0;
            }
            let at = group * BITS + bits.trailing_zeros();
            let Some(slots) = self.slots.at(at) else { return 0 };
            let count = take_in(slots, at * BITS, into);
            if count > 0 {
                return count;
            }
            word.fetch_and(!bit(at), SeqCst);
            if !seeded(Seed::Slot) && load_in_order(slots) != 0 {
                mark(&self.words, at);
                mark(&self.groups, group);
            }
        }
    }
}

/// Takes slots out of one word, whose first is `base`.
fn take_in(word: &AtomicU64, base: u32, into: &mut [u32]) -> usize {
    let mut bits = word.load(Relaxed);
    loop {
        let mut left = bits;
        let mut count = 0;
        while left != 0 && count < into.len() {
            into[count] = base + left.trailing_zeros();
            left &= left - 1;
            count += 1;
        }
        if count == 0 {
            return 0;
        }
        match word.compare_exchange_weak(bits, left, Acquire, Relaxed) {
            Ok(_) => return count,
            Err(now) => bits = now,
        }
    }
}
