//! Futures: a result that comes later, from a pool's task or from whoever made the promise.
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
//! | `LISTING`   | one is being added: nobody else changes this word; lasts a few instructions        |
//!
//! The exchange that ends a future publishes value and state at once; who reads the value looks afterwards whether
//! the future still lives.

use super::callbacks;
use crate::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*, Seed, seeded, spin_loop};
use crate::error::{Error, Result};
use crate::frame::Target;
use crate::park::{self, Me};
use crate::slot::{
    Answers, Live, OPEN, Object, Slot, Table, find, generation_of, handle, index_of, kind, set_answers, word,
};
use crate::sync::RawGuard;
use crate::sys::tools;
use crate::thread::text::Text;
use core::ffi::c_void;
use core::ptr::null_mut;

pub(super) const STATE: u32 = 7;
pub(super) const PENDING: u32 = 0;
pub(super) const RUNNING: u32 = 1;
const SETTLING: u32 = 2;
pub(super) const CANCELLED: u32 = 3;
pub(super) const NOTIFIED: u32 = 4;
pub(super) const FINISHED: u32 = 5;
pub(super) const FAILED: u32 = 6;
pub(super) const BROKEN: u32 = 7;

pub(super) const QUEUED: u32 = 1 << 3;
pub(super) const BUSY: u32 = 1 << 4;
pub(super) const AWAITED: u32 = 1 << 5;
pub(super) const WATCHED: u32 = 1 << 6;
const HIDDEN: u32 = 1 << 7;
pub(super) const LISTED: u32 = 1 << 8;
const LISTING: u32 = 1 << 9;

/// Those who wait for one of many futures sleep on this; it changes when a `WATCHED` one ends.
pub(super) static WATCH: AtomicU64 = AtomicU64::new(0);

/// Around the texts of failures: read by anybody, freed with the slot.
static TEXTS: RawGuard = RawGuard::new();

/// Whether the result, or that there is none, is known.
pub(super) const fn is_done(bits: u32) -> bool {
    bits & STATE >= CANCELLED
}

/// What a future keeps beside its word and owner.
pub(crate) struct Future {
    /// Before the end the target, NULL for a promise; after a failure its text.
    call: AtomicPtr<()>,
    /// Before the end the argument; then the result, or the code of the failure.
    value: AtomicPtr<c_void>,
    /// The callbacks, the latest first; see callbacks.rs.
    pub(super) callbacks: AtomicPtr<callbacks::Node>,
    /// The pool that runs it; 0 for a promise.
    pub(super) pool: AtomicU64,
    /// The process it was made in, counted in forks.
    epoch: AtomicU32,
}

impl Object for Future {
    const KIND: u8 = kind::FUTURE;
    fn table() -> &'static Table<Future> {
        static TABLE: Table<Future> = Table::new();
        &TABLE
    }
}

static ANSWERS: Answers = Answers {
    push_free: |index| Future::table().push(index),
    awaited_owner,
    forget: |object| {
        // Whoever added a callback when the process forked is not here.
        if let Ok(future) = find::<Future>(object) {
            let _ = change(future.slot, |bits| Some(bits & !LISTING));
        }
    },
};

/// The thread that runs the future's task.
fn awaited_owner(object: u64) -> Option<u64> {
    let future = find::<Future>(object).ok()?;
    let owner = future.slot.head.owner.load(SeqCst);
    let runs = future.bits().ok()? & STATE == RUNNING;
    Some(owner).filter(|&owner| runs && owner != 0)
}

/// A future of a pool's task, or a promise when there is neither pool nor target.
fn create(me: Me, bits: u32, pool: u64, call: *mut (), arg: *mut c_void) -> Result<Live<Future>> {
    set_answers(kind::FUTURE, &ANSWERS);
    Future::table().create(Some(me.cache()), bits, |body| {
        body.call.store(call, Relaxed);
        body.value.store(arg, Relaxed);
        body.callbacks.store(null_mut(), Relaxed);
        body.pool.store(pool, Relaxed);
        body.epoch.store(super::epoch(), Relaxed);
    })
}

/// A promise: somebody will set its result or failure.
pub(crate) fn promise(me: Me) -> Result<u64> {
    Ok(create(me, 0, 0, null_mut(), null_mut())?.id)
}

/// The future of a task that is about to be queued in `pool`.
pub(super) fn of_task(me: Me, pool: u64, target: Target, arg: *mut c_void) -> Result<Live<Future>> {
    create(me, QUEUED, pool, target as *mut (), arg)
}

/// The future at `index`, to which a queue's entry leads.
pub(super) fn at(index: u32) -> Option<&'static Slot<Future>> {
    Future::table().at(index)
}

/// Ends a future that could not be queued, and that nobody was told of.
pub(super) fn discard(me: Me, future: Live<Future>) {
    if Future::table().close(future, QUEUED) {
        recycle(future, QUEUED, Some(me));
    }
}

/// Changes the bits of whatever future lives in `slot`, whose life the caller's own bit prolongs; says what they
/// were. `None` leaves them.
pub(super) fn change(slot: &Slot<Future>, mut to: impl FnMut(u32) -> Option<u32>) -> Option<u32> {
    loop {
        let state = slot.head.state.load(SeqCst);
        let new = to(state as u32)?;
        let next = state >> 32 << 32 | new as u64;
        if slot.head.state.compare_exchange_weak(state, next, SeqCst, Relaxed).is_ok() {
            return Some(state as u32);
        }
    }
}

/// The same, but not while a callback is being added.
fn change_unlisted(slot: &Slot<Future>, mut to: impl FnMut(u32) -> Option<u32>) -> Option<u32> {
    loop {
        let mut listing = false;
        let changed = change(slot, |bits| {
            listing = bits & LISTING != 0;
            if listing { None } else { to(bits) }
        });
        if !listing {
            return changed;
        }
        crate::sys::yield_now();
    }
}

/// The number by which the future in `slot` goes now.
fn number(slot: &'static Slot<Future>, index: u32) -> Live<Future> {
    let generation = (slot.head.state.load(SeqCst) >> 32) as u32;
    Live { slot, id: handle(kind::FUTURE, index, generation) }
}

/// Frees the slot of a dead future.
fn recycle(future: Live<Future>, bits: u32, me: Option<Me>) {
    if bits & STATE == FAILED {
        let text = future.slot.body.call.swap(null_mut(), Relaxed).cast::<Text>();
        TEXTS.enter();
        if !text.is_null() {
            // SAFETY: `fail` made it, and it has just been taken out of reach, under the guard of its readers.
            drop(unsafe { Box::from_raw(text) });
        }
        TEXTS.leave();
    }
    if let Some((kind, index)) = Future::table().recycle(future, me.map(Me::cache)) {
        crate::sync::push_free(kind, index);
    }
}

/// Takes away `bit`, which has kept the slot; if nothing else does, and the handle was given up, frees it.
pub(super) fn let_go(slot: &'static Slot<Future>, index: u32, bit: u32) {
    let Some(before) = change(slot, |bits| Some(bits & !bit)) else { return };
    free_if_unused(slot, index, before & !bit);
}

fn free_if_unused(slot: &'static Slot<Future>, index: u32, bits: u32) {
    if bits & HIDDEN != 0 && bits & (QUEUED | BUSY) == 0 {
        let future = number(slot, index);
        if Future::table().close(future, bits & !OPEN) {
            recycle(future, bits, crate::thread::known());
        }
    }
}

/// Begins the task of a future whose entry the caller has taken out of the queue: from now on it is his to run.
pub(super) fn claim(me: Me, slot: &'static Slot<Future>) -> bool {
    let claimed = change(slot, |bits| {
        (bits & STATE == PENDING || seeded(Seed::Claim)).then_some(bits & !QUEUED | RUNNING | BUSY)
    });
    if claimed.is_some() {
        slot.head.owner.store(me.id(), Release);
    }
    claimed.is_some()
}

/// The same for one who waits for the future, and is to run it himself; its entry stays in the queue.
pub(super) fn claim_awaited(me: Me, future: Live<Future>) -> bool {
    let claimed = future.update(|bits| match bits & (STATE | QUEUED) {
        QUEUED => Ok(bits | RUNNING | BUSY),
        _ => Err(Error::Begun),
    });
    if claimed.is_ok() {
        future.slot.head.owner.store(me.id(), Release);
    }
    claimed.is_ok()
}

/// Target and argument of a claimed future.
pub(super) fn work(slot: &Slot<Future>) -> (Option<Target>, *mut c_void) {
    let call = slot.body.call.load(Relaxed);
    // SAFETY: of a pool's future `of_task` stored what it made of a `Target`; NULL is `None`.
    let target = unsafe { core::mem::transmute::<*mut (), Option<Target>>(call) };
    (target, slot.body.value.load(Relaxed))
}

/// The task has returned. True: callbacks are to be run.
#[must_use]
pub(super) fn finish(slot: &'static Slot<Future>, index: u32, value: *mut c_void) -> bool {
    slot.body.value.store(value, Relaxed);
    end(slot, index, FINISHED)
}

/// The task has failed; without memory the text is lost, but not the code. True: callbacks are to be run.
#[must_use]
pub(super) fn fail(slot: &'static Slot<Future>, index: u32, code: i32, message: Text) -> bool {
    let text = if message.as_str().is_empty() { null_mut() } else { boxed(message) };
    slot.body.call.store(text.cast(), Relaxed);
    slot.body.value.store(core::ptr::without_provenance_mut(code as u32 as usize), Relaxed);
    end(slot, index, FAILED)
}

/// Puts a text where it can stay; NULL without memory.
fn boxed(text: Text) -> *mut Text {
    let layout = core::alloc::Layout::new::<Text>();
    // SAFETY: a `Text` is not of size zero.
    let place = unsafe { std::alloc::alloc(layout) }.cast::<Text>();
    if !place.is_null() {
        // SAFETY: new memory of the right layout, as `Box` has it.
        unsafe { place.write(text) };
    }
    place
}

/// Ends a future that the caller has claimed, settled or cancelled, and so has made `BUSY`. True: callbacks are to be
/// run, and keep it `BUSY`.
#[must_use]
fn end(slot: &'static Slot<Future>, index: u32, state: u32) -> bool {
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
fn end_unseen(slot: &'static Slot<Future>, index: u32, state: u32) -> bool {
    let future = number(slot, index);
    let Ok(bits) = future.bits() else { return false };
    let unseen = bits & (HIDDEN | QUEUED | LISTING | LISTED | AWAITED | WATCHED) == HIDDEN;
    let ended = unseen && Future::table().close(future, bits & !OPEN);
    if ended {
        recycle(future, bits & !STATE | state, crate::thread::known());
    }
    ended
}

/// Wakes those who wait for a future with these bits, which it has no more.
fn announce(slot: &Slot<Future>, before: u32) {
    if before & AWAITED != 0 {
        park::wake(&slot.head.state, u32::MAX);
    }
    if before & WATCHED != 0 {
        WATCH.fetch_add(1, SeqCst);
        park::wake(&WATCH, u32::MAX);
    }
}

/// The number of a future whose callback is about to be called, and whether the handle had been given up: then the
/// number is good until `hide`.
pub(super) fn show(slot: &'static Slot<Future>, index: u32) -> (u64, bool) {
    let before = change(slot, |bits| Some(bits & !HIDDEN)).unwrap_or(0);
    (number(slot, index).id, before & HIDDEN != 0)
}

/// Ends what `show` began.
pub(super) fn hide(slot: &'static Slot<Future>) {
    let _ = change(slot, |bits| Some(bits | HIDDEN));
}

/// Does something with the future that `id` names; a done callback knows one by its number until it returns, also when
/// others give the handle up meanwhile.
pub(crate) fn with<R>(id: u64, mut work: impl FnMut(Live<Future>) -> Result<R>) -> Result<R> {
    match find::<Future>(id).and_then(&mut work) {
        Err(Error::StaleHandle) => callbacks::still_shown(id).ok_or(Error::StaleHandle).and_then(work),
        done => done,
    }
}

/// Gives up the handle `id`.
pub(crate) fn destroy(me: Me, id: u64) -> Result {
    find::<Future>(id)?.destroy(me)?;
    callbacks::given_up(id);
    Ok(())
}

impl Live<Future> {
    pub(super) fn index(self) -> u32 {
        index_of(self.id)
    }

    /// The bits of a future whose handle is good.
    pub(super) fn seen(self) -> Result<u32> {
        let bits = self.bits()?;
        if bits & HIDDEN != 0 {
            return Err(Error::StaleHandle);
        }
        if is_done(bits) {
            tools::acquire(&self.slot.head);
        }
        Ok(bits)
    }

    /// Changes the bits as `to` says, in this life; says what they were.
    fn update(self, mut to: impl FnMut(u32) -> Result<u32>) -> Result<u32> {
        loop {
            let bits = self.seen()?;
            if bits & LISTING != 0 {
                spin_loop();
                continue;
            }
            if self.exchange_weak(bits, to(bits)?) {
                return Ok(bits);
            }
        }
    }

    /// Whether a pool of the parent process was to run it, or a thread of that runs it.
    pub(super) fn is_lost(self, bits: u32) -> bool {
        let body = &self.slot.body;
        if is_done(bits) || body.epoch.load(Relaxed) == super::epoch() || body.pool.load(Relaxed) == 0 {
            return false;
        }
        let owner = self.slot.head.owner.load(SeqCst);
        bits & STATE == PENDING || owner == 0 || park::fate(owner) != park::Fate::Lives
    }

    /// Adds a flag to a future that is not done; false when it is.
    pub(super) fn flag(self, flag: u32) -> Result<bool> {
        let bits = self.update(|bits| Ok(if is_done(bits) { bits } else { bits | flag }))?;
        Ok(!is_done(bits))
    }

    /// Keeps others from changing the word while a callback is added; false when it is done.
    pub(super) fn begin_listing(self, me: Me) -> Result<bool> {
        me.touch(self.id);
        let bits = self.update(|bits| Ok(if is_done(bits) { bits } else { bits | LISTING }))?;
        Ok(!is_done(bits))
    }

    /// Ends what `begin_listing` began.
    pub(super) fn end_listing(self) {
        tools::release(&self.slot.head);
        let _ = change(self.slot, |bits| Some(bits & !LISTING | LISTED));
    }

    /// The result of a future that is `FINISHED`.
    pub(super) fn value(self) -> Result<*mut c_void> {
        let value = self.slot.body.value.load(Acquire);
        self.seen().map(|_| value)
    }

    /// Uses code and text of a future that is `FAILED`.
    pub(super) fn with_failure<R>(self, work: impl FnOnce(i32, &str) -> R) -> Result<R> {
        TEXTS.enter();
        let code = self.slot.body.value.load(Acquire).addr() as u32 as i32;
        let text = self.slot.body.call.load(Acquire).cast::<Text>();
        let used = self.seen().map(|_| {
            // SAFETY: the future lives and has failed, so this is a text of `fail` or NULL; it is freed
            // under the guard only.
            let text = unsafe { text.as_ref() };
            work(code, text.map_or("", Text::as_str))
        });
        TEXTS.leave();
        used
    }

    /// Cancels it if nobody has begun.
    pub(crate) fn cancel(self) -> Result {
        let before = self.update(|bits| match bits & STATE {
            _ if self.is_lost(bits) => Err(Error::Forked),
            PENDING => Ok(bits & !STATE | CANCELLED | BUSY),
            CANCELLED | NOTIFIED => Ok(bits),
            _ => Err(Error::Begun),
        })?;
        if before & STATE == PENDING && end(self.slot, self.index(), CANCELLED) {
            callbacks::run(self.slot, self.index());
        }
        Ok(())
    }

    /// Python's `set_running_or_notify_cancel`, for the promise side.
    pub(crate) fn set_running(self) -> Result {
        self.promised()?;
        let before = self.update(|bits| match bits & STATE {
            PENDING => Ok(bits & !STATE | RUNNING),
            CANCELLED => Ok(bits & !STATE | NOTIFIED),
            _ => Err(Error::Begun),
        })?;
        if before & STATE == CANCELLED { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Sets the result of a promise.
    pub(crate) fn set_result(self, value: *mut c_void) -> Result {
        self.settle()?;
        if finish(self.slot, self.index(), value) {
            callbacks::run(self.slot, self.index());
        }
        Ok(())
    }

    /// Sets the failure of a promise.
    pub(crate) fn set_failure(self, code: i32, message: &str) -> Result {
        self.seen()?;
        let message = Text::copy(message)?;
        self.settle()?;
        if fail(self.slot, self.index(), code, message) {
            callbacks::run(self.slot, self.index());
        }
        Ok(())
    }

    /// Admits the one who sets the value.
    fn settle(self) -> Result {
        self.promised()?;
        self.update(|bits| match bits & STATE {
            PENDING | RUNNING => Ok(bits & !STATE | SETTLING | BUSY),
            _ => Err(Error::Begun),
        })?;
        Ok(())
    }

    fn promised(self) -> Result {
        let bits = self.seen()?;
        if self.is_lost(bits) {
            return Err(Error::Forked);
        }
        if self.slot.body.pool.load(Relaxed) == 0 { Ok(()) } else { Err(Error::Begun) }
    }

    /// Gives the handle up; what runs goes on, under a number that nobody was told.
    pub(crate) fn destroy(self, me: Me) -> Result {
        loop {
            let bits = self.seen()?;
            if bits & LISTING != 0 {
                spin_loop();
                continue;
            }
            if bits & (QUEUED | BUSY) == 0 {
                if !Future::table().close(self, bits & !OPEN) {
                    continue;
                }
                if bits & LISTED != 0 {
                    callbacks::drop_all(self.slot);
                }
                announce(self.slot, bits);
                recycle(self, bits, Some(me));
                return Ok(());
            }
            let generation = generation_of(self.id);
            let kept = bits & !(AWAITED | WATCHED);
            let (old, new) = (word(generation, bits), word(generation.wrapping_add(1), kept | HIDDEN));
            if self.slot.head.state.compare_exchange_weak(old, new, SeqCst, Relaxed).is_ok() {
                announce(self.slot, bits);
                return Ok(());
            }
        }
    }
}

/// Ends a future whose task the caller has taken out of the queue and will not run; false when it has begun or
/// ended already.
pub(super) fn drop_task(slot: &'static Slot<Future>, index: u32, state: u32) -> bool {
    let dropped = change_unlisted(slot, |bits| {
        (bits & STATE == PENDING).then_some(bits & !(STATE | QUEUED) | state | BUSY)
    });
    if dropped.is_some() && end(slot, index, state) {
        callbacks::run(slot, index);
    }
    dropped.is_some()
}
