//! The word of a future: one begins it and one ends it, everybody is told, and its slot is freed once.

use super::kept::*;
use super::*;
use crate::error::Error;
use crate::park::Wait;
use crate::pool::word::{CANCELLED, FINISHED, STATE, WATCH, WATCHED, is_done};
use crate::sync::models::Task;
use crate::time::Timeout;

/// A worker takes its entry, another one waits for it, and it is cancelled: one of the three.
fn begun_by_one() {
    let future = task();
    let tasks = [on(1, future, perform), on(2, future, perform_awaited)];
    let cancelled = future.cancel();
    tasks.into_iter().for_each(Task::join);
    let bits = future.seen().expect("it was not given up");
    match cancelled {
        Ok(()) => assert_eq!(bits & STATE, CANCELLED),
        Err(error) => {
            assert_eq!((error, bits & STATE), (Error::Begun, FINISHED));
            assert_eq!(future.value().map(|value| value.addr()), Ok(2));
        }
    }
    assert!(future.destroy(me(0)).is_ok());
    is_over(future, cancelled.is_err() as usize);
}

/// The same when its pool ends: nobody begins it, unless it is who waits.
fn dropped_by_its_pool() {
    let future = task();
    let tasks = [on(1, future, |_, future| drop_entry(future)), on(2, future, perform_awaited)];
    let cancelled = future.cancel();
    tasks.into_iter().for_each(Task::join);
    let ran = future.seen().is_ok_and(|bits| bits & STATE == FINISHED);
    assert_ne!(ran, cancelled.is_ok());
    assert!(future.destroy(me(0)).is_ok());
    is_over(future, ran as usize);
}

/// Two set a promise: one is admitted, and whoever sees that it is done sees what that one has set.
fn set_by_two() {
    let future = promise();
    let sets = on(1, future, |_, future| set(future, 1));
    let asks = on(2, future, |_, future| match future.seen() {
        Ok(bits) if is_done(bits) => future.value().ok(),
        _ => None,
    });
    let mine = set(future, 2);
    assert_ne!(sets.join(), mine, "one of them");
    let value = future.value().unwrap().addr();
    assert_eq!(value, 1 + mine as usize);
    assert!(asks.join().is_none_or(|early| early.addr() == value), "done before its value was there");
}

/// The result of one that was done is read while the handle is given up and the slot is used again.
fn asked_while_it_is_replaced() {
    let future = promise();
    assert!(set(future, 7));
    let asks = on(1, future, |_, future| future.value());
    let asks_quickly = on(2, future, |_, future| future.value_quick());
    assert!(future.destroy(me(0)).is_ok());
    let next = create(0, 8);
    assert_eq!(next.index(), future.index());
    assert!(set(next, 9));
    match asks.join() {
        Ok(value) => assert_eq!(value.addr(), 7, "that is the value of another future"),
        Err(error) => assert_eq!(error, Error::StaleHandle),
    }
    assert!(asks_quickly.join().is_none_or(|value| value.addr() == 7), "that is the value of another future");
}

/// One waits until it is done, and another one for a while only.
fn awaited() {
    let future = task();
    let waits = on(1, future, |me, future| wait(me, future, Timeout::FOREVER).map(|_| future.value()));
    let looks = on(2, future, |me, future| wait(me, future, SOON).map(|_| future.value()));
    perform(me(0), future);
    assert_eq!(waits.join().unwrap().unwrap().addr(), 2);
    match looks.join() {
        Ok(value) => assert_eq!(value.unwrap().addr(), 2),
        Err(error) => assert_eq!(error, Error::Timeout),
    }
}

/// Whoever waits is told when the handle is given up, whether the task has begun or not.
fn given_up_while_awaited() {
    let future = task();
    let waits = on(1, future, |me, future| wait(me, future, Timeout::FOREVER));
    let runs = on(2, future, perform);
    assert!(future.destroy(me(0)).is_ok());
    let seen = waits.join().map(|bits| bits & STATE);
    assert!(matches!(seen, Ok(FINISHED) | Err(Error::StaleHandle)), "{seen:?}");
    runs.join();
    is_over(future, 1);
}

/// Two end, and one waits for the first of them.
fn first_of_two() {
    let both = [promise(), promise()];
    let _brought_into_being = WATCH.load(Relaxed);
    let waits = spawn(1, move |me| {
        let wait = Wait::begin(me, both[0].id, Timeout::FOREVER);
        loop {
            let seen = WATCH.load(SeqCst) as u32;
            if both.iter().any(|future| !future.flag(WATCHED).unwrap()) {
                return;
            }
            wait.sleep(&WATCH, seen);
        }
    });
    let sets = on(2, both[1], |_, future| set(future, 1));
    waits.join();
    assert!(both.iter().any(|future| is_done(future.seen().unwrap())));
    assert!(set(both[0], 1) && sets.join());
}

/// The handle is given up, the one who waited for it has begun it, and its entry is taken: the last frees it.
fn given_up_by_three() {
    let future = task();
    let tasks = [on(1, future, perform), on(2, future, perform_awaited)];
    assert!(future.destroy(me(0)).is_ok());
    tasks.into_iter().for_each(Task::join);
    is_over(future, 1);
}

/// The handle is given up, and another thread that knows it cancels.
fn given_up_and_cancelled() {
    let future = task();
    let runs = on(1, future, perform);
    let cancels = on(2, future, |_, future| future.cancel());
    assert!(future.destroy(me(0)).is_ok());
    runs.join();
    let cancelled = cancels.join();
    assert!(matches!(cancelled, Ok(()) | Err(Error::Begun | Error::StaleHandle)), "{cancelled:?}");
    is_over(future, cancelled.is_err() as usize);
}

/// Callbacks are added while the task runs: each is called once, by one side, before the slot is freed.
///
/// Here and below there are two threads: if two took turns at waiting for a third, loom would never come to an end.
fn listed_while_it_ends() {
    let future = task();
    let runs = on(1, future, perform);
    for _ in 0..2 {
        assert_eq!(add(me(0), future), Ok(()));
    }
    assert!(future.destroy(me(0)).is_ok());
    runs.join();
    assert_eq!(future.slot.body.calls.load(Relaxed), 2, "each is called once");
    is_over(future, 1);
}

/// The same while it is cancelled, by its user or by the end of its pool.
fn listed_while_cancelled() {
    let future = task();
    let cancels = on(1, future, |_, future| {
        drop_entry(future);
        future.cancel()
    });
    assert_eq!(add(me(0), future), Ok(()));
    assert_eq!(future.cancel(), Ok(()));
    assert_eq!(cancels.join(), Ok(()));
    assert!(future.destroy(me(0)).is_ok());
    assert_eq!(future.slot.body.calls.load(Relaxed), 1, "it is called once");
    is_over(future, 0);
}

/// Two add at once, and then the task runs.
fn listed_by_two() {
    let future = task();
    let adds = on(1, future, add);
    assert_eq!(add(me(0), future), Ok(()));
    assert_eq!(adds.join(), Ok(()));
    assert!(future.destroy(me(0)).is_ok());
    perform(me(0), future);
    assert_eq!(future.slot.body.calls.load(Relaxed), 2, "each is called once");
    is_over(future, 1);
}

/// A callback is added to a promise, which is then set, while the handle is given up: it is called or dropped, once, or
/// refused.
fn listed_while_given_up() {
    let future = promise();
    let gives_up = on(1, future, |me, future| future.destroy(me));
    let (added, set) = (add(me(0), future).is_ok(), set(future, 1));
    assert!(gives_up.join().is_ok());
    assert_eq!(future.slot.body.calls.load(Relaxed), added as usize, "called or dropped, once");
    future.slot.body.ends.fetch_add(1, Relaxed);
    is_over(future, set as usize);
}

#[test]
fn claims() {
    holds("future: begun by one", 4, begun_by_one);
    holds("future: dropped by its pool", 4, dropped_by_its_pool);
    finds(Seed::Claim, 3, begun_by_one);
}

#[test]
fn values() {
    holds("future: set by two", 4, set_by_two);
    holds("future: asked while it is replaced", 4, asked_while_it_is_replaced);
    finds(Seed::Settle, 3, set_by_two);
    finds(Seed::Next, 3, asked_while_it_is_replaced);
}

#[test]
fn waits() {
    holds("future: awaited", 3, awaited);
    holds("future: given up while awaited", 3, given_up_while_awaited);
    holds("future: first of two", 3, first_of_two);
    finds(Seed::Sleep, 3, awaited);
    finds(Seed::Await, 3, given_up_while_awaited);
    finds(Seed::Watch, 3, first_of_two);
}

#[test]
fn ends() {
    holds("future: given up by three", 4, given_up_by_three);
    holds("future: given up and cancelled", 4, given_up_and_cancelled);
    finds(Seed::Last, 3, given_up_by_three);
}

#[test]
fn callbacks() {
    holds("future: listed while it ends", 4, listed_while_it_ends);
    holds("future: listed while cancelled", 4, listed_while_cancelled);
    holds("future: listed by two", 4, listed_by_two);
    holds("future: listed while given up", 4, listed_while_given_up);
    finds(Seed::Listing, 4, listed_while_it_ends);
}
