//! Who is inside a body: what stands beside a slot, such as a queue's items, and can be given back.
//!
//! A thread marks in its own record which object's body it uses, then looks whether the object lives, uses it and
//! takes the mark back: two plain stores. Whoever gives a body back first makes the object dead and then waits until
//! no record names it. Either the thread sees that the object is dead, or its mark is seen (fence.rs).
//!
//! `fork` waits in the same way until nobody is inside anything, so every body is whole in the child; and the mark of
//! one who comes meanwhile waits until the fork is over.

use super::{Me, Record, fence};
use crate::atomic::{Ordering::*, Seed, seeded};

impl Me {
    /// Steps into the body of `object`, before it looks whether the object lives. Not nested; inside, the thread
    /// neither sleeps (but for a small guard) nor runs code of the user's.
    #[inline(always)]
    pub(crate) fn enter(self, object: u64) {
        let record = self.record();
        record.inside.store(object, Relaxed);
        if !seeded(Seed::Inside) {
            fence::light();
        }
        #[cfg(not(loom))]
        if forks::in_progress() {
            forks::step_aside(record, object);
        }
    }

    /// Steps out again.
    #[inline(always)]
    pub(crate) fn leave(self) {
        self.record().inside.store(0, Release);
    }
}

/// Waits until nobody is inside `object`, which is dead: its body is the caller's then. False when somebody
/// does not leave for seconds, or after a fork without handlers may not be here to leave: the body is lost.
#[must_use]
pub(crate) fn wait_until_left(object: u64) -> bool {
    fence::heavy();
    all(|record| until(|| record.inside.load(Acquire) != object))
}

/// Whether `wait` is true of every thread's record.
fn all(mut wait: impl FnMut(&Record) -> bool) -> bool {
    (0..super::record::count()).filter_map(|index| super::records().at(index)).all(&mut wait)
}

#[cfg(not(loom))]
use forks::until;
#[cfg(not(loom))]
pub(crate) use forks::{is_without_handlers, prepare, resume, suspend};

#[cfg(loom)]
fn until(mut done: impl FnMut() -> bool) -> bool {
    while !done() {
        loom::thread::yield_now();
    }
    true
}

#[cfg(not(loom))]
mod forks {
    use super::*;
    use crate::atomic::{AtomicU64, AtomicUsize};
    use crate::park::{self, Woken};
    use crate::sys::{native, tls};

    /// 1 while a fork is in progress.
    static FORKING: AtomicU64 = AtomicU64::new(0);
    /// The thread that forks, by the place of its thread-local block: the library need not know it.
    static FORKER: AtomicUsize = AtomicUsize::new(0);

    /// The process that this memory belongs to, as far as the handlers of a fork have said so; 0 before the first body.
    static PROCESS: AtomicU64 = AtomicU64::new(0);

    /// Before the first body is made.
    pub(crate) fn prepare() {
        fence::prepare();
        if PROCESS.load(Relaxed) == 0 {
            PROCESS.store(native::process_id(), Relaxed);
        }
    }

    /// Whether this process was forked without handlers, so that whoever is waited for may not be here.
    pub(crate) fn is_without_handlers() -> bool {
        let process = PROCESS.load(Relaxed);
        process != 0 && process != native::process_id()
    }

    fn this_thread() -> usize {
        tls::with(|block| core::ptr::from_ref(block).addr())
    }

    #[inline(always)]
    pub(super) fn in_progress() -> bool {
        FORKING.load(Relaxed) != 0
    }

    /// Waits outside until the fork is over, unless it is this thread's own.
    #[cold]
    pub(super) fn step_aside(record: &Record, object: u64) {
        if FORKER.load(Relaxed) == this_thread() {
            return;
        }
        // Bounded, because a process forked meanwhile by another thread, without handlers, would wait for ever.
        let mut seconds = 0;
        while seconds < SECONDS && in_progress() && !is_without_handlers() {
            record.inside.store(0, Release);
            seconds += (park::doze_for(&FORKING, 1, 1_000_000_000) == Woken::TimedOut) as u32;
            record.inside.store(object, Relaxed);
            fence::light();
        }
    }

    /// Before a fork: nobody is inside anything any more, or comes in until `resume`. A thread that is inside
    /// for seconds is not waited for longer, and this one, which a signal may have interrupted, not at all.
    pub(crate) fn suspend() {
        let me = this_thread();
        // Another thread's fork comes first; one of this thread's own, which a signal has interrupted, goes on later.
        let take = || FORKING.compare_exchange(0, 1, SeqCst, Relaxed).is_ok();
        if FORKER.load(Relaxed) == me || !until(take) {
            return;
        }
        FORKER.store(me, Relaxed);
        fence::heavy();
        let own = tls::record();
        let _ = all(|record| {
            core::ptr::from_ref(record).cast() == own || until(|| record.inside.load(Acquire) == 0)
        });
    }

    /// After the fork, in both processes; whoever stepped aside goes on.
    pub(crate) fn resume() {
        if FORKER.load(Relaxed) == this_thread() {
            if PROCESS.load(Relaxed) != 0 {
                PROCESS.store(native::process_id(), Relaxed);
            }
            FORKER.store(0, Relaxed);
            FORKING.store(0, SeqCst);
            park::wake(&FORKING, u32::MAX);
        }
    }

    /// Waits until it is `done`, first by giving turns to others, then by short sleeps; gives up after seconds.
    pub(super) fn until(mut done: impl FnMut() -> bool) -> bool {
        let mut spin = park::Spin::long();
        while spin.next() {
            if done() {
                return true;
            }
        }
        for _ in 0..SECONDS * 1_000 {
            if done() {
                return true;
            }
            if is_without_handlers() {
                break;
            }
            park::nap();
        }
        done()
    }

    /// How long others are waited for. Sleeps to the end are counted: a process that was stopped for long has not waited
    /// long, nor has one whose sleeps are cut short by signals.
    const SECONDS: u32 = 5;
}
