//! Locals: a value for each pair of local and thread.
//!
//! Each thread has a table of its own, indexed by the local's slot: reading it needs no lock and no look
//! at the slot, since destroying a local empties its place in every thread's table. Tables grow, and
//! values are taken out of them, under the registry's guard.

use super::registry;
use crate::atomic::{AtomicPtr, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::{self, Callback, NOTHING};
use crate::park::{Me, Record, records};
use crate::slot::{Live, OPEN, Object, Table, find, index_of, kind, kind_of};
use crate::sys::tools;
use core::ffi::c_void;
use core::ptr::null_mut;
use std::alloc::{Layout, alloc_zeroed, dealloc};

/// A local; its values are in the threads' tables.
pub(crate) struct Local {
    destructor: AtomicPtr<()>,
}

impl Object for Local {
    const KIND: u8 = kind::LOCAL;
    fn table() -> &'static Table<Local> {
        static TABLE: Table<Local> = Table::new();
        &TABLE
    }
}

/// One thread's value of one local; all zero is none.
struct Entry {
    local: AtomicU64,
    value: AtomicPtr<c_void>,
    destructor: AtomicPtr<()>,
}

/// How often values that destructors set again are destroyed at a thread's end; what is left then is lost.
const ROUNDS: usize = 4;

/// Makes a local; the destructor gets each value that is not NULL.
pub(crate) fn create(destructor: Option<Callback>) -> Result<u64> {
    let destructor = destructor.map_or(null_mut(), |call| call as *mut ());
    let fill = |body: &Local| body.destructor.store(destructor, Relaxed);
    Ok(Local::table().create(None, 0, fill)?.id)
}

/// The entries of a record's table; valid as long as the registry's guard is held, or on its thread.
fn entries(record: &Record) -> &[Entry] {
    let (place, room) = (record.locals.load(Acquire), record.local_room.load(Acquire));
    if place.is_null() {
        return &[];
    }
    // SAFETY: `grow` stored a table of `room` zeroed entries; it frees one only under the guard, and
    // only on the record's own thread.
    unsafe { core::slice::from_raw_parts(place.cast(), room as usize) }
}

/// The value of `local` for the calling thread; NULL when it set none.
pub(crate) fn get(me: Me, local: u64) -> Result<*mut c_void> {
    match get_quick(me, local) {
        Some(value) => Ok(value),
        None => find::<Local>(local)?.bits().map(|_| null_mut()),
    }
}

/// The value that the calling thread has set, if it has.
#[inline(always)]
pub(crate) fn get_quick(me: Me, local: u64) -> Option<*mut c_void> {
    let entry = entries(me.record()).get(index_of(local) as usize)?;
    // Destroying a local empties its place here, so a number that still stands here is alive.
    let mine = entry.local.load(Relaxed) == local && kind_of(local) == kind::LOCAL;
    mine.then(|| entry.value.load(Relaxed))
}

/// Sets the value of `local` for the calling thread; the old one is not destroyed.
pub(crate) fn set(me: Me, local: u64, value: *mut c_void) -> Result {
    let found = find::<Local>(local)?;
    found.bits()?;
    let index = index_of(local) as usize;
    if entries(me.record()).len() <= index {
        if value.is_null() {
            return Ok(());
        }
        grow(me, index + 1)?;
    }
    tools::release(&found.slot.head);
    registry::guarded(|| {
        found.bits()?;
        let entry = entries(me.record()).get(index).ok_or(Error::Internal)?;
        entry.destructor.store(found.slot.body.destructor.load(Relaxed), Relaxed);
        entry.value.store(value, Relaxed);
        entry.local.store(local, Relaxed);
        Ok(())
    })
}

fn grow(me: Me, least: usize) -> Result {
    let record = me.record();
    let room = least.next_power_of_two().max(8);
    let layout = Layout::array::<Entry>(room).map_err(|_| Error::NoMemory)?;
    // SAFETY: the layout is not of size zero.
    let fresh: *mut Entry = unsafe { alloc_zeroed(layout) }.cast();
    if fresh.is_null() {
        return Err(Error::NoMemory);
    }
    registry::guarded(|| {
        for (index, old) in entries(record).iter().enumerate() {
            // SAFETY: the new table is larger than the old one, zeroed, and not yet shared.
            let new = unsafe { &*fresh.add(index) };
            new.local.store(old.local.load(Relaxed), Relaxed);
            new.value.store(old.value.load(Relaxed), Relaxed);
            new.destructor.store(old.destructor.load(Relaxed), Relaxed);
        }
        free(record);
        record.local_room.store(room as u64, Release);
        record.locals.store(fresh.cast(), Release);
    });
    Ok(())
}

/// Frees a record's table; the caller holds the guard and is its thread, or its heir.
fn free(record: &Record) {
    let (place, room) = (record.locals.load(Acquire), record.local_room.load(Acquire));
    record.locals.store(null_mut(), Release);
    if place.is_null() {
        return;
    }
    if let Ok(layout) = Layout::array::<Entry>(room as usize) {
        // SAFETY: `grow` allocated it with this layout, and nobody can see it any more.
        unsafe { dealloc(place.cast(), layout) };
    }
}

/// Takes the value out of an entry; the caller holds the guard.
fn take(entry: &Entry) -> Option<(Callback, *mut c_void)> {
    entry.local.store(0, Relaxed);
    let value = entry.value.swap(null_mut(), Relaxed);
    let destructor = entry.destructor.load(Relaxed);
    if value.is_null() || destructor.is_null() {
        return None;
    }
    // SAFETY: only `set` stores here, and it stores what `create` made of a `Callback`.
    Some((unsafe { core::mem::transmute::<*mut (), Callback>(destructor) }, value))
}

fn destroy_value((destructor, value): (Callback, *mut c_void)) {
    // SAFETY: the destructor's giver promised that it may be called with every value set.
    unsafe { frame::call(destructor, value, NOTHING) };
}

/// Ends the local: all its values are destroyed, here, whichever thread they belong to.
pub(crate) fn destroy(local: Live<Local>) -> Result {
    loop {
        let bits = local.bits()?;
        if Local::table().close(local, bits & !OPEN) {
            break;
        }
    }
    tools::acquire(&local.slot.head);
    let index = index_of(local.id) as usize;
    for thread in 0..super::Thread::table().used() {
        let Some(record) = records().at(thread) else { continue };
        let taken = registry::guarded(|| {
            let entry = entries(record).get(index)?;
            if entry.local.load(Relaxed) == local.id { take(entry) } else { None }
        });
        if let Some(taken) = taken {
            destroy_value(taken);
        }
    }
    let _ = Local::table().recycle(local, None);
    Ok(())
}

/// Destroys the calling thread's values at its end, and those that destructors set again, for some rounds.
pub(super) fn run_destructors(me: Me) {
    for _ in 0..ROUNDS {
        let mut index = 0;
        let mut any = false;
        // The table may grow under a destructor, so it is looked up for each entry.
        while index < entries(me.record()).len() {
            let taken = registry::guarded(|| entries(me.record()).get(index).and_then(take));
            if let Some(taken) = taken {
                any = true;
                destroy_value(taken);
            }
            index += 1;
        }
        if !any {
            return;
        }
    }
}

/// Frees the calling thread's table, at its very end.
pub(super) fn drop_table(me: Me) {
    registry::guarded(|| free(me.record()));
}
