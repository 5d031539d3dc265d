//! A sparse array that grows in chunks, never moves and never shrinks.

use crate::atomic::{AtomicPtr, Ordering::*};
use crate::error::Result;
use core::ptr::null_mut;

/// Slots in a chunk.
#[cfg(not(loom))]
const CHUNK: usize = 4096;
#[cfg(loom)]
const CHUNK: usize = 4;

/// Chunks in an array.
#[cfg(not(loom))]
const CHUNKS: usize = 4096;
#[cfg(loom)]
const CHUNKS: usize = 2;

/// How many elements there can be; one less than fit, since the free stack counts from 1.
pub(crate) const CAPACITY: u32 = (CHUNK * CHUNKS) as u32 - 1;

/// Elements that are all zero until somebody writes to them; `T` must be valid then.
pub(crate) struct Chunks<T> {
    chunks: [AtomicPtr<T>; CHUNKS],
}

impl<T> Chunks<T> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Chunks { chunks: [const { AtomicPtr::new(null_mut()) }; CHUNKS] }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Chunks { chunks: core::array::from_fn(|_| AtomicPtr::new(null_mut())) }
    }

    /// The element at `index`, if its chunk has been brought in.
    #[inline(always)]
    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        let chunk = self.chunks[index as usize / CHUNK % CHUNKS].load(Acquire);
        if chunk.is_null() {
            return None;
        }
        // SAFETY: a chunk holds CHUNK elements from its allocation on and is never freed;
        // all-zero elements are valid by the type's contract.
        Some(unsafe { &*chunk.add(index as usize % CHUNK) })
    }

    /// The element at `index`, bringing in its chunk when it is the first of it.
    pub(crate) fn reach(&self, index: u32) -> Result<&T> {
        if let Some(element) = self.at(index) {
            return Ok(element);
        }
        let place = &self.chunks[index as usize / CHUNK % CHUNKS];
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
