//! What a thread is besides running: name, daemon, niceness, policy, processors.
//!
//! Before the start they are wishes, kept and granted by the new thread itself; afterwards they are the
//! system's, asked for and set at once. The registry's guard is held meanwhile: a thread cannot pass
//! its end under it, so the system's number is never that of a stranger.

use super::text::Text;
use super::{DAEMON, ENDED, Handle, LOST, STARTED, Shared, control, registry};
use crate::error::{Error, Result};
use crate::sys::{
    self, cpu,
    native::{self, PROCESSORS, Set},
};
use std::alloc::{Layout, alloc};

/// What a thread is to be once it runs; refused, it does not run.
pub(crate) struct Wishes {
    pub(crate) nice: Option<i32>,
    pub(crate) scheduler: Option<(i32, i32)>,
    pub(crate) affinity: Option<Box<Set>>,
}

impl Wishes {
    pub(crate) const NONE: Wishes = Wishes { nice: None, scheduler: None, affinity: None };

    pub(super) fn any(&self) -> bool {
        self.nice.is_some() || self.scheduler.is_some() || self.affinity.is_some()
    }

    /// Grants them to the calling thread, as far as the system allows.
    pub(super) fn grant(&self) -> Result {
        let me = native::thread_id();
        if let Some((policy, priority)) = self.scheduler {
            native::set_scheduler(me, policy, priority)?;
        }
        if let Some(nice) = self.nice {
            native::set_nice(me, nice)?;
        }
        if let Some(set) = &self.affinity {
            native::set_affinity(me, set)?;
        }
        Ok(())
    }

    /// The status of a start whose wishes were refused for the reason with this number.
    pub(super) fn refusal(number: u64) -> Error {
        let plain = [Error::NoMemory, Error::Unsupported, Error::System];
        plain.into_iter().find(|&error| error as u64 == number).unwrap_or(Error::Permission)
    }
}

/// A niceness that exists.
pub(crate) fn checked_nice(nice: i32) -> Result<i32> {
    if (-20..=19).contains(&nice) { Ok(nice) } else { Err(Error::BadValue) }
}

/// A set of processors as the system takes it.
pub(crate) fn set_of(cpus: &[u32]) -> Result<Box<Set>> {
    let layout = Layout::new::<Set>();
    // SAFETY: a `Set` is not of size zero.
    let place: *mut Set = unsafe { alloc(layout) }.cast();
    if place.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: `place` is new, of the global allocator, with the layout of a `Set`, and filled here.
    let mut set = unsafe {
        place.write([0; PROCESSORS / 64]);
        Box::from_raw(place)
    };
    for &cpu in cpus {
        *set.get_mut(cpu as usize / 64).ok_or(Error::BadValue)? |= 1 << (cpu % 64);
    }
    if cpus.is_empty() { Err(Error::BadValue) } else { Ok(set) }
}

/// The processors in a set, the lowest first.
pub(crate) fn cpus_of(set: &Set) -> impl Iterator<Item = u32> {
    (0..PROCESSORS as u32).filter(|&cpu| set[cpu as usize / 64] >> (cpu % 64) & 1 == 1)
}

/// Where a thread stands with regard to its attributes.
enum Stage<'a> {
    Unstarted(&'a mut Shared),
    /// Runs with this number of the system.
    Running(u64),
}

/// Looks at a thread or changes it; one that has just started is waited for until it has its number.
fn staged<R>(thread: Handle, mut work: impl FnMut(Stage) -> Result<R>) -> Result<R> {
    loop {
        let done = registry::shared(thread, |shared| {
            let bits = thread.bits()?;
            if bits & LOST != 0 {
                return Err(Error::Forked);
            }
            if bits & ENDED != 0 {
                return Err(Error::Ended);
            }
            if bits & STARTED == 0 {
                return work(Stage::Unstarted(shared)).map(Some);
            }
            match control(thread.id)?.native() {
                None => Ok(None),
                Some(native) => work(Stage::Running(native)).map(Some),
            }
        })?;
        match done {
            Some(done) => return Ok(done),
            None => thread.native_id().map(drop)?,
        }
    }
}

impl Handle {
    /// Uses the full name.
    pub(crate) fn with_name<R>(self, work: impl FnOnce(&str) -> R) -> Result<R> {
        registry::shared(self, |shared| Ok(work(shared.name.as_str())))
    }

    /// Renames the thread, here and at the system.
    pub(crate) fn set_name(self, name: &str) -> Result {
        let text = Text::copy(name)?;
        let control = control(self.id)?;
        let _old = registry::shared(self, |shared| {
            if self.bits()? & LOST != 0 {
                return Err(Error::Forked);
            }
            let old = core::mem::replace(&mut shared.name, text);
            if let (true, Some(native)) = (self.is_alive()?, control.native()) {
                native::set_name(native, shared.name.as_str());
            }
            Ok(old)
        })?;
        Ok(())
    }

    /// Makes it a daemon or not; only before the start.
    pub(crate) fn set_daemon(self, daemon: bool) -> Result {
        self.update(|bits| match bits & (STARTED | LOST) {
            bits if bits & LOST != 0 => Err(Error::Forked),
            0 => Ok(if daemon { bits | DAEMON } else { bits & !DAEMON }),
            _ => Err(Error::Started),
        })?;
        Ok(())
    }

    /// The niceness it has, or is to have.
    pub(crate) fn nice(self) -> Result<i32> {
        staged(self, |stage| match stage {
            Stage::Unstarted(shared) => shared.wishes.nice.map_or_else(|| native::nice(0), Ok),
            Stage::Running(native) => native::nice(native),
        })
    }

    pub(crate) fn set_nice(self, nice: i32) -> Result {
        let nice = checked_nice(nice)?;
        staged(self, |stage| match stage {
            Stage::Unstarted(shared) => {
                shared.wishes.nice = Some(nice);
                Ok(())
            }
            Stage::Running(native) => native::set_nice(native, nice),
        })
    }

    /// The policy and real-time priority it has, or is to have.
    pub(crate) fn scheduler(self) -> Result<(i32, i32)> {
        staged(self, |stage| match stage {
            Stage::Unstarted(shared) => shared.wishes.scheduler.map_or_else(|| native::scheduler(0), Ok),
            Stage::Running(native) => native::scheduler(native),
        })
    }

    pub(crate) fn set_scheduler(self, policy: i32, priority: i32) -> Result {
        if !(0..native::POLICY_COUNT).contains(&policy) || !native::priorities(policy).contains(&priority) {
            return Err(Error::BadValue);
        }
        staged(self, |stage| match stage {
            Stage::Unstarted(shared) => {
                shared.wishes.scheduler = Some((policy, priority));
                Ok(())
            }
            Stage::Running(native) => native::set_scheduler(native, policy, priority),
        })
    }

    /// The processors it may run on, or is to.
    pub(crate) fn affinity(self) -> Result<Set> {
        staged(self, |stage| match stage {
            Stage::Unstarted(shared) => {
                shared.wishes.affinity.as_deref().map_or_else(|| native::affinity(0), |set| Ok(*set))
            }
            Stage::Running(native) => native::affinity(native),
        })
    }

    pub(crate) fn set_affinity(self, cpus: &[u32]) -> Result {
        let mut set = Some(set_of(cpus)?);
        staged(self, |stage| match stage {
            Stage::Unstarted(shared) => {
                core::mem::swap(&mut shared.wishes.affinity, &mut set);
                Ok(())
            }
            Stage::Running(native) => native::set_affinity(native, set.as_deref().ok_or(Error::Internal)?),
        })
    }
}

/// How many processors this process may use, at least 1.
pub(crate) fn cpu_count() -> u32 {
    cpu::count()
}

/// Gives the processor to another thread that could run.
pub(crate) fn give_way() {
    sys::yield_now();
}

/// The system's number of the calling thread, which need not be known here.
pub(crate) fn own_native_id() -> u64 {
    native::thread_id()
}
