//! Loops over ranges of numbers, with and without a result; a range is split when somebody has nothing to do.
//!
//! A thread does its range in pieces, and looks before each piece whether its deque is empty: then what is
//! left is split in two. So a loop that nobody helps with is hardly split at all, and one whose pieces
//! differ in weight is split where the weight is.

use super::invoke::outermost;
use super::parallel::{self, Fork, Level};
use crate::atomic::{AtomicU32, Ordering::*};
use crate::error::{Error, Result};
use crate::park::Me;
use core::ffi::c_void;

/// The body of a loop: from, to, the user's pointer.
pub(crate) type Body = unsafe extern "C-unwind" fn(i64, i64, *mut c_void);
/// The body of a reduction: from, to, the result so far, the user's pointer.
pub(crate) type Fold = unsafe extern "C-unwind" fn(i64, i64, *mut c_void, *mut c_void);
/// Adds the second result to the first.
pub(crate) type Combine = unsafe extern "C-unwind" fn(*mut c_void, *const c_void, *mut c_void);

/// What is done with a piece.
#[derive(Clone, Copy)]
enum Work {
    Each(Body),
    Fold(Reduction),
}

/// One loop, as all who take part see it.
struct Loop {
    work: Work,
    arg: *mut c_void,
    pieces: Pieces,
    /// A piece has failed: no more are begun.
    failed: AtomicU32,
}

/// In what pieces a thread does its part of a loop. Each is a share of what is left of the part: large ones cost less, and
/// the last ones are what others wait for in the end.
#[derive(Clone, Copy)]
struct Pieces {
    most: i64,
    least: i64,
    /// A part of up to so many numbers is one piece; only a longer one is split.
    whole: i64,
}

impl Pieces {
    /// All of the same size but the last.
    fn of(grain: i64) -> Pieces {
        Pieces { most: grain, least: grain, whole: grain }
    }

    /// How much of a part of `length` numbers is done next.
    fn next(&self, length: i64) -> i64 {
        const SHARE: i64 = 8;
        if length <= self.whole { length } else { (length / SHARE).clamp(self.least, self.most) }
    }

    /// Where a part of `length` numbers, which is more than one piece, is split: about in half, and after whole pieces.
    fn half(&self, length: i64) -> i64 {
        (length / 2 - 1) / self.least * self.least + self.least
    }
}

/// A part of a loop that anybody may do.
#[repr(C)]
struct Part {
    fork: Fork,
    of: *const Loop,
    begin: i64,
    end: i64,
    result: *mut u8,
}

/// What a loop runs over: all of `begin .. end`, in pieces of `grain` numbers, but for the last; 0: as the library likes.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) begin: i64,
    pub(crate) end: i64,
    pub(crate) grain: i64,
}

/// How a result is made: each part begins with a copy of `identity`, `size` bytes.
#[derive(Clone, Copy)]
pub(crate) struct Reduction {
    pub(crate) identity: *const u8,
    pub(crate) size: usize,
    pub(crate) fold: Fold,
    pub(crate) combine: Combine,
}

/// Calls `body` for all of `span`.
pub(crate) fn each(me: Me, pool: u64, span: Span, body: Body, arg: *mut c_void) -> Result {
    go(me, pool, span, Work::Each(body), arg, core::ptr::null_mut())
}

/// Folds all of `span` into `result`, which is written only when everything went well.
pub(crate) fn reduce(
    me: Me,
    pool: u64,
    span: Span,
    reduction: Reduction,
    arg: *mut c_void,
    result: *mut u8,
) -> Result {
    let size = reduction.size;
    let mut small = Small { _bytes: [0; SMALL] };
    let own = if size <= SMALL { (&raw mut small).cast() } else { parallel::allocate(size) };
    if own.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: both have `size` bytes, by the caller's promise and by the choice above.
    unsafe { own.copy_from_nonoverlapping(reduction.identity, size) };
    let done = go(me, pool, span, Work::Fold(reduction), arg, own);
    if done.is_ok() {
        // SAFETY: as above.
        unsafe { result.copy_from_nonoverlapping(own, size) };
    }
    if size > SMALL {
        parallel::free(own);
    }
    done
}

/// A result of up to this many bytes needs no memory of its own.
const SMALL: usize = 64;

#[repr(align(16))]
struct Small {
    _bytes: [u8; SMALL],
}

fn go(me: Me, pool: u64, span: Span, work: Work, arg: *mut c_void, result: *mut u8) -> Result {
    let Span { begin, end, grain } = span;
    if grain < 0 {
        return Err(Error::BadCount);
    }
    super::take_part(me, pool, |worker| {
        let automatic = grain == 0;
        let seats = worker.body().idle.seats().min(parallel::budget()).max(1) as i64;
        let share = (end.saturating_sub(begin) / seats).max(1);
        let pieces = Pieces::of(grain.max(1));
        let mut of = Loop { work, arg, pieces, failed: AtomicU32::new(0) };
        outermost(worker, |level| {
            if let Work::Fold(Reduction { size, .. }) = work
                && size > SMALL
            {
                level.memory.set(result);
            }
            if begin < end {
                let rest =
                    if automatic { try_alone(level, &mut of, share, begin, end, result) } else { begin };
                run(level, &of, rest, end, result);
            }
        })
    })?
}

/// Pieces of each thread's share, when the library chooses: some, or more if each still takes some time. The last one
/// is what others wait for in the end.
const SOME: i64 = 64;
const MORE: i64 = 512;

/// How long a piece takes that is not made smaller, in nanoseconds: much longer than to begin it.
const ENOUGH: i64 = 5_000;

/// A loop that is over before one who looks for work could take a part is done alone, in nanoseconds; if nobody looks, so
/// is one that is over before another thread could wake up.
const SHORT: i64 = 10_000;
const ASLEEP: i64 = 40_000;

/// How long it takes to tell what a loop will take, in nanoseconds: much longer than to read the clock.
const PROBE: i64 = 500;

/// How many numbers are done first.
const FIRST: i64 = 32;

/// Begins alone, with pieces that grow, until it is clear what the loop will take: if that is next to nothing, does
/// it all. Says where the rest begins, and chooses the grain for that.
fn try_alone(level: &Level, of: &mut Loop, share: i64, begin: i64, end: i64, result: *mut u8) -> i64 {
    let most = (share / SOME).max(1);
    of.pieces = Pieces::of(most);
    let length = end.saturating_sub(begin);
    if length < 4 * SOME {
        return begin;
    }
    let start = crate::time::now();
    let (mut at, mut size) = (begin, FIRST.min(most).min(length / (4 * SOME)));
    while at < end && of.failed.load(Relaxed) == 0 {
        at = piece(level, of, at, at + size.min(end.saturating_sub(at)), result);
        let took = crate::time::now() - start;
        let done = at.saturating_sub(begin);
        // What is left would take as long for each number as what is done has.
        let left = took.saturating_mul(end.saturating_sub(at) / done);
        if took > PROBE && left > if level.worker().body().idle.lookers() > 0 { SHORT } else { ASLEEP } {
            let least = (done.saturating_mul(ENOUGH) / took).clamp((share / MORE).max(1), most);
            of.pieces = Pieces { most, least, whole: 2 * least - 1 };
            break;
        }
        // Once there has been something to see, what comes may still be dearer than all before.
        size = size.saturating_mul(4).min(if took > PROBE { length / 8 } else { i64::MAX });
    }
    at
}

/// Does `begin .. end`, giving parts away to whoever has nothing to do.
fn run(level: &Level, of: &Loop, mut begin: i64, end: i64, result: *mut u8) {
    while begin < end && of.failed.load(Relaxed) == 0 {
        let length = end.saturating_sub(begin);
        level.worker().look_for_seat();
        let next = of.pieces.next(length);
        if next < length && level.worker().seat().is_some_and(|seat| seat.forks.is_empty()) {
            let middle = begin + of.pieces.half(length);
            match split(level, of, begin, middle, end, result) {
                Split::Done => return,
                Split::Half => begin = middle,
                Split::Not => begin = piece(level, of, begin, begin + next, result),
            }
        } else {
            begin = piece(level, of, begin, begin + next, result);
        }
    }
}

enum Split {
    /// Both halves are done.
    Done,
    /// The first half is done, and the second is the caller's again.
    Half,
    /// There was no room, or no memory.
    Not,
}

fn split(level: &Level, of: &Loop, begin: i64, middle: i64, end: i64, result: *mut u8) -> Split {
    let here = Level::inside(level);
    let mut small = Small { _bytes: [0; SMALL] };
    let mut second: *mut u8 = (&raw mut small).cast();
    if let Work::Fold(Reduction { identity, size, .. }) = of.work {
        if size > SMALL {
            second = parallel::allocate(size);
            here.memory.set(second);
        }
        if second.is_null() {
            return Split::Not;
        }
        // SAFETY: both have `size` bytes.
        unsafe { second.copy_from_nonoverlapping(identity, size) };
    }
    let mut part = Part { fork: Fork::new(run_part), of, begin: middle, end, result: second };
    let pushed = parallel::push(&here, (&raw mut part).cast());
    let mut outcome = Split::Not;
    if pushed {
        run(&here, of, begin, middle, result);
        outcome = Split::Half;
        if !parallel::take_back(&here) {
            outcome = Split::Done;
            if let Work::Fold(Reduction { combine, .. }) = of.work {
                let sum = Sum { combine, into: result, from: second, arg: of.arg };
                // SAFETY: `combined` takes a `Sum`; its user promised that it may be called so.
                unsafe { parallel::call(&here, combined, (&raw const sum).cast_mut().cast()) };
            }
        }
    }
    parallel::free(here.memory.replace(core::ptr::null_mut()));
    outcome
}

unsafe fn run_part(fork: *mut Fork, level: &Level) {
    // SAFETY: only `split` makes such forks, as the first field of a `Part`, and waits until this has returned.
    let (of, part) = unsafe {
        let part = &*fork.cast::<Part>();
        (&*part.of, part)
    };
    run(level, of, part.begin, part.end, part.result);
}

/// Two results that are to be one.
struct Sum {
    combine: Combine,
    into: *mut u8,
    from: *const u8,
    arg: *mut c_void,
}

unsafe extern "C-unwind" fn combined(sum: *mut c_void) {
    // SAFETY: `split` passes a `Sum` that outlives the call, made of what the user promised to be callable.
    unsafe {
        let sum = &*sum.cast::<Sum>();
        (sum.combine)(sum.into.cast(), sum.from.cast(), sum.arg);
    }
}

/// A piece that is being done.
struct Piece {
    work: Work,
    begin: i64,
    end: i64,
    result: *mut u8,
    arg: *mut c_void,
}

/// Does one piece; says where the next begins.
fn piece(level: &Level, of: &Loop, begin: i64, end: i64, result: *mut u8) -> i64 {
    let piece = Piece { work: of.work, begin, end, result, arg: of.arg };
    // SAFETY: `done` takes a `Piece`, which outlives the call; its user promised that it may be called so.
    unsafe { parallel::call(level, done, (&raw const piece).cast_mut().cast()) };
    // SAFETY: the failure of the step belongs to this thread, and no callback runs.
    if unsafe { (*level.failure).failed } {
        of.failed.store(1, Relaxed);
    }
    end
}

unsafe extern "C-unwind" fn done(piece: *mut c_void) {
    // SAFETY: as in `piece`.
    unsafe {
        let piece = &*piece.cast::<Piece>();
        match piece.work {
            Work::Each(body) => body(piece.begin, piece.end, piece.arg),
            Work::Fold(Reduction { fold, .. }) => {
                fold(piece.begin, piece.end, piece.result.cast(), piece.arg)
            }
        }
    }
}
