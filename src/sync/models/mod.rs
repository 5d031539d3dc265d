//! Models of slots, waiting and every primitive, tried in each order in which their threads could take turns.
//!
//! A model is a function that loom calls again and again: it makes an object, lets two or three threads at it, and
//! checks what came of it. `holds` shows that the property holds, within so many preemptions; `finds` plants a bug
//! and shows that the same model does not pass then. A thread that sleeps for ever ends a model as a deadlock.
//!
//! Time stands still, but a sleep with a time limit may end at any moment. loom reads `SeqCst` accesses as
//! acquire and release, nearly: what it admits beyond that is said where a model meets it.

/// Gives a kind a table of its own in each execution of a model.
macro_rules! in_models {
    ($($kind:ident: $body:ty),*) => {$(
        impl Object for $body {
            const KIND: u8 = kind::$kind;
            fn table() -> &'static Table<$body> {
                loom::lazy_static! {
                    static ref TABLE: Table<$body> = Table::new();
                }
                &TABLE
            }
        }
    )*};
}
pub(crate) use in_models;

mod barrier;
mod condition;
mod event;
mod guard;
mod lock;
mod park;
mod rlock;
mod semaphore;
mod signed;
mod slot;
mod vanished;

use crate::atomic::{AtomicU64, Ordering::*, Seed, plant};
use crate::error::Result;
use crate::park::{Me, make_beds, records};
use crate::slot::{Live, Object, Table, find, kind};
use crate::sync;
use crate::time::Timeout;
use loom::cell::UnsafeCell;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// A timeout that is not zero: when it comes is for loom to choose.
pub(crate) const SOON: Timeout = match Timeout::from_nanos(1) {
    Ok(timeout) => timeout,
    Err(_) => unreachable!(),
};

/// Shows that no order of turns with up to `preemptions` preemptions makes `model` fail.
pub(crate) fn holds(name: &str, preemptions: usize, model: fn()) {
    let count = alone(|| explore(None, preemptions, model)).expect("the model's own panic said why");
    println!("{name}: {count} executions");
}

/// Shows that `model` fails once `bug` is planted.
pub(crate) fn finds(bug: Seed, preemptions: usize, model: fn()) {
    let outcome = alone(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(|_| ()));
        let outcome = explore(Some(bug), preemptions, model);
        panic::set_hook(loud);
        outcome
    });
    let (message, count) = outcome.expect_err("the planted bug was not found");
    println!("planted {bug:?}: found in execution {count}: {message}");
}

/// One model at a time: what is planted is planted for all.
fn alone<R>(run: impl FnOnce() -> R) -> R {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    run()
}

/// How many executions there were, or what the last of them said.
fn explore(
    bug: Option<Seed>,
    preemptions: usize,
    model: fn(),
) -> std::result::Result<usize, (String, usize)> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    COUNT.store(0, Relaxed);
    plant(bug);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            COUNT.fetch_add(1, Relaxed);
            make_beds();
            model();
        });
    }));
    plant(None);
    let count = COUNT.load(Relaxed);
    outcome.map(|()| count).map_err(|panic| {
        let message = match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(message), _) => message.lines().next().unwrap_or_default().into(),
            (_, Some(message)) => (*message).into(),
            _ => "a panic".into(),
        };
        (message, count)
    })
}

/// The `n`-th thread of the running model; the first one is 0.
pub(crate) fn me(n: usize) -> Me {
    // SAFETY: each thread of a model asks for itself, or for one that is not running.
    unsafe { Me::new(records().at(n as u32).expect("there are not more")) }
}

/// A thread of a model, and what it hands back.
pub(crate) struct Task<R> {
    done: Arc<AtomicU64>,
    result: Arc<Mutex<Option<R>>>,
}

/// Starts the `n`-th thread.
pub(crate) fn spawn<R: 'static>(n: usize, work: impl FnOnce(Me) -> R + 'static) -> Task<R> {
    let task = Task { done: Arc::new(AtomicU64::new(0)), result: Arc::default() };
    let (done, result, main) = (task.done.clone(), task.result.clone(), loom::thread::current());
    loom::thread::spawn(move || {
        let handed_back = work(me(n));
        *result.lock().unwrap() = Some(handed_back);
        done.store(1, Release);
        main.unpark();
    });
    task
}

impl<R> Task<R> {
    pub(crate) fn join(self) -> R {
        while self.done.load(Acquire) == 0 {
            loom::thread::park();
        }
        self.result.lock().unwrap().take().expect("it is done")
    }
}

/// Starts threads 1, 2, ... that each do `work`, and waits for them.
pub(crate) fn all<const N: usize>(work: impl FnOnce(Me) + Clone + 'static) {
    let tasks: [Task<()>; N] = std::array::from_fn(|n| spawn(n + 1, work.clone()));
    tasks.into_iter().for_each(Task::join);
}

/// Memory that one thread at a time may be in; loom sees it when two are, or when one does not see the other's.
#[derive(Clone)]
pub(crate) struct Room(Arc<UnsafeCell<u64>>);

impl Room {
    pub(crate) fn new() -> Room {
        Room(Arc::new(UnsafeCell::new(0)))
    }

    /// Enters, counts, and leaves.
    pub(crate) fn visit(&self) {
        // SAFETY: loom ends the model if another thread is inside.
        self.0.with_mut(|count| unsafe { *count += 1 });
    }

    pub(crate) fn visits(&self) -> u64 {
        // SAFETY: as above.
        self.0.with(|count| unsafe { *count })
    }
}

loom::thread_local! {
    static PATIENCE: Cell<i64> = Cell::new(1);
}

/// How long the running thread waits for a lock before it wants to be handed it; time stands still at 0.
pub(super) fn patience() -> i64 {
    PATIENCE.with(Cell::get)
}

/// From now on the running thread wants to be handed the locks that it waits for.
fn hurry() {
    PATIENCE.with(|patience| patience.set(0));
}

/// The object that `create` made.
fn made<T: Object>(id: Result<u64>) -> Live<T> {
    find(id.expect("there is room")).expect("it was made just now")
}

in_models! {
    LOCK: sync::lock::Lock, RLOCK: sync::rlock::RLock, CONDITION: sync::condition::Condition,
    SEMAPHORE: sync::semaphore::Semaphore, EVENT: sync::event::Event, BARRIER: sync::barrier::Barrier
}
