//! What is made of tasks: parallel loops and groups, threads that cannot begin, and tasks that end their pool.

use super::*;
use crate::pool::group;
use std::sync::atomic::AtomicBool;

unsafe extern "C-unwind" fn refuse(_: *mut c_void) -> i32 {
    1
}

/// The initializer fails while tasks are queued: none runs, each is ended once, and the pool says what it is.
fn broken_by_its_initializer(me: Me) {
    let pool = create(me, 2, Wishes { initializer: Some(refuse), ..TASKS }).unwrap();
    let tasks = [0; 2].map(|_| Task::nothing());
    let taken = tasks.each_ref().map(|task| task.submit(me, pool));
    for (task, taken) in tasks.iter().zip(taken) {
        match taken {
            Ok(id) => {
                let result = crate::pool::wait::result(me, id, Timeout::FOREVER);
                assert_eq!(result, Err(Error::Broken));
                assert!(future(id).destroy(me).is_ok());
            }
            Err(error) => assert_eq!(error, Error::Broken),
        }
        assert_eq!(task.runs(), 0);
    }
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    for (task, taken) in tasks.iter().zip(taken) {
        assert_eq!(task.ends.load(Relaxed), taken.is_ok() as usize);
    }
    end_pool(me, pool);
}

/// Waits for the first of two futures, of which one is cancelled while its task may begin.
fn first_of_two(me: Me) {
    let pool = pool_of(me, 2);
    let tasks = [0; 2].map(|_| Task::nothing());
    let ids = tasks.each_ref().map(|task| task.submit(me, pool).unwrap());
    let cancels = spawn(move |_| future(ids[1]).cancel().is_ok());
    let mut flags = [0; 2];
    let when = crate::pool::wait::When::FirstCompleted;
    assert_eq!(crate::pool::wait::several(me, &ids, when, Timeout::FOREVER, flags.as_mut_ptr()), Ok(()));
    assert!(flags.contains(&1));
    let cancelled = cancels.join().unwrap();
    assert_eq!(wait_for(me, pool, Timeout::FOREVER), Ok(()));
    tasks[0].is_over(1);
    tasks[1].is_over(!cancelled as usize);
    ids.into_iter().for_each(|id| assert!(future(id).destroy(me).is_ok()));
    end_pool(me, pool);
}

/// A task gives up the only handle of its own pool, which ends when the task has.
fn destroyed_by_a_task(me: Me) {
    let pool = pool_of(me, 1);
    let destroyed = Arc::new(AtomicBool::new(false));
    let says = destroyed.clone();
    let inner = Task::nothing();
    let queued = inner.clone();
    let outer = Task::new(move |me| {
        assert_eq!(queued.execute(me, pool), Ok(()));
        assert_eq!(destroy(me, pool), Ok(()));
        says.store(true, Relaxed);
    });
    assert_eq!(outer.execute(me, pool), Ok(()));
    while inner.ends.load(Relaxed) == 0 {
        shuttle::thread::yield_now();
    }
    assert!(destroyed.load(Relaxed));
    [inner, outer].iter().for_each(|task| task.is_over(1));
    assert_eq!(statistics(me, pool).map(|_| ()), Err(Error::StaleHandle));
}

/// A group is cancelled while its tasks begin: each runs or does not, and whoever waits is told when all have ended.
fn a_group_is_cancelled(me: Me) {
    let pool = pool_of(me, 2);
    let together = group::create(me, pool).unwrap();
    let tasks = [0; 3].map(|_| Task::nothing());
    for task in &tasks[..2] {
        let arg = Arc::into_raw(task.clone()).cast_mut().cast();
        assert_eq!(group::submit(me, together, run_task, arg), Ok(()));
    }
    let cancels = spawn(move |me| group::cancel(me, together));
    let arg = Arc::into_raw(tasks[2].clone()).cast_mut().cast();
    let third = group::submit(me, together, run_task, arg).inspect_err(|_| give_back(arg));
    let outcome = group::wait(me, together, Timeout::FOREVER);
    assert_eq!(cancels.join().unwrap(), Ok(()));
    assert!(matches!(outcome, Ok(()) | Err(Error::Cancelled)), "{outcome:?}");
    assert_eq!(group::wait(me, together, Timeout::FOREVER), Err(Error::Cancelled));
    tasks[..2].iter().for_each(|task| task.is_over(task.runs()));
    match third {
        Ok(()) => tasks[2].is_over(tasks[2].runs()),
        Err(_) => assert_eq!(tasks[2].runs(), 0),
    }
    assert_eq!(group::destroy(me, together), Ok(()));
    end_pool(me, pool);
}

/// A group of which one task runs at a time; `raise` lets more run meanwhile. Whichever tickets are put aside, each task
/// has its turn.
fn limited(me: Me, raise: bool) {
    let pool = pool_of(me, 2);
    let together = group::create(me, pool).unwrap();
    assert_eq!(group::set_limit(me, together, 1), Ok(()));
    let inside = Arc::new(AtomicUsize::new(0));
    let tasks = [0; 3].map(|_| {
        let inside = inside.clone();
        Task::new(move |_| {
            assert!(inside.fetch_add(1, SeqCst) == 0 || raise, "one at a time");
            crate::sys::yield_now();
            inside.fetch_sub(1, SeqCst);
        })
    });
    for task in &tasks {
        let arg = Arc::into_raw(task.clone()).cast_mut().cast();
        assert_eq!(group::submit(me, together, run_task, arg), Ok(()));
    }
    let raises = raise.then(|| spawn(move |me| group::set_limit(me, together, 0)));
    assert_eq!(group::wait(me, together, Timeout::FOREVER), Ok(()));
    if let Some(raises) = raises {
        assert_eq!(raises.join().unwrap(), Ok(()));
    }
    tasks.iter().for_each(|task| task.is_over(1));
    assert_eq!(group::destroy(me, together), Ok(()));
    end_pool(me, pool);
}

unsafe extern "C-unwind" fn count_piece(begin: i64, end: i64, sum: *mut c_void) {
    // SAFETY: the model passes a counter that outlives the loop.
    let sum = unsafe { &*sum.cast::<AtomicUsize>() };
    for n in begin..end {
        sum.fetch_add(1 << (4 * n), Relaxed);
    }
}

/// A parallel loop of four pieces.
fn each_of_four(me: Me, pool: u64) {
    let sum = AtomicUsize::new(0);
    let span = range::Span { begin: 0, end: 4, grain: 1 };
    assert_eq!(range::each(me, pool, span, count_piece, (&raw const sum).cast_mut().cast()), Ok(()));
    assert_eq!(sum.load(Relaxed), 0x1111, "each number once");
}

/// Two loops at once, one from outside and one inside a task, and a pool that is shut meanwhile.
fn loops(me: Me) {
    // However many processors there are.
    set_budget(4);
    let pool = pool_of(me, 2);
    let inside = Task::new(move |me| each_of_four(me, pool));
    assert_eq!(inside.execute(me, pool), Ok(()));
    each_of_four(me, pool);
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    inside.is_over(1);
    end_pool(me, pool);
}

#[test]
fn parallel_work() {
    holds("group: cancelled while it begins", a_group_is_cancelled);
    holds("group: one at a time", |me| limited(me, false));
    holds("group: the limit is raised", |me| limited(me, true));
    holds("parallel: two loops", loops);
}

#[test]
fn breaking() {
    holds("pool: broken by its initializer", broken_by_its_initializer);
    holds("pool: destroyed by a task", destroyed_by_a_task);
}

#[test]
fn several() {
    holds("future: first of two", first_of_two);
}
