//! Who works, who looks and who sleeps: no thread sleeps while a task lies.

use super::*;

/// Lets `parties` tasks meet: they have to run all at once.
fn burst(me: Me, pool: u64, parties: i64) {
    let place = meeting(me, parties + 1);
    let tasks: Vec<_> = (0..parties).map(|_| Task::new(move |me| meet(place, me))).collect();
    for task in &tasks {
        assert_eq!(task.execute(me, pool), Ok(()));
    }
    meet(place, me);
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    tasks.iter().for_each(|task| task.is_over(1));
    assert_eq!(place.destroy(me), Ok(()));
}

/// Twice: the second time threads are there, about to sleep or asleep.
fn bursts(me: Me) {
    let pool = pool_of(me, 2);
    burst(me, pool, 2);
    burst(me, pool, 2);
    end_pool(me, pool);
}

/// Two threads queue at once what has to run at once.
fn bursts_of_two(me: Me) {
    let pool = pool_of(me, 2);
    let place = meeting(me, 2);
    let tasks = [0; 2].map(|_| Task::new(move |me| meet(place, me)));
    let other = tasks[1].clone();
    let queues = spawn(move |me| other.execute(me, pool));
    assert_eq!(tasks[0].execute(me, pool), Ok(()));
    assert_eq!(queues.join().unwrap(), Ok(()));
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    tasks.iter().for_each(|task| task.is_over(1));
    end_pool(me, pool);
    assert_eq!(place.destroy(me), Ok(()));
}

/// A task queues another one for its own seat, and waits until that has begun elsewhere.
fn one_meets_its_own(me: Me) {
    let pool = pool_of(me, 2);
    let first = Task::nothing();
    assert_eq!(first.execute(me, pool), Ok(()));
    let place = meeting(me, 2);
    let inner = Task::new(move |me| meet(place, me));
    let queued = inner.clone();
    let outer = Task::new(move |me| {
        assert_eq!(queued.execute(me, pool), Ok(()));
        meet(place, me);
    });
    assert_eq!(outer.execute(me, pool), Ok(()));
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    [first, inner, outer].iter().for_each(|task| task.is_over(1));
    end_pool(me, pool);
    assert_eq!(place.destroy(me), Ok(()));
}

/// A task is waited for, and the next one comes at once: its thread was just telling of the first.
fn one_after_the_other(me: Me) {
    let pool = pool_of(me, 1);
    for _ in 0..2 {
        let task = Task::nothing();
        let id = task.submit(me, pool).unwrap();
        assert!(crate::pool::wait::result(me, id, Timeout::FOREVER).is_ok());
        assert!(future(id).destroy(me).is_ok());
    }
    end_pool(me, pool);
}

/// A task waits for another one, which runs in its place; the pool has one worker.
fn a_task_waits_for_another(me: Me) {
    let pool = pool_of(me, 1);
    let inner = Task::nothing();
    let queued = inner.clone();
    let outer = Task::new(move |me| {
        let id = queued.submit(me, pool).unwrap();
        assert!(crate::pool::wait::result(me, id, Timeout::FOREVER).is_ok());
        assert!(future(id).destroy(me).is_ok());
    });
    assert_eq!(outer.execute(me, pool), Ok(()));
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    [inner, outer].iter().for_each(|task| task.is_over(1));
    end_pool(me, pool);
}

/// A task waits for what others run: one more may work meanwhile, and none is left over afterwards.
fn a_task_lends_its_place(me: Me) {
    let pool = pool_of(me, 1);
    let promised = promise(me).unwrap();
    let waits = Task::new(move |me| {
        assert!(crate::pool::wait::result(me, promised, Timeout::FOREVER).is_ok());
    });
    let keeps = Task::new(move |_| {
        assert_eq!(future(promised).set_result(core::ptr::null_mut()), Ok(()));
    });
    assert_eq!(waits.execute(me, pool), Ok(()));
    assert_eq!(keeps.execute(me, pool), Ok(()));
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    [waits, keeps].iter().for_each(|task| task.is_over(1));
    assert!(future(promised).destroy(me).is_ok());
    end_pool(me, pool);
}

/// Threads that have nothing to do end while tasks come; the least number stays.
fn idle_threads_end(me: Me) {
    let pool = create(me, 2, Wishes { min_workers: 1, idle_timeout_ns: 1, ..TASKS }).unwrap();
    for _ in 0..2 {
        burst(me, pool, 2);
        let seen = statistics(me, pool).unwrap();
        assert!((1..=2).contains(&seen.workers), "{seen:?}");
    }
    // As soon as nobody is there to be told to, the others have ended.
    while statistics(me, pool).unwrap().workers > 1 {
        shuttle::thread::yield_now();
    }
    burst(me, pool, 2);
    assert!(statistics(me, pool).unwrap().workers >= 1);
    end_pool(me, pool);
}

/// A bounded queue: whoever finds it full waits, and goes on.
fn a_full_queue(me: Me) {
    let pool = create(me, 1, Wishes { max_queued: 1, ..TASKS }).unwrap();
    let tasks = [0; 4].map(|_| Task::nothing());
    let others = [tasks[2].clone(), tasks[3].clone()];
    let queues = spawn(move |me| others.each_ref().map(|task| task.execute(me, pool)));
    for task in &tasks[..2] {
        assert_eq!(task.execute(me, pool), Ok(()));
    }
    assert_eq!(queues.join().unwrap(), [Ok(()); 2]);
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    tasks.iter().for_each(|task| task.is_over(1));
    end_pool(me, pool);
}

#[test]
fn waking() {
    holds("pool: bursts", bursts);
    holds("pool: bursts of two", bursts_of_two);
    holds("pool: one meets its own", one_meets_its_own);
    holds("pool: one after the other", one_after_the_other);
    finds(Seed::Idle, "idling::waking", one_after_the_other);
}

#[test]
fn waiting_inside() {
    holds("pool: a task waits for another", a_task_waits_for_another);
    holds("pool: a task lends its place", a_task_lends_its_place);
}

#[test]
fn shrinking() {
    holds("pool: idle threads end", idle_threads_end);
    finds(Seed::Permit, "idling::shrinking", idle_threads_end);
}

#[test]
fn bounds() {
    holds("pool: a full queue", a_full_queue);
}
