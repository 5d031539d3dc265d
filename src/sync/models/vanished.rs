//! What vanished with its thread: another one forks while one is at an object, and the child can use the object.
//!
//! The thread may stop at any of its accesses (src/atomic/vanish.rs). Then the one that forked does what the library
//! does in a child, and uses the object in every way: nothing waits for the lost thread or counts it.

use super::*;
use crate::atomic::vanish;
use crate::error::Error;
use crate::park::{Wait, clear_beds};
use crate::slot::OPEN;
use crate::sync::barrier::{self, Barrier, Turn};
use crate::sync::condition::{self, Condition, Under};
use crate::sync::event::{self, Event};
use crate::sync::lock::{self, Lock};
use crate::sync::rlock::{self, RLock};
use crate::sync::semaphore::{self, Semaphore};
use core::ptr::null_mut;

const FOREVER: Timeout = Timeout::FOREVER;
const NOW: Timeout = match Timeout::from_nanos(0) {
    Ok(timeout) => timeout,
    Err(_) => unreachable!(),
};

/// Starts a thread that will not be in the child.
fn mortal(n: usize, work: impl FnOnce(Me) + 'static) -> Task<()> {
    spawn(n, move |me| {
        vanish::mortal(|| work(me));
    })
}

/// Forks: from here on the caller is alone, and the library has made the child good.
fn fork<const N: usize>(others: [Task<()>; N]) {
    fork_from(1, others);
}

/// The same if the first of the others is the `first`-th thread.
fn fork_from<const N: usize>(first: u32, others: [Task<()>; N]) {
    vanish::fork();
    clear_beds();
    others.into_iter().for_each(Task::join);
    clear_beds();
    let lost = || (first..first + N as u32).filter_map(|n| records().at(n));
    lost().for_each(|record| record.lose());
    lost().for_each(sync::make_good);
    me(0).forget_deferred();
}

/// Both take it; whoever is lost had it, waited for it, was on its way in or out, or was at nothing.
fn with_lock() {
    with_lock_of(1, 0);
}

/// The `other`-th thread is lost; the last one who had the lock was `before`.
fn with_lock_of(other: usize, before: u64) {
    vanish::expect_fork();
    let lock: Live<Lock> = made(lock::create(me(0)));
    lock.slot.head.owner.store(before, Relaxed);
    let first = other as u32;
    let other = mortal(other, move |me| {
        if !lock.acquire_quick(me) {
            lock.acquire(me, FOREVER).unwrap();
        }
        if !lock.release_quick(me) {
            lock.release(me).unwrap();
        }
    });
    let held = lock.acquire_quick(me(0));
    fork_from(first, [other]);
    if !held {
        lock.acquire(me(0), FOREVER).unwrap();
    }
    assert_eq!(lock.acquire(me(0), NOW), Err(Error::Timeout));
    lock.release(me(0)).unwrap();
    assert_eq!(lock.locked(), Ok(false));
    lock.destroy(me(0)).expect("nobody waits");
}

/// Whoever is lost looks whether the lock may end: a condition over it says no.
fn with_lock_destroyed() {
    vanish::expect_fork();
    let lock: Live<Lock> = made(lock::create(me(0)));
    let condition: Live<Condition> = made(condition::create_with(me(0), Under::Lock(lock)));
    let other = mortal(1, move |me| {
        assert_eq!(lock.destroy(me), Err(Error::Busy));
    });
    fork([other]);
    lock.acquire(me(0), FOREVER).unwrap();
    lock.release(me(0)).unwrap();
    use_condition(condition, lock);
}

/// As before, but it is released before the fork: to whoever waits, maybe.
fn with_lock_released(hurries: bool) {
    vanish::expect_fork();
    let lock: Live<Lock> = made(lock::create(me(0)));
    lock.acquire(me(0), FOREVER).unwrap();
    let other = mortal(1, move |me| {
        if hurries {
            hurry();
        }
        lock.acquire(me, FOREVER).unwrap();
        lock.release(me).unwrap();
    });
    lock.release(me(0)).unwrap();
    fork([other]);
    lock.acquire(me(0), FOREVER).unwrap();
    lock.release(me(0)).unwrap();
    lock.destroy(me(0)).expect("nobody waits");
}

/// The one that comes after an owner that is lost is told so, and only that one.
fn with_rlock() {
    vanish::expect_fork();
    let lock: Live<RLock> = made(rlock::create(me(0)));
    let owned = Arc::new(AtomicUsize::new(0));
    let owns = owned.clone();
    let other = mortal(1, move |me| {
        lock.acquire(me, FOREVER).unwrap();
        owns.store(1, Relaxed);
        lock.acquire(me, FOREVER).unwrap();
        lock.release(me).unwrap();
        owns.store(0, Relaxed);
        lock.release(me).unwrap();
    });
    let held = lock.acquire(me(0), SOON);
    fork([other]);
    if held.is_err() {
        let taken = lock.acquire(me(0), FOREVER);
        assert!(taken == Err(Error::OwnerDead) || taken == Ok(()) && owned.load(Relaxed) == 0);
    }
    assert_eq!(lock.recursion_count(me(0)), Ok(1));
    lock.release(me(0)).unwrap();
    assert_eq!(lock.acquire(me(0), FOREVER), Ok(()));
    lock.release(me(0)).unwrap();
    lock.destroy(me(0)).expect("nobody waits");
}

/// Uses a condition that nobody else uses, and ends it.
fn use_condition(condition: Live<Condition>, lock: Live<Lock>) {
    let (me, under) = (me(0), Under::Lock(lock));
    assert_eq!(condition.bits(), Ok(OPEN), "nobody waits");
    lock.acquire(me, FOREVER).unwrap();
    condition.notify(me, under, i64::MAX).unwrap();
    let wait = Wait::begin(me, condition.id, SOON);
    assert_eq!(condition.wait(me, under, wait), Err(Error::Timeout));
    lock.release(me).unwrap();
    condition.destroy(me).expect("nobody waits");
    lock.destroy(me).expect("nobody waits, and it is under no condition");
}

/// Whoever is lost waits for a notify, or has had it, or takes the lock again.
fn with_condition_waited_for() {
    vanish::expect_fork();
    let lock: Live<Lock> = made(lock::create(me(0)));
    let condition: Live<Condition> = made(condition::create_with(me(0), Under::Lock(lock)));
    let other = mortal(1, move |me| {
        lock.acquire(me, FOREVER).unwrap();
        let _ = condition.wait(me, Under::Lock(lock), Wait::begin(me, condition.id, SOON));
        lock.release(me).unwrap();
    });
    lock.acquire(me(0), FOREVER).unwrap();
    condition.notify(me(0), Under::Lock(lock), 1).unwrap();
    lock.release(me(0)).unwrap();
    fork([other]);
    use_condition(condition, lock);
}

/// Whoever is lost notifies; the one that forks may have waited for that.
fn with_condition_notified() {
    vanish::expect_fork();
    let lock: Live<Lock> = made(lock::create(me(0)));
    let condition: Live<Condition> = made(condition::create_with(me(0), Under::Lock(lock)));
    let other = mortal(1, move |me| {
        lock.acquire(me, FOREVER).unwrap();
        condition.notify(me, Under::Lock(lock), 1).unwrap();
        lock.release(me).unwrap();
    });
    lock.acquire(me(0), FOREVER).unwrap();
    let ended = condition.wait(me(0), Under::Lock(lock), Wait::begin(me(0), condition.id, SOON));
    assert!(matches!(ended, Ok(()) | Err(Error::Timeout)));
    lock.release(me(0)).unwrap();
    fork([other]);
    use_condition(condition, lock);
}

/// A permit that is lost stays lost; that somebody waited for one is forgotten.
fn with_semaphore() {
    vanish::expect_fork();
    let semaphore: Live<Semaphore> = made(semaphore::create(me(0), 0, false));
    let other = mortal(1, move |me| {
        semaphore.acquire(|| Ok(me), FOREVER).unwrap();
        semaphore.release(1).unwrap();
    });
    semaphore.release(1).unwrap();
    let taken = semaphore.acquire(|| Ok(me(0)), NOW).is_ok();
    fork([other]);
    let left = semaphore.value().unwrap();
    assert!(left <= 1 - taken as i64);
    semaphore.release(1).unwrap();
    assert_eq!(semaphore.value(), Ok(left + 1));
    for _ in 0..=left {
        semaphore.acquire(|| Ok(me(0)), FOREVER).unwrap();
    }
    assert_eq!(semaphore.acquire(|| Ok(me(0)), SOON), Err(Error::Timeout));
    semaphore.destroy(me(0)).expect("nobody waits");
}

fn with_event() {
    vanish::expect_fork();
    let event: Live<Event> = made(event::create(me(0)));
    let other = mortal(1, move |me| {
        event.wait(|| Ok(me), FOREVER).unwrap();
        event.clear().unwrap();
    });
    event.set().unwrap();
    fork([other]);
    event.clear().unwrap();
    assert_eq!(event.wait(|| Ok(me(0)), SOON), Err(Error::Timeout));
    event.set().unwrap();
    event.wait(|| Ok(me(0)), FOREVER).unwrap();
    event.destroy(me(0)).expect("nobody waits");
}

/// Whoever is lost has arrived, is about to, or has just let the others pass; the round begins anew.
fn with_barrier() {
    vanish::expect_fork();
    let barrier: Live<Barrier> = made(barrier::create(me(0), 2, None, null_mut(), -1));
    let other = mortal(1, move |me| {
        let _ = barrier.arrive(me, FOREVER);
    });
    let mine = barrier.arrive(me(0), SOON);
    assert!(matches!(mine, Ok(Turn::Passed(_)) | Err(Error::Timeout)));
    fork([other]);
    assert_eq!(barrier.n_waiting(), Ok(0));
    assert_eq!(barrier.broken(), Ok(mine.is_err()));
    barrier.reset(me(0)).unwrap();
    assert!(matches!(barrier.arrive(me(0), SOON), Err(Error::Timeout)));
    barrier.destroy(me(0)).expect("nobody waits");
}

/// Whoever is lost was breaking it, or had.
fn with_barrier_broken() {
    vanish::expect_fork();
    let barrier: Live<Barrier> = made(barrier::create(me(0), 2, None, null_mut(), -1));
    let other = mortal(1, move |me| {
        barrier.abort(me).unwrap();
    });
    assert!(matches!(barrier.arrive(me(0), SOON), Err(Error::Timeout | Error::Broken)));
    fork([other]);
    barrier.reset(me(0)).unwrap();
    barrier.destroy(me(0)).expect("nobody waits");
}

/// A slot may be lost, but none is given out twice, and there are more.
fn with_slots() {
    vanish::expect_fork();
    let create = || Event::table().create(None, 0, |_| ()).map(|event| event.id);
    let destroy = |id: u64| {
        let event: Live<Event> = made(Ok(id));
        assert!(Event::table().close(event, 0));
        assert_eq!(Event::table().recycle(event, None), None);
    };
    let old = create().unwrap();
    let other = mortal(1, move |_| {
        destroy(old);
        destroy(create().unwrap());
    });
    let mine = create().unwrap();
    fork([other]);
    let another = create().unwrap();
    assert_ne!(crate::slot::index_of(mine), crate::slot::index_of(another));
    destroy(mine);
    destroy(another);
    destroy(create().unwrap());
}

/// A thread that ended before the `n`-th one began, and left its record to it.
fn of_the_same_place(n: usize) -> u64 {
    me(n).id() + 1
}

#[test]
fn at_locks() {
    holds("vanished: at a lock", 4, with_lock);
    holds("vanished: at a lock, without a sign", 4, || with_lock_of(3, 0));
    holds("vanished: at a lock that one of the same place had before", 4, || {
        with_lock_of(1, of_the_same_place(1))
    });
    holds("vanished: looking whether a lock may end", 4, with_lock_destroyed);
    holds("vanished: at a lock that is released", 4, || with_lock_released(false));
    holds("vanished: in a hurry at a lock that is released", 4, || with_lock_released(true));
    holds("vanished: at an rlock", 3, with_rlock);
    finds(Seed::Sign, 2, with_lock);
    finds(Seed::Sign, 2, || with_lock_of(3, 0));
    finds(Seed::Sign, 2, || with_lock_of(1, of_the_same_place(1)));
    finds(Seed::Sign, 2, with_lock_destroyed);
    finds(Seed::Forget, 2, with_lock);
}

#[test]
fn at_conditions() {
    holds("vanished: waiting for a notify", 2, with_condition_waited_for);
    holds("vanished: notifying", 2, with_condition_notified);
    finds(Seed::Sign, 2, with_condition_notified);
    finds(Seed::Forget, 2, with_condition_waited_for);
}

#[test]
fn at_the_others() {
    holds("vanished: at a semaphore", 4, with_semaphore);
    holds("vanished: at an event", 4, with_event);
    holds("vanished: at a barrier", 2, with_barrier);
    holds("vanished: breaking a barrier", 2, with_barrier_broken);
    holds("vanished: at free slots", 2, with_slots);
    finds(Seed::Forget, 2, with_semaphore);
    finds(Seed::Sign, 2, with_barrier_broken);
}
