//! Promises: pending, running, or done in one of three ways; and what is called when they are.

use super::Call;
use crate::abi::*;
use crate::argument::{Array, Handle, Named, Out, Written};
use crate::callbacks::{self, Called};
use crate::model::{Wanted, refused};
use crate::run::{Run, call};
use crate::trace::Kind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Running,
    Result(usize),
    Failure(i32, String),
    /// Whether somebody was told of it.
    Cancelled(bool),
}

pub(crate) struct Future {
    pub(crate) state: State,
    /// Whether a task of a pool is behind it: then only the pool may end it.
    pub(crate) is_task: bool,
    /// Arguments, and whether each has a destructor.
    callbacks: Vec<(usize, bool)>,
}

impl Future {
    pub(crate) fn new(is_task: bool) -> Future {
        Future { state: State::Pending, is_task, callbacks: Vec::new() }
    }

    pub(crate) fn is_done(&self) -> bool {
        !matches!(self.state, State::Pending | State::Running)
    }

    /// It is done in this way; says what is called.
    pub(crate) fn end(&mut self, id: u64, state: State) -> Vec<Called> {
        self.state = state;
        let callbacks = core::mem::take(&mut self.callbacks);
        callbacks.into_iter().flat_map(|(arg, has_destructor)| calls(id, arg, has_destructor)).collect()
    }

    /// What a wait for the result comes to.
    fn outcome(&self) -> i64 {
        match self.state {
            State::Pending | State::Running => TIMEOUT,
            State::Result(_) => OK,
            State::Failure(..) => FAILED,
            State::Cancelled(_) => CANCELLED,
        }
    }
}

fn calls(id: u64, arg: usize, has_destructor: bool) -> impl Iterator<Item = Called> {
    [Some(Called::Done(id, arg)), has_destructor.then_some(Called::Destructor(arg))].into_iter().flatten()
}

pub(crate) const CALLS: &[Call] = &[
    create,
    set_running,
    set_result,
    set_failure,
    result,
    failure,
    cancel,
    cancelled,
    running,
    done,
    add_done_callback,
    wait_for_several,
    destroy,
    result,
    add_done_callback,
    wait_for_several,
];

fn create(run: &Run) {
    let (out, variable) = run.place(Kind::Future);
    let wanted = refused(&[(out.is_null(), E_INVALID)]).otherwise(|| OK);
    call!(run, threading_future_create(out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        run.world().futures.insert(id, Future::new(false));
    }
}

fn set_running(run: &Run) {
    let future = run.handle(Kind::Future);
    let wanted = run.ask(
        &future,
        |world| &mut world.futures,
        &[],
        |future, _| match future.state {
            _ if future.is_task => E_STATE,
            State::Pending => {
                future.state = State::Running;
                OK
            }
            State::Cancelled(false) => {
                future.state = State::Cancelled(true);
                CANCELLED
            }
            _ => E_STATE,
        },
    );
    call!(run, threading_future_set_running_or_notify_cancel(future) => wanted);
}

/// Ends a promise; what is called is expected of the call that comes.
fn set(run: &Run, future: &Handle, wrong: &[(bool, i64)], state: State) -> Wanted {
    let mut expected = Vec::new();
    let is_over =
        run.world().futures.get(&future.id).is_some_and(|future| future.is_task || future.is_done());
    let wrong: Vec<_> = wrong.iter().copied().chain([(is_over, E_STATE)]).collect();
    let wanted = run.ask(
        future,
        |world| &mut world.futures,
        &wrong,
        |it, _| {
            expected = it.end(future.id, state);
            OK
        },
    );
    run.world().expected.extend(expected);
    wanted
}

fn set_result(run: &Run) {
    let (future, item) = (run.handle(Kind::Future), run.item());
    let wanted = set(run, &future, &[], State::Result(item.0));
    call!(run, threading_future_set_result(future, item) => wanted);
}

fn set_failure(run: &Run) {
    let (future, code, text) = (run.handle(Kind::Future), run.pick(&[1, 0, -7, i32::MIN]), run.text());
    let said = text.read().unwrap_or_default();
    let wrong = [(text.0.is_some() && text.read().is_none(), E_INVALID)];
    let wanted = set(run, &future, &wrong, State::Failure(code, said.into()));
    call!(run, threading_future_set_failure(future, code, text) => wanted);
}

/// A timeout for a wait for this one.
fn timeout(run: &Run, future: &Handle) -> i64 {
    let blocks = run.world().futures.get(&future.id).is_some_and(|future| !future.is_done());
    run.timeout(blocks)
}

fn result(run: &Run) {
    let future = run.handle(Kind::Future);
    let timeout = timeout(run, &future);
    let value: Out<Pointer> = run.out(usize::MAX as Pointer, "&value");
    let wrong = [(timeout < FOREVER || value.is_null(), E_INVALID)];
    let mut state = State::Pending;
    let wanted = run.ask(
        &future,
        |world| &mut world.futures,
        &wrong,
        |future, _| {
            state = future.state.clone();
            future.outcome()
        },
    );
    call!(run, threading_future_result(future, timeout, value) => wanted);
    match state {
        State::Result(item) => run.wrote_item(&value, item),
        _ => run.untouched(&value),
    }
    if let State::Failure(code, text) = state {
        run.world().thread().failure = Some((code, text));
    }
}

fn failure(run: &Run) {
    let future = run.handle(Kind::Future);
    let (timeout, room, code) = (timeout(run, &future), run.room(), run.out(i32::MAX, "&code"));
    let wrong = [(timeout < FOREVER || code.is_null() || room.is_wrong(), E_INVALID)];
    let has_result =
        run.world().futures.get(&future.id).is_some_and(|future| matches!(future.state, State::Result(_)));
    let mut failed = None;
    let wanted = run.ask(
        &future,
        |world| &mut world.futures,
        &wrong,
        |future, _| match &future.state {
            State::Failure(code, text) => {
                failed = Some((*code, text.clone()));
                OK
            }
            State::Result(_) => E_STATE,
            _ => future.outcome(),
        },
    );
    // Who is wrong in two ways is told one of them.
    let wanted = if has_result { wanted.or(E_STATE) } else { wanted };
    let (place, size) = (room.place(), room.size());
    call!(run, threading_future_failure(future, timeout, code, place, size, room.needed) => wanted);
    match failed {
        Some((number, text)) => {
            run.wrote(&code, "code", number);
            run.wrote_text(&room, Some(&text));
        }
        None => {
            run.untouched(&code);
            run.wrote_text(&room, None);
        }
    }
}

fn cancel(run: &Run) {
    let future = run.handle(Kind::Future);
    let mut expected = Vec::new();
    let wanted = run.ask(
        &future,
        |world| &mut world.futures,
        &[],
        |it, _| match it.state {
            State::Pending => {
                expected = it.end(future.id, State::Cancelled(false));
                OK
            }
            State::Cancelled(_) => OK,
            _ => E_STATE,
        },
    );
    run.world().expected.extend(expected);
    call!(run, threading_future_cancel(future) => wanted);
}

fn cancelled(run: &Run) {
    let future = run.handle(Kind::Future);
    let wanted = run.ask(
        &future,
        |world| &mut world.futures,
        &[],
        |future, _| matches!(future.state, State::Cancelled(_)) as i64,
    );
    call!(run, threading_future_cancelled(future) => wanted);
}

fn running(run: &Run) {
    let future = run.handle(Kind::Future);
    let wanted = run.ask(
        &future,
        |world| &mut world.futures,
        &[],
        |future, _| (future.state == State::Running) as i64,
    );
    call!(run, threading_future_running(future) => wanted);
}

fn done(run: &Run) {
    let future = run.handle(Kind::Future);
    let wanted = run.ask(&future, |world| &mut world.futures, &[], |future, _| future.is_done() as i64);
    call!(run, threading_future_done(future) => wanted);
}

fn add_done_callback(run: &Run) {
    let future = run.handle(Kind::Future);
    let callback: Named<DoneCallback> =
        if run.rarely() { Named(None, "NULL") } else { Named(Some(callbacks::done as _), "done") };
    let (item, destructor) = (run.item(), run.destructor());
    let has_destructor = destructor.0.is_some();
    let mut expected = Vec::new();
    let wrong = [(callback.0.is_none(), E_INVALID)];
    let wanted = run.ask(
        &future,
        |world| &mut world.futures,
        &wrong,
        |it, _| {
            if it.is_done() {
                expected = calls(future.id, item.0, has_destructor).collect();
            } else {
                it.callbacks.push((item.0, has_destructor));
            }
            OK
        },
    );
    run.world().expected.extend(expected);
    call!(run, threading_future_add_done_callback(future, callback, item, destructor) => wanted);
}

/// Not the future of a task that is still to come: who is called then, and with what, is not the model's to say.
fn destroy(run: &Run) {
    let future = run.handle(Kind::Future);
    let is_to_come =
        run.world().futures.get(&future.id).is_some_and(|future| future.is_task && !future.is_done());
    if !is_to_come {
        destroy_it(run, future);
    }
}

fn destroy_it(run: &Run, future: Handle) {
    let mut expected = Vec::new();
    let wanted = run.ask(
        &future,
        |world| &mut world.futures,
        &[],
        |future, _| {
            let callbacks = core::mem::take(&mut future.callbacks);
            expected.extend(
                callbacks.into_iter().filter(|(_, ends)| *ends).map(|(arg, _)| Called::Destructor(arg)),
            );
            OK
        },
    );
    run.world().expected.extend(expected);
    call!(run, threading_future_destroy(future) => wanted);
    if wanted.is(OK) {
        run.world().futures.remove(&future.id);
        run.forget(Kind::Future, future.id);
    }
}

fn wait_for_several(run: &Run) {
    let futures: Vec<Handle> = (0..run.below(5)).map(|_| run.handle(Kind::Future)).collect();
    let when = run.pick(&[0, 1, 2, 2, 3, -1]);
    let ids: Vec<u64> = futures.iter().map(|future| future.id).collect();
    let states: Option<Vec<State>> = {
        let world = run.world();
        ids.iter().map(|id| world.futures.get(id).map(|future| future.state.clone())).collect()
    };
    let done: Vec<bool> =
        states.iter().flatten().map(|state| !matches!(state, State::Pending | State::Running)).collect();
    let failed = states.iter().flatten().any(|state| matches!(state, State::Failure(..)));
    let all = done.iter().all(|done| *done);
    let is_over = match when {
        0 => all || done.contains(&true),
        1 => all || failed,
        _ => all,
    };
    let timeout = run.timeout(!is_over);
    let flags: Array<i32, 8> = Array::new(-9, futures.len(), "flags");
    let no_flags = run.rarely();
    let place =
        if no_flags { Named(core::ptr::null_mut(), "NULL") } else { Named(flags_of(&flags), "flags") };
    let is_wrong = timeout < FOREVER || !(0..=2).contains(&when);
    let wanted = refused(&[(is_wrong, E_INVALID), (states.is_none(), E_HANDLE)])
        .otherwise(|| if is_over { OK } else { TIMEOUT });
    let list = Written(ids.as_ptr(), shown(&futures));
    call!(run, threading_futures_wait(list, ids.len(), when, timeout, place) => wanted);
    let now = flags.now();
    let written = !no_flags && (wanted.is(OK) || wanted.is(TIMEOUT));
    if written && now.iter().zip(&done).any(|(flag, done)| *flag != *done as i32) {
        run.fail(&format!("the flags are {:?}, not {done:?}", &now[..done.len()]));
    }
    if flags.touched() > if written { done.len() } else { 0 } {
        run.fail("flags were written that should not be");
    }
}

fn flags_of(flags: &Array<i32, 8>) -> *mut i32 {
    crate::argument::Argument::raw(flags)
}

/// The list as C writes it.
fn shown(futures: &[Handle]) -> String {
    use crate::argument::Argument;
    let names: Vec<String> = futures.iter().map(|future| future.shown().to_string()).collect();
    if names.is_empty() { "NULL".into() } else { format!("(threading_future[]){{ {} }}", names.join(", ")) }
}

pub(crate) fn clear(run: &Run) {
    for future in run.all(Kind::Future) {
        destroy_it(run, future);
    }
}
