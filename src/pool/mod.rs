//! Pools of threads, and all that they run: tasks with and without futures, groups, maps, parallel loops.
//!
//! | file                          | what                                                        |
//! |-------------------------------|-------------------------------------------------------------|
//! | idle, life, work, worker      | who works, who looks for work, who sleeps; README.md        |
//! | injector, ranks, stock        | what is queued for all                                      |
//! | ring, deque                   | what is queued for a seat, what is a part of a loop         |
//! | body                          | what a pool consists of                                     |
//! | submit                        | how tasks get into the queues                               |
//! | run                           | one task from begin to end                                  |
//! | future, callbacks, wait       | results that come later                                     |
//! | word, handle                  | how far a future is, to those at it and to those outside    |
//! | group, map                    | tasks that belong together                                  |
//! | parallel, invoke, range       | work that is split where somebody has nothing to do         |

mod body;
mod callbacks;
mod deque;
mod entry;
pub(crate) mod future;
pub(crate) mod group;
mod handle;
mod idle;
mod injector;
pub(crate) mod invoke;
mod leads;
mod life;
pub(crate) mod map;
mod parallel;
pub(crate) mod range;
mod ranks;
mod ring;
mod run;
#[cfg(all(test, shuttle))]
mod schedules;
mod shutdown;
mod statistics;
mod stock;
mod submit;
pub(crate) mod wait;
mod word;
mod work;
mod worker;

pub(crate) use body::WhenFull;
pub(crate) use callbacks::{DoneCallback, add as add_done_callback};
pub(crate) use future::{Future, promise};
pub(crate) use invoke::worker_index;
pub(crate) use parallel::set_budget;
use shutdown::break_pool;
pub(crate) use shutdown::{destroy, shutdown, wait as wait_for};
pub(crate) use statistics::statistics;
use submit::{admits, put};
pub(crate) use submit::{execute, submit};

use crate::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::{Ask, Callback};
use crate::park::{Me, inside};
use crate::slot::{Live, Object, Table, find, kind};
use crate::sys::tools;
use crate::thread::text::{Line, Text};
use crate::thread::{self, current};
use body::{Body, MOST_WORKERS, OPEN, Plan};
use core::ffi::c_void;
use core::fmt::Write;
use idle::Call;
use worker::Worker;

/// The slot; everything stands beside it.
pub(crate) struct Pool {
    body: AtomicPtr<Body>,
}

impl Object for Pool {
    const KIND: u8 = kind::POOL;
    fn table() -> &'static Table<Pool> {
        static TABLE: Table<Pool> = Table::new();
        &TABLE
    }
}

/// Read with each task: nothing that is written more often shares its cache line.
#[repr(align(128))]
struct Epoch(AtomicU32);

/// How many forks lie behind this process since the library was loaded.
static EPOCH: Epoch = Epoch(AtomicU32::new(0));
static PREPARED: AtomicU32 = AtomicU32::new(0);
/// Pools named by the library so far.
static NAMED: AtomicU32 = AtomicU32::new(0);
/// The pool that everybody may use; 0 until somebody does.
static DEFAULT: AtomicU64 = AtomicU64::new(0);

#[inline(always)]
fn epoch() -> u32 {
    EPOCH.0.load(Relaxed)
}

/// Takes part in forks and in the end of the process, from the first pool or promise on.
#[inline(always)]
fn prepare() -> Result {
    if PREPARED.load(Acquire) == 0 { prepare_once() } else { Ok(()) }
}

#[cold]
#[inline(never)]
fn prepare_once() -> Result {
    if PREPARED.swap(1, AcqRel) == 0 {
        inside::prepare();
        let after = |child: bool, _: bool| {
            if child {
                EPOCH.0.fetch_add(1, Relaxed);
                forget_bodies();
                future::forget_readers();
                shutdown::forget_orphans();
                shutdown::LEAVING.store(0, Relaxed);
            }
        };
        let joined = thread::fork::also(|| true, after);
        joined.inspect_err(|_| PREPARED.store(0, Release))?;
        thread::exit::set_last_work(shutdown::finish_all);
    }
    Ok(())
}

/// What a pool is to be.
pub(crate) struct Wishes<'a> {
    pub(crate) prefix: Option<&'a str>,
    pub(crate) initializer: Option<Ask>,
    pub(crate) initializer_arg: *mut c_void,
    pub(crate) finalizer: Option<Callback>,
    pub(crate) arg_destructor: Option<Callback>,
    pub(crate) stack_size: usize,
    pub(crate) priority: i32,
    /// `None`: as the creator is.
    pub(crate) daemon: Option<bool>,
    /// 0: no bound.
    pub(crate) max_queued: i64,
    pub(crate) when_full: WhenFull,
    pub(crate) min_workers: u32,
    /// 0: workers stay.
    pub(crate) idle_timeout_ns: i64,
}

impl Wishes<'_> {
    pub(crate) const NONE: Wishes<'static> = Wishes {
        prefix: None,
        initializer: None,
        initializer_arg: core::ptr::null_mut(),
        finalizer: None,
        arg_destructor: None,
        stack_size: 0,
        priority: 0,
        daemon: None,
        max_queued: 0,
        when_full: WhenFull::Block,
        min_workers: 0,
        idle_timeout_ns: 0,
    };
}

/// How many workers a caller means: 0 is as many as there are processors for.
fn workers(wanted: u32) -> Result<u32> {
    match wanted {
        0 => Ok(crate::sys::cpu::count().clamp(1, MOST_WORKERS)),
        1..=MOST_WORKERS => Ok(wanted),
        _ => Err(Error::BadCount),
    }
}

/// Makes a pool; its threads start when there is something for them to do.
pub(crate) fn create(me: Me, max_workers: u32, wishes: Wishes) -> Result<u64> {
    let count = workers(max_workers)?;
    if wishes.max_queued < 0 || wishes.min_workers > count {
        return Err(Error::BadCount);
    }
    if wishes.idle_timeout_ns < 0 {
        return Err(Error::BadTimeout);
    }
    if wishes.stack_size != 0 && wishes.stack_size < thread::start::SMALLEST_STACK {
        return Err(Error::BadStack);
    }
    prepare()?;
    let mut line = Line::<48>::new();
    let prefix = match wishes.prefix.filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => prefix,
        None => {
            let _ = write!(line, "ThreadPoolExecutor-{}", NAMED.fetch_add(1, Relaxed));
            line.as_str()
        }
    };
    let daemon = match wishes.daemon {
        Some(daemon) => daemon,
        None => current::handle(me)?.is_daemon()?,
    };
    let plan = Plan {
        prefix: Text::copy(prefix)?,
        initializer: wishes.initializer,
        initializer_arg: wishes.initializer_arg,
        finalizer: wishes.finalizer,
        arg_destructor: wishes.arg_destructor,
        stack_size: wishes.stack_size,
        priority: wishes.priority,
        daemon,
        bound: if wishes.max_queued == 0 { u64::MAX } else { wishes.max_queued as u64 },
        when_full: wishes.when_full,
        min_workers: wishes.min_workers,
        idle_timeout: wishes.idle_timeout_ns,
    };
    let body = Body::new(0, epoch(), count, plan, OPEN)?;
    let made = Pool::table().create(None, 0, |pool| {
        pool.body.store(body, Relaxed);
    });
    match made {
        Ok(pool) => {
            // SAFETY: nobody was told of the pool yet.
            unsafe { (*body).id = pool.id };
            become_known(body);
            Ok(pool.id)
        }
        Err(error) => {
            // SAFETY: made just now, and nobody has seen it.
            unsafe { Body::let_go(body) };
            Err(error)
        }
    }
}

/// The pool that everybody may use; made on first use.
pub(crate) fn default_pool(me: Me) -> Result<u64> {
    let known = DEFAULT.load(Acquire);
    if known != 0 {
        return Ok(known);
    }
    let made = create(me, 0, Wishes { daemon: Some(false), ..Wishes::NONE })?;
    match DEFAULT.compare_exchange(0, made, AcqRel, Acquire) {
        Ok(_) => Ok(made),
        Err(first) => {
            let _ = destroy(me, made);
            Ok(first)
        }
    }
}

/// Uses the body of `pool` for a moment, in which nothing is waited for and no user code runs.
#[inline(always)]
fn with<R>(me: Me, pool: u64, work: impl FnOnce(&Body) -> R) -> Result<R> {
    // SAFETY: `work` gives nothing of the body back.
    let result = work(unsafe { step_in(me, pool)? });
    me.leave();
    Ok(result)
}

/// The same for whoever leaves by himself, when it is given the body.
///
/// # Safety
/// - the body is not used after the caller has left.
#[inline(always)]
unsafe fn step_in<'a>(me: Me, pool: u64) -> Result<&'a Body> {
    let slot = find::<Pool>(pool)?;
    loop {
        me.enter(pool);
        if let Err(error) = slot.bits() {
            me.leave();
            return Err(error);
        }
        // SAFETY: the pool lives, so it has a body, which nobody frees while this thread is inside.
        let body = unsafe { &*slot.slot.body.body.load(Acquire) };
        if body.epoch == epoch() {
            return Ok(body);
        }
        me.leave();
        renew(slot, body)?;
    }
}

/// The body of `pool`, with one user more: the caller.
fn hold(me: Me, pool: u64) -> Result<*const Body> {
    with(me, pool, Body::hold)
}

/// In a forked child the pool begins anew: what belonged to threads that are not here is left alone.
#[cold]
fn renew(slot: Live<Pool>, old: &Body) -> Result {
    let old_place = (old as *const Body).cast_mut();
    let plan = Plan { prefix: Text::copy(old.plan.prefix.as_str())?, ..old.plan };
    let fresh = Body::new(slot.id, epoch(), old.idle.workers(), plan, old.state.load(SeqCst))?;
    become_known(fresh);
    if slot.slot.body.body.compare_exchange(old_place, fresh, AcqRel, Acquire).is_err() {
        // SAFETY: as above.
        unsafe { Body::let_go(fresh) };
    }
    Ok(())
}

/// From now on steps of recursions in the body need not look at the pool's slot.
fn become_known(body: *mut Body) {
    if !tools::watch() {
        // SAFETY: made just now by the caller, for a pool that lives.
        let body = unsafe { &*body };
        body.known_as.store(body.id, SeqCst);
    }
}

/// In a forked child: what the thread was at work in stayed behind.
fn forget_bodies() {
    let mut at = thread::known().and_then(worker::of);
    while let Some(worker) = at {
        worker.body().known_as.store(0, SeqCst);
        // SAFETY: workers that a thread is stand on its own stack.
        at = unsafe { worker.outer.as_ref() };
    }
}

/// Runs something on the caller's stack as if it were one of the pool's threads.
fn run_here(me: Me, pool: u64, work: impl FnOnce(&Worker)) -> Result {
    take_part(me, pool, |worker| {
        let outer = worker.calls.replace(true);
        worker.body().caller_runs.fetch_add(1, SeqCst);
        parallel::join(worker);
        work(worker);
        worker.calls.set(outer);
        worker.body().end_caller_run();
        parallel::leave(worker);
    })
}

/// Runs `work`, which joins and leaves parallel work, as one who takes part in the pool: its worker, or a guest for
/// as long as it lasts. Nothing here is dropped by unwinding.
#[inline(always)]
fn take_part<R>(me: Me, pool: u64, work: impl FnOnce(&Worker) -> R) -> Result<R> {
    match at_work_in(me, pool) {
        Some(worker) => Ok(work(worker)),
        None => from_outside(me, pool, work),
    }
}

/// What the thread is at work as in `pool`, if it is and the handle is good.
#[inline(always)]
fn at_work_in(me: Me, pool: u64) -> Option<&'static Worker> {
    let worker = worker::of(me)?;
    let here = worker.body().id == pool && worker.seat().is_some() && worker.body().epoch == epoch();
    (here && find::<Pool>(pool).ok()?.bits().is_ok()).then_some(worker)
}

/// The same for a thread that comes from outside; out of line, so that the way of recursions stays short.
#[inline(never)]
fn from_outside<R>(me: Me, pool: u64, work: impl FnOnce(&Worker) -> R) -> Result<R> {
    let body = hold(me, pool)?;
    if let Err(error) = admits(body) {
        // SAFETY: held just now.
        unsafe { Body::let_go(body) };
        return Err(error);
    }
    worker::as_guest(me, body, work)
}

/// Changes how many workers the pool may have; those that are too many end when they have nothing to do.
pub(crate) fn resize(me: Me, pool: u64, max_workers: u32) -> Result {
    let count = workers(max_workers)?;
    let body = hold(me, pool)?;
    // SAFETY: held just now.
    let held = unsafe { &*body };
    held.idle.set_workers(count);
    held.idle.call_all();
    crate::park::fence::heavy();
    let called = if held.has_work() && held.call() == Call::Start { life::start(held) } else { Ok(()) };
    // SAFETY: as above.
    unsafe { Body::let_go(body) };
    called.or(Ok(()))
}

/// The running worker is about to wait for something outside: another one may work in its place.
pub(crate) fn begin_blocking(me: Me) -> Result {
    let worker = at_work(me)?;
    worker.blocking.set(worker.blocking.get() + 1);
    wait::block(worker);
    Ok(())
}

/// It has waited.
pub(crate) fn end_blocking(me: Me) -> Result {
    let worker = at_work(me)?;
    if worker.blocking.get() == 0 {
        return Err(Error::NoTarget);
    }
    worker.blocking.set(worker.blocking.get() - 1);
    wait::unblock(worker);
    Ok(())
}

fn at_work(me: Me) -> Result<&'static Worker> {
    worker::of(me).filter(|worker| worker.seat().is_some()).ok_or(Error::NoTarget)
}

/// Whether the caller is at work in the pool, which therefore cannot end before him.
fn is_own(me: Me, body: &Body) -> bool {
    is_at_work(me, |own| core::ptr::eq(own, body))
}

/// Whether the caller is at work in such a pool.
fn is_at_work(me: Me, such: impl Fn(&Body) -> bool) -> bool {
    let mut at = worker::of(me);
    while let Some(worker) = at {
        if such(worker.body()) {
            return true;
        }
        // SAFETY: workers that a thread is stand on its own stack.
        at = unsafe { worker.outer.as_ref() };
    }
    false
}
