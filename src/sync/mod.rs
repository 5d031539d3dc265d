//! The primitives: algorithms on one or two words of a slot. README.md argues their protocols.
//!
//! None of them knows C, the system or how threads live: an owner is a number that is passed in.

pub(crate) mod barrier;
pub(crate) mod condition;
mod contended;
pub(crate) mod event;
mod guard;
pub(crate) mod lock;
pub(crate) mod rlock;
pub(crate) mod semaphore;
mod word;

#[cfg(loom)]
pub(crate) mod models;

use crate::atomic::{Seed, seeded};
pub(crate) use guard::{Guarded, RawGuard};

/// The limit of every counter: THREADING_COUNT_MAX.
pub(crate) const COUNT_MAX: i64 = 0x3fff_ffff;

mod by_id {
    use super::barrier::Barrier;
    use super::condition::Condition;
    use super::event::Event;
    use super::lock::Lock;
    use super::rlock::RLock;
    use super::semaphore::Semaphore;
    use crate::atomic::{Ordering::SeqCst, Seed, seeded};
    use crate::park;
    use crate::slot::{Object, answers_of, find, handle, kind, kind_of};

    /// The thread that alone can end a wait for this object: an RLock's owner, a joined thread itself.
    pub(crate) fn awaited_owner(object: u64) -> Option<u64> {
        match kind_of(object) {
            kind::RLOCK => {
                let lock = find::<RLock>(object).ok()?;
                let owner = lock.slot.head.owner.load(SeqCst);
                lock.bits().ok().filter(|_| owner != 0).map(|_| owner)
            }
            _ => answers_of(object).and_then(|answers| (answers.awaited_owner)(object)),
        }
    }

    /// Those who wait for `object` look again at who owns it and what that one waits for.
    pub(crate) fn look_again(object: u64) {
        if kind_of(object) == kind::RLOCK {
            let _ = find::<RLock>(object).map(|lock| lock.word().look_again());
        } else if let Some(answers) = answers_of(object) {
            (answers.look_again)(object);
        }
    }

    /// In a forked child, whose only thread calls this: a lost thread waited for `object`.
    fn forget_waiters(object: u64) {
        let _ = match kind_of(object) {
            kind::LOCK => find::<Lock>(object).map(|it| it.word().forget_waiters()),
            kind::RLOCK => find::<RLock>(object).map(|it| it.word().forget_waiters()),
            kind::CONDITION => find::<Condition>(object).map(|it| it.forget_waiters()),
            kind::SEMAPHORE => find::<Semaphore>(object).map(|it| it.forget_waiters()),
            kind::EVENT => find::<Event>(object).map(|it| it.forget_waiters()),
            kind::BARRIER => find::<Barrier>(object).map(|it| it.forget_waiters()),
            _ => return forget_above(object),
        };
    }

    /// In a forked child: `lost` was about to take or give back `object` when the process forked.
    fn sign_for(object: u64, lost: u64) {
        let _ = match kind_of(object) {
            kind::LOCK => find::<Lock>(object).map(|it| it.word().sign_for(lost)),
            kind::RLOCK => find::<RLock>(object).map(|it| it.word().sign_for(lost)),
            // Their lists are whole only outside their guards.
            kind::CONDITION | kind::BARRIER => return forget_waiters(object),
            _ => return forget_above(object),
        };
    }

    /// In a forked child, whose only thread calls this: what the thread of `record`, which is lost, was in the middle
    /// of is made good.
    pub(crate) fn make_good(record: &park::Record) {
        let waited = record.waiting().map_or(0, |(_, wait)| wait.object);
        for object in [waited, record.expected()] {
            if object != 0 && !seeded(Seed::Forget) {
                forget_waiters(object);
            }
        }
        if !seeded(Seed::Sign) {
            sign_for(record.touching(), record.lost());
        }
    }

    fn forget_above(object: u64) {
        if let Some(answers) = answers_of(object) {
            (answers.forget)(object);
        }
    }

    /// Gives a free slot, kept by some thread's cache, back to the table of its kind.
    pub(crate) fn push_free(of: u8, index: u32) {
        match of {
            kind::LOCK => Lock::table().push(index),
            kind::RLOCK => RLock::table().push(index),
            kind::CONDITION => Condition::table().push(index),
            kind::SEMAPHORE => Semaphore::table().push(index),
            kind::EVENT => Event::table().push(index),
            kind::BARRIER => Barrier::table().push(index),
            // Threads and locals are not cached: they come and go under a lock anyway.
            _ => {
                if let Some(answers) = answers_of(handle(of, index, 0)) {
                    (answers.push_free)(index);
                }
            }
        }
    }
}

/// Gives back the slot of an object that has ended.
pub(crate) fn recycle<T: crate::slot::Object>(object: crate::slot::Live<T>, me: Option<crate::park::Me>) {
    if let Some((kind, index)) = T::table().recycle(object, me.map(crate::park::Me::cache)) {
        push_free(kind, index);
    }
}

pub(crate) use by_id::{awaited_owner, look_again, make_good, push_free};
