//! Semaphores: a number of permits, and the most that there may be.

use super::Call;
use crate::abi::*;
use crate::argument::Handle;
use crate::model::refused;
use crate::run::{Run, call};
use crate::trace::Kind;

pub(crate) struct Semaphore {
    value: i64,
    most: i64,
}

impl Semaphore {
    fn acquire(&mut self) -> i64 {
        if self.value == 0 {
            return TIMEOUT;
        }
        self.value -= 1;
        OK
    }

    fn release(&mut self, n: i64) -> i64 {
        if n > self.most - self.value {
            return E_OVERFLOW;
        }
        self.value += n;
        OK
    }
}

pub(crate) const CALLS: &[Call] =
    &[create, acquire, release, value, destroy, create_bounded, acquire, release];

const VALUES: [i64; 9] = [1, 0, 2, 3, COUNT_MAX, COUNT_MAX - 1, COUNT_MAX + 1, -1, i64::MIN];

fn create(run: &Run) {
    let value = run.pick(&VALUES);
    let (out, variable) = run.place(Kind::Semaphore);
    let wrong = [(out.is_null(), E_INVALID), (!(0..=COUNT_MAX).contains(&value), E_INVALID)];
    let wanted = refused(&wrong).otherwise(|| OK);
    call!(run, threading_semaphore_create(value, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().semaphores.insert(id, Semaphore { value, most: COUNT_MAX });
    }
}

fn create_bounded(run: &Run) {
    let value = run.pick(&VALUES);
    let (out, variable) = run.place(Kind::Semaphore);
    let wrong = [(out.is_null(), E_INVALID), (!(0..=COUNT_MAX).contains(&value), E_INVALID)];
    let wanted = refused(&wrong).otherwise(|| OK);
    call!(run, threading_semaphore_create_bounded(value, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().semaphores.insert(id, Semaphore { value, most: value });
    }
}

fn acquire(run: &Run) {
    let semaphore = run.handle(Kind::Semaphore);
    let blocks = run.world().semaphores.get(&semaphore.id).is_some_and(|semaphore| semaphore.value == 0);
    let timeout = run.timeout(blocks);
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let wanted =
        run.ask(&semaphore, |world| &mut world.semaphores, &wrong, |semaphore, _| semaphore.acquire());
    call!(run, threading_semaphore_acquire(semaphore, timeout) => wanted);
}

fn release(run: &Run) {
    let semaphore = run.handle(Kind::Semaphore);
    let n = run.pick(&[1, 2, 3, COUNT_MAX, 0, -1, i64::MAX, i64::MIN, COUNT_MAX - 2]);
    let wanted = run.ask(
        &semaphore,
        |world| &mut world.semaphores,
        &[(n < 1, E_INVALID)],
        |semaphore, _| semaphore.release(n),
    );
    call!(run, threading_semaphore_release(semaphore, n) => wanted);
}

fn value(run: &Run) {
    let semaphore = run.handle(Kind::Semaphore);
    let wanted = run.ask(&semaphore, |world| &mut world.semaphores, &[], |semaphore, _| semaphore.value);
    call!(run, threading_semaphore_value(semaphore) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Semaphore));
}

fn destroy_it(run: &Run, semaphore: Handle) {
    let wanted = run.ask(&semaphore, |world| &mut world.semaphores, &[], |_, _| OK);
    call!(run, threading_semaphore_destroy(semaphore) => wanted);
    if wanted.is(OK) {
        run.world().semaphores.remove(&semaphore.id);
        run.forget(Kind::Semaphore, semaphore.id);
    }
}

pub(crate) fn clear(run: &Run) {
    for semaphore in run.all(Kind::Semaphore) {
        destroy_it(run, semaphore);
    }
}
