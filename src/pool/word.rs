//! The word of a future: how far it is, who is still at it, and who is to be told.
//!
//! | state       | meaning                                                                            |
//! |-------------|------------------------------------------------------------------------------------|
//! | `PENDING`   | nobody has begun                                                                   |
//! | `RUNNING`   | begun; of a pool's future the owner word names the thread                          |
//! | `SETTLING`  | the value is being written; lasts a few instructions                               |
//! | `CANCELLED` | it will not run                                                                    |
//! | `NOTIFIED`  | cancelled, and the promise side knows                                              |
//! | `FINISHED`  | the value is the result                                                            |
//! | `FAILED`    | the value is the code, the call the text                                           |
//! | `BROKEN`    | its pool broke before it began                                                     |
//!
//! | bits        | meaning                                                                            |
//! |-------------|------------------------------------------------------------------------------------|
//! | `QUEUED`    | an entry in a pool's queues leads here: the slot stays                             |
//! | `BUSY`      | its task or its callbacks run: the slot stays                                      |
//! | `AWAITED`   | somebody may sleep on this word                                                    |
//! | `WATCHED`   | somebody may wait for one of many, and sleeps on `WATCH`                           |
//! | `HIDDEN`    | the handle was given up; the slot has another number, which nobody was told        |
//! | `LISTED`    | there are callbacks                                                                |
//! | `LISTING`   | one is being added: nobody else ends it or gives it up; lasts a few instructions   |
//!
//! The exchange that ends a future publishes value and state at once; who reads the value looks afterwards whether
//! the future still lives.
//!
//! Here is what those do who keep the slot by a bit of their own; what those do who have the handle stands in handle.rs.
//! Both know nothing but the word, over whatever is `Kept` under it: models keep less than a future has.

use crate::atomic::{AtomicPtr, AtomicU64, Ordering::*, Seed, seeded};
use crate::park::{self, Me};
use crate::slot::{Live, OPEN, Object, Slot, handle};
use crate::sys::tools;
use core::ffi::c_void;

pub(super) const STATE: u32 = 7;
pub(super) const PENDING: u32 = 0;
pub(super) const RUNNING: u32 = 1;
pub(super) const SETTLING: u32 = 2;
pub(super) const CANCELLED: u32 = 3;
pub(super) const NOTIFIED: u32 = 4;
pub(super) const FINISHED: u32 = 5;
pub(super) const FAILED: u32 = 6;
pub(super) const BROKEN: u32 = 7;

pub(super) const QUEUED: u32 = 1 << 3;
pub(super) const BUSY: u32 = 1 << 4;
pub(super) const AWAITED: u32 = 1 << 5;
pub(super) const WATCHED: u32 = 1 << 6;
pub(super) const HIDDEN: u32 = 1 << 7;
pub(super) const LISTED: u32 = 1 << 8;
pub(super) const LISTING: u32 = 1 << 9;

/// Those who wait for one of many futures sleep on this; it changes when a `WATCHED` one ends.
#[cfg(not(loom))]
pub(super) static WATCH: AtomicU64 = AtomicU64::new(0);
#[cfg(loom)]
loom::lazy_static! {
    pub(super) static ref WATCH: AtomicU64 = AtomicU64::new(0);
}

/// What is kept under such a word, and what a change of the word may ask of it.
pub(crate) trait Kept: Object {
    /// Before the end the argument; then the result, or the code of the failure.
    fn value(&self) -> &AtomicPtr<c_void>;
    /// Whether those who were to end it stayed behind in a parent process.
    fn is_lost(future: Live<Self>, bits: u32) -> bool;
    /// Calls the callbacks of one that is done and `BUSY`, and then lets it go.
    fn call_back(slot: &'static Slot<Self>, index: u32);
    /// Ends the callbacks of one that is never done.
    fn drop_callbacks(slot: &Slot<Self>);
    /// The running thread, if the library knows it.
    fn running() -> Option<Me>;
    /// Frees the slot of one that was closed with these bits.
    fn recycle(future: Live<Self>, bits: u32, me: Option<Me>);
}

/// Whether the result, or that there is none, is known.
pub(super) const fn is_done(bits: u32) -> bool {
    bits & STATE >= CANCELLED
}

/// Changes the bits of whatever future lives in `slot`, whose life the caller's own bit prolongs; says what they
/// were. `None` leaves them.
pub(super) fn change<T: Kept>(slot: &Slot<T>, mut to: impl FnMut(u32) -> Option<u32>) -> Option<u32> {
    let order = if seeded(Seed::Settle) { Relaxed } else { SeqCst };
    loop {
        let state = slot.head.state.load(SeqCst);
        let new = to(state as u32)?;
        let next = state >> 32 << 32 | new as u64;
        if slot.head.state.compare_exchange_weak(state, next, order, Relaxed).is_ok() {
            return Some(state as u32);
        }
    }
}

/// The same, but not while a callback is being added.
fn change_unlisted<T: Kept>(slot: &Slot<T>, mut to: impl FnMut(u32) -> Option<u32>) -> Option<u32> {
    loop {
        let mut listing = false;
        let changed = change(slot, |bits| {
            listing = bits & LISTING != 0 && !seeded(Seed::Listing);
            if listing { None } else { to(bits) }
        });
        if !listing {
            return changed;
        }
        crate::sys::yield_now();
    }
}

/// The number by which the future in `slot` goes now.
fn number<T: Kept>(slot: &'static Slot<T>, index: u32) -> Live<T> {
    let generation = (slot.head.state.load(SeqCst) >> 32) as u32;
    Live { slot, id: handle(T::KIND, index, generation) }
}

/// Takes away `bit`, which has kept the slot; if nothing else does, and the handle was given up, frees it.
pub(super) fn let_go<T: Kept>(slot: &'static Slot<T>, index: u32, bit: u32) {
    let looked = if seeded(Seed::Last) { slot.head.state.load(SeqCst) as u32 } else { 0 };
    let Some(before) = change(slot, |bits| Some(bits & !bit)) else { return };
    let before = if seeded(Seed::Last) { looked } else { before };
    free_if_unused(slot, index, before & !bit);
}

fn free_if_unused<T: Kept>(slot: &'static Slot<T>, index: u32, bits: u32) {
    if bits & HIDDEN != 0 && bits & (QUEUED | BUSY) == 0 {
        let future = number(slot, index);
        if T::table().close(future, bits & !OPEN) {
            T::recycle(future, bits, T::running());
        }
    }
}

/// Begins the task of a future whose entry the caller has taken out of the queue: from now on it is his to run.
pub(super) fn claim<T: Kept>(me: Me, slot: &'static Slot<T>) -> bool {
    let claimed = change(slot, |bits| {
        (bits & STATE == PENDING || seeded(Seed::Claim)).then_some(bits & !QUEUED | RUNNING | BUSY)
    });
    if claimed.is_some() {
        slot.head.owner.store(me.id(), Release);
    }
    claimed.is_some()
}

/// Lets go of a future whose entry the caller has taken out of the queue, and that he can neither begin nor end. True:
/// nobody has run it, nor will.
pub(super) fn leave<T: Kept>(slot: &'static Slot<T>, index: u32) -> bool {
    let state = slot.head.state.load(SeqCst) as u32 & STATE;
    let_go(slot, index, QUEUED);
    matches!(state, CANCELLED | BROKEN)
}

/// Writes a part of what is kept. Release: whoever reads what was written for a later life sees, when it looks
/// afterwards, that the life it means is over.
pub(super) fn write<P>(place: &AtomicPtr<P>, part: *mut P) {
    place.store(part, if seeded(Seed::Next) { Relaxed } else { Release });
}

/// The task has returned. True: callbacks are to be run.
#[must_use]
pub(super) fn finish<T: Kept>(slot: &'static Slot<T>, index: u32, value: *mut c_void) -> bool {
    write(slot.body.value(), value);
    end(slot, index, FINISHED)
}

/// Ends a future that the caller has claimed, settled or cancelled, and so has made `BUSY`. True: callbacks are to be
/// run, and keep it `BUSY`.
#[must_use]
pub(super) fn end<T: Kept>(slot: &'static Slot<T>, index: u32, state: u32) -> bool {
    tools::release(&slot.head);
    if end_unseen(slot, index, state) {
        return false;
    }
    let ended = change_unlisted(slot, |bits| {
        let kept = if bits & LISTED != 0 { bits } else { bits & !BUSY };
        Some(kept & !(STATE | AWAITED | WATCHED | LISTED) | state)
    });
    let Some(before) = ended else { return false };
    announce(slot, before);
    if before & LISTED == 0 {
        free_if_unused(slot, index, before & !(BUSY | STATE | AWAITED | WATCHED) | state);
    }
    before & LISTED != 0
}

/// The same in one step for a future whose handle was given up, and that nothing else keeps; false if it is another one.
fn end_unseen<T: Kept>(slot: &'static Slot<T>, index: u32, state: u32) -> bool {
    let future = number(slot, index);
    let Ok(bits) = future.bits() else { return false };
    let unseen = bits & (HIDDEN | QUEUED | LISTING | LISTED | AWAITED | WATCHED) == HIDDEN;
    let ended = unseen && T::table().close(future, bits & !OPEN);
    if ended {
        T::recycle(future, bits & !STATE | state, T::running());
    }
    ended
}

/// Ends a future whose task the caller has taken out of the queue and will not run; false when it has begun or
/// ended already.
pub(super) fn drop_task<T: Kept>(slot: &'static Slot<T>, index: u32, state: u32) -> bool {
    let dropped = change_unlisted(slot, |bits| {
        (bits & STATE == PENDING).then_some(bits & !(STATE | QUEUED) | state | BUSY)
    });
    if dropped.is_some() && end(slot, index, state) {
        T::call_back(slot, index);
    }
    dropped.is_some()
}

/// Wakes those who wait for a future with these bits, which it has no more.
pub(super) fn announce<T: Kept>(slot: &Slot<T>, before: u32) {
    if before & AWAITED != 0 && !seeded(Seed::Await) {
        park::wake(&slot.head.state, u32::MAX);
    }
    if before & WATCHED != 0 {
        let watch: &AtomicU64 = &WATCH;
        if seeded(Seed::Watch) {
            park::wake(watch, u32::MAX);
        }
        watch.fetch_add(1, SeqCst);
        if !seeded(Seed::Watch) {
            park::wake(watch, u32::MAX);
        }
    }
}

/// The number of a future whose callback is about to be called, and whether the handle had been given up: then the
/// number is good until `hide`.
pub(super) fn show<T: Kept>(slot: &'static Slot<T>, index: u32) -> (u64, bool) {
    let before = change(slot, |bits| Some(bits & !HIDDEN)).unwrap_or(0);
    (number(slot, index).id, before & HIDDEN != 0)
}

/// Ends what `show` began.
pub(super) fn hide<T: Kept>(slot: &'static Slot<T>) {
    let _ = change(slot, |bits| Some(bits | HIDDEN));
}
