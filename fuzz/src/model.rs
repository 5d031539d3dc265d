//! What the sequential model knows: the objects of each kind, and who does something now.

use crate::callbacks::Called;
use crate::kinds::{
    barrier::Barrier, condition::Condition, event::Event, future::Future, group::Group, local::Local,
    lock::Lock, pool::Pool, queue::Queue, rlock::Rlock, semaphore::Semaphore, thread, timer::Timer,
};
use std::collections::{HashMap, HashSet};

/// The results that are right; where several arguments are wrong any of their statuses is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    list: [i64; 4],
    count: usize,
}

impl Wanted {
    pub(crate) fn list(&self) -> &[i64] {
        &self.list[..self.count]
    }

    pub(crate) fn is(&self, status: i64) -> bool {
        self.list() == [status]
    }

    pub(crate) fn or(mut self, status: i64) -> Wanted {
        if !self.list().contains(&status) {
            self.list[self.count] = status;
            self.count += 1;
        }
        self
    }
}

impl From<i64> for Wanted {
    fn from(status: i64) -> Wanted {
        Wanted::default().or(status)
    }
}

/// The statuses of all that is wrong.
pub(crate) fn refused(wrong: &[(bool, i64)]) -> Wanted {
    wrong.iter().filter(|(is_wrong, _)| *is_wrong).fold(Wanted::default(), |all, (_, status)| all.or(*status))
}

impl Wanted {
    /// What comes when nothing is wrong.
    pub(crate) fn otherwise(self, answer: impl FnOnce() -> i64) -> Wanted {
        if self.count == 0 { answer().into() } else { self }
    }
}

/// What can be marked as failed: a target, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// No target runs here.
    Nothing,
    /// A target, and how it has failed.
    Target(Option<(i32, String)>),
}

/// A thread that does calls, or did some.
#[derive(Default)]
pub(crate) struct Thread {
    /// Its handle, where the model knows it.
    pub(crate) id: u64,
    /// The function that failed last; none in this run.
    pub(crate) failed_in: Option<&'static str>,
    /// The last failure that a status `FAILED` told of, if known.
    pub(crate) failure: Option<(i32, String)>,
}

#[derive(Default)]
pub(crate) struct World {
    /// The number of the thread that does the calls; the main one is 0.
    pub(crate) me: usize,
    pub(crate) callers: Vec<Thread>,
    frames: Vec<Frame>,
    /// How the last target of calls has ended.
    pub(crate) ended_body: Option<Frame>,
    /// Every handle that was made.
    pub(crate) seen: HashSet<u64>,
    /// Pointers that were given out.
    pub(crate) items: usize,
    pub(crate) bodies: u32,
    /// What the call that comes is to call back.
    pub(crate) expected: Vec<Called>,
    /// The number that the next thread without a name gets.
    pub(crate) names: u64,
    pub(crate) locks: HashMap<u64, Lock>,
    pub(crate) rlocks: HashMap<u64, Rlock>,
    pub(crate) conditions: HashMap<u64, Condition>,
    pub(crate) semaphores: HashMap<u64, Semaphore>,
    pub(crate) events: HashMap<u64, Event>,
    pub(crate) barriers: HashMap<u64, Barrier>,
    pub(crate) locals: HashMap<u64, Local>,
    pub(crate) timers: HashMap<u64, Timer>,
    pub(crate) queues: HashMap<u64, Queue>,
    pub(crate) futures: HashMap<u64, Future>,
    pub(crate) threads: HashMap<u64, thread::Thread>,
    pub(crate) pools: HashMap<u64, Pool>,
    pub(crate) groups: HashMap<u64, Group>,
}

impl World {
    /// Who does the calls.
    pub(crate) fn thread(&mut self) -> &mut Thread {
        if self.callers.is_empty() {
            self.callers.push(Thread::default());
        }
        &mut self.callers[self.me]
    }

    /// A target begins, on another thread or on this one; says who called so far.
    pub(crate) fn enter(&mut self, thread: Option<Thread>, frame: Frame) -> usize {
        let before = self.me;
        if let Some(thread) = thread {
            self.callers.push(thread);
            self.me = self.callers.len() - 1;
        }
        self.frames.push(frame);
        before
    }

    /// It ends; says how, and which thread ends with it.
    pub(crate) fn leave(&mut self, before: usize) -> (Frame, Option<usize>) {
        let ended = (self.me != before).then_some(self.me);
        self.me = before;
        (self.frames.pop().unwrap_or(Frame::Nothing), ended)
    }

    pub(crate) fn frame(&mut self) -> Option<&mut Frame> {
        self.frames.last_mut()
    }

    /// How many targets are inside of each other.
    pub(crate) fn depth(&self) -> usize {
        self.frames.len()
    }
}
