//! One future, and all who change it: it runs or is cancelled, tells everybody once, and its slot is freed once.

use super::*;
use crate::pool::callbacks;

unsafe extern "C-unwind" fn count_call(_: u64, count: *mut c_void) {
    // SAFETY: models pass a counter that outlives the future.
    unsafe { &*count.cast::<AtomicUsize>() }.fetch_add(1, Relaxed);
}

/// The task is begun, and cancelled: one of the two.
fn claim_or_cancel(me: Me) {
    let pool = pool_of(me, 1);
    let task = Task::nothing();
    let id = task.submit(me, pool).unwrap();
    let cancels = spawn(move |_| future(id).cancel());
    let result = crate::pool::wait::result(me, id, Timeout::FOREVER);
    match cancels.join().unwrap() {
        Ok(()) => assert_eq!((result, task.runs()), (Err(Error::Cancelled), 0)),
        Err(error) => assert_eq!((error, result.is_ok(), task.runs()), (Error::Begun, true, 1)),
    }
    assert!(future(id).destroy(me).is_ok());
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    task.is_over(task.runs());
    end_pool(me, pool);
}

/// The handle is given up while the task runs and another thread cancels it: the slot is freed once.
fn claim_cancel_or_destroy(me: Me) {
    let pool = pool_of(me, 1);
    let task = Task::nothing();
    let id = task.submit(me, pool).unwrap();
    let cancels = spawn(move |_| find::<Future>(id).and_then(Live::cancel));
    assert!(future(id).destroy(me).is_ok());
    let runs = match cancels.join().unwrap() {
        Ok(()) => 0,
        Err(error) => {
            assert!(matches!(error, Error::StaleHandle | Error::Begun));
            1
        }
    };
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    task.is_over(runs);
    end_pool(me, pool);
}

/// A callback is added while the task runs or is cancelled: it is called once, now or then.
fn listed_while_it_ends(me: Me) {
    let pool = pool_of(me, 1);
    let calls = AtomicUsize::new(0);
    let count = (&raw const calls).cast_mut().cast();
    let task = Task::nothing();
    let id = task.submit(me, pool).unwrap();
    let cancels = spawn(move |_| future(id).cancel());
    for _ in 0..2 {
        assert_eq!(callbacks::add(me, id, count_call, count, None), Ok(()));
    }
    let _ = cancels.join().unwrap();
    assert!(future(id).destroy(me).is_ok());
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    assert_eq!(calls.load(Relaxed), 2, "each is called once");
    task.is_over(task.runs());
    end_pool(me, pool);
}

/// Two who wait, of whom one looks for a while only, and two who cancel.
fn awaited_and_cancelled(me: Me) {
    let pool = pool_of(me, 1);
    let task = Task::nothing();
    let id = task.submit(me, pool).unwrap();
    let brief = Timeout::from_nanos(1).unwrap();
    let waits = spawn(move |me| crate::pool::wait::result(me, id, brief).map(|_| ()));
    let cancels = spawn(move |_| future(id).cancel());
    let mine = future(id).cancel();
    let result = crate::pool::wait::result(me, id, Timeout::FOREVER).map(|_| ());
    assert_eq!(cancels.join().unwrap(), mine, "both or none");
    let seen = waits.join().unwrap();
    assert!(seen == result || seen == Err(Error::Timeout), "{seen:?}, {result:?}");
    assert_eq!(result.is_ok(), mine.is_err());
    assert!(future(id).destroy(me).is_ok());
    end_pool(me, pool);
}

/// Two set a promise and one cancels it: one of the three ends it, and its callback is called once.
fn one_ends_a_promise(me: Me) {
    let id = promise(me).unwrap();
    let calls = AtomicUsize::new(0);
    let sets = [0; 2].map(|_| spawn(move |_| future(id).set_result(core::ptr::null_mut())));
    assert_eq!(callbacks::add(me, id, count_call, (&raw const calls).cast_mut().cast(), None), Ok(()));
    let cancelled = future(id).cancel().is_ok();
    let set = sets.map(|set| set.join().unwrap().is_ok());
    assert_eq!(cancelled as u32 + set[0] as u32 + set[1] as u32, 1);
    assert_eq!(calls.load(Relaxed), 1);
    assert!(future(id).destroy(me).is_ok());
    Future::table().each(|future| panic!("{:x} is left", future.id));
}

/// A task that is waited for from inside another one is begun there, by its entry, or is cancelled.
fn begun_by_who_waits(me: Me) {
    let pool = pool_of(me, 2);
    let inner = Task::nothing();
    let id = inner.submit(me, pool).unwrap();
    let outer = Task::new(move |me| {
        let result = crate::pool::wait::result(me, id, Timeout::FOREVER);
        assert!(matches!(result, Ok(_) | Err(Error::Cancelled)));
    });
    assert_eq!(outer.execute(me, pool), Ok(()));
    let cancelled = future(id).cancel();
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    inner.is_over(cancelled.is_err() as usize);
    outer.is_over(1);
    assert!(future(id).destroy(me).is_ok());
    end_pool(me, pool);
}

#[test]
fn claims() {
    holds("future: claim or cancel", claim_or_cancel);
    holds("future: claim, cancel or destroy", claim_cancel_or_destroy);
    holds("future: begun by who waits", begun_by_who_waits);
    finds(Seed::Claim, "cancelling::claims", claim_or_cancel);
}

#[test]
fn ends() {
    holds("future: listed while it ends", listed_while_it_ends);
    holds("future: awaited and cancelled", awaited_and_cancelled);
    holds("future: one ends a promise", one_ends_a_promise);
}
