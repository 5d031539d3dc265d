//! Groups: tasks that belong together, and end together; the first failure cancels those that have not begun.
//!
//! The tasks stand in a queue of the group's own. For each of them a ticket goes through the pool; whoever gets one
//! takes the group's next task. So a worker that waits for the group can take tasks itself, and leaves tickets
//! behind that lead to nothing. A ticket that comes while as many tasks run as may at once is put aside, and goes
//! through the pool again when one of them has ended: tickets are put aside only as long as tasks run or others are on
//! their way, so none is forgotten.

use super::body::{Body, try_box};
use super::leads;
use super::run::{self, Ended, What};
use super::worker::{self, Worker};
use crate::atomic::{AtomicPtr, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::{self, Left, Target};
use crate::park::{self, Me, Wait, Woken, inside};
use crate::slot::{Live, Object, Table, find, kind};
use crate::sync::Guarded;
use crate::sys::tools;
use crate::thread::current;
use crate::thread::failure::{self, Failure};
use crate::thread::text::Text;
use crate::time::{Deadline, Timeout};
use core::ffi::c_void;
use std::collections::VecDeque;

/// The slot; everything stands beside it.
pub(crate) struct Handle {
    group: AtomicPtr<Group>,
}

impl Object for Handle {
    const KIND: u8 = kind::GROUP;
    fn table() -> &'static Table<Handle> {
        static TABLE: Table<Handle> = Table::new();
        &TABLE
    }
}

/// What is behind the group's guard.
struct Inner {
    tasks: VecDeque<(u64, Target, *mut c_void)>,
    turn: u64,
    /// How many may run at once, 0 without a limit; how many do; and how many tickets were put aside.
    limit: u32,
    running: u32,
    aside: u32,
    /// Why the rest is cancelled.
    end: End,
    code: i32,
    message: Text,
}

/// What there is for a ticket.
enum Next {
    /// A task, and whether it is to run.
    Task(Target, *mut c_void, bool),
    /// As many run as may.
    Later,
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    None,
    Cancelled,
    Failed,
    Broken,
}

/// A group; it lives as long as its handle and its tickets.
pub(crate) struct Group {
    id: u64,
    body: *const Body,
    inner: Guarded<Inner>,
    users: AtomicU64,
    /// Tasks that have not ended; who waits for the group sleeps on it.
    open: AtomicU64,
    waiters: AtomicU64,
}

/// Makes a group in `pool`.
pub(crate) fn create(me: Me, pool: u64) -> Result<u64> {
    let body = super::hold(me, pool)?;
    let inner = Inner {
        tasks: VecDeque::new(),
        turn: 0,
        limit: 0,
        running: 0,
        aside: 0,
        end: End::None,
        code: 0,
        message: Text::EMPTY,
    };
    let group = Group {
        id: 0,
        body,
        inner: Guarded::new(inner),
        users: AtomicU64::new(1),
        open: AtomicU64::new(0),
        waiters: AtomicU64::new(0),
    };
    let made = try_box(group).and_then(|group| {
        let made = Handle::table().create(None, 0, |handle| handle.group.store(group, Relaxed));
        if made.is_err() {
            // SAFETY: made just now, as a `Box` would, and nobody has seen it.
            drop(unsafe { Box::from_raw(group) });
        }
        made.map(|handle| (handle, group))
    });
    match made {
        Ok((handle, group)) => {
            // SAFETY: nobody was told of the group yet.
            unsafe { (*group).id = handle.id };
            Ok(handle.id)
        }
        Err(error) => {
            // SAFETY: held above, for the group that there is not.
            unsafe { Body::let_go(body) };
            Err(error)
        }
    }
}

/// The group that `id` names, with one user more: the caller.
fn hold(me: Me, id: u64) -> Result<&'static Group> {
    let handle = find::<Handle>(id)?;
    me.enter(id);
    let held = handle.bits().map(|_| {
        // SAFETY: the handle lives, so its group does, and nobody frees it while this thread is inside.
        let group = unsafe { &*handle.slot.body.group.load(Acquire) };
        group.users.fetch_add(1, Relaxed);
        group
    });
    me.leave();
    held
}

/// The same for what only a group of this process can do.
fn hold_here(me: Me, id: u64) -> Result<&'static Group> {
    let group = hold(me, id)?;
    if group.stayed_behind() {
        group.let_go();
        return Err(Error::Forked);
    }
    Ok(group)
}

impl Group {
    /// The caller uses the group no more.
    fn let_go(&self) {
        if self.users.fetch_sub(1, AcqRel) == 1 {
            let body = self.body;
            // SAFETY: the last user has gone; `create` made it as a `Box` would.
            drop(unsafe { Box::from_raw((self as *const Group).cast_mut()) });
            // SAFETY: the group was a user of the body.
            unsafe { Body::let_go(body) };
        }
    }

    fn body(&self) -> &Body {
        // SAFETY: the group is a user of the body.
        unsafe { &*self.body }
    }

    /// Whether the process has forked since the group was made: its tasks and its pool's threads are not here.
    fn stayed_behind(&self) -> bool {
        self.body().epoch != super::epoch()
    }

    /// Some task has ended.
    fn ended(&self) {
        tools::release(&self.open);
        if self.open.fetch_sub(1, SeqCst) == 1 && self.waiters.load(SeqCst) > 0 {
            park::wake(&self.open, u32::MAX);
        }
    }

    /// The task that comes next, which `Later` leaves in its place; a ticket is put aside then.
    fn next(&self, for_ticket: bool) -> Next {
        let mut inner = self.inner.lock();
        let full = inner.limit > 0 && inner.running >= inner.limit;
        if full && inner.end == End::None && !inner.tasks.is_empty() {
            inner.aside += for_ticket as u32;
            return Next::Later;
        }
        let Some((_, target, arg)) = inner.tasks.pop_front() else { return Next::Nothing };
        tools::acquire(&self.inner);
        let runs = inner.end == End::None;
        inner.running += runs as u32;
        Next::Task(target, arg, runs)
    }

    /// Lets a ticket that was put aside go through the pool again; without tasks, all of them are done with.
    fn resume(&self) {
        let (ticket, spent) = {
            let mut inner = self.inner.lock();
            let spent = if inner.tasks.is_empty() { core::mem::take(&mut inner.aside) } else { 0 };
            let ticket = inner.aside > 0;
            inner.aside -= ticket as u32;
            (ticket, spent)
        };
        (0..spent).for_each(|_| self.let_go());
        if ticket {
            let body = self.body();
            match body.injector.put(leads::group_entry(self), 0, u64::MAX) {
                Ok(()) if body.notify() => drop(super::life::start(body)),
                Ok(()) => {}
                Err(_) => self.give_up(End::Broken),
            }
        }
    }

    /// Ends what has not begun, and with that the group, if there is something; the caller is a user no more.
    fn give_up(&self, end: End) {
        let ended = {
            let mut inner = self.inner.lock();
            if inner.end == End::None && !inner.tasks.is_empty() {
                inner.end = end;
            }
            inner.end != End::None
        };
        // Otherwise there was nothing, and what comes now has a ticket of its own.
        while ended && let Next::Task(_, arg, _) = self.next(false) {
            self.skip(arg, 1);
        }
        self.let_go();
    }

    /// A task will not run. Where its argument's destructor is left by force, so are the callers, who are that many
    /// users.
    fn skip(&self, arg: *mut c_void, users: u32) {
        let skipping = Skipping { group: self, users };
        if let Some(destructor) = self.body().plan.arg_destructor {
            let left = Left { call: Some(skip_was_left), context: (&raw const skipping).cast_mut().cast() };
            // SAFETY: the pool's maker promised that it may be called with the argument of each task, once; `skipping`
            // outlives the call.
            unsafe { frame::call(destructor, arg, left) };
        }
        self.skipped();
    }

    fn skipped(&self) {
        self.resume();
        self.ended();
    }

    /// Runs the group's next task, or ends it if the group is cancelled; false when there is none to be taken. The
    /// caller is a user.
    fn step(&self, worker: &Worker) -> bool {
        let Next::Task(target, arg, runs) = self.next(false) else { return false };
        if runs {
            // Given back in `part_ended`, also when the task is left by force.
            self.users.fetch_add(1, Relaxed);
            self.run(worker, target, arg, held_part_ended);
        } else {
            self.skip(arg, 1);
        }
        true
    }

    fn run(&self, worker: &Worker, target: Target, arg: *mut c_void, ended: fn(*const c_void, Ended)) {
        let owner = (self as *const Group).cast();
        run::run(worker, What::Part { target, owner, ended }, arg);
    }

    /// Does what a ticket that has come is for; `held`: inside a call that is a user, too.
    fn redeem(&self, worker: &Worker, held: bool) {
        match self.next(true) {
            Next::Task(target, arg, true) => {
                self.run(worker, target, arg, if held { held_part_ended } else { part_ended });
            }
            Next::Task(_, arg, false) => {
                self.skip(arg, 1 + held as u32);
                self.let_go();
            }
            Next::Later => {}
            Next::Nothing => {
                self.resume();
                self.let_go();
            }
        }
    }

    /// Ends with the first reason there is; tasks that have not begun will not.
    fn end_with(&self, end: End, code: i32, message: Text) {
        let mut inner = self.inner.lock();
        if inner.end == End::None {
            (inner.end, inner.code, inner.message) = (end, code, message);
        }
    }
}

/// An argument that is being destroyed, and how many users of the group do not come back if that is left by force.
struct Skipping {
    group: *const Group,
    users: u32,
}

unsafe extern "C-unwind" fn skip_was_left(skipping: *mut c_void) {
    // SAFETY: `skip` passed it, and it outlives the passing; those who were left are still users of the group.
    let (group, users) = unsafe {
        let skipping = &*skipping.cast::<Skipping>();
        (&*skipping.group, skipping.users)
    };
    group.skipped();
    (0..users).for_each(|_| group.let_go());
    if let Some(worker) = crate::thread::known().and_then(worker::of) {
        run::leave_call(worker);
    }
}

fn part_ended(owner: *const c_void, Ended { failure, .. }: Ended) {
    // SAFETY: `Group::run` passed a group that somebody is a user of on behalf of this task.
    let group = unsafe { &*owner.cast::<Group>() };
    if failure.failed {
        group.end_with(End::Failed, failure.code, core::mem::replace(&mut failure.message, Text::EMPTY));
    }
    {
        let mut inner = group.inner.lock();
        inner.running -= 1;
        if inner.limit > 0 {
            // Whoever comes next may have waited for this one.
            tools::release(&group.inner);
        }
    }
    group.resume();
    group.ended();
    group.let_go();
}

/// The same inside a call that is a user of the group itself, and that a task left by force does not come back to.
fn held_part_ended(owner: *const c_void, ended: Ended) {
    let by_force = ended.by_force;
    part_ended(owner, ended);
    if by_force {
        // SAFETY: the call's part is still there.
        unsafe { &*owner.cast::<Group>() }.let_go();
    }
}

/// Queues a task of the group; on failure the argument stays the caller's.
pub(crate) fn submit(me: Me, id: u64, target: Target, arg: *mut c_void) -> Result {
    let group = hold_here(me, id)?;
    let submitted = group.submit(me, target, arg);
    group.let_go();
    submitted
}

impl Group {
    fn submit(&self, me: Me, target: Target, arg: *mut c_void) -> Result {
        tools::release(&self.inner);
        let turn = {
            let mut inner = self.inner.lock();
            match inner.end {
                End::None => {}
                End::Broken => return Err(Error::Broken),
                _ => return Err(Error::Cancelled),
            }
            let _errno = crate::sys::Errno::keep();
            inner.tasks.try_reserve(1).map_err(|_| Error::NoMemory)?;
            inner.turn += 1;
            let turn = inner.turn;
            self.open.fetch_add(1, SeqCst);
            inner.tasks.push_back((turn, target, arg));
            turn
        };
        // The ticket's own part.
        self.users.fetch_add(1, Relaxed);
        let mut queued = super::put(me, self.body, leads::group_entry(self), true);
        if queued == Err(Error::CallerRuns) {
            queued = super::run_here(me, self.body().id, |worker| self.redeem(worker, true));
        }
        if let Err(error) = queued {
            let mut inner = self.inner.lock();
            if let Some(at) = inner.tasks.iter().rposition(|task| task.0 == turn) {
                inner.tasks.remove(at);
                drop(inner);
                self.users.fetch_sub(1, Relaxed);
                self.ended();
                return Err(error);
            }
            // Somebody has taken it already: one who waits for the group, or another task's ticket, and then that
            // task has none. So this one's goes through the pool all the same.
            inner.aside += 1;
            drop(inner);
            self.resume();
        }
        Ok(())
    }
}

/// A ticket has come through the pool.
pub(super) fn run_ticket(worker: &Worker, group: *const Group) {
    // SAFETY: the ticket is a user of the group; its part is given back before the task can be left by force.
    unsafe { &*group }.redeem(worker, false);
}

/// A ticket that will not come through: the pool is emptied or broken, and so is the group. A ticket whose task was
/// done by one who waits leaves the group as it is.
pub(super) fn drop_ticket(body: &Body, group: *const Group) {
    // SAFETY: as above.
    let group = unsafe { &*group };
    let broken = body.state.load(SeqCst) == super::body::BROKEN;
    group.give_up(if broken { End::Broken } else { End::Cancelled });
}

/// Waits until all tasks of the group have ended, and tells how.
pub(crate) fn wait(me: Me, id: u64, timeout: Timeout) -> Result {
    let group = hold(me, id)?;
    let waited = group.wait(me, timeout);
    group.let_go();
    waited
}

impl Group {
    fn wait(&self, me: Me, timeout: Timeout) -> Result {
        let deadline = timeout.deadline_from(crate::time::now());
        let worker = worker::of(me);
        if !self.stayed_behind() && worker.is_some_and(|worker| self.contains_task_of(worker)) {
            return Err(Error::WaitsForSelf);
        }
        if let Some(worker) = worker.filter(|worker| core::ptr::eq(worker.body, self.body)) {
            // A task may have forked, and come back here in the child.
            while !self.stayed_behind() && !deadline.has_passed() && worker.has_stack() && self.step(worker) {
            }
        }
        if self.open.load(SeqCst) > 0 {
            if self.stayed_behind() {
                return Err(Error::Forked);
            }
            if deadline.has_passed() {
                return Err(Error::Timeout);
            }
            if let Some(worker) = worker {
                super::wait::block(worker);
            }
            self.waiters.fetch_add(1, SeqCst);
            let done = self.sleep(me, deadline);
            self.waiters.fetch_sub(1, SeqCst);
            if let Some(worker) = worker {
                super::wait::unblock(worker);
            }
            done?;
        }
        tools::acquire(&self.open);
        self.outcome(me)
    }

    fn sleep(&self, me: Me, deadline: Deadline) -> Result {
        let wait = Wait::begin_until(me, self.id, crate::time::now(), deadline);
        let mut woken = Woken::LookAgain;
        loop {
            let open = self.open.load(SeqCst);
            if open == 0 {
                return Ok(());
            }
            if woken == Woken::TimedOut {
                return Err(Error::Timeout);
            }
            woken = wait.sleep(&self.open, open as u32);
        }
    }

    /// Whether the thread runs a task of this very group, whose end it would wait for.
    fn contains_task_of(&self, worker: &Worker) -> bool {
        let mut at: *const Worker = worker;
        // SAFETY: workers and what they run stand on the thread's own stack.
        while let Some(worker) = unsafe { at.as_ref() } {
            let mut running = worker.running.get();
            // SAFETY: as above.
            while let Some(task) = unsafe { running.as_ref() } {
                if matches!(task.what, What::Part { owner, .. } if core::ptr::eq(owner, (self as *const Group).cast()))
                {
                    return true;
                }
                running = task.outer;
            }
            at = worker.outer;
        }
        false
    }

    fn outcome(&self, me: Me) -> Result {
        let (end, code, message) = {
            let inner = self.inner.lock();
            (inner.end, inner.code, Text::copy(inner.message.as_str()))
        };
        match end {
            End::None => Ok(()),
            End::Cancelled => Err(Error::Cancelled),
            End::Broken => Err(Error::Broken),
            End::Failed => {
                if let Ok(control) = current::own(me) {
                    let message = message.unwrap_or(Text::EMPTY);
                    failure::remember(control, Failure { failed: true, code, message });
                }
                Err(Error::Failed)
            }
        }
    }
}

/// What has not begun will not.
pub(crate) fn cancel(me: Me, id: u64) -> Result {
    let group = hold_here(me, id)?;
    // Also without tasks: it takes no more.
    group.end_with(End::Cancelled, 0, Text::EMPTY);
    group.give_up(End::Cancelled);
    Ok(())
}

/// Says how many of the group's tasks may run at once from now on; those that run go on.
pub(crate) fn set_limit(me: Me, id: u64, limit: u32) -> Result {
    let group = hold_here(me, id)?;
    let aside = {
        let mut inner = group.inner.lock();
        inner.limit = limit;
        inner.aside
    };
    for _ in 0..aside {
        group.resume();
    }
    group.let_go();
    Ok(())
}

/// Ends a group that has no task left and that nobody waits for.
pub(crate) fn destroy(me: Me, id: u64) -> Result {
    let handle: Live<Handle> = find::<Handle>(id)?;
    let group = hold(me, id)?;
    let busy = !group.stayed_behind() && (group.open.load(SeqCst) > 0 || group.waiters.load(SeqCst) > 0);
    let closed = !busy && Handle::table().close(handle, 0);
    if closed && inside::wait_until_left(id) {
        group.let_go();
        let _ = Handle::table().recycle(handle, None);
    }
    group.let_go();
    match (busy, closed) {
        (true, _) => Err(Error::Busy),
        (_, false) => Err(Error::StaleHandle),
        _ => Ok(()),
    }
}
