//! Memory for queued tasks: chunks, of which some empty ones are kept.

use super::entry::Entry;
use crate::atomic::is_scarce;
use crate::error::Result;
use crate::sync::RawGuard;
use core::cell::UnsafeCell;
use core::ptr::null_mut;

/// So many that a chunk is 64 KB: it comes from the system and goes back there, not to an allocator that keeps it.
pub(super) const ROOM: usize = 4095;

/// How many empty chunks are kept: a queue that swells and shrinks does not go to the system each time.
const SPARES: usize = 16;

/// A part of the list of queued tasks.
pub(super) struct Chunk {
    pub(super) entries: [Entry; ROOM],
    pub(super) next: *mut Chunk,
}

/// What stands behind the guard.
struct Inner {
    /// Empty chunks, kept for the next time.
    spares: *mut Chunk,
    kept: usize,
    /// One more, for tasks that were accepted and come back when there is no memory.
    reserve: *mut Chunk,
}

/// The empty chunks of a pool. Whoever puts or takes comes here once in `ROOM` tasks.
pub(super) struct Stock {
    guard: RawGuard,
    inner: UnsafeCell<Inner>,
}

// SAFETY: `inner` is used under the guard only.
unsafe impl Sync for Stock {}

impl Stock {
    /// With room for what comes back.
    pub(super) fn new() -> Result<Self> {
        let inner = Inner { spares: null_mut(), kept: 0, reserve: map()? };
        Ok(Stock { guard: RawGuard::new(), inner: UnsafeCell::new(inner) })
    }

    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        self.guard.enter();
        // SAFETY: under the guard this is the only reference.
        let result = work(unsafe { &mut *self.inner.get() });
        self.guard.leave();
        result
    }

    /// An empty chunk; for a task that `returns` it may be the reserve.
    #[cold]
    pub(super) fn fresh(&self, returns: bool) -> Result<*mut Chunk> {
        let spare = self.with(|inner| {
            let spare = inner.spares;
            if spare.is_null() || is_scarce() {
                return null_mut();
            }
            inner.kept -= 1;
            // SAFETY: a chunk that `retire` put here, and that nobody else has.
            inner.spares = unsafe { core::mem::replace(&mut (*spare).next, null_mut()) };
            spare
        });
        if !spare.is_null() {
            return Ok(spare);
        }
        map().or_else(|error| {
            let reserve = self.with(|inner| match returns {
                true => core::mem::replace(&mut inner.reserve, null_mut()),
                false => null_mut(),
            });
            if reserve.is_null() { Err(error) } else { Ok(reserve) }
        })
    }

    /// Keeps an empty chunk that nobody else has; says which one is to be freed if there are enough, or NULL.
    #[cold]
    pub(super) fn retire(&self, chunk: *mut Chunk) -> *mut Chunk {
        self.with(|inner| {
            let kept = if inner.reserve.is_null() {
                &mut inner.reserve
            } else if inner.kept < SPARES {
                inner.kept += 1;
                &mut inner.spares
            } else {
                // SAFETY: nobody else has the chunk.
                unsafe { (*chunk).next = null_mut() };
                return chunk;
            };
            // SAFETY: as above. The reserve is followed by nothing, because the place of one was empty.
            unsafe { (*chunk).next = core::mem::replace(kept, chunk) };
            null_mut()
        })
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        free(inner.spares);
        free(inner.reserve);
    }
}

/// A chunk of zeros, so that it takes memory only where it is used.
pub(super) fn map() -> Result<*mut Chunk> {
    Ok(crate::sys::map_zeroed(size_of::<Chunk>())?.cast())
}

/// Gives a list of chunks back to the system.
pub(super) fn free(mut chunk: *mut Chunk) {
    while !chunk.is_null() {
        // SAFETY: a chunk of `map`, of this size, that nobody else has any more.
        unsafe {
            let next = (*chunk).next;
            crate::sys::unmap(chunk.cast(), size_of::<Chunk>());
            chunk = next;
        }
    }
}
