//! A queue's slot and body, its making and its end.
//!
//! | bits        | meaning                                                                        |
//! |-------------|--------------------------------------------------------------------------------|
//! | `SHUT`      | shut down: nothing more is put                                                 |
//! | `DROPPED`   | shut down at once: nothing more is got either                                  |
//! | `WAITER`*n  | n threads wait, for whatever: exact, because each counts itself in and out     |
//!
//! What is in a queue stands in a `Body` beside the slot. Who uses it is inside (park/inside.rs); who waits stands
//! outside and sleeps on a word of the slot, which is never given back.

use super::eventcount::EventCount;
use super::list::List;
use super::sorted::Sorted;
use super::{Apart, Attempt};
use crate::atomic::{AtomicPtr, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::{self, Callback, Left, NOTHING};
use crate::park::{self, Me, inside};
use crate::slot::{Answers, Live, OPEN, Object, Slot, Table, find, kind, set_answers};
use crate::sync;
use crate::sys::{Errno, tools};
use core::ffi::c_void;
use std::alloc::{Layout, alloc, dealloc};

pub(super) const SHUT: u32 = 1 << 0;
pub(super) const DROPPED: u32 = 1 << 1;
const WAITER: u32 = 1 << 8;
pub(super) const WAITERS: u32 = (OPEN - 1) & !(WAITER - 1);

/// How many milliseconds a shutdown waits for those who are in the middle of a put.
const NAPS: u32 = 5_000;

/// In which order items leave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Fifo,
    Lifo,
    Priority,
}

/// What a queue keeps beside its word.
pub(crate) struct Queue {
    body: AtomicPtr<Body>,
    /// Those who wait for an item, for room, and for all items to be done.
    pub(super) getters: EventCount,
    pub(super) putters: EventCount,
    pub(super) joiners: EventCount,
}

impl Object for Queue {
    const KIND: u8 = kind::QUEUE;
    fn table() -> &'static Table<Queue> {
        static TABLE: Table<Queue> = Table::new();
        &TABLE
    }
}

/// What is in a queue; used by who is inside.
pub(super) struct Body {
    pub(super) items: Items,
    /// How many of the items put are done, or were dropped.
    pub(super) done: Apart<AtomicU64>,
    pub(super) bound: i64,
    destructor: Option<Callback>,
}

#[expect(clippy::large_enum_variant, reason = "it stands in place, in one body for each queue")]
pub(super) enum Items {
    Fifo(List),
    Sorted(Sorted),
}

impl Items {
    #[inline(always)]
    pub(super) fn put(&self, item: *mut c_void, priority: i64) -> Result<Attempt<()>> {
        match self {
            Items::Fifo(list) => list.put(item),
            Items::Sorted(sorted) => sorted.put(item, priority),
        }
    }

    #[inline(always)]
    pub(super) fn get(&self) -> Result<Attempt<*mut c_void>> {
        match self {
            Items::Fifo(list) => list.get(),
            Items::Sorted(sorted) => sorted.get(),
        }
    }

    pub(super) fn close(&self) -> Result {
        match self {
            Items::Fifo(list) => {
                list.close();
                Ok(())
            }
            Items::Sorted(sorted) => sorted.close(),
        }
    }

    pub(super) fn size(&self) -> Result<i64> {
        match self {
            Items::Fifo(list) => Ok(list.size()),
            Items::Sorted(sorted) => sorted.size(),
        }
    }

    #[cfg(test)]
    pub(super) fn reserve_only(&self) -> impl FnOnce(*mut c_void) + use<> {
        let Items::Fifo(list) = self else { panic!("only a list has cells to reserve") };
        list.reserve_only()
    }

    /// How many items have ever been put.
    pub(super) fn puts(&self) -> Result<u64> {
        match self {
            Items::Fifo(list) => Ok(list.puts()),
            Items::Sorted(sorted) => sorted.puts(),
        }
    }
}

/// Hands an item that nobody gets to the destructor, which may be left by force. So there is nothing to drop here.
///
/// # Safety
/// - `left` may be called with its context until this returns or has been left.
unsafe fn drop_item(destructor: Option<Callback>, item: *mut c_void, left: Left) {
    if let Some(destructor) = destructor {
        // SAFETY: the destructor's giver promised that it may be called with each item, once; the rest is the caller's
        // promise.
        unsafe { frame::call(destructor, item, left) };
    }
}

/// A destructor is left by force in a shutdown: its item counts as done, and nobody else tells those who join.
unsafe extern "C-unwind" fn was_left(slot: *mut c_void) {
    // SAFETY: `drop_items` passes a slot, and slots stay.
    let slot = unsafe { &*slot.cast::<Slot<Queue>>() };
    tools::release(&slot.body.joiners);
    slot.body.joiners.notify_all();
}

static ANSWERS: Answers = Answers {
    push_free: |index| Queue::table().push(index),
    awaited_owner: |_| None,
    look_again: |_| {},
    forget: |object| {
        if let Ok(queue) = find::<Queue>(object) {
            queue.forget_waiters();
        }
    },
};

/// Makes a queue; `maxsize` below 1 is no bound.
pub(crate) fn create(me: Me, order: Order, maxsize: i64, destructor: Option<Callback>) -> Result<u64> {
    inside::prepare();
    set_answers(kind::QUEUE, &ANSWERS);
    let bound = if maxsize > 0 { maxsize } else { i64::MAX };
    let items = match order {
        Order::Fifo => Items::Fifo(List::new(bound)?),
        Order::Lifo => Items::Sorted(Sorted::new(false, bound)),
        Order::Priority => Items::Sorted(Sorted::new(true, bound)),
    };
    let _errno = Errno::keep();
    // SAFETY: the layout is not empty.
    let place: *mut Body = unsafe { alloc(Layout::new::<Body>()) }.cast();
    if place.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: allocated just now for this.
    unsafe { place.write(Body { items, done: Apart(AtomicU64::new(0)), bound, destructor }) };
    let made = Queue::table().create(Some(me.cache()), 0, |queue| queue.body.store(place, Relaxed));
    match made {
        Ok(queue) => Ok(queue.id),
        Err(error) => {
            // SAFETY: nobody else has seen it.
            unsafe { free(place) };
            Err(error)
        }
    }
}

/// Gives a body back, with what is left in it forgotten.
///
/// # Safety
/// - it came from `create`, and nobody uses it any more.
unsafe fn free(body: *mut Body) {
    // SAFETY: the caller's promise; it was allocated with this layout.
    unsafe {
        body.drop_in_place();
        dealloc(body.cast(), Layout::new::<Body>());
    }
}

impl Live<Queue> {
    /// Uses the body, if the queue lives. `work` neither waits nor calls code of the user's.
    #[inline(always)]
    pub(super) fn inside<R>(self, me: Me, work: impl FnOnce(u32, &Body) -> Result<R>) -> Result<R> {
        me.enter(self.id);
        let result = match self.bits() {
            // SAFETY: the body stays until nobody is inside (`destroy`).
            Ok(bits) => work(bits, unsafe { &*self.slot.body.body.load(Relaxed) }),
            Err(error) => Err(error),
        };
        me.leave();
        result
    }

    /// Counts a waiter in: until it is counted out the queue cannot be destroyed.
    pub(super) fn count_in(self) -> Result {
        loop {
            let bits = self.bits()?;
            if bits & WAITERS == WAITERS {
                return Err(Error::Overflow);
            }
            if self.exchange_weak(bits, bits + WAITER) {
                return Ok(());
            }
        }
    }

    /// Counts it out; in a process forked meanwhile it may not be counted any more.
    pub(super) fn count_out(self) {
        while let Ok(bits) = self.bits() {
            if bits & WAITERS == 0 || self.exchange_weak(bits, bits - WAITER) {
                return;
            }
        }
    }

    /// Sets bits that are never taken back.
    pub(super) fn set(self, flags: u32) -> Result {
        loop {
            let bits = self.bits()?;
            if bits & flags == flags || self.exchange_weak(bits, bits | flags) {
                return Ok(());
            }
        }
    }

    /// Ends the queue, unless somebody waits; items that are left go to the destructor.
    pub(crate) fn destroy(self, me: Me) -> Result {
        let body = self.slot.body.body.load(Relaxed);
        loop {
            let bits = self.bits()?;
            if bits & WAITERS != 0 {
                return Err(Error::Busy);
            }
            if Queue::table().close(self, bits & !OPEN) {
                break;
            }
        }
        let left = inside::wait_until_left(self.id);
        sync::recycle(self, Some(me));
        if left {
            // SAFETY: it was this queue's, `close` made it this call's alone, and nobody is inside any more.
            let body_ref = unsafe { &*body };
            tools::acquire(&self.slot.head.state);
            while let Ok(Attempt::Done(item)) = body_ref.items.get() {
                // SAFETY: there is nothing to be called.
                unsafe { drop_item(body_ref.destructor, item, NOTHING) };
            }
            // SAFETY: as above, and nothing refers to it from here on.
            unsafe { free(body) };
        }
        Ok(())
    }

    /// Hands all items to the destructor, one after another, and counts them as done.
    pub(super) fn drop_items(self, me: Me) -> Result {
        let context: *mut c_void = core::ptr::from_ref(self.slot).cast_mut().cast();
        let mut naps = 0;
        loop {
            let taken = self.inside(me, |_, body| {
                let taken = body.items.get()?;
                if let Attempt::Done(_) = taken {
                    // More may have been reported as done than were taken.
                    let _ = body.count_done();
                }
                Ok((taken, body.destructor))
            });
            match taken {
                Ok((Attempt::Done(item), destructor)) => {
                    tools::acquire(&self.slot.head.state);
                    // SAFETY: `was_left` takes this slot.
                    unsafe { drop_item(destructor, item, Left { call: Some(was_left), context }) };
                    tools::release(&self.slot.body.joiners);
                }
                Ok((Attempt::Busy, _)) if naps < NAPS => {
                    naps += 1;
                    park::nap();
                }
                // What one who was stopped still puts waits for the queue's end.
                Ok(_) | Err(Error::Closed) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// In a forked child: nobody waits any more.
    fn forget_waiters(self) {
        for waiters in [&self.slot.body.getters, &self.slot.body.putters, &self.slot.body.joiners] {
            waiters.forget_waiters();
        }
        if let Ok(bits) = self.bits() {
            self.exchange(bits, bits & !WAITERS);
        }
    }
}
