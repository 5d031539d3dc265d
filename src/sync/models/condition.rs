//! Condition: a notify wakes exactly as many as wait, at most `n`; no other wakes, none is lost, the lock comes back.

use super::*;
use crate::error::Error;
use crate::park::Wait;
use crate::slot::OPEN;
use crate::sync::condition::{Condition, Under, create, create_with};
use crate::sync::{lock, rlock};
use std::sync::atomic::{AtomicI64, AtomicU64 as Plain};

/// A condition, its lock, and what happens under that.
#[derive(Clone)]
struct Stage {
    condition: Live<Condition>,
    under: Under,
    /// Entered only under the lock.
    room: Room,
    /// 1 when nobody need wait any more; like all below it changes only under the lock.
    open: Arc<Plain>,
    /// Notifies that found somebody, less wake-ups.
    owed: Arc<AtomicI64>,
}

impl Stage {
    fn over(under: Under) -> Stage {
        Stage {
            condition: made(create_with(me(0), under)),
            under,
            room: Room::new(),
            open: Arc::default(),
            owed: Arc::default(),
        }
    }

    fn with_lock() -> Stage {
        Stage::over(Under::Lock(made(lock::create(me(0)))))
    }

    fn with_rlock() -> Stage {
        Stage::over(Under::RLock(made(rlock::create(me(0)))))
    }

    fn locked<R>(&self, me: Me, act: impl FnOnce() -> R) -> R {
        self.under.acquire(me, Timeout::FOREVER).unwrap();
        self.room.visit();
        let result = act();
        self.room.visit();
        self.under.release(me).unwrap();
        result
    }

    /// How many wait; exact for the holder of the lock.
    fn waiting(&self) -> i64 {
        (self.condition.bits().unwrap() & !OPEN) as i64
    }

    /// Waits once, under the lock, unless it is open.
    fn wait_once(&self, me: Me) {
        if self.open.load(Relaxed) == 0 {
            self.wait(me, Timeout::FOREVER).unwrap();
            self.owed.fetch_sub(1, Relaxed);
        }
    }

    fn wait(&self, me: Me, timeout: Timeout) -> Result {
        let ended = self.condition.wait(me, self.under, Wait::begin(me, self.condition.id, timeout));
        self.room.visit();
        ended
    }

    /// Notifies `n` of those who wait without a time limit; exactly that many go, or all that there are.
    fn notify(&self, me: Me, n: i64) {
        let before = self.waiting();
        if !self.condition.notify_quick(me) {
            self.condition.notify(me, self.under, n).unwrap();
        }
        assert_eq!(self.waiting(), before - n.min(before));
        self.owed.fetch_add(n.min(before), Relaxed);
    }

    /// Nobody need wait any more.
    fn open(&self, me: Me) {
        self.locked(me, || {
            self.open.store(1, Relaxed);
            self.notify(me, i64::MAX);
        });
    }

    /// All are gone, each notify woke one, and nothing is left behind.
    fn strike(self) {
        let main = me(0);
        self.locked(main, || assert_eq!(self.owed.load(Relaxed), 0));
        self.condition.destroy(main).expect("nobody waits");
        match self.under {
            Under::Lock(lock) => lock.destroy(main),
            Under::RLock(lock) => lock.destroy(main),
        }
        .expect("nobody waits");
    }
}

/// The usual use: wait until it is so; make it so; notify.
fn until_it_is_so(stage: Stage) {
    let waits = stage.clone();
    let task = spawn(1, move |me| {
        waits.locked(me, || {
            while waits.open.load(Relaxed) == 0 {
                waits.wait_once(me);
            }
        });
    });
    stage.open(me(0));
    task.join();
    stage.strike();
}

/// One is notified, later both that are left.
fn one_then_all() {
    let stage = Stage::with_lock();
    let tasks = [1, 2].map(|n| {
        let stage = stage.clone();
        spawn(n, move |me| stage.locked(me, || stage.wait_once(me)))
    });
    stage.locked(me(0), || stage.notify(me(0), 1));
    stage.open(me(0));
    tasks.into_iter().for_each(Task::join);
    stage.strike();
}

/// The time of one runs out: either it was notified, and says so, or the notify went to the other.
fn one_gives_up() {
    let stage = Stage::with_lock();
    let [brief, patient] = [stage.clone(), stage.clone()];
    let first = spawn(1, move |me| {
        brief.locked(me, || {
            if brief.open.load(Relaxed) == 0 {
                match brief.wait(me, SOON) {
                    // It passes on what the other one needs.
                    Ok(()) => brief.condition.notify(me, brief.under, 1).unwrap(),
                    Err(error) => assert_eq!(error, Error::Timeout),
                }
            }
        });
    });
    let second = spawn(2, move |me| {
        patient.locked(me, || {
            while patient.open.load(Relaxed) == 0 {
                patient.wait(me, Timeout::FOREVER).unwrap();
            }
        });
    });
    stage.locked(me(0), || {
        stage.open.store(1, Relaxed);
        stage.condition.notify(me(0), stage.under, 1).unwrap();
    });
    first.join();
    second.join();
    stage.strike();
}

/// Starts two that wait once, and returns with the lock held when both do.
fn two_that_wait(stage: &Stage) -> [Task<()>; 2] {
    let (arrived, main) = (Arc::new(Plain::new(0)), loom::thread::current());
    let tasks = [1, 2].map(|n| {
        let (stage, arrived, main) = (stage.clone(), arrived.clone(), main.clone());
        spawn(n, move |me| {
            stage.locked(me, || {
                arrived.fetch_add(1, Relaxed);
                main.unpark();
                stage.wait_once(me);
            });
        })
    });
    while arrived.load(Relaxed) < 2 {
        loom::thread::park();
    }
    stage.under.acquire(me(0), Timeout::FOREVER).unwrap();
    assert_eq!(stage.waiting(), 2);
    tasks
}

/// Two wait, both are notified at once: one is woken, one is moved to the lock's queue, both get the lock.
fn both_at_once() {
    let stage = Stage::with_lock();
    let tasks = two_that_wait(&stage);
    stage.notify(me(0), 2);
    stage.under.release(me(0)).unwrap();
    tasks.into_iter().for_each(Task::join);
    stage.strike();
}

/// As before, but another thread releases the lock meanwhile, as of a plain one it may.
fn released_by_another() {
    let stage = Stage::with_lock();
    let tasks = two_that_wait(&stage);
    let lock = stage.under;
    let releases = spawn(3, move |me| lock.release(me).unwrap());
    let notify_both = || stage.condition.notify(me(0), stage.under, 2);
    if notify_both() == Err(Error::NotOwner) {
        stage.locked(me(0), || notify_both().unwrap());
    }
    stage.owed.fetch_add(2, Relaxed);
    tasks.into_iter().for_each(Task::join);
    releases.join();
    stage.strike();
}

/// One waits for the lock meanwhile, and may be on its way to it when the notify and the release come.
fn with_one_at_the_lock() {
    let stage = Stage::with_lock();
    let [waits, visits] = [stage.clone(), stage.clone()];
    let first = spawn(1, move |me| waits.locked(me, || waits.wait_once(me)));
    let second = spawn(2, move |me| visits.locked(me, || ()));
    stage.locked(me(0), || ());
    stage.open(me(0));
    first.join();
    second.join();
    stage.strike();
}

/// An RLock comes back as deep as it was.
fn as_deep_as_before() {
    let stage = Stage::with_rlock();
    let Under::RLock(rlock) = stage.under else { unreachable!() };
    let waits = stage.clone();
    let task = spawn(1, move |me| {
        waits.locked(me, || {
            rlock.acquire(me, Timeout::FOREVER).unwrap();
            assert!(matches!(waits.wait(me, SOON), Ok(()) | Err(Error::Timeout)));
            assert_eq!(rlock.recursion_count(me), Ok(2));
            rlock.release(me).unwrap();
        });
    });
    stage.locked(me(0), || stage.condition.notify(me(0), stage.under, 1).unwrap());
    task.join();
    stage.strike();
}

/// A condition that waits for nobody ends with its own lock, whoever notifies it meanwhile.
fn destroyed_while_notified() {
    let condition: Live<Condition> = made(create(me(0)));
    let notifies = spawn(1, move |me| {
        let under = condition.under()?;
        under.acquire(me, Timeout::FOREVER)?;
        condition.notify(me, under, 1)?;
        under.release(me)
    });
    let destroyed = condition.destroy(me(0));
    let notified = notifies.join();
    match destroyed {
        Ok(()) => assert!(matches!(notified, Ok(()) | Err(Error::StaleHandle))),
        Err(error) => {
            assert_eq!((error, notified), (Error::Busy, Ok(())));
            condition.destroy(me(0)).unwrap();
        }
    }
}

#[test]
fn notifying() {
    holds("condition: until it is so", 3, || until_it_is_so(Stage::with_lock()));
    holds("condition: until it is so, over an rlock", 2, || until_it_is_so(Stage::with_rlock()));
    holds("condition: one, then all", 1, one_then_all);
    holds("condition: both at once", 1, both_at_once);
    holds("condition: with one at the lock", 1, with_one_at_the_lock);
    holds("condition: released by another", 1, released_by_another);
    finds(Seed::Sleep, 2, || until_it_is_so(Stage::with_lock()));
}

#[test]
fn timeouts_and_end() {
    holds("condition: one gives up", 2, one_gives_up);
    holds("condition: as deep as before", 2, as_deep_as_before);
    holds("condition: destroyed while notified", 3, destroyed_while_notified);
    finds(Seed::Condition, 2, one_gives_up);
}
