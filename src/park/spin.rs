//! Looking again for a little while before sleeping.

/// A bounded spin: first pauses that double, then turns given to other threads.
///
/// On one processor the turns do the work: the thread that is waited for runs at once. When others run instead, a
/// turn may take as long as their time slices; who has no time to lose looks at the clock after each.
pub(crate) struct Spin {
    step: u32,
    last: u32,
    /// When there are no more turns, `NEVER` for one who does not look; set before the first.
    until: i64,
}

/// Steps that only pause; together about a microsecond.
const PAUSES: u32 = 4;

/// The longest that turns may take, in nanoseconds, unless a single one takes longer.
#[cfg(not(any(loom, shuttle)))]
const TURNS: i64 = 50_000;

const NEVER: i64 = i64::MAX;

impl Spin {
    /// As long as a lock's holder usually needs.
    pub(crate) const fn short() -> Spin {
        Spin { step: 0, last: 10, until: NEVER }
    }

    /// The same for one who waits until some point in time.
    pub(crate) const fn short_timed() -> Spin {
        Spin { step: 0, last: 10, until: 0 }
    }

    /// No more looks.
    pub(crate) const fn over() -> Spin {
        Spin { step: 0, last: 0, until: NEVER }
    }

    /// As long as a partner on another processor needs to answer; below 50 microseconds.
    pub(crate) const fn long() -> Spin {
        Spin { step: 0, last: 40, until: 0 }
    }

    /// Waits a moment; false when it is time to sleep.
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) fn next(&mut self) -> bool {
        if self.step >= self.last {
            return false;
        }
        if self.step < PAUSES {
            for _ in 0..1 << (self.step + 1) {
                core::hint::spin_loop();
            }
        } else if self.until == NEVER {
            crate::sys::yield_now();
        } else {
            let now = crate::time::now();
            if self.step == PAUSES {
                self.until = now.saturating_add(TURNS);
            } else if now >= self.until {
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
        let _ = (self.step, self.last, self.until, PAUSES);
        false
    }
}
