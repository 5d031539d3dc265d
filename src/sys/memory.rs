//! The heap: the system's, except that errno stays as it was when memory is refused.

use super::Errno;
use std::alloc::{GlobalAlloc, Layout, System};

/// The allocator of all that the library puts on the heap.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: hands everything on to the system's allocator, which keeps the contract; none of this unwinds.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _errno = Errno::keep();
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let _errno = Errno::keep();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _errno = Errno::keep();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let _errno = Errno::keep();
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}
