//! Blocks of cells, from which all FIFO queues of the process are made.
//!
//! A block is a page, found by a number of 24 bits. Its address never becomes anything else: a thread that is late
//! reads cells that are not its own, and learns so when its compare-exchange fails. The memory itself goes back to the
//! system when more than a few blocks are free.

use crate::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*, is_scarce};
use crate::error::{Error, Result};
use core::ffi::c_void;

/// How many bits of a position tell the cells of one block apart.
#[cfg(not(loom))]
pub(super) const BITS: u32 = 8;
#[cfg(loom)]
pub(super) const BITS: u32 = 2;

/// Cells in a block: one position of each block has none.
pub(super) const CELLS: u32 = (1 << BITS) - 1;

/// A number no block has.
const INDEX: u64 = 0xff_ffff;

/// A place for one item.
#[cfg_attr(loom, derive(Default))]
pub(super) struct Cell {
    /// Not 0 from the moment that the item is there.
    pub(super) stamp: AtomicU64,
    pub(super) item: AtomicPtr<c_void>,
}

/// A page of cells; all zero is a block that nobody has used.
#[cfg_attr(not(loom), repr(C, align(4096)))]
#[cfg_attr(loom, derive(Default))]
pub(super) struct Block {
    /// How many items of its queue went into the blocks before it.
    pub(super) start: AtomicU64,
    /// The block after it; written before the stamp of its last cell.
    pub(super) next: AtomicU32,
    cells: [Cell; CELLS as usize],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Block>() == 4096);

impl Block {
    /// The cell at an offset below `CELLS`.
    #[inline(always)]
    pub(super) fn cell(&self, offset: u32) -> &Cell {
        debug_assert!(offset < CELLS);
        // SAFETY: positions leave out the one offset of a block that has no cell.
        unsafe { self.cells.get_unchecked(offset as usize) }
    }
}

/// Free blocks: a stack whose links stand beside the blocks, with a tag that counts every change.
struct Stack {
    /// `tag:40 | index+1:24`; index+1 is 0 when the stack is empty.
    top: AtomicU64,
}

impl Stack {
    fn push(&self, index: u32) {
        let Some(link) = pool().link(index) else { return };
        let mut top = self.top.load(Relaxed);
        loop {
            link.store((top & INDEX) as u32, Relaxed);
            let next = (top & !INDEX).wrapping_add(INDEX + 1) | (index as u64 + 1);
            match self.top.compare_exchange_weak(top, next, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    fn pop(&self) -> Option<u32> {
        let mut top = self.top.load(Acquire);
        loop {
            let index = (top & INDEX).checked_sub(1)? as u32;
            // A stale link is caught by the tag.
            let link = pool().link(index)?.load(Relaxed);
            let next = (top & !INDEX).wrapping_add(INDEX + 1) | link as u64;
            match self.top.compare_exchange_weak(top, next, AcqRel, Acquire) {
                Ok(_) => return Some(index),
                Err(now) => top = now,
            }
        }
    }
}

/// The block with this number, which `take` has given out once.
#[inline(always)]
pub(super) fn block(index: u32) -> &'static Block {
    pool().block(index)
}

/// A block whose cells are all empty.
#[cold]
pub(super) fn take() -> Result<u32> {
    let index = pool().take()?;
    let block = block(index);
    for offset in 0..CELLS {
        block.cell(offset).stamp.store(0, Relaxed);
    }
    Ok(index)
}

/// Gives a block back that is not needed any more.
#[cold]
pub(super) fn give_back(index: u32) {
    pool().give_back(index);
}

#[cfg(loom)]
pub(super) use modelled::pool;
#[cfg(not(loom))]
use real::pool;

#[cfg(not(loom))]
mod real {
    use super::*;

    /// Blocks that are mapped at once.
    const CHUNK: usize = 256;
    const CHUNKS: usize = (INDEX as usize + 1) / CHUNK;

    /// How many free blocks keep their memory.
    const WARM: u32 = 64;

    #[repr(C)]
    struct Chunk {
        blocks: [Block; CHUNK],
        links: [AtomicU32; CHUNK],
    }

    pub(in super::super) struct Pool {
        chunks: [AtomicPtr<Chunk>; CHUNKS],
        /// Blocks from here on have never been used.
        fresh: AtomicU32,
        /// Free blocks that keep their memory, and how many there are, about.
        warm: Stack,
        warm_count: AtomicU32,
        /// Free blocks without memory.
        cold: Stack,
    }

    static POOL: Pool = Pool {
        chunks: [const { AtomicPtr::new(core::ptr::null_mut()) }; CHUNKS],
        fresh: AtomicU32::new(0),
        warm: Stack { top: AtomicU64::new(0) },
        warm_count: AtomicU32::new(0),
        cold: Stack { top: AtomicU64::new(0) },
    };

    #[inline(always)]
    pub(super) fn pool() -> &'static Pool {
        &POOL
    }

    impl Pool {
        #[inline(always)]
        pub(super) fn block(&'static self, index: u32) -> &'static Block {
            // SAFETY:
            // - a number of 24 bits is below `CHUNKS * CHUNK`;
            // - `take` has mapped the chunk before it gave the number out, and chunks stay mapped;
            // - all zero is a valid block, and all of it is atomic.
            unsafe {
                let chunk = self.chunks.get_unchecked(index as usize / CHUNK % CHUNKS).load(Acquire);
                &*(&raw const (*chunk).blocks).cast::<Block>().add(index as usize % CHUNK)
            }
        }

        pub(super) fn link(&self, index: u32) -> Option<&AtomicU32> {
            let chunk = self.chunks.get(index as usize / CHUNK)?.load(Acquire);
            // SAFETY: a chunk stays mapped once it is there; all zero is valid.
            unsafe { chunk.as_ref() }?.links.get(index as usize % CHUNK)
        }

        pub(super) fn take(&self) -> Result<u32> {
            if let Some(index) = self.warm.pop() {
                self.warm_count.fetch_sub(1, Relaxed);
                return Ok(index);
            }
            if let Some(index) = self.cold.pop() {
                return Ok(index);
            }
            let mut next = self.fresh.load(Relaxed);
            loop {
                self.reach(next)?;
                match self.fresh.compare_exchange_weak(next, next + 1, AcqRel, Relaxed) {
                    Ok(_) => return Ok(next),
                    Err(now) => next = now,
                }
            }
        }

        /// Maps the chunk of a block, if nobody has; an address space that is used up is `NoMemory`.
        fn reach(&self, index: u32) -> Result {
            if index as u64 >= INDEX {
                return Err(Error::NoMemory);
            }
            let place = self.chunks.get(index as usize / CHUNK).ok_or(Error::NoMemory)?;
            if !place.load(Acquire).is_null() {
                return Ok(());
            }
            let fresh: *mut Chunk = crate::sys::map_zeroed(size_of::<Chunk>())?.cast();
            if place.compare_exchange(core::ptr::null_mut(), fresh, AcqRel, Acquire).is_err() {
                // SAFETY: mapped just now, and nobody else has seen it.
                unsafe { crate::sys::unmap(fresh.cast(), size_of::<Chunk>()) };
            }
            Ok(())
        }

        pub(super) fn give_back(&'static self, index: u32) {
            if self.warm_count.fetch_add(1, Relaxed) < WARM && !is_scarce() {
                return self.warm.push(index);
            }
            self.warm_count.fetch_sub(1, Relaxed);
            let block: *const Block = self.block(index);
            // SAFETY: a page of its own, which nobody uses; who still reads it is late and finds anything.
            unsafe { crate::sys::discard(block.cast_mut().cast(), size_of::<Block>()) };
            self.cold.push(index);
        }
    }
}

/// A few blocks for each execution of a model.
#[cfg(loom)]
mod modelled {
    use super::*;

    const COUNT: usize = 4;

    pub(in super::super) struct Pool {
        blocks: [Block; COUNT],
        links: [AtomicU32; COUNT],
        fresh: AtomicU32,
        free: Stack,
    }

    loom::lazy_static! {
        static ref POOL: Pool = Pool {
            blocks: Default::default(),
            links: Default::default(),
            fresh: AtomicU32::new(0),
            free: Stack { top: AtomicU64::new(0) },
        };
    }

    pub(in super::super) fn pool() -> &'static Pool {
        &POOL
    }

    impl Pool {
        pub(super) fn block(&self, index: u32) -> &Block {
            &self.blocks[index as usize]
        }

        pub(super) fn link(&self, index: u32) -> Option<&AtomicU32> {
            self.links.get(index as usize)
        }

        pub(super) fn take(&self) -> Result<u32> {
            if let Some(index) = self.free.pop() {
                return Ok(index);
            }
            let index = self.fresh.fetch_add(1, Relaxed);
            if (index as usize) < COUNT { Ok(index) } else { Err(Error::NoMemory) }
        }

        pub(super) fn give_back(&self, index: u32) {
            self.free.push(index);
        }
    }
}
