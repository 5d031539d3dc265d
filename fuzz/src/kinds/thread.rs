//! Threads: unstarted, alive while they do calls of their own, ended with a result or a failure.

use super::Call;
use super::attributes::{ident, is_daemon, name, native_id, priority, set_daemon, set_name, set_priority};
use crate::abi::*;
use crate::argument::{Argument, Handle, Item, Out, Text, Written};
use crate::callbacks::{self, Called, FAILURE};
use crate::model::{self, Frame, Wanted, refused};
use crate::run::{Run, call, running};
use crate::trace::{Kind, Shown, literal};
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Unstarted,
    Alive,
    Ended(Result<usize, (i32, String)>),
}

/// What it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Same,
    Fails,
    Leaves,
    /// Calls of its own.
    Body,
}

pub(crate) struct Thread {
    pub(super) state: State,
    does: Does,
    arg: usize,
    has_destructor: bool,
    pub(super) name: String,
    pub(super) is_daemon: bool,
    is_given_up: bool,
    /// What it is to have, if it was told.
    pub(super) nice: Option<i32>,
    /// Its target is run by another thread.
    pub(super) is_run_here: bool,
}

impl Thread {
    pub(crate) fn is_alive(&self) -> bool {
        self.state == State::Alive
    }

    /// The system has, and will have, no thread for it.
    pub(super) fn is_nobody(&self) -> bool {
        self.is_run_here || matches!(self.state, State::Ended(_))
    }
}

pub(crate) const CALLS: &[Call] = &[
    create,
    start,
    join,
    run_here,
    result,
    failure,
    is_alive,
    destroy,
    name,
    set_name,
    ident,
    native_id,
    is_daemon,
    set_daemon,
    priority,
    set_priority,
    create,
    start,
    start,
];

/// Where a thread waits until whoever started it has said so.
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

/// Whether the target that comes next is a thread's, and not run by its caller.
static STARTS: AtomicBool = AtomicBool::new(false);
static GATE: Gate = Gate { is_open: Mutex::new(false), opened: Condvar::new() };

impl Gate {
    fn set(&self, is_open: bool) {
        *self.is_open.lock().unwrap_or_else(PoisonError::into_inner) = is_open;
        self.opened.notify_all();
    }

    /// Waits for it to open, and closes it again.
    fn pass(&self) {
        let mut is_open = self.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_open {
            is_open = self.opened.wait(is_open).unwrap_or_else(PoisonError::into_inner);
        }
        *is_open = false;
    }
}

/// Runs calls, on a thread of its own or on that of the caller.
unsafe extern "C-unwind" fn body(arg: Pointer) -> Pointer {
    let run = running();
    // SAFETY: it has no arguments.
    let me = unsafe { threading_current_thread() };
    let is_elsewhere = STARTS.swap(false, Ordering::AcqRel);
    if is_elsewhere {
        GATE.pass();
        run.ahead(false);
    }
    let caller = is_elsewhere.then(|| model::Thread { id: me, ..model::Thread::default() });
    let frame = run.inside(arg as u32, caller, Frame::Target(None));
    run.world().ended_body = Some(frame);
    if is_elsewhere {
        run.ahead(true);
    }
    arg
}

/// What comes first: the main thread, and the number of the next name.
pub(crate) fn begin(run: &Run) {
    // SAFETY: it has no arguments.
    let main = unsafe { threading_main_thread() };
    let variable = run.trace().declare(Kind::Thread);
    run.say(format!("{variable} = threading_main_thread();"));
    run.world().thread().id = main;
    run.know(main, variable);
    let thread = Thread {
        state: State::Alive,
        does: Does::Same,
        arg: 0,
        has_destructor: false,
        name: MAIN.to_string_lossy().into(),
        is_daemon: false,
        is_given_up: true,
        nice: None,
        is_run_here: false,
    };
    run.world().threads.insert(main, thread);
    call!(run, threading_thread_set_name(main_handle(run), Text(Some(MAIN))) => OK);
    count_names(run);
}

const MAIN: &core::ffi::CStr = c"MainThread";

fn main_handle(run: &Run) -> Handle {
    run.all(Kind::Thread)[0]
}

pub(crate) fn end(run: &Run) {
    call!(run, threading_thread_set_name(main_handle(run), Text(Some(MAIN))) => OK);
}

/// Learns which number the next thread without a name gets.
pub(crate) fn count_names(run: &Run) {
    let (mut id, mut text) = (0, [0u8; 64]);
    // SAFETY: all pointers lead to variables here.
    let status = unsafe {
        threading_thread_create(Some(callbacks::same), core::ptr::null_mut(), core::ptr::null(), &mut id)
            | threading_thread_name(id, text.as_mut_ptr().cast(), text.len(), core::ptr::null_mut())
            | threading_thread_destroy(id)
    };
    let text = String::from_utf8_lossy(&text);
    let number =
        text.trim_end_matches('\0').strip_prefix("Thread-").and_then(|number| number.parse::<u64>().ok());
    match number {
        Some(number) if status == 0 => run.world().names = number + 1,
        _ => run.fail(&format!("a thread without a name is called {text:?}")),
    }
}

fn create(run: &Run) {
    let does = run.pick(&[Does::Same, Does::Body, Does::Fails, Does::Body, Does::Leaves]);
    let arg = if does == Does::Body {
        run.world().bodies += 1;
        Item(run.world().bodies as usize)
    } else {
        run.item()
    };
    let target: Target = match does {
        _ if run.rarely() => None,
        Does::Same => Some(callbacks::same),
        Does::Fails => Some(callbacks::fails),
        Does::Leaves => Some(callbacks::leaves),
        Does::Body => Some(body),
    };
    let target = Written(
        target,
        match does {
            _ if target.is_none() => "NULL".into(),
            Does::Same => "same".into(),
            Does::Fails => "fails".into(),
            Does::Leaves => "leaves".into(),
            Does::Body => format!("body_{}", arg.0),
        },
    );
    let full = size_of::<threading_thread_options>();
    let text = run.text();
    let destructor = run.destructor();
    let values = threading_thread_options {
        size: run.pick(&[full, full, full, full, 0, full - 8]),
        name: text.raw(),
        daemon: run.pick(&[0, 1, 2, 0, 1, 3, -1]),
        priority: run.pick(&[0, 0, 0, 0, 20, -21]),
        stack_size: run.pick(&[0, 0, 1 << 18, 1]),
        cpus: core::ptr::null(),
        cpu_count: run.pick(&[0, 0, 0, 0, 1]),
        arg_size: 0,
        arg_destructor: destructor.0,
    };
    let plain = run.below(3) == 0;
    // A foreign thread gets a number when it is first seen.
    if run.world().me != 0 {
        count_names(run);
    }
    let options = if plain {
        Written(core::ptr::null(), "NULL".into())
    } else {
        Written(&raw const values, shown(&values, &text, destructor.1))
    };
    let (out, variable) = run.place(Kind::Thread);
    let is_wrong = values.size != full
        || text.0.is_some() && text.read().is_none()
        || !(0..=2).contains(&values.daemon)
        || values.priority != 0
        || values.stack_size == 1
        || values.cpu_count != 0;
    let wanted =
        refused(&[(target.0.is_none() || out.is_null() || !plain && is_wrong, E_INVALID)]).otherwise(|| OK);
    call!(run, threading_thread_create(target, arg, options, out) => wanted);
    let Some(id) = run.made(&out, variable, wanted) else {
        // Whether a call that failed has used up a name is nobody's business.
        count_names(run);
        return;
    };
    let mut world = run.world();
    let creator = world.thread().id;
    let inherited = world.threads.get(&creator).is_none_or(|creator| creator.is_daemon);
    let name = match text.read() {
        Some(name) if !plain && !name.is_empty() => name.to_string(),
        _ => {
            world.names += 1;
            format!("Thread-{}", world.names - 1)
        }
    };
    let is_daemon = match values.daemon {
        1 if !plain => true,
        2 if !plain => false,
        _ => inherited,
    };
    let thread = Thread {
        state: State::Unstarted,
        does,
        arg: arg.0,
        has_destructor: !plain && destructor.0.is_some(),
        name,
        is_daemon,
        is_given_up: false,
        nice: None,
        is_run_here: false,
    };
    world.threads.insert(id, thread);
}

/// The options as C writes them.
fn shown(values: &threading_thread_options, name: &Text, destructor: &str) -> String {
    let name = name.0.map_or("NULL".into(), |name| literal(name.to_bytes()));
    format!(
        "&(threading_thread_options){{ .size = {}, .name = {name}, .daemon = {}, .priority = {}, .stack_size = {}, \
         .cpu_count = {}, .arg_destructor = {destructor} }}",
        values.size, values.daemon, values.priority, values.stack_size, values.cpu_count
    )
}

/// Takes the state of a thread that is to begin.
fn begin_target(run: &Run, thread: &Handle) -> (Wanted, Option<(Does, usize)>) {
    let mut begun = None;
    let wanted = run.ask(
        thread,
        |world| &mut world.threads,
        &[],
        |thread, _| {
            if thread.state != State::Unstarted {
                return E_STATE;
            }
            thread.state = State::Alive;
            begun = Some((thread.does, thread.arg));
            OK
        },
    );
    (wanted, begun)
}

/// The target has ended; says with what it failed.
fn end_target(run: &Run, id: u64, does: Does, arg: usize, is_started: bool) -> Option<(i32, String)> {
    let failure = match does {
        Does::Same => None,
        Does::Fails => Some((FAILURE.0, FAILURE.1.to_string())),
        Does::Leaves => Some((CANCELLED as i32, String::new())),
        Does::Body => match run.world().ended_body.take() {
            Some(Frame::Target(failure)) => failure,
            _ => None,
        },
    };
    let mut world = run.world();
    let Some(thread) = world.threads.get_mut(&id) else { return failure };
    thread.state = State::Ended(failure.clone().map_or(Ok(arg), Err));
    let ends = core::mem::take(&mut thread.has_destructor).then_some(Called::Destructor(arg));
    let hears = failure
        .as_ref()
        .filter(|_| is_started && does != Does::Leaves)
        .map(|failure| Called::Hook(id, failure.0));
    world.expected.extend(ends.into_iter().chain(hears));
    failure
}

fn start(run: &Run) {
    let thread = run.handle(Kind::Thread);
    let (wanted, begun) = begin_target(run, &thread);
    let Some((does, arg)) = begun else {
        call!(run, threading_thread_start(thread) => wanted);
        return;
    };
    run.ahead(true);
    STARTS.store(does == Does::Body, Ordering::Release);
    call!(run, threading_thread_start(thread) => wanted);
    run.begin("threading_thread_join", vec![thread.shown(), Shown::Code("THREADING_FOREVER")]);
    if does == Does::Body {
        GATE.set(true);
    } else {
        run.world().expected.push(Called::Target(arg));
    }
    // SAFETY: any handle is allowed.
    let joined = unsafe { threading_thread_join(thread.id, FOREVER) };
    run.ahead(false);
    end_target(run, thread.id, does, arg, true);
    run.end("threading_thread_join", joined.into(), OK.into());
    if forget_if_given_up(run, thread.id) {
        await_end_of_handle(run, &thread);
    }
}

/// A thread that was given up while it ran is gone with its end.
fn forget_if_given_up(run: &Run, id: u64) -> bool {
    let is_gone = run.world().threads.get(&id).is_some_and(|thread| thread.is_given_up);
    if is_gone {
        run.world().threads.remove(&id);
        run.forget(Kind::Thread, id);
    }
    is_gone
}

/// A joiner may go on a moment before the handle of a thread that gave itself up is gone.
fn await_end_of_handle(run: &Run, thread: &Handle) {
    let begin = Instant::now();
    // SAFETY: any handle is allowed.
    while i64::from(unsafe { threading_thread_is_alive(thread.id) }) != E_HANDLE {
        if begin.elapsed() > PATIENCE {
            run.fail("a thread that was given up has ended, but its handle is still good");
        }
        std::thread::yield_now();
    }
    run.world().thread().failed_in = Some("threading_thread_is_alive");
    run.say(format!("WAIT_UNTIL(threading_thread_is_alive({}) == THREADING_E_HANDLE);", thread.shown()));
}

/// Far longer than a thread needs from its last word to its end.
const PATIENCE: Duration = Duration::from_secs(20);

fn run_here(run: &Run) {
    let thread = run.handle(Kind::Thread);
    // Who leaves would end the thread that calls.
    if run.world().threads.get(&thread.id).is_some_and(|thread| thread.does == Does::Leaves) {
        return;
    }
    let (wanted, begun) = begin_target(run, &thread);
    let Some((does, arg)) = begun else {
        call!(run, threading_thread_run(thread) => wanted);
        return;
    };
    if let Some(thread) = run.world().threads.get_mut(&thread.id) {
        thread.is_run_here = true;
    }
    run.begin("threading_thread_run", vec![thread.shown()]);
    if does != Does::Body {
        run.world().expected.push(Called::Target(arg));
    }
    // SAFETY: any handle is allowed.
    let got = unsafe { threading_thread_run(thread.id) };
    let failure = end_target(run, thread.id, does, arg, false);
    run.end("threading_thread_run", got.into(), failure.map_or(OK, |_| FAILED).into());
    forget_if_given_up(run, thread.id);
}

fn join(run: &Run) {
    let thread = run.handle(Kind::Thread);
    let is_self = run.world().thread().id == thread.id;
    let blocks = run.world().threads.get(&thread.id).is_some_and(Thread::is_alive) && !is_self;
    let timeout = run.timeout(blocks);
    let unstarted =
        run.world().threads.get(&thread.id).is_some_and(|thread| thread.state == State::Unstarted);
    let wrong = [(timeout < FOREVER, E_INVALID), (unstarted, E_STATE), (is_self, E_DEADLOCK)];
    let wanted = run.ask(
        &thread,
        |world| &mut world.threads,
        &wrong,
        |thread, _| {
            if thread.is_alive() { TIMEOUT } else { OK }
        },
    );
    call!(run, threading_thread_join(thread, timeout) => wanted);
}

fn result(run: &Run) {
    let thread = run.handle(Kind::Thread);
    let value: Out<Pointer> = run.out(usize::MAX as Pointer, "&value");
    let state = run.world().threads.get(&thread.id).map(|thread| thread.state.clone());
    let is_early = matches!(state, Some(State::Unstarted | State::Alive));
    let wrong = [(value.is_null(), E_INVALID), (is_early, E_STATE)];
    let wanted = run.ask(
        &thread,
        |world| &mut world.threads,
        &wrong,
        |thread, _| {
            if matches!(thread.state, State::Ended(Ok(_))) { OK } else { FAILED }
        },
    );
    call!(run, threading_thread_result(thread, value) => wanted);
    match state {
        Some(State::Ended(Ok(item))) if wanted.is(OK) => run.wrote_item(&value, item),
        _ => run.untouched(&value),
    }
}

fn failure(run: &Run) {
    let thread = run.handle(Kind::Thread);
    let (room, code) = (run.room(), run.out(i32::MAX, "&code"));
    let state = run.world().threads.get(&thread.id).map(|thread| thread.state.clone());
    let failed = match state {
        Some(State::Ended(Err(failure))) => Some(failure),
        _ => None,
    };
    let lives = run.world().threads.contains_key(&thread.id);
    let wrong = [(code.is_null() || room.is_wrong(), E_INVALID), (lives && failed.is_none(), E_STATE)];
    let wanted = run.ask(&thread, |world| &mut world.threads, &wrong, |_, _| OK);
    let (place, size) = (room.place(), room.size());
    call!(run, threading_thread_failure(thread, code, place, size, room.needed) => wanted);
    match failed {
        Some((number, text)) if wanted.is(OK) => {
            run.wrote(&code, "code", number);
            run.wrote_text(&room, Some(&text));
        }
        _ => {
            run.untouched(&code);
            run.wrote_text(&room, None);
        }
    }
}

fn is_alive(run: &Run) {
    let thread = run.handle(Kind::Thread);
    let wanted = run.ask(&thread, |world| &mut world.threads, &[], |thread, _| thread.is_alive() as i64);
    call!(run, threading_thread_is_alive(thread) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Thread));
}

fn destroy_it(run: &Run, thread: Handle) {
    let mut expected = None;
    let wanted = run.ask(
        &thread,
        |world| &mut world.threads,
        &[],
        |thread, _| {
            if core::mem::replace(&mut thread.is_given_up, true) {
                return E_STATE;
            }
            if thread.state == State::Unstarted && thread.has_destructor {
                expected = Some(Called::Destructor(thread.arg));
            }
            OK
        },
    );
    run.world().expected.extend(expected);
    call!(run, threading_thread_destroy(thread) => wanted);
    let is_alive = run.world().threads.get(&thread.id).is_some_and(Thread::is_alive);
    if wanted.is(OK) && !is_alive {
        run.world().threads.remove(&thread.id);
        run.forget(Kind::Thread, thread.id);
    }
}

pub(crate) fn clear(run: &Run) {
    for thread in run.all(Kind::Thread).into_iter().skip(1) {
        destroy_it(run, thread);
    }
}
