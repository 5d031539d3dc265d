//! Events: set or not.

use super::Call;
use crate::abi::*;
use crate::argument::Handle;
use crate::model::refused;
use crate::run::{Run, call};
use crate::trace::Kind;

#[derive(Default)]
pub(crate) struct Event {
    is_set: bool,
}

pub(crate) const CALLS: &[Call] = &[create, set, clear_it, is_set, wait, destroy];

fn create(run: &Run) {
    let (out, variable) = run.place(Kind::Event);
    let wanted = refused(&[(out.is_null(), E_INVALID)]).otherwise(|| OK);
    call!(run, threading_event_create(out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().events.insert(id, Event::default());
    }
}

fn turn(event: &mut Event, is_set: bool) -> i64 {
    event.is_set = is_set;
    OK
}

fn set(run: &Run) {
    let event = run.handle(Kind::Event);
    let wanted = run.ask(&event, |world| &mut world.events, &[], |event, _| turn(event, true));
    call!(run, threading_event_set(event) => wanted);
}

fn clear_it(run: &Run) {
    let event = run.handle(Kind::Event);
    let wanted = run.ask(&event, |world| &mut world.events, &[], |event, _| turn(event, false));
    call!(run, threading_event_clear(event) => wanted);
}

fn is_set(run: &Run) {
    let event = run.handle(Kind::Event);
    let wanted = run.ask(&event, |world| &mut world.events, &[], |event, _| event.is_set as i64);
    call!(run, threading_event_is_set(event) => wanted);
}

fn wait(run: &Run) {
    let event = run.handle(Kind::Event);
    let blocks = run.world().events.get(&event.id).is_some_and(|event| !event.is_set);
    let timeout = run.timeout(blocks);
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let wanted = run.ask(
        &event,
        |world| &mut world.events,
        &wrong,
        |event, _| if event.is_set { OK } else { TIMEOUT },
    );
    call!(run, threading_event_wait(event, timeout) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Event));
}

fn destroy_it(run: &Run, event: Handle) {
    let wanted = run.ask(&event, |world| &mut world.events, &[], |_, _| OK);
    call!(run, threading_event_destroy(event) => wanted);
    if wanted.is(OK) {
        run.world().events.remove(&event.id);
        run.forget(Kind::Event, event.id);
    }
}

pub(crate) fn clear(run: &Run) {
    for event in run.all(Kind::Event) {
        destroy_it(run, event);
    }
}
