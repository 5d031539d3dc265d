//! A sparse array that grows in chunks, never moves and never shrinks.
//!
//! The first chunk is a part of the library: it costs no memory until it is used, no allocation ever, and
//! its elements are found without reading anything.

use crate::atomic::{AtomicPtr, Ordering::*};
use crate::error::Result;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

/// Elements in a chunk.
#[cfg(not(loom))]
const CHUNK: usize = 4096;
#[cfg(loom)]
const CHUNK: usize = 4;

/// Chunks in an array, besides the first.
#[cfg(not(loom))]
const CHUNKS: usize = 4095;
#[cfg(loom)]
const CHUNKS: usize = 1;

/// How many elements there can be; one less than fit, since the free stack counts from 1.
pub(crate) const CAPACITY: u32 = (CHUNK * (1 + CHUNKS)) as u32 - 1;

/// Elements that are all zero until somebody writes to them; `T` must be valid then.
pub(crate) struct Chunks<T> {
    first: UnsafeCell<MaybeUninit<[T; CHUNK]>>,
    others: [AtomicPtr<T>; CHUNKS],
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
    pub(crate) fn new() -> Self {
        Chunks {
            first: UnsafeCell::new(MaybeUninit::zeroed()),
            others: core::array::from_fn(|_| AtomicPtr::new(null_mut())),
        }
    }

    /// The element at `index` modulo the chunk's size, in the first chunk.
    #[inline(always)]
    pub(crate) fn early(&self, index: u32) -> &T {
        // SAFETY: below the length; all-zero elements are valid by the type's contract.
        unsafe { &*self.first.get().cast::<T>().add(index as usize % CHUNK) }
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
        let fresh = bring::<T>()?;
        if place.compare_exchange(null_mut(), fresh, AcqRel, Acquire).is_err() {
            // SAFETY: `fresh` came from `bring` just now and nobody else has seen it.
            unsafe { drop_chunk(fresh) };
        }
        self.at(index).ok_or(crate::error::Error::Internal)
    }
}

#[cfg(not(loom))]
fn bring<T>() -> Result<*mut T> {
    crate::sys::map_zeroed(CHUNK * size_of::<T>()).map(|place| place.cast())
}

#[cfg(not(loom))]
unsafe fn drop_chunk<T>(chunk: *mut T) {
    // SAFETY: the caller hands over a chunk that `bring` made.
    unsafe { crate::sys::unmap(chunk.cast(), CHUNK * size_of::<T>()) }
}

/// loom's atomics are not plain memory: a chunk of a model is built by its element's own maker.
#[cfg(loom)]
fn bring<T>() -> Result<*mut T> {
    unreachable!("models build their slots themselves")
}

#[cfg(loom)]
unsafe fn drop_chunk<T>(_: *mut T) {}
