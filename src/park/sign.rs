//! How a lock's word names who holds it: by the place of the thread's record, if that is among the first.
//!
//! | sign | meaning                                                                                   |
//! |------|-------------------------------------------------------------------------------------------|
//! | 0    | nobody, or a thread whose record has a later place: the owner word alone names it         |
//! | n    | the thread whose record has the place n-1; once it has ended, the next one with that place |

use crate::slot::index_of;

/// Where a word has the sign.
pub(crate) const SIGN: u32 = 127 << AT;
const AT: u32 = 5;

/// How many places have a sign.
#[cfg(not(loom))]
const PLACES: u32 = SIGN >> AT;
/// The last thread of a model has none.
#[cfg(loom)]
const PLACES: u32 = 3;

/// How many threads there can be at once: so many waiters fit into a lock's word beside the sign and the flags.
pub(crate) const MOST: u32 = (1 << 19) - 1;

/// The sign of the thread `owner`, where words have it; 0 if that is no thread.
pub(crate) const fn sign_of(owner: u64) -> u32 {
    let place = index_of(owner);
    if owner == 0 || place >= PLACES { 0 } else { (place + 1) << AT }
}

/// The thread that has this sign now, or had it when it was lost; 0 if there is none.
pub(crate) fn signer(sign: u32) -> u64 {
    let record = super::records().at((sign >> AT).wrapping_sub(1));
    record.map_or(0, |record| match record.id() {
        0 => record.lost(),
        id => id,
    })
}
