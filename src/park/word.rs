//! What can be slept on.

#[cfg(loom)]
use crate::atomic::Ordering::Relaxed;
#[cfg(all(not(loom), feature = "portable-park"))]
use crate::atomic::Ordering::SeqCst;
use crate::atomic::{AtomicU32, AtomicU64};

/// A word whose lower 32 bits are compared before a sleep.
pub(crate) trait Word {
    /// Where those bits stand, which is also what sleepers are found by.
    fn low(&self) -> *const u32;

    /// Those bits, as the newest write left them, where the system does not look by itself.
    #[cfg(any(loom, feature = "portable-park"))]
    fn read(&self) -> u32;
}

impl Word for AtomicU32 {
    fn low(&self) -> *const u32 {
        (self as *const AtomicU32).cast()
    }

    #[cfg(loom)]
    fn read(&self) -> u32 {
        self.fetch_or(0, Relaxed)
    }

    #[cfg(all(not(loom), feature = "portable-park"))]
    fn read(&self) -> u32 {
        self.load(SeqCst)
    }
}

impl Word for AtomicU64 {
    fn low(&self) -> *const u32 {
        let place: *const u32 = (self as *const AtomicU64).cast();
        if cfg!(target_endian = "big") { place.wrapping_add(1) } else { place }
    }

    #[cfg(loom)]
    fn read(&self) -> u32 {
        self.fetch_or(0, Relaxed) as u32
    }

    #[cfg(all(not(loom), feature = "portable-park"))]
    fn read(&self) -> u32 {
        self.load(SeqCst) as u32
    }
}
