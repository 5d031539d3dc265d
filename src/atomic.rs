//! The one place that chooses between real atomics, loom's, those of schedules and those with faults; and where models
//! plant bugs.

#[cfg(not(any(loom, shuttle)))]
pub(crate) use core::hint::spin_loop;
#[cfg(not(any(loom, shuttle, feature = "fault-inject")))]
pub(crate) use core::sync::atomic::{
    AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(loom)]
pub(crate) use loom::hint::spin_loop;
#[cfg(loom)]
pub(crate) mod vanish;
#[cfg(loom)]
pub(crate) use vanish::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

/// Reads a word after another one was written, while somebody else does the two the other way round: one of the two
/// sees what the other wrote. loom takes that for granted of exchanges only.
#[inline(always)]
pub(crate) fn load_in_order(word: &AtomicU64) -> u64 {
    if cfg!(loom) { word.fetch_or(0, Ordering::SeqCst) } else { word.load(Ordering::SeqCst) }
}

#[cfg(shuttle)]
mod turns;
#[cfg(shuttle)]
pub(crate) use turns::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence, spin_loop};

#[cfg(feature = "fault-inject")]
mod inject;
#[cfg(feature = "fault-inject")]
pub(crate) use inject::{
    AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence, is_scarce, seeded, wake_late,
    wakes_early,
};

/// Whether a sleep ends for no reason before it begins; only in a build with faults.
#[cfg(not(any(feature = "fault-inject", feature = "portable-park")))]
#[inline(always)]
pub(crate) const fn wakes_early() -> bool {
    false
}

/// Lets one who is about to wake others be late; only in a build with faults.
#[cfg(not(any(feature = "fault-inject", feature = "portable-park")))]
#[inline(always)]
pub(crate) const fn wake_late() {}

/// Whether there is no memory for what the library can do without; only in a build with faults.
#[cfg(not(feature = "fault-inject"))]
#[inline(always)]
pub(crate) const fn is_scarce() -> bool {
    false
}

/// Places where a model can plant a bug, to show that it would be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(any(loom, shuttle)), allow(dead_code, reason = "only models plant bugs"))]
pub(crate) enum Seed {
    /// Fork: an object that a lost thread was just taking is not signed for.
    Sign = 1,
    /// Fork: who waited when it was lost is still counted.
    Forget,
    /// Slot: whoever finds no free slot where a bit led him does not look again after he has cleared the bit.
    Slot,
    /// Park: a sleep begins without comparing the word.
    Sleep,
    /// Park: a reader of a published wait does not look at its number again.
    Record,
    /// Park: who closes a cycle of waits is refused, though another one was meanwhile.
    Refused,
    /// Inside: who steps in does not let its mark be seen before it looks.
    Inside,
    /// Queue: an item is taken out of its cell without looking whether it is there.
    List,
    /// Queue: an item's cell is marked full before the item is in it.
    Publish,
    /// Queue: who was woken and looks again does not say so.
    EventCount,
    /// Ring: a task is published before it is written.
    Ring,
    /// Deque: who takes back does not look after its own step was seen.
    Deque,
    /// Idle: who has said that it sleeps does not look again.
    Idle,
    /// Idle: the last who searched begins to work, and looks whether there is more without a fence.
    Search,
    /// Idle: who queues something believes that all seats are taken though a guest may just be leaving.
    Guest,
    /// Idle: a sleeper whose time is gone ends although it was told to look.
    Permit,
    /// Future: whoever takes its entry out of the queue begins it, whatever became of it.
    Claim,
    /// Future: a change of its word publishes nothing.
    Settle,
    /// Future: what is written for the next life of its slot may be seen before the end of the last.
    Next,
    /// Future: whoever ends it or gives it up does not wake those who wait for it.
    Await,
    /// Future: those who wait for one of many are woken before the word changes on which they sleep.
    Watch,
    /// Future: whoever lets it go looks whether somebody else keeps it before he has done so, and not after.
    Last,
    /// Future: it ends although a callback is being added.
    Listing,
    /// Guard: who leaves it takes note of one who sleeps, and does not wake it.
    Guard,
    /// Lock: released without release ordering.
    Word,
    /// Lock: a grant is given without waking anybody.
    Grant,
    /// RLock: the owner word stays when the lock is given back.
    Owner,
    /// RLock: who has said that it looked sleeps without looking at the owner again.
    Heir,
    /// Condition: a timed-out waiter does not look whether it was notified.
    Condition,
    /// Semaphore: the flag for waiters is cleared without looking again.
    Semaphore,
    /// Event: a woken waiter reads the flag again instead of the round.
    Event,
    /// Barrier: who is told how the round ended is not woken.
    Barrier,
    /// Barrier: whoever wakes takes it that it was told something.
    Spurious,
    /// Semaphore: an exchange that failed is taken to say that there is no permit.
    Weak,
    /// Semaphore: a bounded one has no bound.
    Bound,
}

/// Whether the running model has planted this bug; outside models only what the fuzzer is to find, in a build of its own.
#[cfg(not(any(loom, shuttle, feature = "fault-inject")))]
#[inline(always)]
pub(crate) const fn seeded(seed: Seed) -> bool {
    cfg!(planted_fuzz) && matches!(seed, Seed::Bound)
}

#[cfg(any(loom, shuttle))]
static PLANTED: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(0);

#[cfg(any(loom, shuttle))]
pub(crate) fn seeded(seed: Seed) -> bool {
    PLANTED.load(Ordering::Relaxed) == seed as u8
}

/// Plants a bug, or none, until the next call.
#[cfg(any(loom, shuttle))]
pub(crate) fn plant(seed: Option<Seed>) {
    PLANTED.store(seed.map_or(0, |seed| seed as u8), Ordering::Relaxed);
}
