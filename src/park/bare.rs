//! A process that was forked without handlers (`_Fork`, the bare system call) is made good as soon as its thread
//! would wait: before it is counted anywhere, and before it sleeps for one of the library's own small locks.
//!
//! It finds out by a word that the system wipes in every child. What runs then is the step that a fork with
//! handlers takes in its child, but nothing was held before the fork, so less can be whole.

use crate::atomic::{AtomicPtr, Ordering::*};
use crate::sys::wiped;
use core::sync::atomic::AtomicU64;

/// 1, and 0 in a forked child until that is made good; null as long as there is none.
static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(core::ptr::null_mut());
/// What makes good, a `fn()`.
static REPAIR: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

fn word() -> Option<&'static AtomicU64> {
    let word = WORD.load(Acquire);
    // SAFETY: null, or the word from `prepare`, which is never given back.
    unsafe { word.as_ref() }
}

/// Lets `repair` run in children that are forked without handlers from now on; where the system cannot tell, not.
pub(crate) fn prepare(repair: fn()) {
    REPAIR.store(repair as *mut (), Release);
    if word().is_none()
        && let Some(word) = wiped::word()
    {
        word.store(1, Relaxed);
        WORD.store(core::ptr::from_ref(word).cast_mut(), Release);
    }
}

/// A fork with handlers has made its child good.
pub(crate) fn is_good() {
    if let Some(word) = word() {
        word.store(1, Relaxed);
    }
}

/// Makes good, once, if this is a child that was forked without handlers; true: it was, and just now.
#[inline]
pub(crate) fn make_good() -> bool {
    word().is_some_and(|word| word.load(Relaxed) == 0 && make_good_once(word))
}

#[cold]
fn make_good_once(word: &AtomicU64) -> bool {
    let repair = REPAIR.load(Acquire);
    if word.swap(1, AcqRel) != 0 || repair.is_null() {
        return false;
    }
    // SAFETY: only `prepare` stores here, and it stores a `fn()`.
    let repair = unsafe { core::mem::transmute::<*mut (), fn()>(repair) };
    repair();
    true
}
