//! Models of the FIFO list, of waiting for it, and of stepping into a body that is about to be given back.

mod inside;
mod list;
mod waiting;

use super::Attempt;
use super::list::List;
use crate::atomic::{Ordering::*, Seed};
use crate::error::{Error, Result};
use crate::sync::models::{Room, SOON, all, finds, holds, me, spawn};
use core::ffi::c_void;
use std::sync::Arc;

/// An item that is a number.
fn item(number: usize) -> *mut c_void {
    core::ptr::without_provenance_mut(number)
}

/// A list whose next cell is the last of its block: what follows crosses into the next one.
fn list_at_the_edge(bound: i64) -> Arc<List> {
    let list = List::new(bound).expect("there are blocks");
    for _ in 0..2 {
        put(&list, 99);
        assert_eq!(get(&list), Ok(Some(99)));
    }
    Arc::new(list)
}

fn put(list: &List, number: usize) -> bool {
    matches!(list.put(item(number)), Ok(Attempt::Done(())))
}

/// The number taken, none when there is none yet.
fn get(list: &List) -> Result<Option<usize>> {
    match list.get()? {
        Attempt::Done(item) => Ok(Some(item.addr())),
        _ => Ok(None),
    }
}
