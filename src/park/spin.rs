//! Looking again for a little while before sleeping.

/// A bounded spin: first pauses that double, then turns given to other threads.
///
/// On one processor the turns do the work: the thread that is waited for runs at once. When others run instead, a
/// turn may take as long as their time slices; who has no time to lose looks at the clock after each.
pub(crate) struct Spin {
    step: u32,
    last: u32,
    /// How often the first step pauses; the next ones of `PAUSES` twice as often each.
    first: u32,
    /// How long the turns may take, in nanoseconds, unless a single one takes longer; `NEVER` for one who does not look.
    turns: i64,
    /// When the first of them began; 0 before.
    began: i64,
}

/// Steps that only pause: together less than a microsecond, or some of them for a lock.
const PAUSES: u32 = 4;

/// The first pause of one who waits for a small word: as short as can be.
const SOON: u32 = 2;

/// The first pause of one who waits for a lock. Whoever has it takes it again and again at the price of a word that
/// stays on its processor; each look takes that word away, and a look that finds the lock free makes the two fight for
/// every turn. Some turns of short work between two looks serve all better than one.
const LATER: u32 = 16;

/// The longest that turns may take for one who has no time to lose.
const TURNS: i64 = 50_000;

const NEVER: i64 = i64::MAX;

impl Spin {
    /// As long as the holder of a guard needs.
    pub(crate) const fn short() -> Spin {
        Spin { step: 0, last: 10, first: SOON, turns: NEVER, began: 0 }
    }

    /// As long as a lock's holder usually needs, but no longer than `patience`, in nanoseconds.
    pub(crate) const fn for_lock(patience: i64) -> Spin {
        Spin { step: 0, last: 10, first: LATER, turns: patience, began: 0 }
    }

    /// The same for one who waits until some point in time.
    pub(crate) const fn for_lock_timed() -> Spin {
        Spin::for_lock(TURNS)
    }

    /// No more looks.
    pub(crate) const fn over() -> Spin {
        Spin { step: 0, last: 0, first: SOON, turns: NEVER, began: 0 }
    }

    /// As long as a partner on another processor needs to answer; below 50 microseconds.
    pub(crate) const fn long() -> Spin {
        Spin { step: 0, last: 40, first: SOON, turns: TURNS, began: 0 }
    }

    /// As long as it would take to fall asleep and to be woken, and some more: for one whose partner is at work and may soon
    /// have something for it to do.
    pub(crate) const fn for_part() -> Spin {
        Spin { step: 0, last: u32::MAX, first: SOON, turns: 4 * TURNS, began: 0 }
    }

    /// Waits a moment; false when it is time to sleep.
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) fn next(&mut self) -> bool {
        if self.step >= self.last {
            return false;
        }
        if self.step < PAUSES {
            for _ in 0..self.first << self.step {
                core::hint::spin_loop();
            }
        } else if self.turns == NEVER {
            crate::sys::yield_now();
        } else {
            let now = crate::time::now();
            if self.step == PAUSES {
                self.began = now;
            } else if now.saturating_sub(self.began) >= self.turns {
                self.step = self.last;
                return false;
            }
            crate::sys::yield_now();
        }
        self.step += 1;
        true
    }

    /// Models do not spin: a spin is a wait that the model cannot see the end of.
    #[cfg(any(loom, shuttle))]
    pub(crate) fn next(&mut self) -> bool {
        let _ = (self.step, self.last, self.first, self.turns, PAUSES);
        false
    }

    /// When it began to give turns to others, if it has.
    pub(crate) fn began(&self) -> Option<i64> {
        (self.began != 0).then_some(self.began)
    }
}
