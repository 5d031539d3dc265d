//! Real atomics and sleeps that do now and then what they may, but seldom do: the build with feature `fault-inject`.
//!
//! `THREADING_INJECT` in the environment says what, separated by commas; all kinds if it is not set:
//!
//! | word       | what happens                                                                                |
//! |------------|---------------------------------------------------------------------------------------------|
//! | `sleep`    | every second sleep ends at once, for no reason; every second wake-up comes late             |
//! | `exchange` | every fourth `compare_exchange_weak` that could have succeeded fails                        |
//! | `delay`    | before a store, after a load, on both sides of an exchange: a moment, or a turn for others  |
//! | `memory`   | every fourth time there is none for what the library can do without                         |
//! | `none`     | nothing                                                                                     |
//! | `seed=N`   | chance begins with N in the first thread, with N + 1 in the second, and so on               |
//! | `plant=S`  | plants a bug that one of the kinds brings to light: see `PLANTS`                            |

use super::Seed;
use crate::sys;
pub(crate) use core::sync::atomic::Ordering;
use core::sync::atomic::{self, Ordering::Relaxed};

const SLEEP: u64 = 1 << 0;
const EXCHANGE: u64 = 1 << 1;
const DELAY: u64 = 1 << 2;
const MEMORY: u64 = 1 << 3;
/// The environment has been read.
const READ: u64 = 1 << 4;

const KINDS: [(&[u8], u64); 5] =
    [(b"sleep", SLEEP), (b"exchange", EXCHANGE), (b"delay", DELAY), (b"memory", MEMORY), (b"none", 0)];

/// The bugs that can be planted, by the kind that shows them.
const PLANTS: [(&[u8], Seed); 4] = [
    (b"sleep", Seed::Spurious),
    (b"exchange", Seed::Weak),
    (b"delay", Seed::Publish),
    (b"memory", Seed::Idle),
];

/// `seed:32 | planted:8 | kinds:8`, 0 until the environment was read.
static PLAN: atomic::AtomicU64 = atomic::AtomicU64::new(0);
const PLANTED: u32 = 8;
const SEED: u32 = 32;

#[inline(always)]
fn plan() -> u64 {
    match PLAN.load(Relaxed) {
        0 => read(),
        plan => plan,
    }
}

/// Reads the environment: whoever does it at the same time reads the same.
#[cold]
fn read() -> u64 {
    let text = sys::environment(c"THREADING_INJECT").map_or(&b""[..], |text| text.to_bytes());
    let (mut plan, mut kinds) = (READ, None);
    for word in text.split(|&byte| byte == b',') {
        if let Some(&(_, kind)) = KINDS.iter().find(|(name, _)| *name == word) {
            kinds = Some(kinds.unwrap_or(0) | kind);
        } else if let Some(number) = word.strip_prefix(b"seed=") {
            let number = core::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
            plan |= (number.unwrap_or(0u32) as u64) << SEED;
        } else if let Some(plant) = word.strip_prefix(b"plant=") {
            let seed = PLANTS.iter().find(|(name, _)| *name == plant).map_or(0, |&(_, seed)| seed as u64);
            plan |= seed << PLANTED;
        }
    }
    plan |= kinds.unwrap_or(SLEEP | EXCHANGE | DELAY | MEMORY);
    PLAN.store(plan, Relaxed);
    plan
}

/// Whether the environment has planted this bug.
pub(crate) fn seeded(seed: Seed) -> bool {
    (plan() >> PLANTED) as u8 == seed as u8
}

/// The next number of the thread's own: xorshift, begun by splitmix64 from the seed and the number of the thread.
fn draw() -> u64 {
    static THREADS: atomic::AtomicU64 = atomic::AtomicU64::new(0);
    sys::tls::with(|block| {
        let mut x = block.chance.get();
        if x == 0 {
            x = (plan() >> SEED).wrapping_add(THREADS.fetch_add(1, Relaxed)).wrapping_add(1);
            x = x.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1;
        }
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        block.chance.set(x);
        x >> 16
    })
}

/// Whether something of `kind` happens now, as it does once in `times`.
#[inline(always)]
fn happens(kind: u64, times: u64) -> bool {
    plan() & kind != 0 && draw().is_multiple_of(times)
}

/// Whether a sleep ends before it begins.
pub(crate) fn wakes_early() -> bool {
    happens(SLEEP, 2)
}

/// Whoever is about to wake others may be late.
pub(crate) fn wake_late() {
    if happens(SLEEP, 2) {
        (0..draw() % 4).for_each(|_| sys::yield_now());
    }
}

/// Whether there is no memory now for what is good to have and can be done without.
pub(crate) fn is_scarce() -> bool {
    happens(MEMORY, 4)
}

/// Somebody else may take a step between two of the caller's.
#[inline(always)]
fn delay() {
    if happens(DELAY, 64) {
        match draw() % 64 {
            0 => sys::yield_now(),
            moments => (0..moments).for_each(|_| core::hint::spin_loop()),
        }
    }
}

/// What stands before it is seen after a while.
pub(crate) fn fence(order: Ordering) {
    delay();
    atomic::fence(order);
}

macro_rules! with_faults {
    ($($name:ident $(<$of:ident>)?: $value:ty;)*) => {$(
        #[derive(Debug)]
        #[repr(transparent)]
        pub(crate) struct $name $(<$of>)? (atomic::$name $(<$of>)?);

        #[allow(dead_code, reason = "the same for all")]
        impl $(<$of>)? $name $(<$of>)? {
            pub(crate) const fn new(value: $value) -> Self {
                $name(atomic::$name::new(value))
            }

            pub(crate) fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                let value = self.0.load(order);
                delay();
                value
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                delay();
                self.0.store(value, order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                delay();
                let before = self.0.swap(value, order);
                delay();
                before
            }

            pub(crate) fn compare_exchange(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                delay();
                let result = self.0.compare_exchange(old, new, success, failure);
                delay();
                result
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                if happens(EXCHANGE, 4) {
                    return Err(self.0.load(failure));
                }
                self.compare_exchange(old, new, success, failure)
            }

            pub(crate) fn fetch_update(
                &self,
                success: Ordering,
                failure: Ordering,
                mut change: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut old = self.load(failure);
                while let Some(new) = change(old) {
                    match self.compare_exchange_weak(old, new, success, failure) {
                        Ok(_) => return Ok(old),
                        Err(now) => old = now,
                    }
                }
                Err(old)
            }
        }
    )*};
}

macro_rules! with_sums {
    ($($name:ident: $value:ty, [$($change:ident),*];)*) => {$(
        #[allow(dead_code, reason = "the same for all")]
        impl $name {
            $(pub(crate) fn $change(&self, value: $value, order: Ordering) -> $value {
                delay();
                let before = self.0.$change(value, order);
                delay();
                before
            })*
        }
    )*};
}

with_faults! {
    AtomicI64: i64;
    AtomicU32: u32;
    AtomicU64: u64;
    AtomicUsize: usize;
    AtomicPtr<T>: *mut T;
}

with_sums! {
    AtomicI64: i64, [fetch_add, fetch_sub];
    AtomicU32: u32, [fetch_add, fetch_sub, fetch_and, fetch_or, fetch_max];
    AtomicU64: u64, [fetch_add, fetch_sub, fetch_and, fetch_or, fetch_max];
    AtomicUsize: usize, [fetch_add, fetch_sub];
}
