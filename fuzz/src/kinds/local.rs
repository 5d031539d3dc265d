//! Locals: a value per thread, and a destructor for what is not NULL.

use super::Call;
use crate::abi::*;
use crate::argument::{Handle, Item, Out};
use crate::callbacks::Called;
use crate::model::refused;
use crate::run::{Run, call};
use crate::trace::Kind;
use std::collections::HashMap;

pub(crate) struct Local {
    has_destructor: bool,
    values: HashMap<usize, usize>,
}

impl Local {
    /// The thread ends; says what its value is destroyed by.
    pub(crate) fn owner_ended(&mut self, me: usize) -> Option<Called> {
        let value = self.values.remove(&me)?;
        (self.has_destructor && value != 0).then_some(Called::Destructor(value))
    }
}

pub(crate) const CALLS: &[Call] = &[create, get, set, destroy, get, set];

fn create(run: &Run) {
    let destructor = run.destructor();
    let (out, variable) = run.place(Kind::Local);
    let wanted = refused(&[(out.is_null(), E_INVALID)]).otherwise(|| OK);
    call!(run, threading_local_create(destructor, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        let local = Local { has_destructor: destructor.0.is_some(), values: HashMap::new() };
        run.world().locals.insert(id, local);
    }
}

fn get(run: &Run) {
    let local = run.handle(Kind::Local);
    let value: Out<Pointer> = run.out(usize::MAX as Pointer, "&value");
    let mut wanted_value = 0;
    let wrong = [(value.is_null(), E_INVALID)];
    let wanted = run.ask(
        &local,
        |world| &mut world.locals,
        &wrong,
        |local, me| {
            wanted_value = local.values.get(&me).copied().unwrap_or(0);
            OK
        },
    );
    call!(run, threading_local_get(local, value) => wanted);
    if wanted.is(OK) {
        run.wrote_item(&value, wanted_value);
    } else {
        run.untouched(&value);
    }
}

fn set(run: &Run) {
    let local = run.handle(Kind::Local);
    let item = if run.rarely() { Item(0) } else { run.item() };
    let wanted = run.ask(
        &local,
        |world| &mut world.locals,
        &[],
        |local, me| {
            local.values.insert(me, item.0);
            OK
        },
    );
    call!(run, threading_local_set(local, item) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Local));
}

fn destroy_it(run: &Run, local: Handle) {
    let wanted = run.ask(&local, |world| &mut world.locals, &[], |_, _| OK);
    let gone = run.world().locals.remove(&local.id);
    if let Some(gone) = gone.filter(|local| local.has_destructor) {
        let values = gone.values.into_values().filter(|value| *value != 0);
        run.world().expected.extend(values.map(Called::Destructor));
    }
    call!(run, threading_local_destroy(local) => wanted);
    if wanted.is(OK) {
        run.forget(Kind::Local, local.id);
    }
}

pub(crate) fn clear(run: &Run) {
    for local in run.all(Kind::Local) {
        destroy_it(run, local);
    }
}
