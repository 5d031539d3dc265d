//! Futures: a result that comes later, from a pool's task or from whoever made the promise.
//!
//! How far one is, its word says (word.rs). Beside the word stand what is to be called and what has come of it: whoever
//! reads that looks afterwards whether the future still lives.

use super::callbacks;
use super::word::{self, FAILED, Kept, LISTING, PENDING, QUEUED, RUNNING, STATE, change, is_done, write};
use crate::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::Target;
use crate::park::{self, Me};
use crate::slot::{Answers, Live, Object, Slot, Table, find, kind, set_answers};
use crate::sync::RawGuard;
use crate::thread::text::Text;
use core::ffi::c_void;
use core::ptr::null_mut;

/// Around the texts of failures: read by anybody, freed with the slot.
static TEXTS: RawGuard = RawGuard::new();

/// In a forked child: whoever read or freed a text when the process forked is not here. A fork does not wait for them,
/// as they leave nothing half done: a text is taken out of its future before it is freed.
pub(super) fn forget_readers() {
    TEXTS.reset();
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

impl Kept for Future {
    fn value(&self) -> &AtomicPtr<c_void> {
        &self.value
    }

    fn is_lost(future: Live<Future>, bits: u32) -> bool {
        future.is_lost(bits)
    }

    fn call_back(slot: &'static Slot<Future>, index: u32) {
        callbacks::run(slot, index);
    }

    fn drop_callbacks(slot: &Slot<Future>) {
        callbacks::drop_all(slot);
    }

    fn running() -> Option<Me> {
        crate::thread::known()
    }

    fn recycle(future: Live<Future>, bits: u32, me: Option<Me>) {
        if bits & STATE == FAILED {
            // As in `word::write`: whoever finds no text sees that this life is over.
            let text = future.slot.body.call.swap(null_mut(), Release).cast::<Text>();
            TEXTS.enter();
            if !text.is_null() {
                // SAFETY: `fail` made it, and it has just been taken out of reach, under the guard of its readers.
                drop(unsafe { Box::from_raw(text) });
            }
            TEXTS.leave();
        }
        crate::sync::recycle(future, me);
    }
}

static ANSWERS: Answers = Answers {
    push_free: |index| Future::table().push(index),
    awaited_owner,
    look_again: |object| {
        if let Ok(future) = find::<Future>(object) {
            future.look_again();
        }
    },
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
#[inline(always)]
fn create(me: Me, bits: u32, pool: u64, call: *mut (), arg: *mut c_void) -> Result<Live<Future>> {
    set_answers(kind::FUTURE, &ANSWERS);
    Future::table().create(Some(me.cache()), bits, |body| {
        write(&body.call, call);
        write(&body.value, arg);
        body.callbacks.store(null_mut(), Relaxed);
        body.pool.store(pool, Relaxed);
        body.epoch.store(super::epoch(), Relaxed);
    })
}

/// A promise: somebody will set its result or failure.
pub(crate) fn promise(me: Me) -> Result<u64> {
    super::prepare()?;
    Ok(create(me, 0, 0, null_mut(), null_mut())?.id)
}

/// The future of a task that is about to be queued in `pool`.
#[inline(always)]
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
        Future::recycle(future, QUEUED, Some(me));
    }
}

/// Target and argument of a claimed future.
pub(super) fn work(slot: &Slot<Future>) -> (Option<Target>, *mut c_void) {
    let call = slot.body.call.load(Relaxed);
    // SAFETY: of a pool's future `of_task` stored what it made of a `Target`; NULL is `None`.
    let target = unsafe { core::mem::transmute::<*mut (), Option<Target>>(call) };
    (target, slot.body.value.load(Relaxed))
}

/// The task has failed; without memory the text is lost, but not the code. True: callbacks are to be run.
#[must_use]
pub(super) fn fail(slot: &'static Slot<Future>, index: u32, code: i32, message: Text) -> bool {
    let text = if message.as_str().is_empty() { null_mut() } else { boxed(message) };
    write(&slot.body.call, text.cast());
    write(&slot.body.value, core::ptr::without_provenance_mut(code as u32 as usize));
    word::end(slot, index, FAILED)
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
    if find::<Future>(id)?.destroy(me)? {
        callbacks::given_up(id);
    }
    Ok(())
}

impl Live<Future> {
    /// Whether a pool of the parent process was to run it, or a thread of that runs it.
    pub(super) fn is_lost(self, bits: u32) -> bool {
        let body = &self.slot.body;
        if is_done(bits) || body.epoch.load(Relaxed) == super::epoch() || body.pool.load(Relaxed) == 0 {
            return false;
        }
        let owner = self.slot.head.owner.load(SeqCst);
        bits & STATE == PENDING || owner == 0 || park::fate(owner) != park::Fate::Lives
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

    /// Python's `set_running_or_notify_cancel`, for the promise side.
    pub(crate) fn set_running(self) -> Result {
        self.promised()?;
        if self.begin()? == word::CANCELLED { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Sets the result of a promise.
    pub(crate) fn set_result(self, value: *mut c_void) -> Result {
        self.promised()?;
        self.settle()?;
        if word::finish(self.slot, self.index(), value) {
            callbacks::run(self.slot, self.index());
        }
        Ok(())
    }

    /// Sets the failure of a promise.
    pub(crate) fn set_failure(self, code: i32, message: &str) -> Result {
        self.seen()?;
        let message = Text::copy(message)?;
        self.promised()?;
        self.settle()?;
        if fail(self.slot, self.index(), code, message) {
            callbacks::run(self.slot, self.index());
        }
        Ok(())
    }

    fn promised(self) -> Result {
        let bits = self.seen()?;
        if self.is_lost(bits) {
            return Err(Error::Forked);
        }
        if self.slot.body.pool.load(Relaxed) == 0 { Ok(()) } else { Err(Error::Begun) }
    }
}
