//! The life of objects: handles, type-stable slots, and how a slot is handed out again.
//!
//! A handle is `kind:8 | index:24 | generation:32`. The generation stands in the upper half of the
//! slot's state word too, so the compare-exchange that admits an operation proves the handle alive.
//!
//! | state word                   | meaning                                                        |
//! |------------------------------|----------------------------------------------------------------|
//! | `0`                          | never used                                                     |
//! | `generation`, `OPEN`, bits   | live; the other 31 bits belong to the primitive                |
//! | `generation`, no `OPEN`      | closed; `generation` is the next                               |
//!
//! A slot is never given back to the system, so a late access reads a valid word and fails its compare.

mod cache;
mod chunks;
mod free;
mod kinds;
mod table;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use cache::Cache;
use chunks::CHUNK_BITS;
pub(crate) use chunks::{CAPACITY, Chunks};
pub(crate) use kinds::{Answers, answers_of, set_answers};
pub(crate) use table::Table;

use crate::atomic::{AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::sys::tools;
use core::hint::cold_path;

/// Set in the lower half of the state word as long as the object lives.
pub(crate) const OPEN: u32 = 1 << 31;

/// The kinds of objects, in the uppermost byte of a handle.
pub(crate) mod kind {
    pub(crate) const THREAD: u8 = 1;
    pub(crate) const LOCK: u8 = 2;
    pub(crate) const RLOCK: u8 = 3;
    pub(crate) const CONDITION: u8 = 4;
    pub(crate) const SEMAPHORE: u8 = 5;
    pub(crate) const EVENT: u8 = 6;
    pub(crate) const BARRIER: u8 = 7;
    pub(crate) const LOCAL: u8 = 8;
    pub(crate) const TIMER: u8 = 9;
    pub(crate) const QUEUE: u8 = 10;
    pub(crate) const POOL: u8 = 11;
    pub(crate) const FUTURE: u8 = 12;
    pub(crate) const GROUP: u8 = 13;

    /// The noun of a kind, for messages.
    pub(crate) const fn name(kind: u8) -> &'static str {
        match kind {
            THREAD => "thread",
            LOCK => "lock",
            RLOCK => "rlock",
            CONDITION => "condition",
            SEMAPHORE => "semaphore",
            EVENT => "event",
            BARRIER => "barrier",
            LOCAL => "local",
            TIMER => "timer",
            QUEUE => "queue",
            POOL => "pool",
            FUTURE => "future",
            GROUP => "group",
            _ => "object",
        }
    }
}

/// The kind that a handle claims to be of.
pub(crate) const fn kind_of(id: u64) -> u8 {
    (id >> 56) as u8
}

/// The place of a handle's slot in the table of its kind.
pub(crate) const fn index_of(id: u64) -> u32 {
    (id >> 32) as u32 & 0xff_ffff
}

/// The life of the slot that a handle names.
pub(crate) const fn generation_of(id: u64) -> u32 {
    id as u32
}

/// The handle of the object that lives in slot `index` with `generation`.
pub(crate) const fn handle(kind: u8, index: u32, generation: u32) -> u64 {
    (kind as u64) << 56 | (index as u64) << 32 | generation as u64
}

/// A state word of a live object.
#[inline(always)]
pub(crate) const fn word(generation: u32, bits: u32) -> u64 {
    (generation as u64) << 32 | (OPEN | bits) as u64
}

/// Whether `state` belongs to the live object of this generation.
#[inline(always)]
pub(crate) const fn lives(state: u64, generation: u32) -> bool {
    state >> 31 == (generation as u64) << 1 | 1
}

/// What every slot begins with, whatever its kind.
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Head {
    /// Generation and bits; the table above.
    pub(crate) state: AtomicU64,
    /// The thread that holds the object, as the primitive defines holding; 0 for none.
    pub(crate) owner: AtomicU64,
}

/// One object's cache line.
#[repr(C, align(64))]
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Slot<T> {
    pub(crate) head: Head,
    pub(crate) body: T,
}

/// What lives in slots of a table of its own; all zero must be a valid body.
pub(crate) trait Object: Sized + 'static {
    const KIND: u8;
    /// How many there can be.
    const MOST: u32 = CAPACITY;
    fn table() -> &'static Table<Self>;
}

/// A slot with the life that the caller means: found, but not yet proven alive.
pub(crate) struct Live<T: 'static> {
    pub(crate) slot: &'static Slot<T>,
    pub(crate) id: u64,
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Live<T> {}

impl<T> Live<T> {
    /// The life that the caller means.
    #[inline(always)]
    pub(crate) fn generation(self) -> u32 {
        generation_of(self.id)
    }

    /// The lower half of the state word, if the object lives. SeqCst: often it is looked at after another
    /// word was written, while somebody else does the two the other way round.
    #[inline(always)]
    pub(crate) fn bits(self) -> Result<u32> {
        let state = self.slot.head.state.load(SeqCst);
        if lives(state, self.generation()) { Ok(state as u32) } else { Err(Error::StaleHandle) }
    }

    /// The whole state word, if the object lives: for quick paths, which compute the next one from it.
    #[inline(always)]
    pub(crate) fn state(self) -> Option<u64> {
        let state = self.slot.head.state.load(Acquire);
        lives(state, self.generation()).then_some(state)
    }

    /// Replaces one whole state word by the next; may fail without cause.
    #[inline(always)]
    pub(crate) fn advance(self, old: u64, new: u64) -> bool {
        self.slot.head.state.compare_exchange_weak(old, new, SeqCst, Relaxed).is_ok()
    }

    /// Replaces the bits `old` (as `bits` gave them) by `new`; `OPEN` is kept.
    #[inline(always)]
    pub(crate) fn exchange(self, old: u32, new: u32) -> bool {
        let (old, new) = (word(self.generation(), old), word(self.generation(), new));
        self.slot.head.state.compare_exchange(old, new, SeqCst, Relaxed).is_ok()
    }

    /// The same for one who looks again when it fails: that may be without cause.
    #[inline(always)]
    pub(crate) fn exchange_weak(self, old: u32, new: u32) -> bool {
        let (old, new) = (word(self.generation(), old), word(self.generation(), new));
        self.slot.head.state.compare_exchange_weak(old, new, SeqCst, Relaxed).is_ok()
    }
}

/// Finds the slot that `id` names, if there is one; whether it still lives is for the operation's compare
/// to say. For quick ways: with a race detector they find none, and what is called takes the long way, which tells
/// the tool what it does. That costs the usual case nothing: no slot of the first chunk is in use then.
#[inline(always)]
pub(crate) fn seek<T: Object>(id: u64) -> Option<Live<T>> {
    // One compare for the usual case: the kind, and an index within the first chunk.
    if is_early::<T>(id) {
        return Some(Live { slot: T::table().early(id), id });
    }
    cold_path();
    if kind_of(id) != T::KIND || tools::watch() {
        return None;
    }
    T::table().at(index_of(id)).map(|slot| Live { slot, id })
}

#[inline(always)]
fn is_early<T: Object>(id: u64) -> bool {
    id >> (32 + CHUNK_BITS) == (T::KIND as u64) << (24 - CHUNK_BITS)
}

/// The same for all other ways, with the reason why there is none.
#[inline(always)]
pub(crate) fn find<T: Object>(id: u64) -> Result<Live<T>> {
    if is_early::<T>(id) {
        return Ok(Live { slot: T::table().early(id), id });
    }
    let slot = if kind_of(id) == T::KIND { T::table().at(index_of(id)) } else { None };
    slot.map(|slot| Live { slot, id }).ok_or_else(|| nothing_like(id, T::KIND))
}

#[cold]
fn nothing_like(id: u64, kind: u8) -> Error {
    match id {
        0 => Error::ZeroHandle,
        _ if kind_of(id) != kind => Error::WrongKind,
        _ => Error::StaleHandle,
    }
}
