//! One target over many arguments: the results in order, the first failure ends it.
//!
//! Whoever has a ticket takes arguments one after another, until there are none; so there are as many tickets as
//! threads, not as many as arguments.

use super::body::{Body, try_box};
use super::leads;
use super::run::{self, Ended, What};
use super::worker::{self, Worker};
use crate::atomic::{AtomicPtr, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::Target;
use crate::park::{self, Me, Wait, Woken};
use crate::sync::Guarded;
use crate::sys::tools;
use crate::thread::current;
use crate::thread::failure::{self, Failure};
use crate::thread::text::Text;
use crate::time::{Deadline, Timeout};
use core::ffi::c_void;
use core::ptr::null_mut;

/// One map; it lives as long as its caller and its tickets.
pub(crate) struct Job {
    body: *const Body,
    target: Target,
    args: Vec<*mut c_void>,
    results: Vec<AtomicPtr<c_void>>,
    /// The next argument; at the end nobody begins any more.
    next: AtomicU64,
    /// Arguments that have not ended; the caller sleeps on it.
    open: AtomicU64,
    users: AtomicU64,
    /// The first failure, or that the pool broke or was emptied.
    end: Guarded<Option<(Error, i32, Text)>>,
}

/// An argument that is being worked on.
struct Item {
    job: *const Job,
    at: usize,
}

/// Calls `target` for each of `args` in `pool`, and hands out the results when all went well.
pub(crate) fn map(
    me: Me,
    pool: u64,
    target: Target,
    args: &[*mut c_void],
    results: *mut *mut c_void,
    timeout: Timeout,
) -> Result {
    let body = super::hold(me, pool)?;
    let began = super::admits(body).and_then(|()| begin(body, target, args));
    if matches!(began, Err(Error::Broken)) {
        // As when it breaks during the map: the caller cannot tell the two apart.
        for &arg in args {
            // SAFETY: held above.
            run::destroy_argument(unsafe { &*body }, arg);
        }
    }
    let Ok(job) = began else {
        // SAFETY: held above.
        unsafe { Body::let_go(body) };
        return began.map(|_| ());
    };
    let waited = job.go(me, timeout);
    if waited.is_ok() && !results.is_null() {
        for (at, result) in job.results.iter().enumerate() {
            // SAFETY: the caller has as many places as arguments.
            unsafe { results.add(at).write(result.load(Acquire)) };
        }
    }
    job.let_go();
    waited
}

fn begin(body: *const Body, target: Target, args: &[*mut c_void]) -> Result<&'static Job> {
    let _errno = crate::sys::Errno::keep();
    let (mut own, mut results) = (Vec::new(), Vec::new());
    own.try_reserve_exact(args.len()).map_err(|_| Error::NoMemory)?;
    results.try_reserve_exact(args.len()).map_err(|_| Error::NoMemory)?;
    own.extend_from_slice(args);
    results.resize_with(args.len(), || AtomicPtr::new(null_mut()));
    let job = try_box(Job {
        body,
        target,
        args: own,
        results,
        next: AtomicU64::new(0),
        open: AtomicU64::new(args.len() as u64),
        users: AtomicU64::new(1),
        end: Guarded::new(None),
    })?;
    // SAFETY: it lives until its last user lets go.
    Ok(unsafe { &*job })
}

impl Job {
    fn let_go(&self) {
        if self.users.fetch_sub(1, AcqRel) == 1 {
            let body = self.body;
            // SAFETY: the last user has gone; `begin` made it as a `Box` would.
            drop(unsafe { Box::from_raw((self as *const Job).cast_mut()) });
            // SAFETY: the job was a user of the body.
            unsafe { Body::let_go(body) };
        }
    }

    fn body(&self) -> &Body {
        // SAFETY: the job is a user of the body.
        unsafe { &*self.body }
    }

    fn go(&self, me: Me, timeout: Timeout) -> Result {
        let deadline = timeout.deadline_from(crate::time::now());
        let tickets = (self.body().idle.seats() as usize).min(self.args.len());
        for ticket in 0..tickets {
            self.users.fetch_add(1, Relaxed);
            if let Err(error) = super::put(me, self.body, leads::map_entry(self), false) {
                self.users.fetch_sub(1, Relaxed);
                if ticket == 0 {
                    self.skip_rest(error == Error::Broken);
                    return Err(error);
                }
                break;
            }
        }
        let worker = worker::of(me);
        if let Some(worker) = worker.filter(|worker| core::ptr::eq(worker.body, self.body)) {
            while !deadline.has_passed() && worker.has_stack() && self.step(worker) {}
        }
        let waited = self.sleep(me, worker, deadline);
        self.skip_rest(true);
        tools::acquire(&self.open);
        match &*self.end.lock() {
            Some((Error::Failed, code, message)) => {
                if let Ok(control) = current::own(me) {
                    let message = Text::copy(message.as_str()).unwrap_or(Text::EMPTY);
                    failure::remember(control, Failure { failed: true, code: *code, message });
                }
                Err(Error::Failed)
            }
            Some((error, ..)) => Err(*error),
            None => waited,
        }
    }

    fn sleep(&self, me: Me, worker: Option<&Worker>, deadline: Deadline) -> Result {
        if self.open.load(SeqCst) == 0 {
            return Ok(());
        }
        if deadline.has_passed() {
            return Err(Error::Timeout);
        }
        if let Some(worker) = worker {
            super::wait::block(worker);
        }
        let wait = Wait::begin_until(me, self.body().id, crate::time::now(), deadline);
        let mut woken = Woken::LookAgain;
        let waited = loop {
            let open = self.open.load(SeqCst);
            // A failure is told at once; what has begun by then goes on by itself.
            if open == 0 || self.end.lock().is_some() {
                break Ok(());
            }
            if woken == Woken::TimedOut {
                break Err(Error::Timeout);
            }
            woken = wait.sleep(&self.open, open as u32);
        };
        drop(wait);
        if let Some(worker) = worker {
            super::wait::unblock(worker);
        }
        waited
    }

    /// Works on the next argument; false when there is none.
    fn step(&self, worker: &Worker) -> bool {
        let at = self.next.fetch_add(1, SeqCst) as usize;
        let Some(&arg) = self.args.get(at) else {
            self.next.store(self.args.len() as u64, SeqCst);
            return false;
        };
        // Given back in `item_ended`, also when the task is left by force.
        self.users.fetch_add(1, Relaxed);
        let item = Item { job: self, at };
        let owner = (&raw const item).cast();
        run::run(worker, What::Part { target: self.target, owner, ended: item_ended }, arg);
        true
    }

    /// Nothing more is begun; the arguments that nobody has begun are the caller's to end.
    fn take_rest(&self) -> &[*mut c_void] {
        let all = self.args.len() as u64;
        let begun = self.next.swap(all, SeqCst).min(all);
        self.args.get(begun as usize..).unwrap_or(&[])
    }

    /// Nothing more is begun; the arguments that nobody has begun are destroyed if they are the library's.
    fn skip_rest(&self, destroy: bool) {
        self.skip(self.take_rest(), destroy);
    }

    fn skip(&self, args: &[*mut c_void], destroy: bool) {
        for &arg in args {
            if destroy {
                run::destroy_argument(self.body(), arg);
            }
            self.ended();
        }
    }

    fn ended(&self) {
        tools::release(&self.open);
        self.open.fetch_sub(1, SeqCst);
        park::wake(&self.open, 1);
    }

    fn end_with(&self, error: Error, code: i32, message: Text) {
        let mut end = self.end.lock();
        if end.is_none() {
            *end = Some((error, code, message));
        }
    }
}

fn item_ended(item: *const c_void, Ended { result, failure, by_force }: Ended) {
    // SAFETY: `step` passed an `Item` that outlives its task, and is a user of the job on its behalf.
    let (job, at) = unsafe {
        let item = &*item.cast::<Item>();
        (&*item.job, item.at)
    };
    if failure.failed {
        job.end_with(Error::Failed, failure.code, core::mem::replace(&mut failure.message, Text::EMPTY));
        job.skip_rest(true);
    } else if let Some(place) = job.results.get(at) {
        place.store(result, Release);
    }
    job.ended();
    job.let_go();
    if by_force {
        // Also for the ticket, or the caller of `map`, who will not come back to it.
        job.let_go();
    }
}

/// A ticket has come through the pool: works until there are no more arguments.
pub(super) fn run_ticket(worker: &Worker, job: *const Job) {
    // SAFETY: the ticket is a user of the job.
    let job = unsafe { &*job };
    while job.step(worker) {}
    job.let_go();
}

/// A ticket that will not come through. The map is ended only if that leaves something undone.
pub(super) fn drop_ticket(body: &Body, job: *const Job) {
    // SAFETY: as above.
    let job = unsafe { &*job };
    let broken = body.state.load(SeqCst) == super::body::BROKEN;
    let rest = job.take_rest();
    if !rest.is_empty() {
        job.end_with(if broken { Error::Broken } else { Error::Cancelled }, 0, Text::EMPTY);
    }
    job.skip(rest, true);
    job.let_go();
}
