//! Models of what pools are made of: a seat's queue, the forks of parallel work, who sleeps, and the word of a future.
//!
//! What needs whole pools is tried in random schedules (src/pool/schedules).

mod deque;
mod future;
mod idle;
mod kept;
mod ring;

use crate::atomic::{AtomicPtr, AtomicU64, Ordering::*, Seed};
use crate::park::{Me, fence};
use crate::sync::models::{SOON, all, finds, holds, me, spawn};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
