//! The table of one kind: finds a slot, hands slots out, takes them back, retires the exhausted.

use super::chunks::CHUNK;
use super::free::Free;
use super::{Cache, Chunks, Live, Object, Slot, handle, lives};
use crate::atomic::{AtomicU32, Ordering::*, is_scarce};
use crate::error::{Error, Result};
use crate::sys::tools;

/// All slots of one kind, live ones and free ones.
pub(crate) struct Table<T> {
    slots: Chunks<Slot<T>>,
    free: Free,
    /// Slots from here on have never been used.
    fresh: AtomicU32,
    /// Slots whose generations are used up.
    retired: AtomicU32,
}

/// How many slots go between the free ones and a thread's cache at once.
const SOME: usize = 16;

impl<T: Object> Table<T> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Table {
            slots: Chunks::new(),
            free: Free::new(),
            fresh: AtomicU32::new(0),
            retired: AtomicU32::new(0),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self
    where
        T: Default,
    {
        Table {
            slots: Chunks::new(Slot::default),
            free: Free::new(),
            fresh: AtomicU32::new(0),
            retired: AtomicU32::new(0),
        }
    }

    /// The slot at `index`, if there has ever been one in its neighbourhood.
    #[inline(always)]
    pub(crate) fn at(&self, index: u32) -> Option<&Slot<T>> {
        self.slots.at(index)
    }

    /// The slot that a handle leads to, which lies in the first chunk.
    #[inline(always)]
    pub(crate) fn early(&self, id: u64) -> &Slot<T> {
        self.slots.early_in(id, 32)
    }

    /// One more than the highest index ever handed out.
    pub(crate) fn used(&self) -> u32 {
        self.fresh.load(Acquire)
    }

    /// How many slots will not be used again.
    #[cfg(test)]
    pub(crate) fn retired(&self) -> u32 {
        self.retired.load(Relaxed)
    }

    /// Makes an object: `fill` writes the body before anyone can find it; `bits` is its first state.
    #[inline(always)]
    pub(crate) fn create(
        &'static self,
        cache: Option<&Cache>,
        bits: u32,
        fill: impl FnOnce(&T),
    ) -> Result<Live<T>> {
        let index = self.take(cache)?;
        // Its chunk came before its index.
        let slot = self.slots.at(index).ok_or(Error::Internal)?;
        // Written before it is read: the system brings in a fresh page once, not first to be read only.
        slot.head.owner.store(0, Relaxed);
        let closed = slot.head.state.load(Relaxed);
        let generation = match (closed >> 32) as u32 {
            0 => first_generation(T::KIND, index),
            next => next,
        };
        fill(&slot.body);
        slot.head.state.store(super::word(generation, bits), Release);
        Ok(Live { slot, id: handle(T::KIND, index, generation) })
    }

    /// Ends the object if its state is exactly `bits`; from then on its handle names nothing.
    pub(crate) fn close(&self, object: Live<T>, bits: u32) -> bool {
        let generation = object.generation();
        let open = super::word(generation, bits);
        let next = (generation.wrapping_add(1) as u64) << 32;
        object.slot.head.state.compare_exchange(open, next, AcqRel, Relaxed).is_ok()
    }

    /// Gives back the slot of an object that `close` ended. What the cache has no room for is returned,
    /// for the table of its kind.
    #[must_use]
    pub(crate) fn recycle(&self, object: Live<T>, cache: Option<&Cache>) -> Option<(u8, u32)> {
        if object.generation() == u32::MAX {
            // The next generation would begin again: this slot's handles stay dead for ever.
            self.retired.fetch_add(1, Relaxed);
            return None;
        }
        let index = super::index_of(object.id);
        match cache.filter(|_| !is_scarce()) {
            Some(cache) => {
                if cache.room() == 0 {
                    self.push_some(cache);
                }
                cache.put(T::KIND, index)
            }
            None => {
                self.push(index);
                None
            }
        }
    }

    /// Calls `visit` with every live object, newest life of each slot.
    pub(crate) fn each(&'static self, mut visit: impl FnMut(Live<T>)) {
        for index in 0..self.used() {
            let Some(slot) = self.slots.at(index) else { continue };
            let state = slot.head.state.load(Acquire);
            let generation = (state >> 32) as u32;
            if lives(state, generation) {
                visit(Live { slot, id: handle(T::KIND, index, generation) });
            }
        }
    }

    #[inline(always)]
    fn take(&self, cache: Option<&Cache>) -> Result<u32> {
        let cache = cache.filter(|_| !is_scarce());
        match cache.and_then(|cache| cache.take(T::KIND)) {
            Some(index) => Ok(index),
            None => self.take_for(cache),
        }
    }

    /// Takes a slot that `cache` does not have, and some more for it.
    #[inline(never)]
    fn take_for(&self, cache: Option<&Cache>) -> Result<u32> {
        if let Some(index) = self.take_shared(cache) {
            return Ok(index);
        }
        let mut next = self.fresh.load(Relaxed);
        if next == 0 && tools::present() {
            // No slot of the first chunk, so that quick ways find none: see `seek`.
            let _ = self.fresh.compare_exchange(0, CHUNK as u32, AcqRel, Relaxed);
            next = self.fresh.load(Relaxed);
        }
        loop {
            if next >= T::MOST {
                return Err(Error::NoMemory);
            }
            // The chunk comes first, so that a failure loses no index; of one chunk, as many as the cache has room for.
            self.slots.reach(next)?;
            self.free.reach(next)?;
            let rest = (T::MOST - next).min(CHUNK as u32 - next % CHUNK as u32);
            let count = cache.map_or(1, |cache| rest.min(SOME.min(1 + cache.room()) as u32));
            match self.fresh.compare_exchange_weak(next, next + count, AcqRel, Relaxed) {
                Ok(_) => {
                    for index in (next + 1..next + count).rev() {
                        let _none_left_over = cache.and_then(|cache| cache.put(T::KIND, index));
                    }
                    return Ok(next);
                }
                Err(now) => next = now,
            }
        }
    }

    /// Takes a free slot, and some more for `cache`: so what all share is seldom touched.
    fn take_shared(&self, cache: Option<&Cache>) -> Option<u32> {
        let mut taken = [0; SOME];
        let most = cache.map_or(1, |cache| SOME.min(1 + cache.room()));
        let count = self.free.take(self.used(), &mut taken[..most]);
        let (&first, more) = taken[..count].split_first()?;
        more.iter().filter_map(|&index| self.slots.at(index)).for_each(bring);
        for &index in more.iter().rev() {
            let _none_left_over = cache.and_then(|cache| cache.put(T::KIND, index));
        }
        Some(first)
    }

    /// Puts some of a full cache's slots of this kind back.
    fn push_some(&self, cache: &Cache) {
        let mut given = [0; SOME];
        let mut count = 0;
        while count < SOME
            && let Some(index) = cache.take(T::KIND)
        {
            given[count] = index;
            count += 1;
        }
        self.free.put(&given[..count]);
    }

    /// Frees a closed slot.
    pub(crate) fn push(&self, index: u32) {
        self.free.put(&[index]);
    }
}

/// Lets the processor bring a slot that will be made into an object soon.
#[cfg(not(loom))]
fn bring<T>(slot: &Slot<T>) {
    crate::sys::prefetch(slot);
}

#[cfg(loom)]
fn bring<T>(_: &Slot<T>) {}

/// Where a slot's generations begin: different in every process, never 0, with 2^31 lives ahead.
#[cfg(not(loom))]
fn first_generation(kind: u8, index: u32) -> u32 {
    use core::sync::atomic::AtomicU64;
    static SEED: AtomicU64 = AtomicU64::new(0);
    let mut seed = SEED.load(Relaxed);
    if seed == 0 {
        let drawn = crate::sys::random() | 1;
        seed = SEED.compare_exchange(0, drawn, Relaxed, Relaxed).map_or_else(|now| now, |_| drawn);
    }
    // splitmix64's finisher: neighbours and kinds share nothing that could be guessed.
    let mut x = seed ^ (((kind as u64) << 32 | index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) as u32 & 0x7fff_ffff).max(1)
}

#[cfg(loom)]
fn first_generation(_: u8, _: u32) -> u32 {
    1
}
