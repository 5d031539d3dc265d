//! Models of what pools are made of: a seat's queue, the forks of parallel work, and who sleeps.
//!
//! What needs whole pools is tried in random schedules (src/pool/schedules).

mod deque;
mod idle;
mod ring;

use crate::atomic::{AtomicU64, Ordering::*, Seed};
use crate::park::{Me, fence};
use crate::sync::models::{SOON, all, finds, holds, me, spawn};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
