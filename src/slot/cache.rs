//! A thread's few free slots of any kind, so that create and destroy seldom touch what all share.

use core::cell::Cell;

const ROOM: usize = 32;

/// Free slots as `kind:8 | index:24`; only the thread that it belongs to uses it.
pub(crate) struct Cache {
    free: [Cell<u32>; ROOM],
    count: Cell<u32>,
}

impl Cache {
    /// An empty cache; a thread's is made of zeros.
    #[cfg(any(test, loom))]
    pub(crate) const fn new() -> Self {
        Cache { free: [const { Cell::new(0) }; ROOM], count: Cell::new(0) }
    }

    /// A free slot of this kind, the latest first: it is the warmest.
    pub(crate) fn take(&self, kind: u8) -> Option<u32> {
        let count = self.count.get() as usize;
        let place = (0..count).rev().find(|&i| self.free[i].get() >> 24 == kind as u32)?;
        let index = self.free[place].get() & 0xff_ffff;
        self.free[place].set(self.free[count - 1].get());
        self.count.set(count as u32 - 1);
        Some(index)
    }

    /// Keeps a free slot; when there is no room, the oldest one comes back for its table.
    pub(crate) fn put(&self, kind: u8, index: u32) -> Option<(u8, u32)> {
        let entry = (kind as u32) << 24 | index;
        let count = self.count.get() as usize;
        if count < ROOM {
            self.free[count].set(entry);
            self.count.set(count as u32 + 1);
            return None;
        }
        let oldest = self.free[0].replace(entry);
        Some(((oldest >> 24) as u8, oldest & 0xff_ffff))
    }

    /// How many more it can keep.
    pub(crate) fn room(&self) -> usize {
        ROOM - self.count.get() as usize
    }

    /// Takes out one slot of any kind, for a thread that ends.
    pub(crate) fn drain(&self) -> Option<(u8, u32)> {
        let count = self.count.get().checked_sub(1)?;
        self.count.set(count);
        let entry = self.free[count as usize].get();
        Some(((entry >> 24) as u8, entry & 0xff_ffff))
    }
}
