//! Calls that belong to no object: texts, times, and who there is.

use super::Call;
use crate::abi::*;
use crate::argument::{Argument, Array, Named, Written};
use crate::model::{Frame, Thread, refused};
use crate::run::{Run, call};
use crate::trace::{Kind, literal};
use core::ffi::CStr;

pub(crate) const CALLS: &[Call] = &[
    last_error,
    last_failure,
    names,
    fail,
    elsewhere,
    current,
    enumerate,
    seconds,
    until,
    sleep,
    outside,
    stack_size,
    setpriority,
    elsewhere,
];

/// The story of the last failure begins with the function that failed.
fn last_error(run: &Run) {
    let failed_in = run.world().thread().failed_in;
    let Some(function) = failed_in else { return };
    // SAFETY: the text is good until the next call fails.
    let story = unsafe { CStr::from_ptr(threading_last_error()) }.to_string_lossy();
    run.say(format!(
        "CHECK(strncmp(threading_last_error(), \"{function}: \", {}) == 0);",
        function.len() + 2
    ));
    if !story.starts_with(&format!("{function}: ")) || story.len() < function.len() + 5 {
        run.fail(&format!("the story is {story:?}"));
    }
}

fn last_failure(run: &Run) {
    let Some(failure) = run.world().thread().failure.clone() else { return };
    let (room, code) = (run.room(), run.out(i32::MAX, "&code"));
    let wanted = refused(&[(code.is_null() || room.is_wrong(), E_INVALID)]).otherwise(|| OK);
    let (place, size) = (room.place(), room.size());
    call!(run, threading_last_failure(code, place, size, room.needed) => wanted);
    if wanted.is(OK) {
        run.wrote(&code, "code", failure.0);
        run.wrote_text(&room, Some(&failure.1));
    } else {
        run.untouched(&code);
        run.wrote_text(&room, None);
    }
}

/// Each number has a name and a message, known or not.
fn names(run: &Run) {
    let status = run.pick(&[0, 1, 7, -1, -14, -15, 8, i32::MIN, i32::MAX]);
    // SAFETY: any number is allowed, and the texts are good for ever.
    let (name, message) = unsafe {
        (CStr::from_ptr(threading_status_name(status)), CStr::from_ptr(threading_status_message(status)))
    };
    let is_known = (-14..=7).contains(&status);
    run.say(format!("STR_EQ(threading_status_name({status}), {});", literal(name.to_bytes())));
    if is_known != name.to_bytes().starts_with(b"THREADING_") || message.is_empty() {
        run.fail(&format!("status {status} is {name:?}, {message:?}"));
    }
}

fn fail(run: &Run) {
    let (code, text) = (run.pick(&[5, 0, -3, i32::MAX]), run.text());
    let is_wrong = text.0.is_some() && text.read().is_none();
    let mut world = run.world();
    let frame = world.frame();
    let no_target = !matches!(frame, Some(Frame::Target(_)));
    let wanted = refused(&[(is_wrong, E_INVALID), (no_target, E_STATE)]).otherwise(|| OK);
    if let Some(Frame::Target(failure)) = frame
        && wanted.is(OK)
    {
        *failure = Some((code, text.read().unwrap_or_default().into()));
    }
    drop(world);
    call!(run, threading_fail(code, text) => wanted);
}

/// Does some calls on a thread that the library did not start.
fn elsewhere(run: &Run) {
    if run.world().depth() >= 2 || run.world().callers.len() > 6 {
        return;
    }
    run.world().bodies += 1;
    let body = run.world().bodies;
    run.say(format!(
        "{{ pthread_t foreign; pthread_create(&foreign, NULL, body_{body}, NULL); pthread_join(foreign, NULL); }}"
    ));
    run.ahead(true);
    let foreign = std::thread::spawn(move || {
        let run = crate::run::running();
        run.ahead(false);
        run.inside(body, Some(Thread::default()), Frame::Nothing);
        run.ahead(true);
    });
    if foreign.join().is_err() {
        run.fail("a thread of the program ended by a panic");
    }
    run.ahead(false);
    // What the end of the thread has destroyed is compared with the next call.
    sleep_no_time(run);
    super::thread::count_names(run);
}

fn sleep_no_time(run: &Run) {
    call!(run, threading_sleep(0i64) => OK);
}

/// Everybody says the same of who calls.
fn current(run: &Run) {
    // SAFETY: these have no arguments.
    let (id, ident, main) =
        unsafe { (threading_current_thread(), threading_get_ident(), threading_main_thread()) };
    run.say("CHECK(threading_current_thread().id == threading_get_ident());".into());
    let is_main = run.world().me == 0;
    let known = run.world().thread().id;
    if id == 0 || id != ident || known != 0 && known != id || is_main != (main == id) {
        run.fail(&format!(
            "the current thread is {id:#x}, {ident:#x}, the main one {main:#x}, known {known:#x}"
        ));
    }
    run.world().thread().id = id;
}

/// The list has as many as there is room for, with the main thread and the caller among all.
fn enumerate(run: &Run) {
    let threads: Array<u64, 64> = Array::new(u64::MAX, run.pick(&[60, 0, 1, 2]), "threads");
    let count = run.out(usize::MAX, "&needed");
    let is_null = run.rarely();
    let place = if is_null { Named(core::ptr::null_mut(), "NULL") } else { Named(threads.raw(), "threads") };
    // SAFETY: these have no arguments.
    let (me, main) = unsafe { (threading_current_thread(), threading_main_thread()) };
    let wanted = refused(&[(count.is_null() || is_null && threads.size > 0, E_INVALID)]).otherwise(|| OK);
    call!(run, threading_enumerate(place, threads.size, count) => wanted);
    let Some(all) = count.written() else {
        if wanted.is(OK) || threads.touched() > 0 {
            run.fail("the count was not written, or the list was");
        }
        return;
    };
    let listed = &threads.now()[..all.min(threads.size)];
    let touched = if is_null { 0 } else { listed.len() };
    if !wanted.is(OK) || threads.touched() != touched {
        run.fail(&format!("{} places were written, not {touched}", threads.touched()));
    }
    let is_whole = !is_null && all <= threads.size;
    let gone = listed.iter().any(|id| run.world().threads.get(id).is_some_and(|thread| !thread.is_alive()));
    if is_whole && !(listed.contains(&me) && listed.contains(&main)) || gone {
        run.fail(&format!("the list is {listed:x?}, the caller {me:#x}, the main thread {main:#x}"));
    }
}

fn seconds(run: &Run) {
    let cases: [(f64, &str, i64); 8] = [
        (0.0, "0.0", 0),
        (1.5, "1.5", 1_500_000_000),
        (1e-12, "1e-12", 1),
        (-1.0, "-1.0", -2),
        (f64::NAN, "0.0 / 0.0", -2),
        (f64::INFINITY, "1.0 / 0.0", i64::MAX),
        (1e300, "1e300", i64::MAX),
        (-1e-300, "-1e-300", -2),
    ];
    let (seconds, text, wanted) = cases[run.below(cases.len())];
    call!(run, threading_seconds(Written(seconds, text.into())) => wanted);
}

fn until(run: &Run) {
    let deadline = run.pick(&[0, -1, i64::MIN, 1]);
    call!(run, threading_until(deadline) => 0);
}

fn sleep(run: &Run) {
    let timeout = run.pick(&[0, 1, -2, i64::MIN]);
    call!(run, threading_sleep(timeout) => if timeout < FOREVER { E_INVALID } else { OK });
}

/// What only tasks of a pool may do.
fn outside(run: &Run) {
    call!(run, threading_worker_index() => -1);
    call!(run, threading_blocking_begin() => E_STATE);
    call!(run, threading_blocking_end() => E_STATE);
}

/// Refused or as it was: the threads of the run keep the stack that they have.
fn stack_size(run: &Run) {
    let previous = run.out(usize::MAX, "&needed");
    let bytes = run.pick(&[0usize, 1, 32 * 1024 - 1]);
    let wanted = if bytes == 0 { OK } else { E_INVALID };
    call!(run, threading_stack_size(bytes, previous) => wanted);
    if wanted == OK {
        run.wrote(&previous, "needed", 0);
    } else {
        run.untouched(&previous);
    }
}

fn setpriority(run: &Run) {
    let thread = run.handle(Kind::Thread);
    let nice = run.pick(&[-21, 20, i32::MIN, i32::MAX]);
    call!(run, threading_setpriority(thread.id, nice) => E_INVALID);
}
