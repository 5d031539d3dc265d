//! Groups: tasks of a pool that are waited for together; the first failure cancels the rest.

use super::Call;
use super::pool::{self, Source, Task};
use crate::abi::*;
use crate::argument::Handle;
use crate::callbacks::Called;
use crate::model::Wanted;
use crate::run::{Run, call};
use crate::trace::Kind;

pub(crate) struct Group {
    pool: u64,
    /// Tasks that have not ended.
    pub(crate) left: usize,
    pub(crate) failure: Option<(i32, String)>,
    pub(crate) is_cancelled: bool,
}

impl Group {
    /// It takes no more tasks, and begins none.
    pub(crate) fn is_over(&self) -> bool {
        self.is_cancelled || self.failure.is_some()
    }

    fn outcome(&self) -> i64 {
        match () {
            () if self.left > 0 => TIMEOUT,
            () if self.failure.is_some() => FAILED,
            () if self.is_cancelled => CANCELLED,
            () => OK,
        }
    }
}

pub(crate) const CALLS: &[Call] = &[create, submit, wait, cancel, destroy, submit, submit, wait];

fn create(run: &Run) {
    let pool = run.handle(Kind::Pool);
    let (out, variable) = run.place(Kind::Group);
    let wrong = [(out.is_null(), E_INVALID)];
    let wanted = run.ask(&pool, |world| &mut world.pools, &wrong, |_, _| OK);
    call!(run, threading_group_create(pool, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().groups.insert(id, Group { pool: pool.id, left: 0, failure: None, is_cancelled: false });
    }
}

fn submit(run: &Run) {
    let group = run.handle(Kind::Group);
    let pool = run.world().groups.get(&group.id).map_or(0, |group| group.pool);
    pool::close_gate(run, pool);
    let (target, fails) = pool::target(run);
    let item = run.item();
    let Some(answer) = run.world().admits(pool) else { return };
    let wrong = [(target.0.is_none(), E_INVALID)];
    let mut other = None;
    let wanted = run.ask(
        &group,
        |world| &mut world.groups,
        &wrong,
        |group, _| {
            if group.is_over() {
                // The pool may have its own reason.
                other = (answer != OK).then_some(answer);
                return CANCELLED;
            }
            group.left += usize::from(answer == OK);
            answer
        },
    );
    let wanted = other.map_or(wanted, |other| wanted.or(other));
    call!(run, threading_group_submit(group, target, item) => wanted);
    if wanted.is(OK) {
        let task = Task { source: Source::Group(group.id), priority: 0, fails, arg: item.0, is_over: false };
        run.world().push_task(pool, task);
    }
}

fn wait(run: &Run) {
    let group = run.handle(Kind::Group);
    let blocks = run.world().groups.get(&group.id).is_some_and(|group| group.left > 0);
    let timeout = run.timeout(blocks);
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let wanted = run.ask(&group, |world| &mut world.groups, &wrong, |group, _| group.outcome());
    call!(run, threading_group_wait(group, timeout) => wanted);
    if wanted.is(FAILED) {
        let failure = run.world().groups.get(&group.id).and_then(|group| group.failure.clone());
        run.world().thread().failure = failure;
    }
}

fn cancel(run: &Run) {
    let group = run.handle(Kind::Group);
    let mut pool = 0;
    let wanted: Wanted = run.ask(
        &group,
        |world| &mut world.groups,
        &[],
        |group, _| {
            group.is_cancelled |= group.failure.is_none();
            group.left = 0;
            pool = group.pool;
            OK
        },
    );
    let mut world = run.world();
    let mut ends = Vec::new();
    if let Some(pool) = world.pools.get_mut(&pool) {
        let has_destructor = pool.has_destructor;
        for task in pool.tasks_of(group.id) {
            task.is_over = true;
            ends.extend(has_destructor.then_some(Called::Destructor(task.arg)));
        }
    }
    world.expected.extend(ends);
    drop(world);
    call!(run, threading_group_cancel(group) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Group));
}

fn destroy_it(run: &Run, group: Handle) {
    let wanted =
        run.ask(&group, |world| &mut world.groups, &[], |group, _| if group.left > 0 { E_BUSY } else { OK });
    call!(run, threading_group_destroy(group) => wanted);
    if wanted.is(OK) {
        run.world().groups.remove(&group.id);
        run.forget(Kind::Group, group.id);
    }
}

pub(crate) fn clear(run: &Run) {
    for group in run.all(Kind::Group) {
        destroy_it(run, group);
    }
}
