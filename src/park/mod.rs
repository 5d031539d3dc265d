//! The only place that sleeps, so the only one that can say who waits for whom.
//!
//! A wait has three steps (README.md tells why no wake-up is lost):
//! `Wait::begin` publishes what the thread will wait for, `Wait::sleep` sleeps until the word
//! changes, somebody wakes it or the deadline comes, and dropping the `Wait` takes the publication back.

#[cfg(not(any(loom, shuttle)))]
pub(crate) mod bare;
pub(crate) mod fence;
mod graph;
pub(crate) mod inside;
mod record;
mod sign;
mod spin;
mod word;

#[cfg(all(not(loom), not(feature = "portable-park")))]
#[path = "futex.rs"]
mod backend;
#[cfg(all(not(loom), feature = "portable-park"))]
#[path = "portable.rs"]
mod backend;
#[cfg(loom)]
#[path = "model.rs"]
mod backend;

#[cfg(loom)]
pub(crate) use backend::{clear_beds, make_beds};
pub(crate) use backend::{requeue, wake};
pub(crate) use graph::{is_refused, tell_cycle};
pub(crate) use record::{Fate, Me, NOTIFIED, Node, Published, Record, fate, record_of};
pub(crate) use record::{is_awaitable, records};
pub(crate) use sign::{MOST, SIGN, sign_of, signer};
pub(crate) use spin::Spin;
pub(crate) use word::Word;

use crate::atomic::AtomicU64;
use crate::time::{Deadline, Timeout};

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Somebody woke it, or the word was not as expected, or for no reason: look again.
    LookAgain,
    /// The deadline came.
    TimedOut,
}

/// Called at both ends of a published wait: the thread, the object, and whether it begins.
pub(crate) type WaitHook = fn(me: Me, object: u64, begins: bool);

#[cfg(not(loom))]
static HOOK: crate::atomic::AtomicPtr<()> = crate::atomic::AtomicPtr::new(core::ptr::null_mut());

/// Sets what is called at both ends of each wait; only slow paths come here.
#[cfg(not(loom))]
pub(crate) fn set_wait_hook(hook: Option<WaitHook>) {
    let hook = hook.map_or(core::ptr::null_mut(), |hook| hook as *mut ());
    HOOK.store(hook, crate::atomic::Ordering::Release);
}

#[cfg(not(loom))]
fn call_hook(me: Me, object: u64, begins: bool) {
    let hook = HOOK.load(crate::atomic::Ordering::Acquire);
    if !hook.is_null() {
        // SAFETY: only `set_wait_hook` stores here, and it stores a `WaitHook`.
        let hook = unsafe { core::mem::transmute::<*mut (), WaitHook>(hook) };
        hook(me, object, begins);
    }
}

#[cfg(loom)]
fn call_hook(_: Me, _: u64, _: bool) {}

/// Sleeps without publishing it: only for the library's own small locks.
pub(crate) fn doze(word: &impl Word, expected: u32) {
    backend::sleep(word, expected, Deadline::NEVER);
}

/// The same, for so many nanoseconds at most.
#[cfg(not(loom))]
pub(crate) fn doze_for(word: &impl Word, expected: u32, nanos: i64) -> Woken {
    backend::sleep(word, expected, Deadline::after(crate::time::now(), nanos))
}

/// Sleeps for a millisecond: for one who has to look again, and whom nobody wakes.
#[cfg(not(loom))]
pub(crate) fn nap() {
    let (word, deadline) = (AtomicU64::new(0), Deadline::after(crate::time::now(), 1_000_000));
    while backend::sleep(&word, 0, deadline) != Woken::TimedOut {}
}

/// A published wait of the current thread for one object.
pub(crate) struct Wait {
    me: Me,
    object: u64,
    deadline: Deadline,
    began: i64,
}

impl Wait {
    /// Publishes that `me` is about to wait for `object`, and reads the clock: once per wait.
    pub(crate) fn begin(me: Me, object: u64, timeout: Timeout) -> Wait {
        let began = crate::time::now();
        Wait::begin_until(me, object, began, timeout.deadline_from(began))
    }

    /// The same for a wait that goes on until a point known already.
    pub(crate) fn begin_until(me: Me, object: u64, began: i64, deadline: Deadline) -> Wait {
        Wait::publish(me, Published { object, deadline, since: began, has_way_out: false })
    }

    /// The same for a wait that `object` ends, or something else.
    pub(crate) fn begin_for_any(me: Me, object: u64, deadline: Deadline) -> Wait {
        Wait::publish(me, Published { object, deadline, since: crate::time::now(), has_way_out: true })
    }

    fn publish(me: Me, wait: Published) -> Wait {
        #[cfg(not(any(loom, shuttle)))]
        bare::make_good();
        // The hook may wait for something itself, so it stands outside the publication.
        call_hook(me, wait.object, true);
        me.publish(wait);
        Wait { me, object: wait.object, deadline: wait.deadline, began: wait.since }
    }

    /// When the wait gives up.
    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Whether there is no time to wait at all.
    pub(crate) fn is_over_at_once(&self) -> bool {
        self.deadline.nanos() <= self.began
    }

    /// How long it has lasted, in nanoseconds.
    pub(crate) fn age(&self) -> i64 {
        crate::time::now() - self.began
    }

    /// Sleeps while the lower half of `word` is `expected`, until somebody wakes it or the deadline.
    pub(crate) fn sleep(&self, word: &AtomicU64, expected: u32) -> Woken {
        if self.is_over_at_once() {
            return Woken::TimedOut;
        }
        backend::sleep(word, expected, self.deadline)
    }

    /// The same, but for so many nanoseconds at most, for one who has to look again.
    pub(crate) fn sleep_at_most(&self, word: &AtomicU64, expected: u32, nanos: i64) -> Woken {
        let soon = Deadline::at(crate::time::now().saturating_add(nanos));
        if cfg!(loom) || self.deadline.nanos() <= soon.nanos() {
            return self.sleep(word, expected);
        }
        backend::sleep(word, expected, soon);
        Woken::LookAgain
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        #[cfg(loom)]
        if std::thread::panicking() {
            // A model was found wrong: its execution is no more.
            return;
        }
        self.me.unpublish();
        call_hook(self.me, self.object, false);
    }
}
