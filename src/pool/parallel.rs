//! Parallel work that ends where it began: loops, reductions and calls of several functions.
//!
//! A thread that splits work keeps one part and puts the other, a `Fork` on its own stack, into its seat's deque. When
//! it is done with its part it takes the fork back; if somebody has stolen it, the thread waits, and meanwhile steals
//! from the thief what was split off that very fork, never anything else. No step allocates, but for the second
//! result of a large reduction.
//!
//! A callback can be left by force at any depth. The C frame around it then goes through the `Level`s of this thread
//! up to where the work began here, and waits for the forks that others hold, whose memory is about to go.

use super::body::Seat;
use super::deque::Deque;
use super::life;
use super::worker::{self, Worker};
use crate::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use crate::frame::{self, Left};
use crate::park::{self, Spin, Wait};
use crate::sys::tools;
use crate::thread::failure::Failure;
use crate::thread::text::Text;
use crate::time::Timeout;
use core::alloc::Layout;
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::{null, null_mut};

/// Threads that are inside parallel work, of all pools.
static WORKING: AtomicU32 = AtomicU32::new(0);
/// How many there may be; 0 until somebody asks.
static BUDGET: AtomicU32 = AtomicU32::new(0);

/// How many threads may do parallel work at the same time.
pub(crate) fn budget() -> u32 {
    match BUDGET.load(Relaxed) {
        0 => {
            let count = crate::sys::cpu::count().max(1);
            let _ = BUDGET.compare_exchange(0, count, Relaxed, Relaxed);
            BUDGET.load(Relaxed)
        }
        set => set,
    }
}

/// Sets the budget, 0 for what the system gives; says what it was.
pub(crate) fn set_budget(threads: u32) -> u32 {
    let before = budget();
    BUDGET.store(threads, Relaxed);
    before
}

/// Whether one more thread may take part in parallel work.
pub(super) fn is_open() -> bool {
    WORKING.load(Relaxed) < budget()
}

/// A part of some work that anybody may do; the first field of each kind of fork.
#[repr(C)]
pub(super) struct Fork {
    /// Does it, with the `Fork` itself.
    run: unsafe fn(*mut Fork, &Level),
    /// `OPEN`, `AWAITED` when its maker sleeps, `DONE` or `FAILED`.
    latch: AtomicU64,
    /// Who stole it.
    thief: AtomicPtr<Seat>,
    /// From where on the thief's forks were split off this one; he writes it before he says who he is.
    base: UnsafeCell<MaybeUninit<i64>>,
    /// Written by the thief before it is done.
    failure: UnsafeCell<MaybeUninit<Failure>>,
}

const OPEN: u64 = 0;
const AWAITED: u64 = 1;
const DONE: u64 = 2;
const FAILED: u64 = 3;

impl Fork {
    #[inline(always)]
    pub(super) fn new(run: unsafe fn(*mut Fork, &Level)) -> Fork {
        Fork {
            run,
            latch: AtomicU64::new(OPEN),
            thief: AtomicPtr::new(null_mut()),
            base: UnsafeCell::new(MaybeUninit::uninit()),
            failure: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }
}

/// How a step of splitting belongs to others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It goes on from the step outside of it.
    Inside,
    /// Some parallel work begins here.
    First,
    /// The same, inside of parallel work that goes on around it, and which does not end with this.
    Nested,
    /// A stolen fork is done here.
    Stolen,
}

/// One step of splitting on a thread's stack. In this order what is zero at first is written at once.
#[repr(C)]
pub(super) struct Level {
    pub(super) worker: *const Worker,
    /// Where failures of this step's callbacks go.
    pub(super) failure: *mut Failure,
    /// What `threading_fail` marked before.
    pub(super) outer_failure: *mut Failure,
    /// What was put into the deque at this step and has not been settled; or at the outermost step the stolen
    /// fork that the thread does.
    pub(super) fork: Cell<*mut Fork>,
    pub(super) outer: *const Level,
    /// Memory of `allocate`, to be freed when the step is left by force; NULL for none.
    pub(super) memory: Cell<*mut u8>,
    /// Somebody has stolen the fork: the deque holds only what was put there before.
    gone: Cell<bool>,
    step: Step,
}

impl Level {
    /// Who is at work here.
    #[inline(always)]
    pub(super) fn worker(&self) -> &Worker {
        // SAFETY: a worker stands further up the stack than its levels.
        unsafe { &*self.worker }
    }

    /// A step inside `outer`.
    #[inline(always)]
    pub(super) fn inside(outer: &Level) -> Level {
        Level {
            worker: outer.worker,
            failure: outer.failure,
            outer_failure: null_mut(),
            fork: Cell::new(null_mut()),
            outer,
            memory: Cell::new(null_mut()),
            gone: Cell::new(false),
            step: Step::Inside,
        }
    }

    /// The first step of what begins here, which is nothing but `fork` if that was stolen; then `outer` is the step
    /// that waits meanwhile, if one does.
    #[inline(always)]
    pub(super) fn first(
        worker: &Worker,
        outer: *const Level,
        fork: *mut Fork,
        failure: *mut Failure,
    ) -> Level {
        let step = if fork.is_null() { Step::First } else { Step::Stolen };
        Level { outer, step, ..Level::nested(worker, fork, failure) }
    }

    /// The first step of what begins inside of other parallel work, with a fork that is in the deque already.
    #[inline(always)]
    pub(super) fn nested(worker: &Worker, fork: *mut Fork, failure: *mut Failure) -> Level {
        Level {
            worker,
            failure,
            outer_failure: worker.innermost().replace(failure),
            fork: Cell::new(fork),
            outer: null(),
            memory: Cell::new(null_mut()),
            gone: Cell::new(false),
            step: Step::Nested,
        }
    }
}

/// Calls user code at some step; what it leaves behind by force is put right by `was_left`.
///
/// # Safety
/// - `call` may be called with `context`, and both outlive the call.
#[inline(always)]
pub(super) unsafe fn call(level: &Level, call: frame::Callback, context: *mut c_void) {
    // SAFETY: the caller's promise; the level lives on this stack during the call and its passing.
    unsafe { frame::call(call, context, left_at(level)) };
}

/// Calls a task and then what `between` gives for the level; for quick ways, which are not taken when there is a race
/// detector.
///
/// # Safety
/// - as for `call`, of both.
#[inline(always)]
pub(super) unsafe fn call_pair(level: &Level, first: &frame::Task) {
    static STEPS: frame::Steps = frame::Steps { between: super::invoke::between, left: was_left };
    // SAFETY: as in `call`.
    unsafe { frame::pair_quick(first, &STEPS, (level as *const Level).cast_mut().cast()) };
}

#[inline(always)]
fn left_at(level: &Level) -> Left {
    Left { call: Some(was_left), context: (level as *const Level).cast_mut().cast() }
}

unsafe extern "C-unwind" fn was_left(level: *mut c_void) {
    // SAFETY: `call` passed a `Level` that outlives the passing, and so do its worker and the levels around it.
    let (worker, mut level) = unsafe {
        let level = &*level.cast::<Level>();
        (&*level.worker, level)
    };
    loop {
        // SAFETY: the failure of each step's work belongs to this thread.
        let failure = unsafe { &mut *level.failure };
        if !failure.failed {
            *failure = Failure { failed: true, code: super::run::LEFT, message: Text::EMPTY };
        }
        let fork = level.fork.get();
        if level.step == Step::Stolen {
            end_stolen(worker, level, fork);
        } else {
            let held = !fork.is_null();
            if held && (level.gone.get() || !worker.seat().is_some_and(|seat| seat.forks.pop())) {
                wait_asleep(worker, fork);
                say_done(fork);
                drop(take_failure(fork));
            }
            // The frame of this very step may be passed, too, when a stolen part was left that was done meanwhile.
            level.fork.set(null_mut());
            free(level.memory.replace(null_mut()));
        }
        if level.outer.is_null() {
            if level.step != Step::Stolen {
                // SAFETY: as above; nobody will ask for it.
                unsafe { (*level.failure).clear() };
                worker.innermost().set(level.outer_failure);
                if level.step != Step::Nested {
                    leave(worker);
                }
            }
            return;
        }
        // SAFETY: as above.
        level = unsafe { &*level.outer };
    }
}

/// Waits for a fork whose maker is being left by force: nothing is begun any more on this stack.
#[cold]
fn wait_asleep(worker: &Worker, fork: *mut Fork) {
    // SAFETY: the fork is on this thread's stack, and its maker waits here.
    let fork = unsafe { &*fork };
    let mut spin = Spin::long();
    while fork.latch.load(Acquire) < DONE {
        if !spin.next() {
            sleep_on(worker, fork);
        }
    }
}

/// What stands before memory of `allocate`: its size.
const HEADER: usize = 16;

/// Memory for a second result, aligned to 16; NULL without.
pub(super) fn allocate(size: usize) -> *mut u8 {
    let Some(layout) = size.checked_add(HEADER).and_then(|all| Layout::from_size_align(all, 16).ok()) else {
        return null_mut();
    };
    let _errno = crate::sys::Errno::keep();
    // SAFETY: the layout is not of size zero.
    let place = unsafe { std::alloc::alloc(layout) };
    if place.is_null() {
        return null_mut();
    }
    // SAFETY: there is room for the header, and it is aligned.
    unsafe {
        place.cast::<usize>().write(layout.size());
        place.add(HEADER)
    }
}

/// Frees memory of `allocate`, or nothing.
pub(super) fn free(memory: *mut u8) {
    if !memory.is_null() {
        // SAFETY: `allocate` made it, with its layout in the header.
        unsafe {
            let place = memory.sub(HEADER);
            let size = place.cast::<usize>().read();
            std::alloc::dealloc(place, Layout::from_size_align_unchecked(size, 16));
        }
    }
}

/// The thread begins parallel work; nested work counts once.
#[inline(always)]
pub(super) fn join(worker: &Worker) {
    let loops = worker.loops.get();
    worker.loops.set(loops + 1);
    if loops == 0 {
        worker.seat_in_loop.set(worker.seat.get());
        WORKING.fetch_add(1, Relaxed);
    }
}

/// Ends what `join` began; a guest goes when its outermost work ends.
#[inline(always)]
pub(super) fn leave(worker: &Worker) {
    let loops = worker.loops.get() - 1;
    worker.loops.set(loops);
    if loops == 0 {
        worker.seat_in_loop.set(null());
        WORKING.fetch_sub(1, Relaxed);
        if worker.guest {
            worker::guest_leaves(worker);
        }
    }
}

/// Puts a fork where others find it, and sees to it that somebody looks.
#[inline(always)]
pub(super) fn push(level: &Level, fork: *mut Fork) -> bool {
    let worker = level.worker();
    let Some(seat) = worker.seat() else { return false };
    tools::release(seat.forks.next());
    level.fork.set(fork);
    let put = seat.forks.push(fork);
    if !put {
        level.fork.set(null_mut());
    } else if worker.body().shows_free_seat() {
        notify_for_fork(worker, fork);
    }
    put
}

/// The same for quick ways, which no race detector sees. `None`: there is no room; otherwise worker and fork, so that
/// whoever goes on with these keeps no register for them while somebody is told.
#[inline(always)]
pub(super) fn push_quick<'a>(
    worker: &'a Worker,
    seat: &Seat,
    fork: *mut Fork,
) -> Option<(&'a Worker, *mut Fork)> {
    if !seat.forks.push_quick(fork) {
        return None;
    }
    if !worker.body().shows_free_seat() {
        return Some((worker, fork));
    }
    Some(notify_for_fork(worker, fork))
}

#[cold]
#[inline(never)]
fn notify_for_fork(worker: &Worker, fork: *mut Fork) -> (&Worker, *mut Fork) {
    if worker.body().notify_idle() {
        let _ = life::start(worker.body());
    }
    (worker, fork)
}

/// Takes the level's fork back; false: somebody has stolen it, and by now it is done.
pub(super) fn take_back(level: &Level) -> bool {
    take_back_by(level, Deque::pop)
}

/// The same for quick ways.
#[inline(always)]
pub(super) fn take_back_quick(level: &Level) -> bool {
    take_back_by(level, Deque::pop_quick)
}

#[inline(always)]
fn take_back_by(level: &Level, pop: impl FnOnce(&Deque<Fork>) -> bool) -> bool {
    let mine = level.worker().seat().is_some_and(|seat| pop(&seat.forks));
    if !mine {
        await_thief(level);
    }
    level.fork.set(null_mut());
    mine
}

/// Waits until the level's fork is done, which somebody has stolen.
#[cold]
#[inline(never)]
fn await_thief(level: &Level) {
    let fork = level.fork.get();
    level.gone.set(true);
    wait_for(level, fork);
    say_done(fork);
    adopt_failure(level, fork);
    level.gone.set(false);
}

/// Tells race detectors that a stolen fork is done; they know it by its thief, since what they are told of a place on
/// a stack they would take for true of what stands there later.
fn say_done(fork: *mut Fork) {
    // SAFETY: the fork is on this thread's stack; a seat lives as long as its body, which the thread uses.
    if let Some(thief) = unsafe { (*fork).thief.load(Relaxed).as_ref() } {
        tools::acquire(&thief.done);
    }
}

/// If a stolen fork has failed, so has the work that it was split off, unless it had before.
fn adopt_failure(level: &Level, fork: *mut Fork) {
    if let Some(theirs) = take_failure(fork) {
        // SAFETY: the level's failure belongs to this thread.
        let ours = unsafe { &mut *level.failure };
        if !ours.failed {
            *ours = theirs;
        }
    }
}

/// The failure of a fork that is done and was stolen; asked for once.
fn take_failure(fork: *mut Fork) -> Option<Failure> {
    // SAFETY: the fork is done, so it is this thread's again, with a failure in it if it says so.
    unsafe {
        let failed = (*fork).latch.load(Acquire) == FAILED;
        failed.then(|| (*(*fork).failure.get()).assume_init_read())
    }
}

/// Waits until a stolen fork is done, and meanwhile does what was split off it.
fn wait_for(level: &Level, fork: *mut Fork) {
    let worker = level.worker();
    // SAFETY: the fork is on this thread's stack, and its maker is here.
    let fork = unsafe { &*fork };
    let mut spin = Spin::for_part();
    while fork.latch.load(Acquire) < DONE {
        // SAFETY: a seat lives as long as its body, which the worker uses.
        if let Some(thief) = unsafe { fork.thief.load(Acquire).as_ref() }
            && worker.has_stack()
            // SAFETY: written before `thief`, and never again.
            && let Some(part) = thief.forks.steal(unsafe { (*fork.base.get()).assume_init() })
        {
            join(worker);
            do_stolen(worker, level, part);
            spin = Spin::for_part();
        } else if !spin.next() {
            sleep_on(worker, fork);
            return;
        }
    }
}

fn sleep_on(worker: &Worker, fork: &Fork) {
    if fork.latch.compare_exchange(OPEN, AWAITED, AcqRel, Acquire).is_err() {
        return;
    }
    super::wait::block(worker);
    let wait = Wait::begin(worker.me, worker.body().id, Timeout::FOREVER);
    while fork.latch.load(Acquire) < DONE {
        wait.sleep(&fork.latch, AWAITED as u32);
    }
    drop(wait);
    super::wait::unblock(worker);
}

/// Does a stolen fork, on behalf of whoever made it; the worker has joined parallel work for it.
pub(super) fn do_stolen(worker: &Worker, outer: *const Level, fork: *mut Fork) {
    // SAFETY: a fork that was stolen stays until it is done.
    let its = unsafe { &*fork };
    if let Some(seat) = worker.seat() {
        // SAFETY: the thief is the only one who writes, and nobody reads it before he has said who he is.
        unsafe { (*its.base.get()).write(seat.forks.bottom()) };
        its.thief.store((seat as *const Seat).cast_mut(), Release);
    }
    let mut failure = ManuallyDrop::new(Failure::NONE);
    let level = Level::first(worker, outer, fork, &raw mut *failure);
    // SAFETY: as above; `run` belongs to this very fork.
    unsafe { (its.run)(fork, &level) };
    end_stolen(worker, &level, fork);
}

/// A stolen fork is done, or was left by force: from the last step on its memory is its maker's.
fn end_stolen(worker: &Worker, level: &Level, fork: *mut Fork) {
    worker.innermost().set(level.outer_failure);
    leave(worker);
    // SAFETY: until the exchange its maker waits for it; then only the address is used, to wake. The level's failure
    // belongs to this thread, and nobody refers to it after this.
    unsafe {
        if let Some(thief) = (*fork).thief.load(Relaxed).as_ref() {
            tools::release(&thief.done);
        }
        let failure = level.failure.read();
        let end = if failure.failed { FAILED } else { DONE };
        (*(*fork).failure.get()).write(failure);
        let latch = &raw const (*fork).latch;
        if (*latch).swap(end, AcqRel) == AWAITED {
            park::wake(&*latch, 1);
        }
    }
}

/// Steals a fork of anybody's, for a worker that has nothing else to do; it must be done.
pub(super) fn find(worker: &Worker, seat: &Seat) -> Option<*mut Fork> {
    let body = worker.body();
    let mut others = body.others(seat.index + 1);
    if others.all(|other| other.forks.is_empty()) || !body.takes_forks(seat) || !may_join(worker) {
        return None;
    }
    let stolen = body.others(seat.index + 1).find_map(|other| other.forks.steal(i64::MIN));
    if stolen.is_none() {
        leave(worker);
    }
    stolen
}

/// Joins parallel work if the budget allows it.
fn may_join(worker: &Worker) -> bool {
    let budget = budget();
    let more = |working: u32| (working < budget).then_some(working + 1);
    let joined = WORKING.fetch_update(Relaxed, Relaxed, more).is_ok();
    if joined {
        worker.loops.set(worker.loops.get() + 1);
        worker.seat_in_loop.set(worker.seat.get());
    }
    joined
}
