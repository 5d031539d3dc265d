//! What the entries in a pool's queues lead to.

use super::entry::Entry;
use super::future::{self, Future};
use super::group::Group;
use super::map;
use crate::frame::Callback;
use crate::slot::Slot;
use core::ptr::null_mut;

/// Entries without a callback say by the lowest bits of their argument what they are.
const KIND: usize = 3;
const FUTURE: usize = 0;
const GROUP: usize = 1;
const MAP: usize = 2;

pub(super) fn future_entry(index: u32) -> Entry {
    Entry { call: null_mut(), arg: core::ptr::without_provenance_mut((index as usize) << 2 | FUTURE) }
}

pub(super) fn group_entry(group: *const Group) -> Entry {
    Entry { call: null_mut(), arg: group.cast_mut().map_addr(|at| at | GROUP).cast() }
}

pub(super) fn map_entry(job: *const map::Job) -> Entry {
    Entry { call: null_mut(), arg: job.cast_mut().map_addr(|at| at | MAP).cast() }
}

/// Whether an entry leads to a future.
pub(super) fn is_future(entry: Entry) -> bool {
    entry.call.is_null() && entry.arg.addr() & KIND == FUTURE
}

/// What an entry leads to.
pub(super) enum Work {
    Callback(Callback),
    Future(&'static Slot<Future>, u32),
    Group(*const Group),
    Map(*const map::Job),
    Nothing,
}

pub(super) fn work_of(entry: Entry) -> Work {
    if !entry.call.is_null() {
        // SAFETY: only `pool::execute` makes such entries, of a `Callback`.
        return Work::Callback(unsafe { core::mem::transmute::<*mut (), Callback>(entry.call) });
    }
    let plain = entry.arg.map_addr(|at| at & !KIND);
    match entry.arg.addr() & KIND {
        GROUP => Work::Group(plain.cast()),
        MAP => Work::Map(plain.cast()),
        _ => {
            let index = (entry.arg.addr() >> 2) as u32;
            future::at(index).map_or(Work::Nothing, |slot| Work::Future(slot, index))
        }
    }
}
