//! Conditions over an rlock of their own, or over another's lock or rlock. Nobody can ever be there to notify.

use super::Call;
use super::lock::Lock;
use super::rlock::Rlock;
use crate::abi::*;
use crate::argument::{Handle, Named};
use crate::callbacks::{self, Called};
use crate::model::{Wanted, World, refused};
use crate::run::{Run, call};
use crate::trace::Kind;

pub(crate) enum Condition {
    Own(Rlock),
    OverLock(u64),
    OverRlock(u64),
}

/// The lock of a condition.
enum Guard<'a> {
    Lock(&'a mut Lock),
    Rlock(&'a mut Rlock),
}

impl Condition {
    pub(crate) fn owner_ended(&mut self, me: usize) {
        if let Condition::Own(rlock) = self
            && rlock.owner == Some(me)
        {
            rlock.is_dead = true;
        }
    }
}

impl Guard<'_> {
    fn blocks(&self, me: usize) -> bool {
        match self {
            Guard::Lock(lock) => lock.holder.is_some(),
            Guard::Rlock(rlock) => rlock.blocks(me),
        }
    }

    fn is_held(&self, me: usize) -> bool {
        match self {
            Guard::Lock(lock) => lock.holder == Some(me),
            Guard::Rlock(rlock) => rlock.is_owned(me),
        }
    }

    fn acquire(self, me: usize) -> i64 {
        match self {
            Guard::Lock(lock) => lock.acquire(me),
            Guard::Rlock(rlock) => rlock.acquire(me),
        }
    }

    fn release(self, me: usize) -> i64 {
        match self {
            Guard::Lock(lock) => lock.release(),
            Guard::Rlock(rlock) => rlock.release(me),
        }
    }
}

/// Asks the lock of a condition.
fn guard<R>(world: &mut World, id: u64, ask: impl FnOnce(Guard, usize) -> R) -> Option<R> {
    let me = world.me;
    let guard = match world.conditions.get_mut(&id)? {
        Condition::Own(rlock) => Guard::Rlock(rlock),
        Condition::OverLock(id) => Guard::Lock(world.locks.get_mut(id)?),
        Condition::OverRlock(id) => Guard::Rlock(world.rlocks.get_mut(id)?),
    };
    Some(ask(guard, me))
}

fn is_held(run: &Run, condition: &Handle) -> Option<bool> {
    guard(&mut run.world(), condition.id, |guard, me| guard.is_held(me))
}

/// As `Run::ask`, of the lock of a condition.
fn ask(
    run: &Run,
    handle: &Handle,
    wrong: &[(bool, i64)],
    answer: impl FnOnce(Guard, usize) -> i64,
) -> Wanted {
    let mut world = run.world();
    let mut refusal = refused(wrong);
    if !world.conditions.contains_key(&handle.id) {
        refusal = refusal.or(E_HANDLE);
    }
    if !refusal.list().is_empty() {
        return refusal;
    }
    guard(&mut world, handle.id, answer).expect("a lock outlives its conditions").into()
}

pub(crate) const CALLS: &[Call] = &[
    create, acquire, release, wait, wait_for, notify, notify_all, destroy, over_lock, over_rlock, acquire,
    release, wait,
];

fn create(run: &Run) {
    let (out, variable) = run.place(Kind::Condition);
    let wanted = refused(&[(out.is_null(), E_INVALID)]).otherwise(|| OK);
    call!(run, threading_condition_create(out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().conditions.insert(id, Condition::Own(Rlock::default()));
    }
}

fn over_lock(run: &Run) {
    let lock = run.handle(Kind::Lock);
    let (out, variable) = run.place(Kind::Condition);
    let wanted = run.ask(
        &lock,
        |world| &mut world.locks,
        &[(out.is_null(), E_INVALID)],
        |lock, _| {
            lock.conditions += 1;
            OK
        },
    );
    call!(run, threading_condition_create_with_lock(lock, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().conditions.insert(id, Condition::OverLock(lock.id));
    }
}

fn over_rlock(run: &Run) {
    let rlock = run.handle(Kind::Rlock);
    let (out, variable) = run.place(Kind::Condition);
    let wanted = run.ask(
        &rlock,
        |world| &mut world.rlocks,
        &[(out.is_null(), E_INVALID)],
        |rlock, _| {
            rlock.conditions += 1;
            OK
        },
    );
    call!(run, threading_condition_create_with_rlock(rlock, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().conditions.insert(id, Condition::OverRlock(rlock.id));
    }
}

fn acquire(run: &Run) {
    let condition = run.handle(Kind::Condition);
    let blocks = guard(&mut run.world(), condition.id, |guard, me| guard.blocks(me));
    acquire_it(run, condition, run.timeout(blocks == Some(true)));
}

fn acquire_it(run: &Run, condition: Handle, timeout: i64) {
    let wanted = ask(run, &condition, &[(timeout < FOREVER, E_INVALID)], |guard, me| guard.acquire(me));
    call!(run, threading_condition_acquire(condition, timeout) => wanted);
}

fn release(run: &Run) {
    release_it(run, run.handle(Kind::Condition));
}

fn release_it(run: &Run, condition: Handle) -> Wanted {
    let wanted = ask(run, &condition, &[], |guard, me| guard.release(me));
    call!(run, threading_condition_release(condition) => wanted);
    wanted
}

fn wait(run: &Run) {
    let condition = run.handle(Kind::Condition);
    let held = is_held(run, &condition);
    let timeout = run.timeout(held == Some(true));
    let wrong = [(timeout < FOREVER, E_INVALID), (held == Some(false), E_NOT_OWNER)];
    let wanted = ask(run, &condition, &wrong, |_, _| TIMEOUT);
    call!(run, threading_condition_wait(condition, timeout) => wanted);
}

fn wait_for(run: &Run) {
    let condition = run.handle(Kind::Condition);
    let predicate: Named<Question> = run.pick(&[
        Named(Some(callbacks::never as _), "never"),
        Named(Some(callbacks::always as _), "always"),
        Named(None, "NULL"),
    ]);
    let is_true = predicate.1 == "always";
    let held = is_held(run, &condition);
    let timeout = run.timeout(held == Some(true) && !is_true);
    let item = run.item();
    let wrong = [(timeout < FOREVER || predicate.0.is_none(), E_INVALID), (held == Some(false), E_NOT_OWNER)];
    let wanted = ask(run, &condition, &wrong, |_, _| if is_true { OK } else { TIMEOUT });
    // Before the first wait, and once more when the time has run out.
    let asked = if wanted.is(OK) { 1 } else { 2 * usize::from(wanted.is(TIMEOUT)) };
    run.world().expected.extend(vec![Called::Predicate(item.0); asked]);
    call!(run, threading_condition_wait_for(condition, predicate, item, timeout) => wanted);
}

fn notify(run: &Run) {
    let condition = run.handle(Kind::Condition);
    let n = run.pick(&[1, 0, 2, i64::MAX, -1, i64::MIN]);
    let wrong = [(n < 0, E_INVALID), (is_held(run, &condition) == Some(false), E_NOT_OWNER)];
    let wanted = ask(run, &condition, &wrong, |_, _| OK);
    call!(run, threading_condition_notify(condition, n) => wanted);
}

fn notify_all(run: &Run) {
    let condition = run.handle(Kind::Condition);
    let wanted = ask(run, &condition, &[], |guard, me| if guard.is_held(me) { OK } else { E_NOT_OWNER });
    call!(run, threading_condition_notify_all(condition) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Condition));
}

fn destroy_it(run: &Run, condition: Handle) -> Wanted {
    let wanted = run.ask(
        &condition,
        |world| &mut world.conditions,
        &[],
        |condition, _| match condition {
            Condition::Own(rlock) if rlock.owner.is_some() => E_BUSY,
            _ => OK,
        },
    );
    call!(run, threading_condition_destroy(condition) => wanted);
    if wanted.is(OK) {
        run.forget(Kind::Condition, condition.id);
        let mut world = run.world();
        match world.conditions.remove(&condition.id) {
            Some(Condition::OverLock(id)) => world.locks.get_mut(&id).expect("it lives").conditions -= 1,
            Some(Condition::OverRlock(id)) => world.rlocks.get_mut(&id).expect("it lives").conditions -= 1,
            _ => {}
        }
    }
    wanted
}

pub(crate) fn clear(run: &Run) {
    for condition in run.all(Kind::Condition) {
        if destroy_it(run, condition).is(E_BUSY) {
            acquire_it(run, condition, 0);
            while release_it(run, condition).is(OK) {}
            destroy_it(run, condition);
        }
    }
}
