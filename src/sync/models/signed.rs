//! What a Lock's word and the name beside it say together: names that come late, heirs without a sign, old notes.

use super::*;
use crate::atomic::vanish;
use crate::error::Error;
use crate::park::{Wait, clear_beds};
use crate::sync::condition::{self, Condition, Under};
use crate::sync::lock::{self, Lock};
use crate::sync::rlock::{self, RLock};

const FOREVER: Timeout = Timeout::FOREVER;
const NOW: Timeout = match Timeout::from_nanos(0) {
    Ok(timeout) => timeout,
    Err(_) => unreachable!(),
};

fn take(lock: Live<Lock>, me: Me) {
    if !lock.acquire_quick(me) {
        lock.acquire(me, FOREVER).unwrap();
    }
}

fn give(lock: Live<Lock>, me: Me) {
    if !lock.release_quick(me) && !lock.release_watched(me) {
        lock.release(me).unwrap();
    }
}

/// Somebody releases what another one is just taking, takes it himself, and is its owner.
fn owner_after_late_name() {
    let lock: Live<Lock> = made(lock::create(me(0)));
    let a = spawn(1, move |me| lock.acquire_quick(me));
    if lock.release(me(0)).is_err() {
        if a.join() {
            lock.release(me(0)).unwrap();
        }
        return;
    }
    take(lock, me(0));
    a.join();
    assert!(Under::Lock(lock).mine(me(0)), "holds it");
    give(lock, me(0));
}

/// As above, and then it notifies: the waiter wakes.
fn notified_after_late_name() {
    let lock: Live<Lock> = made(lock::create(me(0)));
    let condition: Live<Condition> = made(condition::create_with(me(0), Under::Lock(lock)));
    let (arrived, main) = (Arc::new(AtomicUsize::new(0)), loom::thread::current());
    let tells = arrived.clone();
    let waits = spawn(1, move |me| {
        lock.acquire(me, FOREVER).unwrap();
        tells.store(1, Relaxed);
        main.unpark();
        condition.wait(me, Under::Lock(lock), Wait::begin(me, condition.id, FOREVER)).unwrap();
        lock.release(me).unwrap();
    });
    while arrived.load(Relaxed) == 0 {
        loom::thread::park();
    }
    take(lock, me(0));
    give(lock, me(0));
    let a = spawn(2, move |me| lock.acquire_quick(me));
    if lock.release(me(0)).is_err() {
        if a.join() {
            lock.release(me(0)).unwrap();
        }
        take(lock, me(0));
        condition.notify(me(0), Under::Lock(lock), 1).unwrap();
        give(lock, me(0));
    } else {
        take(lock, me(0));
        condition.notify(me(0), Under::Lock(lock), 1).unwrap();
        give(lock, me(0));
        a.join();
    }
    waits.join();
}

/// In the child: the `n`-th thread is not here.
fn lost(n: u32) {
    records().at(n).unwrap().lose();
    sync::make_good(records().at(n).unwrap());
}

/// In a child: a lock whose lost owner had no sign, and was at another one last.
fn lost_without_a_sign() -> Live<Lock> {
    vanish::expect_fork();
    let lock: Live<Lock> = made(lock::create(me(0)));
    let other: Live<Lock> = made(lock::create(me(0)));
    take(lock, me(3));
    take(other, me(3));
    vanish::fork();
    clear_beds();
    lost(3);
    lock
}

/// Two come to a lock whose lost owner had no sign: one succeeds, one releases and destroys.
fn succeeded_and_destroyed() {
    let lock = lost_without_a_sign();
    let heir = spawn(1, move |me| lock.acquire(me, NOW));
    lock.release(me(0)).unwrap();
    let destroyed = lock.destroy(me(0));
    let taken = heir.join();
    match (taken, destroyed) {
        (Err(Error::StaleHandle), Ok(())) => {}
        (Ok(()), Ok(())) => {}
        (Ok(()), Err(Error::Busy)) => lock.release(me(0)).unwrap(),
        (Err(Error::Timeout), _) => {}
        other => panic!("{other:?}"),
    }
    if lock.locked().is_ok() {
        assert_eq!(lock.locked(), Ok(false));
        lock.destroy(me(0)).unwrap();
    }
}

/// As above, and takes it again instead.
fn succeeded_and_released() {
    let lock = lost_without_a_sign();
    let heir = spawn(1, move |me| lock.acquire(me, NOW));
    lock.release(me(0)).unwrap();
    let mine = lock.acquire(me(0), NOW);
    let theirs = heir.join();
    if mine.is_ok() {
        assert!(Under::Lock(lock).mine(me(0)), "{theirs:?}");
    }
}

/// One with a sign is lost while it releases what one without held, who has touched something else since.
fn lost_releasing() {
    vanish::expect_fork();
    let lock: Live<Lock> = made(lock::create(me(0)));
    let other: Live<Lock> = made(lock::create(me(0)));
    take(lock, me(3));
    take(other, me(3));
    give(other, me(3));
    let releases = spawn(1, move |me| {
        vanish::mortal(|| lock.release(me).unwrap());
    });
    vanish::fork();
    clear_beds();
    releases.join();
    records().at(1).unwrap().lose();
    records().at(3).unwrap().lose();
    sync::make_good(records().at(1).unwrap());
    sync::make_good(records().at(3).unwrap());
    assert_eq!(lock.acquire(me(0), NOW), Ok(()));
}

/// An ended thread of the same place holds it; destroy says busy; then fork: it is still held.
fn busy_then_fork() {
    vanish::expect_fork();
    let lock: Live<Lock> = made(lock::create(me(0)));
    take(lock, me(1));
    lock.slot.head.owner.store(me(1).id() + 1, Relaxed);
    let x = spawn(1, move |me| {
        vanish::mortal(|| assert_eq!(lock.destroy(me), Err(Error::Busy)));
    });
    x.join();
    vanish::fork();
    clear_beds();
    lost(1);
    assert_eq!(lock.acquire(me(0), NOW), Err(Error::Timeout));
}

/// A stale note and an outstanding grant: a free word must not name a lost thread.
fn grant_and_note() {
    vanish::expect_fork();
    let lock: Live<RLock> = made(rlock::create(me(0)));
    lock.acquire(me(1), FOREVER).unwrap();
    lock.release(me(1)).unwrap();
    lock.acquire(me(0), FOREVER).unwrap();
    let waits = spawn(2, move |me| {
        vanish::mortal(|| {
            hurry();
            lock.acquire(me, FOREVER).unwrap();
            lock.release(me).unwrap();
        });
    });
    lock.release(me(0)).unwrap();
    vanish::fork();
    clear_beds();
    waits.join();
    clear_beds();
    for n in [1, 2] {
        records().at(n).unwrap().lose();
    }
    for n in [1, 2] {
        sync::make_good(records().at(n).unwrap());
    }
    if lock.locked() == Ok(false) {
        let room = Room::new();
        let inside = room.clone();
        let v = spawn(3, move |me| {
            if lock.acquire(me, FOREVER).is_ok() {
                inside.visit();
                let _ = lock.release(me);
            }
        });
        lock.acquire(me(0), FOREVER).unwrap();
        room.visit();
        lock.release(me(0)).unwrap();
        v.join();
    }
}

/// The name is another one's by a late store; its holder is lost: the child gets it.
fn lost_under_late_name() {
    vanish::expect_fork();
    let lock: Live<Lock> = made(lock::create(me(0)));
    let other: Live<Lock> = made(lock::create(me(0)));
    let took = Arc::new(AtomicUsize::new(0));
    let tells = took.clone();
    let a = spawn(1, move |me| {
        if lock.release(me).is_ok() && lock.acquire_quick(me) {
            take(other, me);
            tells.store(1, Relaxed);
        }
    });
    let _ = lock.acquire_quick(me(0));
    a.join();
    vanish::fork();
    clear_beds();
    lost(1);
    if took.load(Relaxed) == 1 {
        assert_eq!(lock.acquire(me(0), NOW), Ok(()));
    }
}

#[test]
fn late_names() {
    holds("signed: a late name", 3, owner_after_late_name);
    holds("signed: notified under a late name", 2, notified_after_late_name);
    holds("signed: lost under a late name", 3, lost_under_late_name);
    finds(Seed::Sign, 3, lost_under_late_name);
}

#[test]
fn heirs() {
    holds("signed: succeeded and destroyed", 3, succeeded_and_destroyed);
    holds("signed: succeeded and released", 3, succeeded_and_released);
}

#[test]
fn notes() {
    holds("signed: lost while it releases another's", 3, lost_releasing);
    holds("signed: busy before a fork", 2, busy_then_fork);
    holds("signed: a grant and an old note", 3, grant_and_note);
}
