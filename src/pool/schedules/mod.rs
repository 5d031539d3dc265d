//! Whole pools in random schedules: the library as it is, with shuttle for the system (src/sys/model.rs).
//!
//! A model is a function that is run again and again, each time with other turns. `holds` shows that it passes;
//! `finds` plants a bug and shows that it does not pass then. A thread that sleeps for ever ends a schedule as a
//! deadlock, so each model also shows that everything comes to its end.

mod cancelling;
mod ending;
mod idling;
mod together;

use super::*;
use crate::atomic::{Seed, plant};
use crate::sync::barrier::{self, Barrier};
use crate::time::Timeout;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

/// How many schedules of each model are tried, unless `SCHEDULES` says otherwise.
const SCHEDULES: usize = 1_000;

/// In so many schedules a planted bug is found.
const ENOUGH: usize = 40_000;

/// What a process of its own is to plant: the number of a `Seed`.
const PLANT: &str = "THREADING_PLANT";

/// Far more turns than any model needs.
const TURNS: usize = 100_000;

fn wished() -> usize {
    std::env::var("SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(SCHEDULES)
}

/// Tries `model` with turns given at random, and with threads that run far ahead of others; says how often.
fn explore(seed: u64, count: usize, model: fn(Me)) -> usize {
    let ahead = PctScheduler::new_from_seed(seed, 3, count / 2);
    try_with(ahead, model) + try_with(RandomScheduler::new_from_seed(seed, count - count / 2), model)
}

fn try_with(scheduler: impl Scheduler + 'static, model: fn(Me)) -> usize {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(TURNS);
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(move || {
        crate::sys::model::begin();
        as_thread(model);
    })
}

/// Runs `work` on a thread that the library has not seen before and that ends.
fn as_thread<R>(work: impl FnOnce(Me) -> R) -> R {
    let result = work(me());
    crate::sys::native::end_thread();
    result
}

/// Shows that `model` passes.
fn holds(name: &str, model: fn(Me)) {
    if std::env::var_os(PLANT).is_some() {
        return;
    }
    let began = Instant::now();
    // Always the same schedules, but others in each model.
    let seed = name.bytes().fold(7u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte as u64));
    let tried = explore(seed, wished(), model);
    println!("{name}: {tried} schedules in {:.1} s", began.elapsed().as_secs_f64());
}

/// Shows that `model` fails once `bug` is planted. What a failed schedule leaves behind is of no use, so it is tried
/// in a process of its own, which runs `test` alone.
fn finds(bug: Seed, test: &str, model: fn(Me)) {
    match std::env::var(PLANT) {
        Ok(number) if number == (bug as u8).to_string() => {
            plant(Some(bug));
            explore(7, ENOUGH, model);
            println!("not found");
        }
        Ok(_) => {}
        Err(_) => {
            let mut command = std::process::Command::new(std::env::current_exe().expect("it runs"));
            let test = format!("pool::schedules::{test}");
            command.args(["--exact", &test, "--nocapture"]).env(PLANT, (bug as u8).to_string());
            let output = command.output().expect("a process can be started");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                !output.status.success() && !told.contains("not found"),
                "not found: {bug:?}\n{told}{said}"
            );
            let why =
                said.lines().skip_while(|line| !line.contains("panicked at")).nth(1).unwrap_or("killed");
            println!("planted {bug:?}: found: {why}");
        }
    }
}

fn me() -> Me {
    thread::me().expect("there is room for threads")
}

/// Starts a thread of the model's own.
fn spawn<R: Send + 'static>(work: impl FnOnce(Me) -> R + Send + 'static) -> shuttle::thread::JoinHandle<R> {
    shuttle::thread::spawn(|| as_thread(work))
}

/// What a task does.
type Work = Box<dyn FnOnce(Me)>;

/// What is queued: it counts how often it ran, and how often its argument was destroyed.
struct Task {
    work: Cell<Option<Work>>,
    runs: AtomicUsize,
    ends: AtomicUsize,
}

// SAFETY: `work` is taken by the thread that runs the task, once; models check that.
unsafe impl Sync for Task {}
// SAFETY: as above.
unsafe impl Send for Task {}

impl Task {
    fn new(work: impl FnOnce(Me) + 'static) -> Arc<Task> {
        Arc::new(Task {
            work: Cell::new(Some(Box::new(work))),
            runs: AtomicUsize::new(0),
            ends: AtomicUsize::new(0),
        })
    }

    fn nothing() -> Arc<Task> {
        Task::new(|_| ())
    }

    /// Submits it; its argument is destroyed by the pool or, when that does not take it, here.
    fn submit(self: &Arc<Task>, me: Me, pool: u64) -> Result<u64> {
        let arg = Arc::into_raw(self.clone()).cast_mut().cast();
        submit(me, pool, run_task, arg, 0).inspect_err(|_| give_back(arg))
    }

    /// Queues it without a future.
    fn execute(self: &Arc<Task>, me: Me, pool: u64) -> Result {
        let arg = Arc::into_raw(self.clone()).cast_mut().cast();
        execute(me, pool, run_callback, arg).inspect_err(|_| give_back(arg))
    }

    fn runs(&self) -> usize {
        self.runs.load(Relaxed)
    }

    /// It is over, and has run so often; its argument was destroyed once.
    fn is_over(self: &Arc<Task>, runs: usize) {
        assert_eq!((self.runs(), self.ends.load(Relaxed)), (runs, 1), "runs, and ends");
    }
}

fn give_back(arg: *mut c_void) {
    // SAFETY: made by `Arc::into_raw`, and refused by the pool.
    drop(unsafe { Arc::from_raw(arg.cast::<Task>()) });
}

unsafe extern "C-unwind" fn run_task(arg: *mut c_void) -> *mut c_void {
    // SAFETY: a `Task` that lives until `end_task`.
    let task = unsafe { &*arg.cast::<Task>() };
    assert_eq!(task.runs.fetch_add(1, Relaxed), 0, "it runs once");
    if let Some(work) = task.work.take() {
        work(me());
    }
    arg
}

unsafe extern "C-unwind" fn run_callback(arg: *mut c_void) {
    // SAFETY: as above.
    unsafe { run_task(arg) };
}

unsafe extern "C-unwind" fn end_task(arg: *mut c_void) {
    // SAFETY: made by `Arc::into_raw`, for one end.
    let task = unsafe { Arc::from_raw(arg.cast::<Task>()) };
    assert_eq!(task.ends.fetch_add(1, Relaxed), 0, "its argument is destroyed once");
}

/// Wishes for a pool of tasks.
const TASKS: Wishes<'static> =
    Wishes { prefix: Some("t"), arg_destructor: Some(end_task), daemon: Some(true), ..Wishes::NONE };

fn pool_of(me: Me, workers: u32) -> u64 {
    create(me, workers, TASKS).expect("there is room for pools")
}

/// Nothing of the pool is left, and of no future.
fn end_pool(me: Me, pool: u64) {
    assert_eq!(shutdown(me, pool, true, false), Ok(()));
    assert_eq!(statistics(me, pool).map(|seen| (seen.workers, seen.queued)), Ok((0, 0)));
    assert_eq!(destroy(me, pool), Ok(()));
    Future::table().each(|future| panic!("{:x} is left", future.id));
}

fn future(id: u64) -> Live<Future> {
    find(id).expect("it was made just now")
}

/// Where so many meet: none goes on before all are there.
fn meeting(me: Me, parties: i64) -> Live<Barrier> {
    find(barrier::create(me, parties, None, core::ptr::null_mut(), -1).expect("there is room"))
        .expect("made just now")
}

fn meet(place: Live<Barrier>, me: Me) {
    assert!(place.arrive(me, Timeout::FOREVER).is_ok());
}
