//! What a thread is called, what the system calls it, and how it is to run.

use super::thread::{State, Thread};
use crate::abi::*;
use crate::run::{Run, call};
use crate::trace::Kind;

pub(super) fn name(run: &Run) {
    let (thread, room) = (run.handle(Kind::Thread), run.room());
    let mut text = None;
    let wanted = run.ask(
        &thread,
        |world| &mut world.threads,
        &[(room.is_wrong(), E_INVALID)],
        |thread, _| {
            text = Some(thread.name.clone());
            OK
        },
    );
    let (place, size) = (room.place(), room.size());
    call!(run, threading_thread_name(thread, place, size, room.needed) => wanted);
    run.wrote_text(&room, text.as_deref());
}

pub(super) fn set_name(run: &Run) {
    let (thread, text) = (run.handle(Kind::Thread), run.text());
    let wrong = [(text.read().is_none(), E_INVALID)];
    let wanted = run.ask(
        &thread,
        |world| &mut world.threads,
        &wrong,
        |thread, _| {
            thread.name = text.read().unwrap_or_default().into();
            OK
        },
    );
    call!(run, threading_thread_set_name(thread, text) => wanted);
}

pub(super) fn ident(run: &Run) {
    let (thread, out) = (run.handle(Kind::Thread), run.out(u64::MAX, "&number"));
    let wanted = run.ask(&thread, |world| &mut world.threads, &[(out.is_null(), E_INVALID)], |_, _| OK);
    call!(run, threading_thread_ident(thread, out) => wanted);
    if out.written() != wanted.is(OK).then_some(thread.id) {
        run.fail("the ident is not the handle's number");
    }
}

pub(super) fn native_id(run: &Run) {
    let (thread, out) = (run.handle(Kind::Thread), run.out(u64::MAX, "&number"));
    let is_known =
        run.world().threads.get(&thread.id).is_none_or(|thread| thread.is_alive() && !thread.is_run_here);
    let wrong = [(out.is_null(), E_INVALID), (!is_known, E_STATE)];
    let wanted = run.ask(&thread, |world| &mut world.threads, &wrong, |_, _| OK);
    call!(run, threading_thread_native_id(thread, out) => wanted);
    if out.written().is_some() != wanted.is(OK) || out.written() == Some(0) {
        run.fail("the native id was not written, or should not have been");
    }
}

pub(super) fn is_daemon(run: &Run) {
    let thread = run.handle(Kind::Thread);
    let wanted = run.ask(&thread, |world| &mut world.threads, &[], |thread, _| thread.is_daemon as i64);
    call!(run, threading_thread_is_daemon(thread) => wanted);
}

pub(super) fn set_daemon(run: &Run) {
    let (thread, daemon) = (run.handle(Kind::Thread), run.pick(&[1, 0, 2, 3, -1]));
    let is_late = run.world().threads.get(&thread.id).is_some_and(|thread| thread.state != State::Unstarted);
    let wrong = [(!(0..=2).contains(&daemon), E_INVALID), (is_late, E_STATE)];
    let wanted = run.ask(
        &thread,
        |world| &mut world.threads,
        &wrong,
        |thread, _| {
            thread.is_daemon = daemon == 1;
            OK
        },
    );
    call!(run, threading_thread_set_daemon(thread, daemon) => wanted);
}

/// Only what the thread was told: what it inherits is the system's.
pub(super) fn priority(run: &Run) {
    let (thread, nice) = (run.handle(Kind::Thread), run.out(i32::MIN, "&code"));
    let state = run.world().threads.get(&thread.id).map(|thread| (thread.state.clone(), thread.nice));
    let is_over = run.world().threads.get(&thread.id).is_some_and(Thread::is_nobody);
    let wrong = [(nice.is_null(), E_INVALID), (is_over, E_STATE)];
    let wanted = run.ask(&thread, |world| &mut world.threads, &wrong, |_, _| OK);
    call!(run, threading_thread_priority(thread, nice) => wanted);
    match state {
        Some((State::Unstarted, Some(told))) if wanted.is(OK) => run.wrote(&nice, "code", told),
        _ if wanted.is(OK) => {}
        _ => run.untouched(&nice),
    }
}

/// Everybody may have the least priority; a thread that runs is left as it is.
pub(super) fn set_priority(run: &Run) {
    let (thread, nice) = (run.handle(Kind::Thread), run.pick(&[19, 20, -21, i32::MAX]));
    let is_alive = run.world().threads.get(&thread.id).is_some_and(Thread::is_alive);
    let nice = if is_alive && nice == 19 { 20 } else { nice };
    let is_over = run.world().threads.get(&thread.id).is_some_and(Thread::is_nobody);
    let wrong = [(nice > 19 || nice < -20, E_INVALID), (is_over, E_STATE)];
    let wanted = run.ask(
        &thread,
        |world| &mut world.threads,
        &wrong,
        |thread, _| {
            thread.nice = Some(nice);
            OK
        },
    );
    call!(run, threading_thread_set_priority(thread, nice) => wanted);
}
