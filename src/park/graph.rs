//! Who waits for whom: finds out whether a wait that is about to begin could never end.
//!
//! Every waiting thread names the object it waits for, every held object names its owner. A cycle is
//! reported only when two readings of it agree: a thread whose sequence number is the same in both was
//! inside the same wait between them, so it released nothing meanwhile, and all edges held at once.
//!
//! Who refuses its wait says first, in its record, that the wait has a way out; and takes the next number of refusals.
//! Of those who found the same cycle at once, one takes it: the others look again, and find the cycle open.

use super::{Me, records};
use crate::atomic::{AtomicU64, Ordering::*, Seed, fence, seeded};
use crate::slot::index_of;

/// How long a cycle may be.
const LONGEST: usize = 64;

/// How many waits have been refused.
#[cfg(not(loom))]
static REFUSED: AtomicU64 = AtomicU64::new(0);
#[cfg(loom)]
loom::lazy_static! {
    static ref REFUSED: AtomicU64 = AtomicU64::new(0);
}

/// A thread in a cycle: the number of its wait, the object it waits for, and whose that is.
type Edge = (u64, u64, u64);

/// Whether `me`, whose wait is published, closes a cycle of waits without limit, and is the one of it that is refused.
///
/// `owner_of` names the thread that an object waits to be released by, if only that thread can do it.
pub(crate) fn is_refused(me: Me, owner_of: impl Fn(u64) -> Option<u64>) -> bool {
    loop {
        let refused = REFUSED.load(SeqCst);
        if find_cycle(me, &owner_of, &mut [(0, 0, 0); LONGEST]).is_none() {
            return false;
        }
        me.set_way_out(true);
        if REFUSED.compare_exchange(refused, refused.wrapping_add(1), SeqCst, Relaxed).is_ok()
            || seeded(Seed::Refused)
        {
            return true;
        }
        me.set_way_out(false);
    }
}

/// The same for one who cannot be refused: if there is a cycle, calls `tell` with what each of the others in it waits for.
pub(crate) fn tell_cycle(me: Me, owner_of: impl Fn(u64) -> Option<u64>, tell: impl Fn(u64)) -> bool {
    let mut edges = [(0, 0, 0); LONGEST];
    let length = find_cycle(me, &owner_of, &mut edges);
    edges[1..length.unwrap_or(1)].iter().for_each(|&(_, object, _)| tell(object));
    length.is_some()
}

/// The cycle that `me` closes, itself first: how long it is.
fn find_cycle(me: Me, owner_of: &impl Fn(u64) -> Option<u64>, edges: &mut [Edge; LONGEST]) -> Option<usize> {
    // Owner words are written relaxed: of two threads that close a cycle at once, one sees what the other holds.
    fence(SeqCst);
    let length = walk(me, owner_of, |step, edge| {
        edges[step] = edge;
        true
    })?;
    let again = walk(me, owner_of, |step, edge| step < length && edges[step] == edge)?;
    (again == length).then_some(length)
}

/// Follows the edges from `me` until they come back to it; says how many there are.
fn walk(
    me: Me,
    owner_of: &impl Fn(u64) -> Option<u64>,
    mut visit: impl FnMut(usize, Edge) -> bool,
) -> Option<usize> {
    let mut thread = me.id();
    for step in 0..LONGEST {
        let record = records().at(index_of(thread))?;
        let (sequence, wait) = record.held_up()?;
        if record.id() != thread || !wait.deadline.is_never() || wait.has_way_out {
            return None;
        }
        let owner = owner_of(wait.object)?;
        if !visit(step, (sequence, wait.object, owner)) {
            return None;
        }
        if owner == me.id() {
            return Some(step + 1);
        }
        thread = owner;
    }
    None
}
