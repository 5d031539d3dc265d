//! One small thread-local block, found in two instructions from any library.

use core::cell::Cell;

/// What the library keeps of each thread, also of one that it does not know yet.
///
/// A signal handler may find it half written; each field is a plain word of its own.
pub(crate) struct Block {
    /// The thread's record; NULL until it is registered.
    pub(crate) record: Cell<*const ()>,
    /// The last call that failed: its name, the object, the cause, errno.
    pub(crate) call: Cell<*const u8>,
    pub(crate) length: Cell<u32>,
    pub(crate) cause: Cell<u32>,
    pub(crate) object: Cell<u64>,
    pub(crate) errno: Cell<u64>,
    /// How many calls have failed, and how many had when the story of the last was told.
    pub(crate) failures: Cell<u32>,
    pub(crate) told: Cell<u32>,
    /// How often the thread is in the library, for tools that look away meanwhile; see tools.rs.
    #[cfg_attr(unannounced, expect(dead_code, reason = "nobody is told of it"))]
    pub(crate) watched: Cell<u32>,
    /// What chance last gave this thread.
    #[cfg(feature = "fault-inject")]
    pub(crate) chance: Cell<u64>,
}

/// On x86-64 Linux the block is of the initial-exec model, which Rust cannot ask for in the language:
/// a `thread_local!` in a shared library costs a call.
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(shuttle)))]
mod place {
    use super::Block;
    use core::arch::{asm, global_asm};

    global_asm!(
        ".pushsection .tbss,\"awT\",@nobits",
        ".globl __threading_block",
        ".hidden __threading_block",
        ".type __threading_block, @object",
        ".size __threading_block, {size}",
        ".balign 8",
        "__threading_block:",
        ".zero {size}",
        ".popsection",
        size = const size_of::<Block>(),
    );

    /// The record, the first word of the block.
    #[inline(always)]
    pub(super) fn record() -> *const () {
        let record: *const ();
        // SAFETY: reads this thread's own block, which exists as long as the thread.
        unsafe {
            asm!(
                "mov {record}, qword ptr [rip + __threading_block@GOTTPOFF]",
                "mov {record}, qword ptr fs:[{record}]",
                record = out(reg) record,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        record
    }

    pub(super) fn block() -> *const Block {
        let block: *const Block;
        // SAFETY: computes an address from the thread pointer, which stands at fs:0.
        unsafe {
            asm!(
                "mov {block}, qword ptr fs:[0]",
                "add {block}, qword ptr [rip + __threading_block@GOTTPOFF]",
                block = out(reg) block,
                options(pure, readonly, nostack),
            );
        }
        block
    }
}

#[cfg(any(not(all(target_arch = "x86_64", target_os = "linux")), shuttle))]
mod place {
    use super::Block;
    use core::cell::Cell;
    use core::ptr::null;
    #[cfg(shuttle)]
    use shuttle::thread_local;
    #[cfg(not(shuttle))]
    use std::thread_local;

    thread_local! {
        static BLOCK: Block = const {
            Block {
                record: Cell::new(null()),
                call: Cell::new(null()),
                length: Cell::new(0),
                cause: Cell::new(0),
                object: Cell::new(0),
                errno: Cell::new(0),
                failures: Cell::new(0),
                told: Cell::new(0),
                watched: Cell::new(0),
                #[cfg(feature = "fault-inject")]
                chance: Cell::new(0),
            }
        };
    }

    #[inline(always)]
    pub(super) fn record() -> *const () {
        BLOCK.with(|block| block.record.get())
    }

    pub(super) fn block() -> *const Block {
        BLOCK.with(|block| block as *const Block)
    }
}

/// This thread's record; NULL until it is registered.
#[inline(always)]
pub(crate) fn record() -> *const () {
    place::record()
}

/// This thread's block.
pub(crate) fn with<R>(use_it: impl FnOnce(&Block) -> R) -> R {
    // SAFETY:
    // - the block exists as long as the thread, and the reference does not leave this call;
    // - all zero is a valid block, and only this thread uses it.
    use_it(unsafe { &*place::block() })
}
