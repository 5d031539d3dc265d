//! One file per kind of object: what the model knows of it, and the calls that are made of it.

mod attributes;
pub(crate) mod barrier;
pub(crate) mod condition;
pub(crate) mod event;
pub(crate) mod future;
pub(crate) mod group;
pub(crate) mod local;
pub(crate) mod lock;
pub(crate) mod pool;
pub(crate) mod queue;
pub(crate) mod rlock;
pub(crate) mod semaphore;
pub(crate) mod status;
pub(crate) mod thread;
pub(crate) mod timer;

use crate::run::Run;
use crate::trace::Kind;

/// A call and what the model says of it.
pub(crate) type Call = fn(&Run);

/// So many objects of a kind at once.
const MOST: usize = 5;

/// What can be done with each kind; the first makes one. An input means something else when this changes.
const CALLS: [(Option<Kind>, &[Call]); 14] = [
    (None, status::CALLS),
    (Some(Kind::Lock), lock::CALLS),
    (Some(Kind::Rlock), rlock::CALLS),
    (Some(Kind::Condition), condition::CALLS),
    (Some(Kind::Semaphore), semaphore::CALLS),
    (Some(Kind::Event), event::CALLS),
    (Some(Kind::Barrier), barrier::CALLS),
    (Some(Kind::Local), local::CALLS),
    (Some(Kind::Timer), timer::CALLS),
    (Some(Kind::Queue), queue::CALLS),
    (Some(Kind::Future), future::CALLS),
    (Some(Kind::Thread), thread::CALLS),
    (Some(Kind::Pool), pool::CALLS),
    (Some(Kind::Group), group::CALLS),
];

/// Makes one call, or a few that belong together.
pub(crate) fn one(run: &Run) {
    let (kind, calls) = CALLS[run.below(CALLS.len())];
    let mut call = run.below(calls.len());
    match kind.map(|kind| run.live(kind)) {
        Some(0) => call = 0,
        Some(MOST..) if call == 0 => call = 1,
        _ => {}
    }
    calls[call](run);
}

/// Destroys all objects.
pub(crate) fn clear(run: &Run) {
    pool::clear(run);
    group::clear(run);
    future::clear(run);
    timer::clear(run);
    queue::clear(run);
    condition::clear(run);
    lock::clear(run);
    rlock::clear(run);
    semaphore::clear(run);
    event::clear(run);
    barrier::clear(run);
    local::clear(run);
    thread::clear(run);
}

/// A thread is about to end: what it owns is left behind, its values are destroyed.
pub(crate) fn thread_ended(run: &Run, me: usize) {
    let mut world = run.world();
    for rlock in world.rlocks.values_mut().filter(|rlock| rlock.owner == Some(me)) {
        rlock.is_dead = true;
    }
    for condition in world.conditions.values_mut() {
        condition.owner_ended(me);
    }
    let ends: Vec<_> = world.locals.values_mut().filter_map(|local| local.owner_ended(me)).collect();
    world.expected.extend(ends);
}
