//! LIFO and PRIORITY: items behind a small guard.

use super::Attempt;
use crate::atomic::is_scarce;
use crate::error::{Error, Result};
use crate::sync::RawGuard;
use crate::sys::Errno;
use core::cell::UnsafeCell;
use core::cmp::Ordering;
use core::ffi::c_void;
use std::collections::{BinaryHeap, TryReserveError};

/// An item that says when its turn comes.
struct Ranked {
    priority: i64,
    arrival: u64,
    item: *mut c_void,
}

impl Ord for Ranked {
    /// The greatest comes first: the lowest priority, and of equal ones that which came first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.priority, other.arrival).cmp(&(self.priority, self.arrival))
    }
}
impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Ranked {}

enum Store {
    Stack(Vec<*mut c_void>),
    Heap(BinaryHeap<Ranked>),
}

/// No storage is given back that holds fewer items.
const SMALL: usize = 64;

/// Asks for memory, which may fail; errno stays.
fn more(reserve: impl FnOnce() -> core::result::Result<(), TryReserveError>) -> Result {
    let _errno = Errno::keep();
    reserve().map_err(|_| Error::NoMemory)
}

/// Memory for fewer items than there was, if there was too much and the smaller can be had.
fn smaller<T>(length: usize, capacity: usize) -> Option<Vec<T>> {
    if capacity <= SMALL || length > capacity / 4 || is_scarce() {
        return None;
    }
    let mut vector = Vec::new();
    more(|| vector.try_reserve_exact(capacity / 2)).ok().map(|()| vector)
}

impl Store {
    fn length(&self) -> usize {
        match self {
            Store::Stack(items) => items.len(),
            Store::Heap(items) => items.len(),
        }
    }

    fn push(&mut self, item: *mut c_void, priority: i64, arrival: u64) -> Result {
        match self {
            Store::Stack(items) => {
                if items.len() == items.capacity() {
                    more(|| items.try_reserve(1))?;
                }
                items.push(item);
            }
            Store::Heap(items) => {
                if items.len() == items.capacity() {
                    more(|| items.try_reserve(1))?;
                }
                items.push(Ranked { priority, arrival, item });
            }
        }
        Ok(())
    }

    fn pop(&mut self) -> Option<*mut c_void> {
        match self {
            Store::Stack(items) => {
                let item = items.pop()?;
                if let Some(mut fewer) = smaller(items.len(), items.capacity()) {
                    fewer.append(items);
                    *items = fewer;
                }
                Some(item)
            }
            Store::Heap(items) => {
                let item = items.pop()?.item;
                if let Some(mut fewer) = smaller(items.len(), items.capacity()) {
                    // A heap made of a heap's own order is that heap.
                    fewer.append(&mut core::mem::take(items).into_vec());
                    *items = BinaryHeap::from(fewer);
                }
                Some(item)
            }
        }
    }
}

struct Inner {
    store: Store,
    puts: u64,
    closed: bool,
}

/// Items that leave in another order than that of their coming.
pub(super) struct Sorted {
    guard: RawGuard,
    inner: UnsafeCell<Inner>,
    bound: i64,
    /// Whether items have priorities.
    pub(super) by_priority: bool,
}

impl Sorted {
    pub(super) fn new(by_priority: bool, bound: i64) -> Sorted {
        let store = if by_priority { Store::Heap(BinaryHeap::new()) } else { Store::Stack(Vec::new()) };
        let inner = UnsafeCell::new(Inner { store, puts: 0, closed: false });
        Sorted { guard: RawGuard::new(), inner, bound, by_priority }
    }

    /// Uses what is inside while nobody else does. After a fork without handlers a thread that is not here may
    /// hold the guard: `Broken`, some seconds later.
    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> Result<R>) -> Result<R> {
        if !self.guard.enter_for_seconds() {
            return Err(Error::Broken);
        }
        // SAFETY: under the guard this is the only reference, and `work` keeps none.
        let result = work(unsafe { &mut *self.inner.get() });
        self.guard.leave();
        result
    }

    pub(super) fn put(&self, item: *mut c_void, priority: i64) -> Result<Attempt<()>> {
        self.with(|inner| {
            if inner.closed {
                return Err(Error::Closed);
            }
            if inner.store.length() as i64 >= self.bound {
                return Ok(Attempt::Blocked);
            }
            inner.store.push(item, priority, inner.puts)?;
            inner.puts += 1;
            Ok(Attempt::Done(()))
        })
    }

    pub(super) fn get(&self) -> Result<Attempt<*mut c_void>> {
        self.with(|inner| match inner.store.pop() {
            Some(item) => Ok(Attempt::Done(item)),
            None if inner.closed => Err(Error::Closed),
            None => Ok(Attempt::Blocked),
        })
    }

    pub(super) fn close(&self) -> Result {
        self.with(|inner| {
            inner.closed = true;
            Ok(())
        })
    }

    pub(super) fn size(&self) -> Result<i64> {
        self.with(|inner| Ok(inner.store.length() as i64))
    }

    pub(super) fn puts(&self) -> Result<u64> {
        self.with(|inner| Ok(inner.puts))
    }
}
