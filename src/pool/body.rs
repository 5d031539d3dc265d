//! What a pool consists of; it stands beside the slot and lives until the last who uses it lets go.

use super::deque::Deque;
use super::entry::Entry;
use super::idle::{Call, Counts, Idle, LOOKING, SEARCHING, SPARES, TAKEN, THREADS};
use super::injector::Injector;
use super::parallel::Fork;
use super::ring::Ring;
use crate::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use crate::error::{Error, Result};
use crate::frame::{Ask, Callback};
use crate::park::{Spin, fence};
use crate::sys::tools;
use crate::thread::text::Text;
use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::null_mut;

/// The most workers of a pool.
pub(super) const MOST_WORKERS: u32 = 3072;
const SEATS: usize = MOST_WORKERS as usize + SPARES as usize;
const _: () = assert!(SEATS < super::idle::MOST as usize);

/// What only one thread at a time uses, whoever has the seat; except that others steal from the queues.
#[repr(align(128))]
pub(super) struct Seat {
    pub(super) index: u32,
    pub(super) ring: Ring,
    pub(super) forks: Deque<Fork>,
    /// Tasks that ended here, and the nanoseconds of work before `since`.
    pub(super) done: AtomicU64,
    pub(super) worked: AtomicI64,
    /// When the work that goes on began; 0 when none does.
    pub(super) since: AtomicI64,
}

impl Seat {
    /// A seat, as a `Box` has it. It is made where it stays: whoever needs another thread may be near the end of a stack.
    #[cfg(not(shuttle))]
    fn make(index: u32) -> Result<*mut Seat> {
        let _errno = crate::sys::Errno::keep();
        // SAFETY: a `Seat` is not of size zero.
        let seat = unsafe { std::alloc::alloc_zeroed(Layout::new::<Seat>()) }.cast::<Seat>();
        if seat.is_null() {
            return Err(Error::NoMemory);
        }
        // SAFETY: new memory of the right layout; all else is right when it is zero: queues are empty then.
        unsafe { (&raw mut (*seat).index).write(index) };
        Ok(seat)
    }

    /// The same where atomics are more than words.
    #[cfg(shuttle)]
    fn make(index: u32) -> Result<*mut Seat> {
        try_box(Seat {
            index,
            ring: Ring::new(),
            forks: Deque::new(),
            done: AtomicU64::new(0),
            worked: AtomicI64::new(0),
            since: AtomicI64::new(0),
        })
    }

    /// Work begins here.
    pub(super) fn begin_work(&self) {
        self.since.store(crate::time::now(), Relaxed);
    }

    /// Work ends here, for a while or for good.
    pub(super) fn end_work(&self) {
        let since = self.since.swap(0, Relaxed);
        self.worked.fetch_add(crate::time::now() - since, Relaxed);
    }
}

/// What a pool is made with.
pub(super) struct Plan {
    pub(super) prefix: Text,
    pub(super) initializer: Option<Ask>,
    pub(super) initializer_arg: *mut c_void,
    pub(super) finalizer: Option<Callback>,
    pub(super) arg_destructor: Option<Callback>,
    pub(super) stack_size: usize,
    pub(super) priority: i32,
    pub(super) daemon: bool,
    /// The most queued tasks; `u64::MAX` for no bound.
    pub(super) bound: u64,
    pub(super) when_full: WhenFull,
    pub(super) min_workers: u32,
    pub(super) idle_timeout: i64,
}

/// What becomes of a task that a full pool is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    Block,
    Reject,
    CallerRuns,
}

/// How the pool is; only goes up.
pub(super) const OPEN: u32 = 0;
/// No more tasks; those that are queued are run.
pub(super) const SHUT: u32 = 1;
/// No more tasks; those that are queued are cancelled.
pub(super) const EMPTYING: u32 = 2;
/// The initializer has failed: what is queued is broken.
pub(super) const BROKEN: u32 = 3;

/// Whoever puts or takes a task reads its first part: what is written for each task, or often, has other cache lines.
#[repr(C, align(128))]
pub(super) struct Body {
    // ---- Read with each task, written seldom ----
    /// The pool's number.
    pub(super) id: u64,
    /// The process that it works in, counted in forks.
    pub(super) epoch: u32,
    pub(super) state: AtomicU32,
    /// The pool's number as long as it is good, and the body is that of the pool in this process; otherwise 0, and
    /// also when there is a race detector, which is to see the long way.
    pub(super) known_as: AtomicU64,
    pub(super) room_waiters: AtomicU64,
    /// Seats from here on have never been used.
    fresh: AtomicU32,
    /// Guests that wait for the seat of somebody who looks for work.
    pub(super) guests: AtomicU32,
    seats: Box<[AtomicPtr<Seat>]>,
    pub(super) plan: Plan,
    /// When the body was made, by both clocks.
    pub(super) born: (i64, i64),
    // ---- In lines of their own ----
    pub(super) idle: Idle,
    pub(super) injector: Injector,
    // ---- Written when somebody comes or goes ----
    /// Tasks that their callers run, since the queue was full; such a caller may have no seat.
    pub(super) caller_runs: AtomicU32,
    /// Tasks that ended without a seat, which is where they are counted otherwise.
    pub(super) done_without_seat: AtomicU64,
    /// Who uses the body beyond a moment: the slot, threads, guests, waits, groups.
    users: AtomicU64,
    /// Threads that have not wholly ended.
    pub(super) alive: AtomicU64,
    /// 1: the handle was given up, and threads of the pool are still there.
    pub(super) orphan: AtomicU32,
    /// How often a seat's queue was given back to all.
    pub(super) returned: AtomicU64,
    /// Names given to threads so far.
    pub(super) named: AtomicU32,
    /// One who waits for room in the queue sleeps on this.
    pub(super) room: AtomicU64,
    /// Bit i: seat i is in use.
    used: [AtomicU64; SEATS.div_ceil(64)],
}

/// The first number below `most` whose bit in the word at `at` is clear.
fn first_free(bits: u64, at: usize, most: u32) -> Option<u32> {
    let free = at as u32 * 64 + bits.trailing_ones();
    (bits != u64::MAX && free < most).then_some(free)
}

/// Puts a value where it can stay.
pub(super) fn try_box<T>(value: T) -> Result<*mut T> {
    let _errno = crate::sys::Errno::keep();
    // SAFETY: no `T` that comes here is of size zero.
    let place = unsafe { std::alloc::alloc(Layout::new::<T>()) }.cast::<T>();
    if place.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: new memory of the right layout, as `Box` has it.
    unsafe { place.write(value) };
    Ok(place)
}

impl Body {
    /// A body with one user, the caller.
    pub(super) fn new(id: u64, epoch: u32, workers: u32, plan: Plan, state: u32) -> Result<*mut Body> {
        let mut seats = Vec::new();
        seats.try_reserve_exact(SEATS).map_err(|_| Error::NoMemory)?;
        seats.resize_with(SEATS, || AtomicPtr::new(null_mut()));
        try_box(Body {
            id,
            epoch,
            plan,
            born: (crate::time::now(), crate::time::ticks()),
            known_as: AtomicU64::new(0),
            idle: Idle::new(workers),
            injector: Injector::new()?,
            state: AtomicU32::new(state),
            users: AtomicU64::new(1),
            alive: AtomicU64::new(0),
            orphan: AtomicU32::new(0),
            guests: AtomicU32::new(0),
            caller_runs: AtomicU32::new(0),
            done_without_seat: AtomicU64::new(0),
            returned: AtomicU64::new(0),
            named: AtomicU32::new(0),
            room: AtomicU64::new(0),
            room_waiters: AtomicU64::new(0),
            used: [const { AtomicU64::new(0) }; SEATS.div_ceil(64)],
            seats: seats.into_boxed_slice(),
            fresh: AtomicU32::new(0),
        })
    }

    /// One user more; the caller knows that there is one.
    pub(super) fn hold(&self) -> *const Body {
        self.users.fetch_add(1, Relaxed);
        self
    }

    /// # Safety
    /// - the caller is one of the users, and uses the body no more.
    pub(super) unsafe fn let_go(body: *const Body) {
        // SAFETY: a user keeps the body alive.
        if unsafe { &*body }.users.fetch_sub(1, AcqRel) == 1 {
            // SAFETY: the last user has gone; `new` made it as a `Box` would.
            drop(unsafe { Box::from_raw(body.cast_mut()) });
        }
    }

    /// A seat for one who may not use more than there are; with it one count of `TAKEN`.
    pub(super) fn take_seat(&self) -> Option<&Seat> {
        let seats = self.idle.seats();
        self.idle.shift_if(TAKEN, 0, |now| now.of(TAKEN) < seats).ok()?;
        self.find_seat(SEATS as u32, seats, TAKEN)
    }

    /// The same for a guest, who has a number below that of workers or none; with what has been counted.
    pub(super) fn take_guest_seat(&self) -> Option<(&Seat, u64)> {
        if !self.has_free_number() {
            return None;
        }
        let seats = self.idle.seats();
        let counted = self.idle.take_for_guest(seats)?;
        self.find_seat(self.idle.workers(), seats, counted).map(|seat| (seat, counted))
    }

    /// A free seat for what is `counted` already, or that is taken away again.
    fn find_seat(&self, most: u32, seats: u32, counted: u64) -> Option<&Seat> {
        let found = self.free_seat(most);
        // Others had less than `seats`, so that one of the first numbers was free; there may be more of both by now.
        let fits = found.filter(|seat| seat.index < seats || seat.index < self.idle.seats());
        if fits.is_none() {
            found.into_iter().for_each(|seat| self.free(seat));
            self.untake(counted);
        }
        fits
    }

    /// Takes away what was `counted` for a seat.
    pub(super) fn untake(&self, counted: u64) {
        if self.idle.give_back(counted) && self.has_work() {
            let _ = super::life::call(self);
        }
    }

    /// A seat for a guest. One who only looks for work gives up his, so it waits for that; when all work there is none.
    pub(super) fn take_seat_from_searchers(&self) -> Option<(&Seat, u64)> {
        let seat = self.take_guest_seat();
        if seat.is_some() || self.idle.counts().of(LOOKING) == 0 {
            return seat;
        }
        self.guests.fetch_add(1, SeqCst);
        let mut seat = None;
        let mut spin = Spin::long();
        while seat.is_none() && self.idle.counts().of(LOOKING) > 0 && spin.next() {
            seat = self.take_guest_seat();
        }
        self.guests.fetch_sub(1, SeqCst);
        seat.or_else(|| self.take_guest_seat())
    }

    /// Takes the first free number below `most`.
    fn free_seat(&self, most: u32) -> Option<&Seat> {
        for (at, word) in self.used.iter().take(most.div_ceil(64) as usize).enumerate() {
            let mut bits = word.load(Relaxed);
            while let Some(free) = first_free(bits, at, most) {
                match word.compare_exchange_weak(bits, bits | 1 << (free % 64), AcqRel, Relaxed) {
                    Ok(_) => return self.seat_at(free as usize),
                    Err(now) => bits = now,
                }
            }
        }
        None
    }

    /// Whether one who has no seat would get a number below that of workers.
    fn has_free_number(&self) -> bool {
        let most = self.idle.workers();
        let words = self.used.iter().take(most.div_ceil(64) as usize);
        words.enumerate().any(|(at, word)| first_free(word.load(Relaxed), at, most).is_some())
    }

    /// The seat `index`, made when it is first used; its bit is the caller's.
    fn seat_at(&self, index: usize) -> Option<&Seat> {
        if self.provide(index).is_err() {
            self.used[index / 64].fetch_and(!(1 << (index % 64)), Release);
            return None;
        }
        self.seat(index as u32)
    }

    /// Makes a seat for each thread that the pool has or is about to start: no thread is to find that there is no
    /// memory for one.
    pub(super) fn provide_for_threads(&self) -> Result {
        let threads = self.idle.counts().of(THREADS) as usize;
        (0..threads.min(SEATS)).try_for_each(|index| self.provide(index))
    }

    /// Makes the seat `index` unless somebody has.
    fn provide(&self, index: usize) -> Result {
        let place = self.seats.get(index).ok_or(Error::NoMemory)?;
        if !place.load(Acquire).is_null() {
            return Ok(());
        }
        let seat = Seat::make(index as u32)?;
        if place.compare_exchange(null_mut(), seat, AcqRel, Acquire).is_err() {
            // SAFETY: made just now, as a `Box` would, and nobody has seen it.
            drop(unsafe { Box::from_raw(seat) });
        }
        self.fresh.fetch_max(index as u32 + 1, SeqCst);
        Ok(())
    }

    /// The seat `index`, if it has been used.
    pub(super) fn seat(&self, index: u32) -> Option<&Seat> {
        // SAFETY: `provide` stores what lives as long as the body.
        unsafe { self.seats.get(index as usize)?.load(Acquire).as_ref() }
    }

    /// Gives a seat back, whose queues are empty; its count of `TAKEN` is for the caller to take away.
    pub(super) fn free(&self, seat: &Seat) {
        tools::release(&self.idle);
        self.used[seat.index as usize / 64].fetch_and(!(1 << (seat.index % 64)), Release);
    }

    /// All seats that have been used, beginning somewhere.
    pub(super) fn others(&self, from: u32) -> impl Iterator<Item = &Seat> {
        let count = self.fresh.load(SeqCst);
        (0..count).filter_map(move |step| self.seat((from + step) % count.max(1)))
    }

    /// Whether there is work for one who has no seat yet.
    pub(super) fn has_work(&self) -> bool {
        self.has_tasks_or(super::parallel::is_open() && self.has_free_number())
    }

    /// Whether there is work for one who has this seat.
    pub(super) fn has_work_for(&self, seat: &Seat) -> bool {
        self.has_tasks_or(super::parallel::is_open() && self.takes_forks(seat))
    }

    /// Whether a task is queued.
    pub(super) fn has_tasks(&self) -> bool {
        self.has_tasks_or(false)
    }

    /// Whether anything is queued; forks count if the one who looks may take part in loops.
    fn has_tasks_or(&self, forks: bool) -> bool {
        self.injector.length() > 0
            || self.others(0).any(|seat| seat.ring.length() > 0 || forks && !seat.forks.is_empty())
    }

    /// Whoever stands in for a worker that waits does tasks in its place: others' loops promise their bodies a number
    /// below that of workers.
    pub(super) fn takes_forks(&self, seat: &Seat) -> bool {
        seat.index < self.idle.workers()
    }

    /// Whether nothing is queued and nobody works. A task that left the queue between the first look at the counts and
    /// the look at the queue is being done, so the counts differ, or has been done by the second look, or was put back;
    /// and it may have queued another one by then.
    pub(super) fn is_quiet(&self) -> bool {
        let (returned, taken) = (self.returned.load(SeqCst), self.injector.taken());
        let counts = self.idle.counts();
        counts.busy() == 0
            && self.caller_runs.load(SeqCst) == 0
            && self.injector.length() == 0
            && self.idle.counts() == counts
            && self.returned.load(SeqCst) == returned
            && self.injector.taken() == taken
    }

    /// Whether there is no thread of the pool, nor one that is about to be started, which is counted before it is alive;
    /// and nobody else at work who may have to start one for what he leaves.
    pub(super) fn is_over(&self) -> bool {
        let counts = self.idle.counts();
        counts.of(THREADS) == 0
            && counts.of(TAKEN) == 0
            && self.caller_runs.load(SeqCst) == 0
            && self.alive.load(SeqCst) == 0
    }

    /// A task that its caller has run is over.
    pub(super) fn end_caller_run(&self) {
        self.caller_runs.fetch_sub(1, SeqCst);
        self.idle.tell_quiet();
    }

    /// Tasks that nobody has begun.
    pub(super) fn queued(&self) -> u64 {
        self.injector.length() + self.queued_at_seats()
    }

    /// Those of them that threads have taken a share of.
    pub(super) fn queued_at_seats(&self) -> u64 {
        self.others(0).map(|seat| seat.ring.length() as u64).sum()
    }

    /// Sees to it that somebody looks for what the caller has just queued, by plain stores; says whether a thread must be
    /// started. That threads have taken all seats is relied on at once: whoever makes one free, or makes one more, runs the
    /// heavy half before he looks. A guest, or one who looks already, is relied on only after a fence, since his look may be
    /// over and have missed it.
    #[inline(always)]
    pub(super) fn notify(&self) -> bool {
        fence::light();
        !self.idle.is_full_of_threads() && self.notify_idle()
    }

    /// Whether a seat is free, as seen after a fork was put, which is never left lying: its maker does it otherwise.
    #[inline(always)]
    pub(super) fn shows_free_seat(&self) -> bool {
        fence::light();
        !self.idle.is_full()
    }

    /// What `notify` does where a seat is free.
    #[cold]
    #[inline(never)]
    pub(super) fn notify_idle(&self) -> bool {
        crate::atomic::fence(SeqCst);
        !self.idle.is_awake() && self.call() == Call::Start
    }

    /// Sees to it that somebody looks for work, unless somebody has taken it by now; starts a thread only if those who
    /// are about to look will not take all.
    pub(super) fn call(&self) -> Call {
        // In this order: one who has looked and found it is no looker any more, and then there is no work.
        let lookers = self.idle.lookers();
        if !self.has_work() {
            return Call::Nobody;
        }
        let work = self.queued().max(1);
        self.idle.call(if work > lookers { work } else { 0 })
    }

    /// Takes a task from outside, and up to `more` others into `ring`.
    pub(super) fn take(&self, ring: Option<&Ring>, more: u64) -> Option<Entry> {
        self.injector.take(ring, more).inspect(|_| self.tell_room(1))
    }

    /// Takes a task without priority from outside.
    pub(super) fn take_plain(&self) -> Option<Entry> {
        self.injector.take_plain().inspect(|_| self.tell_room(1))
    }

    /// Takes any queued task, also out of others' rings: for those who empty the pool.
    pub(super) fn take_any(&self) -> Option<Entry> {
        self.take(None, 0).or_else(|| self.others(0).find_map(|seat| seat.ring.pop()))
    }

    /// Whether more threads work than there are seats: one is to stop.
    pub(super) fn is_crowded(&self) -> bool {
        self.idle.counts().of(TAKEN) > self.idle.seats()
    }

    /// Counts a thread that is to be started, as searching, if there is none.
    pub(super) fn count_first_thread(&self) -> bool {
        self.idle.counts().of(THREADS) == 0
            && self.idle.shift_if(THREADS + SEARCHING, 0, |now| now.of(THREADS) == 0).is_ok()
    }

    /// Whether a thread that has nothing to do may end.
    /// The last one stays as long as something is queued: it may have found no seat.
    pub(super) fn may_end(&self, counts: Counts) -> bool {
        let threads = counts.of(THREADS);
        let too_many = threads > self.idle.seats() || threads > self.plan.min_workers;
        too_many && (threads > 1 || !self.has_tasks())
    }

    /// So many of those who wait for room look again. Each of them says that it waits, and then looks whether there is
    /// room, which was made by a plain store.
    pub(super) fn tell_room(&self, count: u32) {
        if self.plan.bound == u64::MAX {
            return;
        }
        crate::atomic::fence(SeqCst);
        if self.room_waiters.load(SeqCst) > 0 {
            self.room.fetch_add(1, SeqCst);
            crate::park::wake(&self.room, count);
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        for place in &mut self.seats {
            let seat = core::mem::replace(place.get_mut(), null_mut());
            if !seat.is_null() {
                // SAFETY: `provide` made it as a `Box` would, and nobody uses the body any more.
                drop(unsafe { Box::from_raw(seat) });
            }
        }
    }
}
