//! The one place that chooses between real atomics and loom's; and where models plant bugs.

#[cfg(not(loom))]
pub(crate) use core::hint::spin_loop;
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::hint::spin_loop;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

/// Places where a model can plant a bug, to show that it would be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(loom), expect(dead_code, reason = "only models plant bugs"))]
pub(crate) enum Seed {
    /// Slot: the tag of the free stack stands still, so a top that left and came back is taken for the same.
    Slot = 1,
    /// Park: a sleep begins without comparing the word.
    Sleep,
    /// Park: a reader of a published wait does not look at its number again.
    Record,
    /// Guard: who takes it after a sleep does not say that others may sleep.
    Guard,
    /// Lock: released without release ordering.
    Word,
    /// Lock: a grant is given without waking anybody.
    Grant,
    /// RLock: the owner word stays when the lock is given back.
    Owner,
    /// Condition: a timed-out waiter does not look whether it was notified.
    Condition,
    /// Semaphore: the flag for waiters is cleared without looking again.
    Semaphore,
    /// Event: a woken waiter reads the flag again instead of the round.
    Event,
    /// Barrier: who is told how the round ended is not woken.
    Barrier,
}

/// Whether the running model has planted this bug; never outside models.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn seeded(_: Seed) -> bool {
    false
}

#[cfg(loom)]
static PLANTED: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(0);

#[cfg(loom)]
pub(crate) fn seeded(seed: Seed) -> bool {
    PLANTED.load(Ordering::Relaxed) == seed as u8
}

/// Plants a bug, or none, until the next call.
#[cfg(loom)]
pub(crate) fn plant(seed: Option<Seed>) {
    PLANTED.store(seed.map_or(0, |seed| seed as u8), Ordering::Relaxed);
}
