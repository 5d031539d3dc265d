//! Who waits for whom: finds out whether a wait that is about to begin could never end.
//!
//! Every waiting thread names the object it waits for, every held object names its owner. A cycle is
//! reported only when two readings of it agree: a thread whose sequence number is the same in both was
//! inside the same wait between them, so it released nothing meanwhile, and all edges held at once.

use super::Me;
use super::records;
use crate::atomic::{Ordering::SeqCst, fence};
use crate::slot::index_of;

/// How long a cycle may be.
const LONGEST: usize = 64;

/// Whether `me`, whose wait is published, waits without limit for itself through others that do so too;
/// if so, the object that the next thread in the cycle waits for.
///
/// `owner_of` names the thread that an object waits to be released by, if only that thread can do it.
pub(crate) fn would_deadlock(me: Me, owner_of: impl Fn(u64) -> Option<u64>) -> Option<u64> {
    // Owner words are written relaxed: of two threads that close a cycle at once, one sees what the other holds.
    fence(SeqCst);
    let mut seen = [(0, 0, 0); LONGEST];
    let length = walk(me, &owner_of, |step, edge| {
        seen[step] = edge;
        true
    })?;
    let again = walk(me, &owner_of, |step, edge| step < length && seen[step] == edge)?;
    (again == length).then_some(seen[1 % length].1)
}

/// Follows the edges from `me` until they come back to it; says how many there are.
fn walk(
    me: Me,
    owner_of: &impl Fn(u64) -> Option<u64>,
    mut visit: impl FnMut(usize, (u64, u64, u64)) -> bool,
) -> Option<usize> {
    let mut thread = me.id();
    for step in 0..LONGEST {
        let record = records().at(index_of(thread))?;
        let (sequence, wait) = record.waiting()?;
        if record.id() != thread || !wait.deadline.is_never() {
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
