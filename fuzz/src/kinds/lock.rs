//! Locks: held or not, whoever acquired them last.

use super::Call;
use crate::abi::*;
use crate::argument::Handle;
use crate::model::{Wanted, refused};
use crate::run::{Run, call};
use crate::trace::Kind;

#[derive(Default)]
pub(crate) struct Lock {
    /// Who acquired it last, if it is locked.
    pub(crate) holder: Option<usize>,
    /// Conditions over it.
    pub(crate) conditions: usize,
}

impl Lock {
    pub(crate) fn acquire(&mut self, me: usize) -> i64 {
        if self.holder.is_some() {
            return TIMEOUT;
        }
        self.holder = Some(me);
        OK
    }

    pub(crate) fn release(&mut self) -> i64 {
        if self.holder.take().is_some() { OK } else { E_STATE }
    }

    fn destroy(&self) -> i64 {
        if self.holder.is_some() || self.conditions > 0 { E_BUSY } else { OK }
    }
}

pub(crate) const CALLS: &[Call] = &[create, acquire, release, locked, destroy, acquire, release];

fn create(run: &Run) {
    let (out, variable) = run.place(Kind::Lock);
    let wanted = refused(&[(out.is_null(), E_INVALID)]).otherwise(|| OK);
    call!(run, threading_lock_create(out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().locks.insert(id, Lock::default());
    }
}

fn acquire(run: &Run) {
    let lock = run.handle(Kind::Lock);
    let blocks = run.world().locks.get(&lock.id).is_some_and(|lock| lock.holder.is_some());
    let timeout = run.timeout(blocks);
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let wanted = run.ask(&lock, |world| &mut world.locks, &wrong, |lock, me| lock.acquire(me));
    call!(run, threading_lock_acquire(lock, timeout) => wanted);
}

fn release(run: &Run) {
    release_it(run, run.handle(Kind::Lock));
}

fn release_it(run: &Run, lock: Handle) {
    let wanted = run.ask(&lock, |world| &mut world.locks, &[], |lock, _| lock.release());
    call!(run, threading_lock_release(lock) => wanted);
}

fn locked(run: &Run) {
    let lock = run.handle(Kind::Lock);
    let wanted = run.ask(&lock, |world| &mut world.locks, &[], |lock, _| lock.holder.is_some() as i64);
    call!(run, threading_lock_locked(lock) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Lock));
}

fn destroy_it(run: &Run, lock: Handle) -> Wanted {
    let wanted = run.ask(&lock, |world| &mut world.locks, &[], |lock, _| lock.destroy());
    call!(run, threading_lock_destroy(lock) => wanted);
    if wanted.is(OK) {
        run.world().locks.remove(&lock.id);
        run.forget(Kind::Lock, lock.id);
    }
    wanted
}

pub(crate) fn clear(run: &Run) {
    for lock in run.all(Kind::Lock) {
        if destroy_it(run, lock).is(E_BUSY) {
            release_it(run, lock);
            destroy_it(run, lock);
        }
    }
}
