//! What lower layers ask of kinds that lie above them: each such kind says once how it is done.

use super::kind_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::*};

/// What a kind answers for its objects.
pub(crate) struct Answers {
    /// Puts a free slot, kept by some thread's cache, back where all find it.
    pub(crate) push_free: fn(index: u32),
    /// The thread that alone can end a wait for the object, if there is one.
    pub(crate) awaited_owner: fn(object: u64) -> Option<u64>,
    /// Those who wait for the object look again whether that can ever end.
    pub(crate) look_again: fn(object: u64),
    /// In a forked child, whose only thread calls this: a lost thread waited for the object, or was at it.
    pub(crate) forget: fn(object: u64),
}

/// More kinds than there will ever be.
const KINDS: usize = 32;

static ANSWERS: [AtomicPtr<Answers>; KINDS] = [const { AtomicPtr::new(null_mut()) }; KINDS];

/// From now on `kind` answers; the same answers may be set again.
pub(crate) fn set_answers(kind: u8, answers: &'static Answers) {
    if let Some(place) = ANSWERS.get(kind as usize) {
        let answers = (answers as *const Answers).cast_mut();
        // Seldom written, so that those who make objects share what they read.
        if place.load(Relaxed) != answers {
            place.store(answers, Release);
        }
    }
}

/// What the kind of `object` answers, if it lies above and there has been an object of it.
pub(crate) fn answers_of(object: u64) -> Option<&'static Answers> {
    let answers = ANSWERS.get(kind_of(object) as usize)?.load(Acquire);
    // SAFETY: only `set_answers` stores here, and it stores what lives for ever.
    unsafe { answers.as_ref() }
}
