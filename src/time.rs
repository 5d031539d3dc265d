//! Timeouts as callers give them, deadlines as waits use them; all arithmetic saturates.

use crate::error::{Error, Result};

/// A checked relative timeout in nanoseconds; no clock has been read for it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout(i64);

impl Timeout {
    /// Waits without limit.
    pub(crate) const FOREVER: Timeout = Timeout(-1);
    /// -1 is for ever, 0 tries once, below -1 is an error.
    #[inline(always)]
    pub(crate) const fn from_nanos(timeout_ns: i64) -> Result<Timeout> {
        if timeout_ns < -1 { Err(Error::BadTimeout) } else { Ok(Timeout(timeout_ns)) }
    }

    /// Whether the caller would not wait at all.
    pub(crate) const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether the caller would wait without limit.
    pub(crate) const fn is_forever(self) -> bool {
        self.0 == -1
    }

    /// When a wait that began at `start` gives up.
    pub(crate) const fn deadline_from(self, start: i64) -> Deadline {
        if self.is_forever() { Deadline::NEVER } else { Deadline::after(start, self.0) }
    }
}

/// A point on the monotonic clock in nanoseconds; `i64::MAX` never comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(i64);

impl Deadline {
    /// Never comes.
    pub(crate) const NEVER: Deadline = Deadline(i64::MAX);

    /// `start` plus `nanos`, saturating at never.
    pub(crate) const fn after(start: i64, nanos: i64) -> Deadline {
        Deadline(start.saturating_add(nanos))
    }

    /// That point; `i64::MAX` is never.
    pub(crate) const fn at(nanos: i64) -> Deadline {
        Deadline(nanos)
    }

    /// Whether a wait until then has no end.
    pub(crate) const fn is_never(self) -> bool {
        self.0 == i64::MAX
    }

    /// The point itself.
    pub(crate) const fn nanos(self) -> i64 {
        self.0
    }

    /// Whether it lies in the past, by the clock.
    pub(crate) fn has_passed(self) -> bool {
        !self.is_never() && now() >= self.0
    }
}

/// The monotonic clock.
#[cfg(not(loom))]
pub(crate) fn now() -> i64 {
    crate::sys::monotonic_nanos()
}

/// A cheap clock that goes evenly; how fast, only a comparison with `now` tells.
#[cfg(not(loom))]
pub(crate) fn ticks() -> i64 {
    crate::sys::ticks()
}

/// Models have no time: every clock reading is the same.
#[cfg(loom)]
pub(crate) fn now() -> i64 {
    0
}

/// Python's float seconds as a timeout: saturates; NaN and every negative give -2, which every call refuses.
pub(crate) fn from_seconds(seconds: f64) -> i64 {
    if seconds.is_nan() || seconds < 0.0 {
        return -2;
    }
    // Away from zero, so that a tiny wait never becomes a poll; `as` saturates.
    (seconds * 1e9).ceil() as i64
}

/// What is left until `deadline`, never below 0.
pub(crate) fn until(deadline: i64) -> i64 {
    deadline.saturating_sub(now()).max(0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn seconds_saturate_and_refuse() {
        assert_eq!(from_seconds(1.5), 1_500_000_000);
        assert_eq!(from_seconds(0.0), 0);
        assert_eq!(from_seconds(-0.0), 0);
        assert_eq!(from_seconds(1e-10), 1);
        assert_eq!(from_seconds(1e300), i64::MAX);
        assert_eq!(from_seconds(f64::INFINITY), i64::MAX);
        assert_eq!(from_seconds(f64::NAN), -2);
        assert_eq!(from_seconds(-1.0), -2);
        assert_eq!(from_seconds(-f64::MIN_POSITIVE), -2);
        assert_eq!(from_seconds(f64::NEG_INFINITY), -2);
    }

    #[test]
    fn deadlines_saturate() {
        assert!(Deadline::after(now(), i64::MAX).is_never());
        assert!(!Deadline::after(now(), i64::MAX).has_passed());
        assert!(Deadline::after(now(), 0).has_passed());
        assert_eq!(until(i64::MIN), 0);
        assert!(until(i64::MAX) > 0);
        assert_eq!(Timeout::from_nanos(-2), Err(Error::BadTimeout));
    }
}
