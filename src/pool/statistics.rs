//! What a pool can tell of itself.

use super::idle::{SEARCHING, SLEEPING, THREADS};
use super::with;
use crate::atomic::Ordering::*;
use crate::error::Result;
use crate::park::Me;

/// What a pool has done, and does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) workers: u32,
    pub(crate) busy: u32,
    pub(crate) idle: u32,
    pub(crate) blocked: u32,
    pub(crate) queued: i64,
    pub(crate) done: i64,
    pub(crate) most_queued: i64,
    pub(crate) wait_ns: i64,
    pub(crate) run_ns: i64,
}

/// Reads the numbers one after another: each is right at some moment of the call.
pub(crate) fn statistics(me: Me, pool: u64) -> Result<Statistics> {
    with(me, pool, |body| {
        let counts = body.idle.counts();
        let now = crate::time::now();
        let (mut done, mut run_ns) = (body.done_without_seat.load(Relaxed) as i64, 0i64);
        for seat in body.others(0) {
            done += seat.done.load(Relaxed) as i64;
            let since = seat.since.load(Relaxed);
            let goes_on = if since == 0 { 0 } else { now.saturating_sub(since).max(0) };
            run_ns = run_ns.saturating_add(seat.worked.load(Relaxed)).saturating_add(goes_on);
        }
        let (queued, most, waited) = body.injector.history();
        let ticks = crate::time::ticks().wrapping_sub(body.born.1).max(1) as i128;
        let wait_ns = (waited as i128 * (now - body.born.0) as i128 / ticks) as i64;
        let blocked = body.idle.blocked();
        Statistics {
            workers: counts.of(THREADS),
            busy: counts.busy().saturating_sub(blocked),
            idle: counts.of(SEARCHING) + counts.of(SLEEPING),
            blocked,
            queued: (queued + body.queued_at_seats()) as i64,
            done,
            most_queued: most as i64,
            wait_ns,
            run_ns,
        }
    })
}
