//! Barriers: whole or broken. One thread alone only ever completes a round of one party.

use super::Call;
use crate::abi::*;
use crate::argument::{Handle, Named};
use crate::callbacks::{self, Called};
use crate::model::refused;
use crate::run::{Run, call};
use crate::trace::Kind;

pub(crate) struct Barrier {
    parties: i64,
    action: &'static str,
    item: usize,
    is_broken: bool,
    /// Its own limit of a wait.
    limit: i64,
}

impl Barrier {
    /// With what it fails, if the action runs and does so.
    fn failure(&self) -> Option<(i32, String)> {
        match self.action {
            "refuses" => Some((77, String::new())),
            "raises" => Some((42, "raised".into())),
            _ => None,
        }
    }

    fn acts(&self) -> bool {
        !self.is_broken && self.parties == 1
    }

    fn wait(&mut self) -> i64 {
        if self.is_broken {
            return BROKEN;
        }
        self.is_broken = !self.acts() || self.failure().is_some();
        match (self.acts() || self.parties == 1, self.is_broken) {
            (true, false) => OK,
            (true, true) => FAILED,
            (false, _) => TIMEOUT,
        }
    }

    fn set(&mut self, is_broken: bool) -> i64 {
        self.is_broken = is_broken;
        OK
    }
}

pub(crate) const CALLS: &[Call] = &[create, wait, reset, abort, parties, n_waiting, broken, destroy, wait];

fn create(run: &Run) {
    let parties = run.pick(&[1, 2, 1, COUNT_MAX, 0, -1, COUNT_MAX + 1]);
    let action: Named<Question> = run.pick(&[
        Named(None, "NULL"),
        Named(Some(callbacks::succeeds as _), "succeeds"),
        Named(Some(callbacks::refuses as _), "refuses"),
        Named(Some(callbacks::raises as _), "raises"),
    ]);
    let (item, limit) = (run.item(), run.pick(&[FOREVER, 0, 1, i64::MAX, -2, i64::MIN]));
    let (out, variable) = run.place(Kind::Barrier);
    let wrong = [(out.is_null() || !(1..=COUNT_MAX).contains(&parties) || limit < FOREVER, E_INVALID)];
    let wanted = refused(&wrong).otherwise(|| OK);
    call!(run, threading_barrier_create(parties, action, item, limit, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        let barrier = Barrier { parties, action: action.1, item: item.0, is_broken: false, limit };
        run.world().barriers.insert(id, barrier);
    }
}

fn wait(run: &Run) {
    let barrier = run.handle(Kind::Barrier);
    let (mut blocks, mut failure, mut expected) = (false, None, None);
    let mut timeout = run.timeout(false);
    if let Some(barrier) = run.world().barriers.get(&barrier.id) {
        blocks = !barrier.acts()
            && !barrier.is_broken
            && !(timeout == FOREVER && (0..=1).contains(&barrier.limit));
        if barrier.acts() && timeout >= FOREVER {
            failure = barrier.failure();
            expected = (barrier.action != "NULL").then_some(Called::Action(barrier.item));
        }
    }
    if blocks && (timeout > 1 || timeout == FOREVER) {
        timeout = 0;
    }
    run.world().expected.extend(expected);
    let index = run.out(i64::MIN, "&index_");
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let wanted = run.ask(&barrier, |world| &mut world.barriers, &wrong, |barrier, _| barrier.wait());
    call!(run, threading_barrier_wait(barrier, timeout, index) => wanted);
    if wanted.is(OK) {
        run.wrote(&index, "index_", 0);
    } else {
        run.untouched(&index);
    }
    if let Some(failure) = failure {
        run.world().thread().failure = Some(failure);
    }
}

fn reset(run: &Run) {
    let barrier = run.handle(Kind::Barrier);
    let wanted = run.ask(&barrier, |world| &mut world.barriers, &[], |barrier, _| barrier.set(false));
    call!(run, threading_barrier_reset(barrier) => wanted);
}

fn abort(run: &Run) {
    let barrier = run.handle(Kind::Barrier);
    let wanted = run.ask(&barrier, |world| &mut world.barriers, &[], |barrier, _| barrier.set(true));
    call!(run, threading_barrier_abort(barrier) => wanted);
}

fn parties(run: &Run) {
    let barrier = run.handle(Kind::Barrier);
    let wanted = run.ask(&barrier, |world| &mut world.barriers, &[], |barrier, _| barrier.parties);
    call!(run, threading_barrier_parties(barrier) => wanted);
}

fn n_waiting(run: &Run) {
    let barrier = run.handle(Kind::Barrier);
    let wanted = run.ask(&barrier, |world| &mut world.barriers, &[], |_, _| 0);
    call!(run, threading_barrier_n_waiting(barrier) => wanted);
}

fn broken(run: &Run) {
    let barrier = run.handle(Kind::Barrier);
    let wanted = run.ask(&barrier, |world| &mut world.barriers, &[], |barrier, _| barrier.is_broken as i64);
    call!(run, threading_barrier_broken(barrier) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Barrier));
}

fn destroy_it(run: &Run, barrier: Handle) {
    let wanted = run.ask(&barrier, |world| &mut world.barriers, &[], |_, _| OK);
    call!(run, threading_barrier_destroy(barrier) => wanted);
    if wanted.is(OK) {
        run.world().barriers.remove(&barrier.id);
        run.forget(Kind::Barrier, barrier.id);
    }
}

pub(crate) fn clear(run: &Run) {
    for barrier in run.all(Kind::Barrier) {
        destroy_it(run, barrier);
    }
}
