//! Rlocks: owned by a thread so many times, perhaps by one that has ended.

use super::Call;
use crate::abi::*;
use crate::argument::Handle;
use crate::model::{Wanted, refused};
use crate::run::{Run, call};
use crate::trace::Kind;

#[derive(Default)]
pub(crate) struct Rlock {
    pub(crate) owner: Option<usize>,
    pub(crate) depth: i64,
    /// Its owner has ended.
    pub(crate) is_dead: bool,
    /// Conditions over it.
    pub(crate) conditions: usize,
}

impl Rlock {
    pub(crate) fn is_owned(&self, me: usize) -> bool {
        self.owner == Some(me) && !self.is_dead
    }

    /// Whether an acquire would have to wait.
    pub(crate) fn blocks(&self, me: usize) -> bool {
        self.owner.is_some() && !self.is_dead && self.owner != Some(me)
    }

    pub(crate) fn acquire(&mut self, me: usize) -> i64 {
        if self.blocks(me) {
            return TIMEOUT;
        }
        let was_dead = core::mem::take(&mut self.is_dead);
        self.depth = if self.owner == Some(me) && !was_dead { self.depth + 1 } else { 1 };
        self.owner = Some(me);
        if was_dead { OWNER_DEAD } else { OK }
    }

    pub(crate) fn release(&mut self, me: usize) -> i64 {
        if !self.is_owned(me) {
            return E_NOT_OWNER;
        }
        self.depth -= 1;
        if self.depth == 0 {
            self.owner = None;
        }
        OK
    }

    fn destroy(&self) -> i64 {
        if self.owner.is_some() || self.conditions > 0 { E_BUSY } else { OK }
    }
}

pub(crate) const CALLS: &[Call] =
    &[create, acquire, release, locked, destroy, is_owned, recursion_count, acquire, release];

fn create(run: &Run) {
    let (out, variable) = run.place(Kind::Rlock);
    let wanted = refused(&[(out.is_null(), E_INVALID)]).otherwise(|| OK);
    call!(run, threading_rlock_create(out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().rlocks.insert(id, Rlock::default());
    }
}

fn acquire(run: &Run) {
    let rlock = run.handle(Kind::Rlock);
    let me = run.world().me;
    let blocks = run.world().rlocks.get(&rlock.id).is_some_and(|rlock| rlock.blocks(me));
    acquire_it(run, rlock, run.timeout(blocks));
}

fn acquire_it(run: &Run, rlock: Handle, timeout: i64) {
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let wanted = run.ask(&rlock, |world| &mut world.rlocks, &wrong, |rlock, me| rlock.acquire(me));
    call!(run, threading_rlock_acquire(rlock, timeout) => wanted);
}

fn release(run: &Run) {
    release_it(run, run.handle(Kind::Rlock));
}

fn release_it(run: &Run, rlock: Handle) -> Wanted {
    let wanted = run.ask(&rlock, |world| &mut world.rlocks, &[], |rlock, me| rlock.release(me));
    call!(run, threading_rlock_release(rlock) => wanted);
    wanted
}

fn locked(run: &Run) {
    let rlock = run.handle(Kind::Rlock);
    let wanted = run.ask(&rlock, |world| &mut world.rlocks, &[], |rlock, _| rlock.owner.is_some() as i64);
    call!(run, threading_rlock_locked(rlock) => wanted);
}

fn is_owned(run: &Run) {
    let rlock = run.handle(Kind::Rlock);
    let wanted = run.ask(&rlock, |world| &mut world.rlocks, &[], |rlock, me| rlock.is_owned(me) as i64);
    call!(run, threading_rlock_is_owned(rlock) => wanted);
}

fn recursion_count(run: &Run) {
    let rlock = run.handle(Kind::Rlock);
    let count = |rlock: &mut Rlock, me| if rlock.is_owned(me) { rlock.depth } else { 0 };
    let wanted = run.ask(&rlock, |world| &mut world.rlocks, &[], count);
    call!(run, threading_rlock_recursion_count(rlock) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Rlock));
}

fn destroy_it(run: &Run, rlock: Handle) -> Wanted {
    let wanted = run.ask(&rlock, |world| &mut world.rlocks, &[], |rlock, _| rlock.destroy());
    call!(run, threading_rlock_destroy(rlock) => wanted);
    if wanted.is(OK) {
        run.world().rlocks.remove(&rlock.id);
        run.forget(Kind::Rlock, rlock.id);
    }
    wanted
}

pub(crate) fn clear(run: &Run) {
    for rlock in run.all(Kind::Rlock) {
        if destroy_it(run, rlock).is(E_BUSY) {
            acquire_it(run, rlock, 0);
            while release_it(run, rlock).is(OK) {}
            destroy_it(run, rlock);
        }
    }
}
