//! What models of futures keep under the word: a value, rooms in which nobody may meet, and counts of what became of it.
//!
//! Who changes the word takes the steps of work.rs, wait.rs and callbacks.rs.

use super::*;
use crate::error::{Error, Result};
use crate::park::{Wait, Woken};
use crate::pool::word::{self, BUSY, CANCELLED, Kept, QUEUED, is_done};
use crate::slot::{Live, Object, Slot, Table, kind};
use crate::sync::models::{Room, Task, in_models};
use crate::time::Timeout;
use core::ffi::c_void;
use core::ptr::without_provenance_mut;

/// As much of a future as its word asks for.
pub(super) struct Future {
    value: AtomicPtr<c_void>,
    /// Whoever runs the task, sets the promise, calls the callbacks or frees the slot comes here.
    room: Room,
    /// Whoever adds a callback comes here.
    list: Room,
    runs: AtomicUsize,
    /// How often the argument came to its end.
    pub(super) ends: AtomicUsize,
    /// How many callbacks were called, or dropped.
    pub(super) calls: AtomicUsize,
    frees: AtomicUsize,
}

impl Default for Future {
    fn default() -> Future {
        let [runs, ends, calls, frees] = Default::default();
        Future { value: AtomicPtr::default(), room: Room::new(), list: Room::new(), runs, ends, calls, frees }
    }
}

in_models! { FUTURE: Future }

impl Kept for Future {
    fn value(&self) -> &AtomicPtr<c_void> {
        &self.value
    }

    fn is_lost(_: Live<Future>, _: u32) -> bool {
        false
    }

    fn call_back(slot: &'static Slot<Future>, index: u32) {
        let (id, hidden) = word::show(slot, index);
        let shown = Live { slot, id }.seen();
        assert!(shown.is_ok() || !hidden, "nobody else knows the number");
        slot.body.room.visit();
        slot.body.calls.fetch_add(slot.body.list.visits() as usize, Relaxed);
        if hidden {
            word::hide(slot);
        }
        word::let_go(slot, index, BUSY);
    }

    fn drop_callbacks(slot: &Slot<Future>) {
        slot.body.calls.fetch_add(slot.body.list.visits() as usize, Relaxed);
    }

    fn running() -> Option<Me> {
        None
    }

    fn recycle(future: Live<Future>, _: u32, _: Option<Me>) {
        future.slot.body.room.visit();
        future.slot.body.frees.fetch_add(1, Relaxed);
        assert_eq!(Future::table().recycle(future, None), None);
    }
}

/// A future whose value is a number.
pub(super) fn create(bits: u32, argument: usize) -> Live<Future> {
    let fill = |body: &Future| word::write(&body.value, without_provenance_mut(argument));
    Future::table().create(None, bits, fill).expect("there is room")
}

/// A future whose task is queued.
pub(super) fn task() -> Live<Future> {
    create(QUEUED, 1)
}

/// A future that somebody will set.
pub(super) fn promise() -> Live<Future> {
    create(0, 0)
}

/// Sets a promise; false: somebody else has ended it, or given it up.
pub(super) fn set(future: Live<Future>, value: usize) -> bool {
    let settled = future.settle().is_ok();
    if settled {
        finish(future, value);
    }
    settled
}

/// What follows when the caller has claimed or settled it.
pub(super) fn finish(future: Live<Future>, value: usize) {
    let (slot, index) = (future.slot, future.index());
    slot.body.room.visit();
    slot.body.runs.fetch_add(1, Relaxed);
    if word::finish(slot, index, without_provenance_mut(value)) {
        Future::call_back(slot, index);
    }
}

/// Does what a worker does with its entry.
pub(super) fn perform(me: Me, future: Live<Future>) {
    if word::claim(me, future.slot) {
        future.slot.body.ends.fetch_add(1, Relaxed);
        finish(future, 2);
    } else if word::leave(future.slot, future.index()) {
        future.slot.body.ends.fetch_add(1, Relaxed);
    }
}

/// Does what a worker does with its entry when the pool ends.
pub(super) fn drop_entry(future: Live<Future>) {
    let dropped = word::drop_task(future.slot, future.index(), CANCELLED);
    if dropped || word::leave(future.slot, future.index()) {
        future.slot.body.ends.fetch_add(1, Relaxed);
    }
}

/// Does what a worker does that waits for it.
pub(super) fn perform_awaited(me: Me, future: Live<Future>) {
    if future.claim_awaited(me) {
        future.slot.body.ends.fetch_add(1, Relaxed);
        finish(future, 2);
    }
}

/// Waits until it is done; its bits then.
pub(super) fn wait(me: Me, future: Live<Future>, timeout: Timeout) -> Result<u32> {
    let wait = Wait::begin(me, future.id, timeout);
    let mut woken = Woken::LookAgain;
    loop {
        let bits = future.seen()?;
        if is_done(bits) {
            return Ok(bits);
        }
        if woken == Woken::TimedOut {
            return Err(Error::Timeout);
        }
        woken = future.sleep(&wait, bits);
    }
}

/// Adds a callback; on failure it is not called.
pub(super) fn add(me: Me, future: Live<Future>) -> Result {
    if future.begin_listing(me)? {
        future.slot.body.list.visit();
        future.end_listing();
    } else {
        future.slot.body.calls.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// Starts the `n`-th thread, at one future.
pub(super) fn on<R: 'static>(
    n: usize,
    future: Live<Future>,
    work: impl FnOnce(Me, Live<Future>) -> R + 'static,
) -> Task<R> {
    spawn(n, move |me| work(me, future))
}

/// Its task has run so often, its argument has ended once, and its slot was freed once.
pub(super) fn is_over(future: Live<Future>, runs: usize) {
    let body = &future.slot.body;
    let [ran, ends, frees] = [&body.runs, &body.ends, &body.frees].map(|count| count.load(Relaxed));
    assert_eq!((ran, ends, frees), (runs, 1, 1), "runs, ends and frees");
    Future::table().each(|_| panic!("it lives"));
}
