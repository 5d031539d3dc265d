//! How pools end: each task that was taken runs or is cancelled, once, and whoever waits for the end is told.

use super::*;

/// Two tasks are queued while another thread shuts the pool down, and waits.
fn shut_while_queued(me: Me, cancel: bool) {
    let pool = pool_of(me, 2);
    let tasks = [0; 2].map(|_| Task::nothing());
    let shuts = spawn(move |me| shutdown(me, pool, true, cancel));
    let taken = tasks.each_ref().map(|task| task.execute(me, pool));
    assert_eq!(shuts.join().unwrap(), Ok(()));
    for (task, taken) in tasks.iter().zip(taken) {
        match taken {
            Ok(()) => task.is_over(if cancel { task.runs() } else { 1 }),
            Err(error) => assert_eq!((error, task.runs()), (Error::Closed, 0)),
        }
    }
    assert!(taken[0].is_ok() || taken[1].is_err(), "it does not open again");
    end_pool(me, pool);
}

fn shut(me: Me) {
    shut_while_queued(me, false);
}

fn cancelled(me: Me) {
    shut_while_queued(me, true);
}

/// The threads sleep, or are about to, when the pool ends.
fn shut_while_idle(me: Me) {
    let pool = pool_of(me, 2);
    let task = Task::nothing();
    assert_eq!(task.execute(me, pool), Ok(()));
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    task.is_over(1);
    end_pool(me, pool);
}

/// One thread sleeps and the other one works when the pool ends: what wakes the one may be taken by the other.
fn shut_while_one_works(me: Me) {
    let pool = pool_of(me, 2);
    let first = meeting(me, 3);
    let tasks = [0; 2].map(|_| Task::new(move |me| meet(first, me)));
    for task in &tasks {
        assert_eq!(task.execute(me, pool), Ok(()));
    }
    meet(first, me);
    let last = Task::nothing();
    assert_eq!(last.execute(me, pool), Ok(()));
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    tasks.iter().chain([&last]).for_each(|task| task.is_over(1));
    end_pool(me, pool);
    assert_eq!(first.destroy(me), Ok(()));
}

/// A task shuts its own pool, while the other thread sleeps: what wakes that one may be taken by the first.
fn shut_by_a_task(me: Me) {
    let pool = pool_of(me, 2);
    let place = meeting(me, 2);
    let tasks = [0; 2].map(|_| Task::new(move |me| meet(place, me)));
    for task in &tasks {
        assert_eq!(task.execute(me, pool), Ok(()));
    }
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    let last = Task::new(move |me| assert_eq!(shutdown(me, pool, false, false), Ok(())));
    assert_eq!(last.execute(me, pool), Ok(()));
    while statistics(me, pool).unwrap().workers > 0 {
        shuttle::thread::yield_now();
    }
    tasks.iter().chain([&last]).for_each(|task| task.is_over(1));
    end_pool(me, pool);
    assert_eq!(place.destroy(me), Ok(()));
}

/// A task queues another one while the pool is cancelled: refused, cancelled or run, but never lost.
fn cancelled_while_a_task_queues(me: Me) {
    let pool = pool_of(me, 1);
    let inner = Task::nothing();
    let queued = inner.clone();
    let taken = Arc::new(AtomicUsize::new(0));
    let counts = taken.clone();
    let outer = Task::new(move |me| {
        if queued.submit(me, pool).and_then(|id| future(id).destroy(me)).is_ok() {
            counts.fetch_add(1, Relaxed);
        }
    });
    assert_eq!(outer.execute(me, pool), Ok(()));
    assert_eq!(shutdown(me, pool, true, true), Ok(()));
    outer.is_over(outer.runs());
    match taken.load(Relaxed) {
        0 => assert_eq!(inner.runs(), 0),
        _ => inner.is_over(inner.runs()),
    }
    end_pool(me, pool);
}

/// Futures of a pool that is cancelled: each has a result or was cancelled, and whoever waits for it is told.
fn cancelled_futures(me: Me) {
    let pool = pool_of(me, 1);
    let tasks = [0; 2].map(|_| Task::nothing());
    let ids = tasks.each_ref().map(|task| task.submit(me, pool).unwrap());
    let shuts = spawn(move |me| shutdown(me, pool, false, true));
    for (task, id) in tasks.iter().zip(ids) {
        match crate::pool::wait::result(me, id, Timeout::FOREVER) {
            Ok(_) => assert_eq!(task.runs(), 1),
            Err(error) => assert_eq!((error, task.runs()), (Error::Cancelled, 0)),
        }
        assert!(future(id).destroy(me).is_ok());
    }
    assert_eq!(shuts.join().unwrap(), Ok(()));
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    tasks.iter().for_each(|task| task.is_over(task.runs()));
    end_pool(me, pool);
}

/// Threads whose time runs out, tasks that come and the end, all at once.
fn shut_while_shrinking(me: Me) {
    let pool = create(me, 2, Wishes { idle_timeout_ns: 1, ..TASKS }).unwrap();
    let tasks = [0; 3].map(|_| Task::nothing());
    assert_eq!(tasks[0].execute(me, pool), Ok(()));
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    let last = tasks[2].clone();
    let queues = spawn(move |me| last.execute(me, pool));
    assert_eq!(tasks[1].execute(me, pool), Ok(()));
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    let taken = queues.join().unwrap();
    tasks[..2].iter().for_each(|task| task.is_over(1));
    match taken {
        Ok(()) => tasks[2].is_over(1),
        Err(error) => assert_eq!((error, tasks[2].runs()), (Error::Closed, 0)),
    }
    end_pool(me, pool);
}

/// The only thread ends, another one is to be started for what was just queued, and the pool is shut: it is waited for.
fn shut_while_one_starts(me: Me) {
    let pool = pool_of(me, 1);
    let tasks = [0; 2].map(|_| Task::nothing());
    assert_eq!(tasks[0].execute(me, pool), Ok(()));
    let last = tasks[1].clone();
    let queues = spawn(move |me| last.execute(me, pool));
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    let ran = tasks.each_ref().map(|task| task.runs());
    let taken = queues.join().unwrap().is_ok();
    assert_eq!(ran, [1, taken as usize], "all that was taken has run");
    end_pool(me, pool);
}

#[test]
fn shutting() {
    holds("pool: shut while queued", shut);
    holds("pool: shut while idle", shut_while_idle);
    holds("pool: shut while one works", shut_while_one_works);
    holds("pool: shut by a task", shut_by_a_task);
    holds("pool: shut while one starts", shut_while_one_starts);
    holds("pool: shut while shrinking", shut_while_shrinking);
}

#[test]
fn cancelling() {
    holds("pool: cancelled while queued", cancelled);
    holds("pool: cancelled while a task queues", cancelled_while_a_task_queues);
    holds("pool: cancelled futures", cancelled_futures);
}
