//! Who looks for work and who sleeps: no task is left lying, no permit is lost or left over.
//!
//! The threads here take the steps of life.rs and work.rs, with a counter for a queue.

use super::*;
use crate::atomic::{load_in_order, seeded};
use crate::pool::entry::Entry;
use crate::pool::idle::{Call, Counts, Idle, LOOKING, SEARCHING, SLEEPING, TAKEN, THREADS};
use crate::pool::ring::Ring;
use crate::sync::models::Task;
use crate::time::{Deadline, Timeout};

/// A pool whose tasks have nothing to do but to be counted.
struct Pool {
    idle: Idle,
    queued: AtomicU64,
    done: AtomicU64,
    over: AtomicU64,
    main: loom::thread::Thread,
    /// Whether threads end that have nothing to do for a while.
    shrinks: bool,
}

fn pool(seats: u32, shrinks: bool) -> Arc<Pool> {
    let [queued, done, over] = [0, 0, 0].map(AtomicU64::new);
    Arc::new(Pool { idle: Idle::new(seats), queued, done, over, main: loom::thread::current(), shrinks })
}

impl Pool {
    fn has_work(&self) -> bool {
        self.queued.load(SeqCst) > 0
    }

    fn take(&self) -> bool {
        let queued = load_in_order(&self.queued);
        queued > 0 && self.queued.compare_exchange(queued, queued - 1, SeqCst, SeqCst).is_ok()
    }

    /// Queues a task; true: a thread is to be started.
    fn put(&self) -> bool {
        self.queued.fetch_add(1, SeqCst);
        fence::light();
        !self.idle.is_awake() && self.idle.call(1) == Call::Start
    }

    fn work(&self) {
        let mut searching = true;
        loop {
            let found = self.take();
            let searched = core::mem::replace(&mut searching, false);
            let alone = searched && self.idle.shift(0, SEARCHING).of(SEARCHING) == 0;
            if !found {
                return;
            }
            if alone && self.has_work() {
                assert_ne!(self.idle.call(1), Call::Start, "all threads are there");
            }
            self.done.fetch_add(1, SeqCst);
            self.main.unpark();
        }
    }

    /// From being told to look to being counted as sleeping; false: it looks again.
    fn take_part(&self) -> bool {
        let seats = self.idle.seats();
        if self.idle.shift_if(TAKEN, 0, |now| now.of(TAKEN) < seats).is_err() {
            self.idle.shift(SLEEPING, SEARCHING);
        } else {
            loop {
                self.work();
                self.idle.shift(SEARCHING + LOOKING, 0);
                if !self.has_work() {
                    break;
                }
                self.idle.shift(0, LOOKING);
            }
            self.idle.shift(SLEEPING, TAKEN + SEARCHING + LOOKING);
        }
        fence::heavy();
        if !seeded(Seed::Idle) && self.has_work() && self.idle.counts().of(TAKEN) < self.idle.seats() {
            self.idle.get_up();
            return false;
        }
        true
    }

    /// What a thread does that was told; it ends when the pool does, or its time.
    fn serve(&self, me: Me) {
        loop {
            if !self.take_part() {
                continue;
            }
            let over = self.over.load(SeqCst) == 1;
            let deadline = match (over, self.shrinks) {
                (true, _) => Deadline::at(0),
                (_, true) => Deadline::at(1),
                _ => Deadline::NEVER,
            };
            if !self.idle.sleep(me, deadline, |_| over || self.shrinks) {
                break;
            }
        }
        if self.over.load(SeqCst) == 1 {
            // It may have taken the permit that was meant for another one.
            self.idle.call_all();
        }
    }

    /// Waits until so many tasks are done.
    fn wait(&self, tasks: u64) {
        while self.done.load(SeqCst) < tasks {
            loom::thread::park();
        }
    }

    /// Ends all threads; afterwards nobody is counted.
    fn end(&self, threads: impl IntoIterator<Item = Task<()>>) {
        self.over.store(1, SeqCst);
        self.idle.call_all();
        threads.into_iter().for_each(Task::join);
        assert_eq!(self.idle.counts().0, 0, "nobody is left");
        assert!(!self.has_work(), "no task is left");
    }
}

fn serve(pool: &Arc<Pool>, n: usize) -> Task<()> {
    let pool = pool.clone();
    spawn(n, move |me| pool.serve(me))
}

/// Each task comes when the thread may be at work, on its way to sleep, or asleep.
fn one_thread() {
    let pool = pool(1, false);
    assert!(pool.put(), "there is no thread yet");
    let thread = serve(&pool, 1);
    pool.wait(1);
    assert!(!pool.put());
    pool.wait(2);
    pool.end([thread]);
}

/// Two threads, of whom one may look while the other sleeps.
fn two_threads() {
    let pool = pool(2, false);
    pool.idle.shift(2 * (THREADS + SEARCHING), 0);
    let threads = [1, 2].map(|n| serve(&pool, n));
    assert!(!pool.put());
    assert!(!pool.put());
    pool.wait(2);
    pool.end(threads);
}

/// Two threads and one seat: whoever finds none sleeps, and the other one looks.
fn one_seat() {
    let pool = pool(1, false);
    pool.idle.shift(2 * (THREADS + SEARCHING), 0);
    let threads = [1, 2].map(|n| serve(&pool, n));
    assert!(!pool.put());
    pool.wait(1);
    pool.end(threads);
}

/// The thread's time may run out when the task comes: then another thread is started for it.
fn one_that_ends() {
    let pool = pool(1, true);
    assert!(pool.put());
    let mut threads = vec![serve(&pool, 1)];
    pool.wait(1);
    if pool.put() {
        threads.push(serve(&pool, 2));
    }
    pool.wait(2);
    pool.end(threads);
}

/// Only `listen` is told: it waits until the thread has gone to sleep.
fn listens() {
    let pool = pool(1, false);
    assert!(pool.put());
    let shared = pool.clone();
    let thread = spawn(1, move |me| {
        shared.take_part();
        shared.idle.tell_quiet();
        me
    });
    let quiet = |counts: Counts| counts.of(SLEEPING) == 1;
    assert!(pool.idle.listen(me(0), 7, Timeout::FOREVER, || quiet(pool.idle.counts())));
    thread.join();
}

/// One who works queues a task for its own seat while another one stops searching, and has found something else that
/// lasts: the third one is told.
fn one_queues_for_its_own_seat() {
    let pool = pool(3, false);
    let ring = Arc::new(Ring::new());
    pool.queued.store(1, SeqCst);
    // The main thread works, the first is told, the second sleeps.
    pool.idle.shift(3 * THREADS + TAKEN + SEARCHING + SLEEPING, 0);
    let (shared, others) = (pool.clone(), ring.clone());
    let begins = spawn(1, move |_| {
        shared.idle.shift(TAKEN, 0);
        let alone = shared.idle.shift(0, SEARCHING).of(SEARCHING) == 0;
        assert!(shared.take());
        if alone {
            if !seeded(Seed::Search) {
                crate::atomic::fence(SeqCst);
            }
            if others.length() > 0 {
                let _ = shared.idle.call(1);
            }
        }
    });
    let (shared, others) = (pool.clone(), ring.clone());
    let told = spawn(2, move |me| {
        assert!(shared.idle.sleep(me, Deadline::NEVER, |_| false));
        others.pop().map(|entry| entry.arg.addr())
    });
    ring.push(Entry { call: core::ptr::null_mut(), arg: core::ptr::without_provenance_mut(5) });
    fence::light();
    assert!(!pool.idle.is_full());
    crate::atomic::fence(SeqCst);
    if !pool.idle.is_awake() {
        let _ = pool.idle.call(1);
    }
    assert_eq!(told.join(), Some(5));
    begins.join();
}

/// A guest has the only seat and leaves, while another thread queues a task: one of the two finds the task.
fn a_guest_leaves() {
    let pool = pool(1, false);
    let counted = pool.idle.take_for_guest(1).expect("the seat is free");
    assert!(pool.idle.take_for_guest(1).is_none(), "now it is not");
    let shared = pool.clone();
    let guest = spawn(1, move |_| {
        assert!(shared.idle.give_back(counted), "all seats were taken");
        shared.queued.load(Relaxed) > 0
    });
    pool.queued.store(1, Release);
    let mut finds_a_seat = false;
    if !pool.idle.is_full_of_threads() {
        crate::atomic::fence(SeqCst);
        finds_a_seat = !pool.idle.is_awake();
    }
    assert!(guest.join() || finds_a_seat, "nobody looks for the task");
    assert_eq!(pool.idle.counts().0, 0);
}

#[test]
fn sleepers() {
    holds("idle: one thread", 3, one_thread);
    holds("idle: two threads", 2, two_threads);
    holds("idle: one seat", 2, one_seat);
    holds("idle: one queues for its own seat", 3, one_queues_for_its_own_seat);
    holds("idle: a guest leaves", 4, a_guest_leaves);
    finds(Seed::Idle, 2, one_thread);
    finds(Seed::Guest, 4, a_guest_leaves);
    finds(Seed::Search, 3, one_queues_for_its_own_seat);
}

#[test]
fn timeouts() {
    holds("idle: one that ends", 2, one_that_ends);
    finds(Seed::Permit, 2, one_that_ends);
}

#[test]
fn listeners() {
    holds("idle: one listens", 3, listens);
    finds(Seed::Sleep, 3, listens);
}
