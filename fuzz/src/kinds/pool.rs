//! Pools of one worker. A task at a gate keeps the worker busy, so that what is submitted stays in the queue until the
//! gate is opened; then all of it runs, in the one right order, and is waited for.

use super::Call;
use super::future::{Future, State};
use crate::abi::*;
use crate::argument::{Handle, Item, Named, Written};
use crate::callbacks::{self, Called, FAILURE};
use crate::model::{World, refused};
use crate::run::{Run, call};
use crate::trace::Kind;
use std::time::{Duration, Instant};

/// What a task comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Execute,
    Future(u64),
    Group(u64),
}

pub(crate) struct Task {
    pub(crate) source: Source,
    pub(crate) priority: i64,
    pub(crate) fails: bool,
    pub(crate) arg: usize,
    /// It was cancelled, and its argument destroyed.
    pub(crate) is_over: bool,
}

pub(crate) struct Pool {
    /// What is behind the gate, in the order of the submits; `None`: there is no gate.
    queue: Option<Vec<Task>>,
    gate: usize,
    pub(crate) has_destructor: bool,
    /// 0: no bound.
    max_queued: i64,
    is_shutdown: bool,
}

impl Pool {
    /// What a submit comes to; `None` when that depends on what has become of cancelled tasks.
    fn admits(&self, is_cancelled: impl Fn(&Task) -> bool) -> Option<i64> {
        if self.is_shutdown {
            return Some(CLOSED);
        }
        let queue = self.queue.as_deref().unwrap_or_default();
        let is_full = |count: usize| self.max_queued > 0 && count as i64 >= self.max_queued;
        let (most, least) = (queue.len(), queue.iter().filter(|task| !is_cancelled(task)).count());
        match (is_full(most), is_full(least)) {
            (true, true) => Some(TIMEOUT),
            (false, false) => Some(OK),
            _ => None,
        }
    }

    /// The tasks of a group that nobody has begun.
    pub(crate) fn tasks_of(&mut self, group: u64) -> impl Iterator<Item = &mut Task> {
        let queue = self.queue.as_deref_mut().unwrap_or_default();
        queue.iter_mut().filter(move |task| task.source == Source::Group(group) && !task.is_over)
    }
}

impl World {
    /// What a submit to this pool comes to; `None` as above.
    pub(crate) fn admits(&self, pool: u64) -> Option<i64> {
        let Some(pool) = self.pools.get(&pool) else { return Some(CLOSED) };
        pool.admits(|task| {
            task.is_over || matches!(task.source, Source::Future(id) if self.futures.get(&id).is_some_and(Future::is_done))
        })
    }

    pub(crate) fn push_task(&mut self, pool: u64, task: Task) {
        if let Some(queue) = self.pools.get_mut(&pool).and_then(|pool| pool.queue.as_mut()) {
            queue.push(task);
        }
    }

    /// The queue is run, or cancelled; what is called is expected of the call that comes.
    fn empty_queue(&mut self, id: u64, runs: bool) {
        let Some(pool) = self.pools.get_mut(&id) else { return };
        let has_destructor = pool.has_destructor;
        let mut tasks = core::mem::take(pool.queue.get_or_insert_default());
        tasks.sort_by_key(|task| task.priority);
        for task in tasks.into_iter().filter(|task| !task.is_over) {
            self.expected.extend(has_destructor.then_some(Called::Destructor(task.arg)));
            if runs { self.run_task(&task) } else { self.cancel_task(&task) }
        }
    }

    fn run_task(&mut self, task: &Task) {
        let failure = task.fails.then(|| (FAILURE.0, FAILURE.1.to_string()));
        match task.source {
            Source::Execute => self.expected.push(Called::Callback(task.arg)),
            Source::Future(id) => {
                let Some(future) = self.futures.get_mut(&id).filter(|future| !future.is_done()) else {
                    return;
                };
                self.expected.push(Called::Target(task.arg));
                let state =
                    failure.map_or(State::Result(task.arg), |(code, text)| State::Failure(code, text));
                let called = future.end(id, state);
                self.expected.extend(called);
            }
            Source::Group(id) => {
                let Some(group) = self.groups.get_mut(&id) else { return };
                group.left -= 1;
                if !group.is_over() {
                    self.expected.push(Called::Target(task.arg));
                    group.failure = failure;
                }
            }
        }
    }

    fn cancel_task(&mut self, task: &Task) {
        match task.source {
            Source::Execute => {}
            Source::Future(id) => {
                let Some(future) = self.futures.get_mut(&id).filter(|future| !future.is_done()) else {
                    return;
                };
                let called = future.end(id, State::Cancelled(true));
                self.expected.extend(called);
            }
            Source::Group(id) => {
                let Some(group) = self.groups.get_mut(&id) else { return };
                group.left -= 1;
                group.is_cancelled |= group.failure.is_none();
            }
        }
    }
}

pub(crate) const CALLS: &[Call] =
    &[create, submit, execute, submit_priority, open_gate, wait, shutdown, destroy, submit, submit_priority];

fn create(run: &Run) {
    let full = size_of::<threading_pool_options>();
    let destructor = run.destructor();
    let (size, max_queued) = (run.pick(&[full, full, full, 0]), run.pick(&[0, 1, 2, 3, -1]));
    let workers = run.pick(&[1u32, 1, 1, 4097]);
    let values = threading_pool_options {
        size,
        name_prefix: core::ptr::null(),
        initializer: None,
        initializer_arg: core::ptr::null_mut(),
        stack_size: 0,
        priority: 0,
        daemon: 0,
        max_queued,
        when_full: 1,
        min_workers: 0,
        idle_timeout_ns: 0,
        arg_destructor: destructor.0,
        finalizer: None,
    };
    let text = format!(
        "&(threading_pool_options){{ .size = {size}, .max_queued = {max_queued}, .when_full = THREADING_FULL_REJECT, \
         .arg_destructor = {} }}",
        destructor.1
    );
    let (out, variable) = run.place(Kind::Pool);
    let is_wrong = out.is_null() || size != full || max_queued < 0 || workers > 4096;
    let wanted = refused(&[(is_wrong, E_INVALID)]).otherwise(|| OK);
    let options = Written(&raw const values, text);
    call!(run, threading_pool_create(workers, options, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        let has_destructor = destructor.0.is_some();
        run.world()
            .pools
            .insert(id, Pool { queue: None, gate: 0, has_destructor, max_queued, is_shutdown: false });
    }
}

/// Makes sure that tasks of an open pool stay in its queue.
pub(crate) fn close_gate(run: &Run, id: u64) {
    let mut world = run.world();
    world.items += 1;
    let gate = world.items;
    let Some(pool) = world.pools.get_mut(&id).filter(|pool| pool.queue.is_none() && !pool.is_shutdown) else {
        return;
    };
    (pool.queue, pool.gate) = (Some(Vec::new()), gate);
    drop(world);
    let Some(pool) = run.all(Kind::Pool).into_iter().find(|pool| pool.id == id) else { return };
    let callback: Named<Callback> = Named(Some(callbacks::gate), "gate");
    callbacks::forget_reached();
    call!(run, threading_pool_execute(pool, callback, Item(gate)) => OK);
    // A task may have left the queue without having begun; then it could still be cancelled.
    run.say(format!("await_begin({gate});"));
    let begin = Instant::now();
    while !callbacks::is_reached(gate) {
        if begin.elapsed() > PATIENCE {
            run.fail("no worker begins the task");
        }
        std::thread::yield_now();
    }
    let mut now = threading_pool_statistics {
        size: size_of::<threading_pool_statistics>(),
        queued: 1,
        ..Default::default()
    };
    // SAFETY: `now` is a variable here.
    if unsafe { threading_pool_stats(id, &mut now) } != 0 || now.queued != 0 {
        run.fail("the pool does not say that the task has left the queue");
    }
}

/// Far longer than a worker needs to begin.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lets all run that is queued.
fn open_gate(run: &Run) {
    let pool = run.handle(Kind::Pool);
    open_gate_of(run, &pool);
}

fn open_gate_of(run: &Run, pool: &Handle) {
    let gate = match run.world().pools.get(&pool.id) {
        Some(Pool { queue: Some(_), gate, has_destructor, .. }) => (*gate, *has_destructor),
        _ => return,
    };
    let mut world = run.world();
    world.empty_queue(pool.id, true);
    world.expected.extend(gate.1.then_some(Called::Destructor(gate.0)));
    if let Some(pool) = world.pools.get_mut(&pool.id) {
        pool.queue = None;
    }
    drop(world);
    run.say(format!("open_gate({});", gate.0));
    callbacks::open_gate(gate.0);
    call!(run, threading_pool_wait(*pool, FOREVER) => OK);
}

/// How a task goes.
pub(crate) fn target(run: &Run) -> (Named<Target>, bool) {
    let target: Named<Target> = run.pick(&[
        Named(Some(callbacks::same), "same"),
        Named(Some(callbacks::same), "same"),
        Named(Some(callbacks::fails), "fails"),
        Named(None, "NULL"),
    ]);
    (target, target.1 == "fails")
}

fn submit(run: &Run) {
    submit_it(run, None);
}

fn submit_priority(run: &Run) {
    submit_it(run, Some(run.pick(&[0, 1, -1, i64::MIN, i64::MAX])));
}

fn submit_it(run: &Run, priority: Option<i64>) {
    let pool = run.handle(Kind::Pool);
    close_gate(run, pool.id);
    let (target, fails) = target(run);
    let item = run.item();
    let Some(answer) = run.world().admits(pool.id) else { return };
    let (out, variable) = run.place(Kind::Future);
    let wrong = [(target.0.is_none() || out.is_null(), E_INVALID)];
    let wanted = run.ask(&pool, |world| &mut world.pools, &wrong, |_, _| answer);
    match priority {
        Some(priority) => {
            call!(run, threading_pool_submit_priority(pool, target, item, priority, out) => wanted)
        }
        None => call!(run, threading_pool_submit(pool, target, item, out) => wanted),
    };
    if let Some(id) = run.made(&out, variable, wanted) {
        let mut world = run.world();
        world.futures.insert(id, Future::new(true));
        let priority = priority.unwrap_or(0);
        world.push_task(
            pool.id,
            Task { source: Source::Future(id), priority, fails, arg: item.0, is_over: false },
        );
    }
}

fn execute(run: &Run) {
    let pool = run.handle(Kind::Pool);
    close_gate(run, pool.id);
    let callback: Named<Callback> =
        if run.rarely() { Named(None, "NULL") } else { Named(Some(callbacks::called), "called") };
    let item = run.item();
    let Some(answer) = run.world().admits(pool.id) else { return };
    let wrong = [(callback.0.is_none(), E_INVALID)];
    let wanted = run.ask(&pool, |world| &mut world.pools, &wrong, |_, _| answer);
    call!(run, threading_pool_execute(pool, callback, item) => wanted);
    if wanted.is(OK) {
        let task = Task { source: Source::Execute, priority: 0, fails: false, arg: item.0, is_over: false };
        run.world().push_task(pool.id, task);
    }
}

fn wait(run: &Run) {
    let pool = run.handle(Kind::Pool);
    let blocks = run.world().pools.get(&pool.id).is_some_and(|pool| pool.queue.is_some());
    let timeout = run.timeout(blocks);
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let wanted = run.ask(&pool, |world| &mut world.pools, &wrong, |_, _| if blocks { TIMEOUT } else { OK });
    call!(run, threading_pool_wait(pool, timeout) => wanted);
}

fn shutdown(run: &Run) {
    let pool = run.handle(Kind::Pool);
    let is_gated = run.world().pools.get(&pool.id).is_some_and(|pool| pool.queue.is_some());
    // Who waits with the gate closed would wait for ever.
    let (waits, cancels) = (if is_gated { 0 } else { run.pick(&[0, 1, -1]) }, run.pick(&[0, 1, -1]));
    let wanted = run.ask(
        &pool,
        |world| &mut world.pools,
        &[],
        |pool, _| {
            pool.is_shutdown = true;
            OK
        },
    );
    if is_gated && cancels != 0 {
        run.world().empty_queue(pool.id, false);
    }
    call!(run, threading_pool_shutdown(pool, waits, cancels) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Pool));
}

/// Not before all has run: afterwards nobody can wait for it.
fn destroy_it(run: &Run, pool: Handle) {
    open_gate_of(run, &pool);
    let wanted = run.ask(&pool, |world| &mut world.pools, &[], |_, _| OK);
    call!(run, threading_pool_destroy(pool) => wanted);
    if wanted.is(OK) {
        run.world().pools.remove(&pool.id);
        run.forget(Kind::Pool, pool.id);
    }
}

pub(crate) fn clear(run: &Run) {
    for pool in run.all(Kind::Pool) {
        destroy_it(run, pool);
    }
}
