//! A sparse array that grows in chunks, never moves and never shrinks.
//!
//! The first chunk is a part of the library: it costs no memory until it is used, no allocation ever, and
//! its elements are found without reading anything.

use crate::atomic::{AtomicPtr, Ordering::*};
use crate::error::Result;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

/// How many bits of an index tell elements of one chunk apart.
#[cfg(not(loom))]
pub(super) const CHUNK_BITS: u32 = 12;
#[cfg(loom)]
pub(super) const CHUNK_BITS: u32 = 1;

/// Elements in a chunk.
pub(super) const CHUNK: usize = 1 << CHUNK_BITS;

/// Chunks in an array, besides the first.
#[cfg(not(loom))]
const CHUNKS: usize = 4095;
#[cfg(loom)]
const CHUNKS: usize = 1;

/// How many elements there can be; one less than fit, so that their number is one of as many bits as an index.
pub(crate) const CAPACITY: u32 = (CHUNK * (1 + CHUNKS)) as u32 - 1;

/// Elements that are all zero until somebody writes to them; `T` must be valid then.
pub(crate) struct Chunks<T> {
    first: UnsafeCell<MaybeUninit<[T; CHUNK]>>,
    others: [AtomicPtr<T>; CHUNKS],
    /// loom's atomics are not plain memory, for which zeros would do.
    #[cfg(loom)]
    zero: fn() -> T,
}

// SAFETY: only shared references to elements are handed out, so it is as good to share as they are;
// every `T` in use is made of atomics, and of cells whose users keep the rules that its type states.
unsafe impl<T> Sync for Chunks<T> {}

impl<T> Chunks<T> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Chunks {
            first: UnsafeCell::new(MaybeUninit::zeroed()),
            others: [const { AtomicPtr::new(null_mut()) }; CHUNKS],
        }
    }

    #[cfg(loom)]
    pub(crate) fn new(zero: fn() -> T) -> Self {
        Chunks {
            first: UnsafeCell::new(MaybeUninit::new(core::array::from_fn(|_| zero()))),
            others: core::array::from_fn(|_| AtomicPtr::new(null_mut())),
            zero,
        }
    }

    /// The element at `index` modulo the chunk's size, in the first chunk.
    #[inline(always)]
    pub(crate) fn early(&self, index: u32) -> &T {
        // SAFETY: below the length; all-zero elements are valid by the type's contract.
        unsafe { &*self.first.get().cast::<T>().add(index as usize % CHUNK) }
    }

    /// The same for an index that stands `above` so many bits in a word: two steps lead from the word to the element.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(crate) fn early_in(&self, word: u64, above: u32) -> &T {
        const { assert!(size_of::<T>().is_power_of_two()) };
        let size = size_of::<T>().trailing_zeros();
        let offset = (word >> (above - size)) as usize & ((CHUNK - 1) << size);
        // SAFETY: as for `early`: the offset is that of an element.
        unsafe { &*self.first.get().cast::<T>().byte_add(offset) }
    }

    #[cfg(loom)]
    pub(crate) fn early_in(&self, word: u64, above: u32) -> &T {
        self.early((word >> above) as u32)
    }

    /// The element at `index`, if its chunk has been brought in.
    #[inline(always)]
    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        if (index as usize) < CHUNK {
            return Some(self.early(index));
        }
        let index = index as usize;
        let chunk = self.others.get(index / CHUNK - 1)?.load(Acquire);
        if chunk.is_null() {
            return None;
        }
        // SAFETY: a chunk holds CHUNK elements from its allocation on and is never freed;
        // all-zero elements are valid by the type's contract.
        Some(unsafe { &*chunk.add(index % CHUNK) })
    }

    /// The element at `index`, bringing in its chunk when it is the first of it.
    pub(crate) fn reach(&self, index: u32) -> Result<&T> {
        if let Some(element) = self.at(index) {
            return Ok(element);
        }
        let place = &self.others[index as usize / CHUNK - 1];
        let fresh = self.bring()?;
        if place.compare_exchange(null_mut(), fresh, AcqRel, Acquire).is_err() {
            // SAFETY: `fresh` came from `bring` just now and nobody else has seen it.
            unsafe { drop_chunk(fresh) };
        }
        self.at(index).ok_or(crate::error::Error::Internal)
    }

    #[cfg(not(loom))]
    fn bring(&self) -> Result<*mut T> {
        crate::sys::map_zeroed(CHUNK * size_of::<T>()).map(|place| place.cast())
    }

    #[cfg(loom)]
    fn bring(&self) -> Result<*mut T> {
        let chunk: Box<[T; CHUNK]> = Box::new(core::array::from_fn(|_| (self.zero)()));
        Ok(Box::into_raw(chunk).cast())
    }
}

#[cfg(not(loom))]
unsafe fn drop_chunk<T>(chunk: *mut T) {
    // SAFETY: the caller hands over a chunk that `bring` made.
    unsafe { crate::sys::unmap(chunk.cast(), CHUNK * size_of::<T>()) }
}

#[cfg(loom)]
unsafe fn drop_chunk<T>(chunk: *mut T) {
    // SAFETY: the caller hands over a chunk that `bring` made.
    drop(unsafe { Box::from_raw(chunk.cast::<[T; CHUNK]>()) });
}

/// A model has as many tables as executions, so their memory is given back.
#[cfg(loom)]
impl<T> Drop for Chunks<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The model was found wrong: its execution is no more.
            return;
        }
        for chunk in &mut self.others {
            // SAFETY: `reach` stored what `bring` made; nobody else has access any more.
            chunk.with_mut(|chunk| (!chunk.is_null()).then(|| unsafe { drop_chunk(*chunk) }));
        }
        // SAFETY: `new` filled it.
        unsafe { self.first.get_mut().assume_init_drop() };
    }
}
