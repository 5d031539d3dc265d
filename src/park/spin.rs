//! Looking again for a little while before sleeping.

/// A bounded spin: first pauses that double, then turns given to other threads.
///
/// On one processor the turns do the work: the thread that is waited for runs at once.
pub(crate) struct Spin {
    step: u32,
    last: u32,
}

/// Steps that only pause; together about a microsecond.
const PAUSES: u32 = 4;

impl Spin {
    /// As long as a lock's holder usually needs.
    pub(crate) const fn short() -> Spin {
        Spin { step: 0, last: 10 }
    }

    /// No more looks.
    pub(crate) const fn over() -> Spin {
        Spin { step: 0, last: 0 }
    }

    /// As long as a partner on another processor needs to answer; below 50 microseconds.
    pub(crate) const fn long() -> Spin {
        Spin { step: 0, last: 40 }
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
        } else {
            crate::sys::yield_now();
        }
        self.step += 1;
        true
    }

    /// Models do not spin: a spin is a wait that the model cannot see the end of.
    #[cfg(any(loom, shuttle))]
    pub(crate) fn next(&mut self) -> bool {
        let _ = (self.step, self.last, PAUSES);
        false
    }
}
