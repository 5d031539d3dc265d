//! Timers: some that fire at once and are waited for, and some that are never due.

use super::Call;
use crate::abi::*;
use crate::argument::{Handle, Named, Written};
use crate::callbacks::{self, Called};
use crate::model::refused;
use crate::run::{Run, call};
use crate::trace::Kind;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// It is due in an hour or later.
    Pending,
    Fired,
}

pub(crate) struct Timer {
    state: State,
    is_cancelled: bool,
    fires_at_once: bool,
    item: usize,
    has_destructor: bool,
}

impl Timer {
    /// Its argument is destroyed, once.
    fn end(&mut self) -> Option<Called> {
        core::mem::take(&mut self.has_destructor).then_some(Called::Destructor(self.item))
    }

    /// Whatever it is asked to do is over.
    fn cancel(&mut self) -> Option<Called> {
        self.is_cancelled |= self.state != State::Fired;
        self.end()
    }
}

pub(crate) const CALLS: &[Call] = &[create, start, cancel, join, destroy, start, join];

const HOUR: i64 = 3_600_000_000_000;

fn create(run: &Run) {
    let interval = run.pick(&[HOUR, 0, i64::MAX, -1, i64::MIN, 0]);
    let callback =
        if run.rarely() { Named(None, "NULL") } else { Named(Some(callbacks::called as _), "called") };
    let item = run.item();
    // One that fires at once and again would be a matter of time.
    let period = if interval == 0 { run.pick(&[0, -1]) } else { run.pick(&[0, HOUR, i64::MAX, -1]) };
    let full = size_of::<threading_timer_options>();
    let size = run.pick(&[full, full, full, 0, full - 8]);
    let destructor = run.destructor();
    let plain = run.below(3) == 0;
    let values = threading_timer_options { size, period_ns: period, arg_destructor: destructor.0 };
    let options = if plain {
        Written(core::ptr::null(), "NULL".into())
    } else {
        let text = format!("&(threading_timer_options){{ {size}, {period}, {} }}", destructor.1);
        Written(&raw const values, text)
    };
    let (out, variable) = run.place(Kind::Timer);
    let is_wrong =
        callback.0.is_none() || out.is_null() || interval < 0 || !plain && (size != full || period < 0);
    let wanted = refused(&[(is_wrong, E_INVALID)]).otherwise(|| OK);
    call!(run, threading_timer_create(interval, callback, item, options, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        let timer = Timer {
            state: State::New,
            is_cancelled: false,
            fires_at_once: interval == 0,
            item: item.0,
            has_destructor: !plain && destructor.0.is_some(),
        };
        run.world().timers.insert(id, timer);
    }
}

fn start(run: &Run) {
    let timer = run.handle(Kind::Timer);
    let (mut expected, mut other) = (None, None);
    let wanted = run.ask(
        &timer,
        |world| &mut world.timers,
        &[],
        |timer, _| {
            if timer.is_cancelled {
                // It may have been started before that.
                other = (timer.state != State::New).then_some(E_STATE);
                return CANCELLED;
            }
            if timer.state != State::New {
                return E_STATE;
            }
            timer.state = State::Pending;
            if timer.fires_at_once {
                timer.state = State::Fired;
                expected = Some([Some(Called::Callback(timer.item)), timer.end()]);
            }
            OK
        },
    );
    let wanted = other.map_or(wanted, |other| wanted.or(other));
    run.ahead(expected.is_some());
    call!(run, threading_timer_start(timer) => wanted);
    if let Some(expected) = expected {
        run.ahead(false);
        run.world().expected.extend(expected.into_iter().flatten());
        call!(run, threading_timer_join(timer, FOREVER) => OK);
    }
}

fn cancel(run: &Run) {
    let timer = run.handle(Kind::Timer);
    let mut expected = None;
    let wanted = run.ask(
        &timer,
        |world| &mut world.timers,
        &[],
        |timer, _| {
            expected = timer.cancel();
            OK
        },
    );
    run.world().expected.extend(expected);
    call!(run, threading_timer_cancel(timer) => wanted);
}

fn join(run: &Run) {
    let timer = run.handle(Kind::Timer);
    let blocks = run
        .world()
        .timers
        .get(&timer.id)
        .is_some_and(|timer| timer.state == State::Pending && !timer.is_cancelled);
    let timeout = run.timeout(blocks);
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let mut other = None;
    let wanted = run.ask(
        &timer,
        |world| &mut world.timers,
        &wrong,
        |timer, _| match timer.state {
            State::Fired => OK,
            State::New if timer.is_cancelled => {
                other = Some(E_STATE);
                CANCELLED
            }
            State::New => E_STATE,
            State::Pending if timer.is_cancelled => CANCELLED,
            State::Pending => TIMEOUT,
        },
    );
    let unstarted = run.world().timers.get(&timer.id).is_some_and(|timer| timer.state == State::New);
    let other = if unstarted { Some(E_STATE) } else { other };
    let wanted = other.map_or(wanted, |other| wanted.or(other));
    call!(run, threading_timer_join(timer, timeout) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Timer));
}

fn destroy_it(run: &Run, timer: Handle) {
    let mut expected = None;
    let wanted = run.ask(
        &timer,
        |world| &mut world.timers,
        &[],
        |timer, _| {
            expected = timer.cancel();
            OK
        },
    );
    run.world().expected.extend(expected);
    call!(run, threading_timer_destroy(timer) => wanted);
    if wanted.is(OK) {
        run.world().timers.remove(&timer.id);
        run.forget(Kind::Timer, timer.id);
    }
}

pub(crate) fn clear(run: &Run) {
    for timer in run.all(Kind::Timer) {
        destroy_it(run, timer);
    }
}
