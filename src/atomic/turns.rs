//! Real atomics whose every access is preceded by a turn for whichever thread shuttle's scheduler chooses.
//!
//! They are as large as real ones, zeros are as good, and they may stand in statics: so the whole library runs on
//! them as it is. All accesses are sequentially consistent here; orderings are for loom to try.

pub(crate) use core::sync::atomic::Ordering;
use core::sync::atomic::{self, Ordering::SeqCst};
use core::time::Duration;

/// Lets others take turns; a scheduler is there from the beginning of a schedule to its end.
fn turn() {
    if shuttle::current::try_get_current_task().is_some() {
        // For shuttle, a sleep is a turn and nothing else.
        shuttle::thread::sleep(Duration::ZERO);
    }
}

/// The caller cannot go on before another thread has.
pub(crate) fn spin_loop() {
    shuttle::hint::spin_loop();
}

/// All accesses are in one order already.
pub(crate) fn fence(_: Ordering) {}

macro_rules! with_turns {
    ($($name:ident $(<$of:ident>)?: $value:ty;)*) => {$(
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub(crate) struct $name $(<$of>)? (atomic::$name $(<$of>)?);

        impl $(<$of>)? $name $(<$of>)? {
            pub(crate) const fn new(value: $value) -> Self {
                $name(atomic::$name::new(value))
            }

            pub(crate) fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }

            pub(crate) fn load(&self, _: Ordering) -> $value {
                turn();
                self.0.load(SeqCst)
            }

            pub(crate) fn store(&self, value: $value, _: Ordering) {
                turn();
                self.0.store(value, SeqCst);
            }

            pub(crate) fn swap(&self, value: $value, _: Ordering) -> $value {
                turn();
                self.0.swap(value, SeqCst)
            }

            pub(crate) fn compare_exchange(
                &self,
                old: $value,
                new: $value,
                _: Ordering,
                _: Ordering,
            ) -> Result<$value, $value> {
                turn();
                self.0.compare_exchange(old, new, SeqCst, SeqCst)
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                old: $value,
                new: $value,
                _: Ordering,
                _: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(old, new, SeqCst, SeqCst)
            }

            pub(crate) fn fetch_update(
                &self,
                _: Ordering,
                _: Ordering,
                mut change: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut old = self.load(SeqCst);
                while let Some(new) = change(old) {
                    match self.compare_exchange(old, new, SeqCst, SeqCst) {
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
        impl $name {
            $(pub(crate) fn $change(&self, value: $value, _: Ordering) -> $value {
                turn();
                self.0.$change(value, SeqCst)
            })*
        }
    )*};
}

with_turns! {
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
