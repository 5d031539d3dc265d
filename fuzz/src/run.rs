//! One run: reads choices, calls, and compares.

use crate::abi::*;
use crate::argument::{Handle, Item, Named, Out, Room, Text};
use crate::callbacks::{self, Called};
use crate::input::Input;
use crate::kinds;
use crate::model::{Frame, Thread, Wanted, World, refused};
use crate::trace::{KINDS, Kind, Shown, Step, Trace, Variable, literal, status_name};
use core::cell::{Cell, RefCell, RefMut};
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::collections::HashMap;

/// Calls of one input at most.
const CALLS: usize = 400;
/// A handle that no create writes.
const UNMADE: u64 = 0x5a5a_5a5a_5a5a_5a5a;

/// Calls an exported function, and ends the process when what it returns is not wanted.
macro_rules! call {
    ($run:expr, $function:ident($($arg:expr),*) => $wanted:expr) => {{
        $run.begin(stringify!($function), vec![$($crate::argument::Argument::shown(&$arg)),*]);
        // SAFETY: each pointer that an argument makes is good for the call.
        let got = unsafe { $crate::abi::$function($($crate::argument::Argument::raw(&$arg)),*) } as i64;
        $run.end(stringify!($function), got, $crate::model::Wanted::from($wanted))
    }};
}
pub(crate) use call;

/// What came of an input.
pub struct Played {
    /// Calls that were compared.
    pub calls: usize,
}

/// What can be chosen for a parameter of this kind.
#[derive(Default)]
struct Known {
    live: Vec<(u64, Variable)>,
    gone: Vec<(u64, Variable)>,
}

pub(crate) struct Run<'a> {
    input: RefCell<Input<'a>>,
    trace: RefCell<Trace>,
    world: RefCell<World>,
    known: RefCell<HashMap<Kind, Known>>,
    calls: Cell<usize>,
    /// Whether what is called back meanwhile belongs to a later call.
    is_ahead: Cell<bool>,
    bytes: &'a [u8],
}

/// The run of this process, for callbacks.
static RUNNING: AtomicPtr<Run> = AtomicPtr::new(core::ptr::null_mut());
/// Whether each call is printed before it is made.
pub(crate) static LOUD: AtomicBool = AtomicBool::new(false);

/// Plays an input on the calling thread, which has to be the main one. `loud` prints each call as it comes.
pub fn play(bytes: &[u8], loud: bool) -> Played {
    LOUD.store(loud, Ordering::Relaxed);
    let run = Run {
        input: RefCell::new(Input::new(bytes)),
        trace: RefCell::default(),
        world: RefCell::default(),
        known: RefCell::default(),
        calls: Cell::new(0),
        is_ahead: Cell::new(false),
        bytes,
    };
    RUNNING.store((&raw const run).cast_mut().cast(), Ordering::Release);
    run.play();
    RUNNING.store(core::ptr::null_mut(), Ordering::Release);
    Played { calls: run.calls.get() }
}

/// The run of this process.
pub(crate) fn running() -> &'static Run<'static> {
    // SAFETY: only callbacks ask, during a run; it is on the main thread's stack, which waits for them, and only one
    // thread does something at any time.
    unsafe { &*RUNNING.load(Ordering::Acquire) }
}

/// Which worker of a pool the hook hears of is not for the model to say.
fn same_order(called: &[Called], expected: &[Called]) -> bool {
    let is_same = |(called, expected): (&Called, &Called)| match (called, expected) {
        (Called::Hook(_, code), Called::Hook(0, wanted)) => code == wanted,
        _ => called == expected,
    };
    called.len() == expected.len() && called.iter().zip(expected).all(is_same)
}

impl Run<'_> {
    fn play(&self) {
        self.trace.borrow_mut().open_test();
        let hook: Named<FailureHook> = Named(Some(callbacks::hook), "hook");
        call!(self, threading_set_excepthook(hook, Item(0)) => OK);
        kinds::thread::begin(self);
        while !self.is_over() {
            kinds::one(self);
        }
        kinds::clear(self);
        kinds::thread::end(self);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.input.borrow().is_empty() || self.calls.get() >= CALLS
    }

    pub(crate) fn world(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    pub(crate) fn trace(&self) -> RefMut<'_, Trace> {
        self.trace.borrow_mut()
    }

    // ---- Choices ----

    pub(crate) fn below(&self, end: usize) -> usize {
        self.input.borrow_mut().below(end)
    }

    pub(crate) fn rarely(&self) -> bool {
        self.input.borrow_mut().byte() >= 240
    }

    pub(crate) fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A timeout; a call that would wait gets next to none, and never one that would end the program.
    pub(crate) fn timeout(&self, blocks: bool) -> i64 {
        let timeout = self.pick(&[0, FOREVER, 0, i64::MAX, 1, 3_600_000_000_000, -2, i64::MIN]);
        if blocks && (timeout == FOREVER || timeout > 1) { 0 } else { timeout }
    }

    /// A pointer that nobody follows, another one each time, but sometimes NULL.
    pub(crate) fn item(&self) -> Item {
        if self.rarely() {
            return Item(0);
        }
        let mut world = self.world();
        world.items += 1;
        Item(world.items)
    }

    pub(crate) fn text(&self) -> Text {
        Text(self.pick(&[
            Some(c"plain"),
            Some(c""),
            Some(c"gr\xc3\xbc\xc3\x9fe aus \xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x98\x80"),
            Some(c"a name that is longer than what the system takes"),
            Some(c"\xff not UTF-8"),
            Some(c"cut \xc3"),
            None,
        ]))
    }

    pub(crate) fn destructor(&self) -> Named<Callback> {
        self.pick(&[Named(Some(callbacks::ends as _), "ends"), Named(None, "NULL")])
    }

    pub(crate) fn room(&self) -> Room {
        let size = self.below(48);
        let needed = self.out(usize::MAX, "&needed");
        Room::new(size, self.rarely(), needed)
    }

    /// An out-parameter, rarely NULL.
    pub(crate) fn out<T: Copy + PartialEq>(&self, before: T, shown: &'static str) -> Out<T> {
        if self.rarely() { Out::null(before) } else { Out::new(before, Shown::Code(shown)) }
    }

    /// Where a create writes; the handle gets a variable when it is made.
    pub(crate) fn place(&self, kind: Kind) -> (Out<u64>, Variable) {
        let variable = self.trace.borrow_mut().declare(kind);
        let out = if self.rarely() { Out::null(UNMADE) } else { Out::new(UNMADE, Shown::Out(variable)) };
        (out, variable)
    }

    /// A handle for a parameter of this kind: mostly of a live object of that kind.
    pub(crate) fn handle(&self, kind: Kind) -> Handle {
        let choice = self.input.borrow_mut().byte();
        let known = self.known.borrow();
        let of = |list: &[(u64, Variable)], at: u8| {
            let (id, variable) = list[at as usize % list.len()];
            Handle { kind, id, from: Ok(variable) }
        };
        let number = |id| Handle { kind, id, from: Err(id) };
        let empty = Known::default();
        let Known { live, gone } = known.get(&kind).unwrap_or(&empty);
        match choice {
            0..216 if !live.is_empty() => of(live, choice),
            0..228 if !gone.is_empty() => of(gone, choice),
            // One bit of the lower half is another, so that it is of no living object.
            228..232 if !live.is_empty() => number(of(live, choice).id ^ 1 << self.below(32)),
            232..248 => {
                let other = KINDS[self.below(KINDS.len())];
                match known.get(&other) {
                    Some(Known { live, .. }) if other != kind && !live.is_empty() => of(live, choice),
                    _ => number(0),
                }
            }
            // So many objects there never are.
            248..252 => number(self.input.borrow_mut().number() | 1 << 55),
            _ => number(0),
        }
    }

    /// How many objects of this kind there are.
    pub(crate) fn live(&self, kind: Kind) -> usize {
        self.known.borrow().get(&kind).map_or(0, |known| known.live.len())
    }

    /// All of this kind that live.
    pub(crate) fn all(&self, kind: Kind) -> Vec<Handle> {
        let known = self.known.borrow();
        let live = known.get(&kind).map_or(&[][..], |known| &known.live);
        live.iter().map(|(id, variable)| Handle { kind, id: *id, from: Ok(*variable) }).collect()
    }

    // ---- Calls ----

    pub(crate) fn begin(&self, function: &'static str, args: Vec<Shown>) {
        let step = Step::Call { function, args, wanted: Vec::new(), got: None };
        if LOUD.load(Ordering::Relaxed) {
            eprintln!("{step}");
        }
        self.trace.borrow_mut().push(step);
    }

    pub(crate) fn end(&self, function: &'static str, got: i64, wanted: Wanted) -> i64 {
        self.calls.set(self.calls.get() + 1);
        self.trace.borrow_mut().returned(got, wanted.list());
        if !wanted.list().contains(&got) {
            self.fail(&format!("{function} is {}", status_name(got)));
        }
        if (-14..0).contains(&got) && function != "threading_seconds" {
            let mut world = self.world();
            world.thread().failed_in = Some(function);
        }
        if !self.is_ahead.get() {
            self.compare_callbacks();
        }
        got
    }

    /// What is called back belongs to a later call, or does so no more.
    pub(crate) fn ahead(&self, is_ahead: bool) {
        self.is_ahead.set(is_ahead);
    }

    /// Destructors may come in any order; all else comes as the model says.
    fn compare_callbacks(&self) {
        let (called, expected) = (callbacks::taken(), core::mem::take(&mut self.world().expected));
        if called.is_empty() && expected.is_empty() {
            return;
        }
        let is_destructor = |called: &Called| matches!(called, Called::Destructor(_));
        let split = |list: &[Called]| -> (Vec<Called>, Vec<Called>) {
            list.iter().partition(|one| is_destructor(one))
        };
        let ((mut ends, order), (mut ends_expected, order_expected)) = (split(&called), split(&expected));
        ends.sort();
        ends_expected.sort();
        if ends != ends_expected || !same_order(&order, &order_expected) {
            self.fail(&format!("called back: {called:?}, not {expected:?}"));
        }
    }

    /// A handle was made, unless something else was wanted; then nothing was written.
    pub(crate) fn made(&self, out: &Out<u64>, variable: Variable, wanted: Wanted) -> Option<u64> {
        if !wanted.is(OK) {
            self.untouched(out);
            return None;
        }
        let Some(id) = out.written().filter(|id| *id != 0) else { self.fail("no handle was written") };
        if !self.world().seen.insert(id) {
            self.fail("the handle has been another object's");
        }
        self.know(id, variable);
        Some(id)
    }

    pub(crate) fn know(&self, id: u64, variable: Variable) {
        self.known.borrow_mut().entry(variable.kind).or_default().live.push((id, variable));
    }

    /// The handle names nothing any more.
    pub(crate) fn forget(&self, kind: Kind, id: u64) {
        let mut known = self.known.borrow_mut();
        let known = known.entry(kind).or_default();
        if let Some(at) = known.live.iter().position(|(live, _)| *live == id) {
            let gone = known.live.remove(at);
            known.gone.push(gone);
        }
        if known.gone.len() > 4 {
            known.gone.remove(0);
        }
    }

    /// Compares an out-parameter, which may have been NULL.
    pub(crate) fn wrote<T: Copy + PartialEq + core::fmt::Display>(
        &self,
        out: &Out<T>,
        what: &'static str,
        wanted: T,
    ) {
        self.trace.borrow_mut().push(Step::Equal { what, wanted: wanted.to_string() });
        if !out.is_null() && out.written() != Some(wanted) {
            match out.written() {
                Some(got) => self.fail(&format!("{what} is {got}")),
                None => self.fail(&format!("{what} was not written")),
            }
        }
    }

    pub(crate) fn wrote_item(&self, out: &Out<Pointer>, wanted: usize) {
        self.trace.borrow_mut().push(Step::Equal { what: "(intptr_t)value", wanted: wanted.to_string() });
        if out.written() != Some(wanted as Pointer) {
            self.fail(&format!("the pointer written is {:?}", out.written()));
        }
    }

    pub(crate) fn untouched<T: Copy + PartialEq>(&self, out: &Out<T>) {
        if out.written().is_some() {
            self.fail("an out-parameter was written");
        }
    }

    /// Compares what a getter of texts wrote; `None` when it must have written nothing.
    pub(crate) fn wrote_text(&self, room: &Room, wanted: Option<&str>) {
        let Some(wanted) = wanted else {
            self.untouched(&room.needed);
            if room.array.touched() > 0 {
                self.fail("the buffer was written");
            }
            return;
        };
        self.wrote(&room.needed, "needed", wanted.len() + 1);
        if room.array.touched() > room.size() {
            self.fail("the buffer was written behind its end");
        }
        if room.size() > 0 {
            let mut end = wanted.len().min(room.size() - 1);
            while !wanted.is_char_boundary(end) {
                end -= 1;
            }
            self.trace
                .borrow_mut()
                .push(Step::Equal { what: "buffer", wanted: literal(&wanted.as_bytes()[..end]) });
            let now = room.array.now();
            if now[..end] != wanted.as_bytes()[..end] || now[end] != 0 {
                self.fail(&format!("the buffer has {}", literal(&now[..room.size()])));
            }
        }
    }

    pub(crate) fn say(&self, text: String) {
        if LOUD.load(Ordering::Relaxed) {
            eprintln!("{text}");
        }
        self.trace.borrow_mut().push(Step::Say(text));
    }

    /// Ends the process with the calls so far.
    pub(crate) fn fail(&self, why: &str) -> ! {
        // SAFETY: the text is good until the next call fails.
        let story = unsafe { CStr::from_ptr(threading_last_error()) }.to_string_lossy();
        let hex: String = self.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        eprintln!(
            "\n{}\nnot as the model says: {why}\nlast error: {story}\ninput: {hex}",
            self.trace.borrow()
        );
        std::process::abort();
    }

    // ---- Threads of the program ----

    /// Does some calls as another thread, or inside a target.
    pub(crate) fn inside(&self, body: u32, thread: Option<Thread>, frame: Frame) -> Frame {
        self.trace().open_body(body);
        let before = self.world().enter(thread, frame);
        let is_deep = self.world().depth() > 2 || self.world().callers.len() > 8;
        for _ in 0..=self.below(6) {
            if !is_deep && !self.is_over() {
                kinds::one(self);
            }
        }
        self.trace().close();
        let (frame, ended) = self.world().leave(before);
        if let Some(ended) = ended {
            kinds::thread_ended(self, ended);
        }
        frame
    }

    /// The status for a handle that names nothing, or arguments that are refused, or what the model says.
    pub(crate) fn ask<T>(
        &self,
        handle: &Handle,
        table: fn(&mut World) -> &mut HashMap<u64, T>,
        wrong: &[(bool, i64)],
        answer: impl FnOnce(&mut T, usize) -> i64,
    ) -> Wanted {
        let mut world = self.world();
        let me = world.me;
        let object = table(&mut world).get_mut(&handle.id);
        let mut refusal = refused(wrong);
        if object.is_none() {
            refusal = refusal.or(E_HANDLE);
        }
        match object {
            Some(object) if refusal.list().is_empty() => Wanted::from(answer(object, me)),
            _ => refusal,
        }
    }
}
