//! Who works, who looks for work and who sleeps: one word per pool. README.md tells why no task is left lying.
//!
//! | field       | counts                                                                             |
//! |-------------|------------------------------------------------------------------------------------|
//! | `SEARCHING` | threads that look for work, or were told to; while there is one nobody is woken    |
//! | `LOOKING`   | those of them that have a seat                                                     |
//! | `SLEEPING`  | threads that sleep and have not been told to look                                  |
//! | `TAKEN`     | seats in use: by threads that work or look, and by guests in parallel loops        |
//! | `THREADS`   | threads of the pool, from before their start to their end                          |
//! | `GUEST`     | those of `TAKEN` that are guests', as far as there is room for the count           |
//!
//! All accesses are SeqCst. A thread that is to wake takes a permit; permits and `SLEEPING` together count
//! those who sleep.

use crate::atomic::{self, AtomicU32, AtomicU64, Ordering::*, Seed, load_in_order, seeded};
use crate::park::{self, Me, Wait, Woken, fence};
use crate::time::{Deadline, Timeout};
use core::hint::cold_path;

const FIELD: u64 = 0xfff;
pub(super) const SEARCHING: u64 = 1;
pub(super) const LOOKING: u64 = 1 << 12;
pub(super) const SLEEPING: u64 = 1 << 24;
pub(super) const TAKEN: u64 = 1 << 36;
pub(super) const THREADS: u64 = 1 << 48;
pub(super) const GUEST: u64 = 1 << 60;

/// The most that there can be of anything counted here.
pub(super) const MOST: u32 = FIELD as u32;

/// One reading of the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts(pub(super) u64);

impl Counts {
    pub(super) fn of(self, field: u64) -> u32 {
        ((self.0 / field) & FIELD) as u32
    }

    /// Whether one more guest can be counted as such.
    fn has_room_for_guest(self) -> bool {
        self.0 < GUEST.wrapping_neg()
    }

    /// Threads and guests that work.
    pub(super) fn busy(self) -> u32 {
        self.of(TAKEN).saturating_sub(self.of(LOOKING))
    }
}

/// What there is to do for one who has queued something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    /// Nothing: all seats are taken, or somebody looks already.
    Nobody,
    /// A sleeper was told.
    Woken,
    /// A thread is to be started; it is counted already, as searching.
    Start,
}

/// The word, and those who sleep.
#[repr(align(128))]
pub(super) struct Idle {
    word: AtomicU64,
    /// The most seats, in the lower half; in the upper half how many threads wait inside a task.
    room: AtomicU64,
    permits: AtomicU64,
    /// Changes when nobody works any more, and when a thread ends.
    quiet: AtomicU64,
    /// How many sleep on `quiet`.
    listeners: AtomicU64,
    /// Threads that tell of their last task and then look for work, as good as searching.
    pub(super) finishing: AtomicU32,
    /// Threads in their initializers, each of which will then look for work.
    pub(super) beginning: AtomicU32,
}

/// How many threads more there may be because others wait inside their tasks.
pub(super) const SPARES: u64 = 64;

const BLOCKED: u64 = 1 << 32;

impl Idle {
    pub(super) fn new(seats: u32) -> Idle {
        Idle {
            word: AtomicU64::new(0),
            room: AtomicU64::new(seats as u64),
            permits: AtomicU64::new(0),
            quiet: AtomicU64::new(0),
            listeners: AtomicU64::new(0),
            finishing: AtomicU32::new(0),
            beginning: AtomicU32::new(0),
        }
    }

    #[inline(always)]
    pub(super) fn counts(&self) -> Counts {
        Counts(self.word.load(SeqCst))
    }

    /// How many may work at once: a seat for each worker, and for each that waits inside its task.
    #[inline(always)]
    pub(super) fn seats(&self) -> u32 {
        let room = self.room.load(SeqCst);
        if room < BLOCKED {
            return room as u32;
        }
        cold_path();
        (room as u32).saturating_add((room >> 32).min(SPARES) as u32)
    }

    /// How many workers the pool was made for.
    pub(super) fn workers(&self) -> u32 {
        self.room.load(SeqCst) as u32
    }

    /// How many wait inside a task.
    pub(super) fn blocked(&self) -> u32 {
        (self.room.load(SeqCst) >> 32) as u32
    }

    pub(super) fn set_workers(&self, workers: u32) {
        let mut room = self.room.load(SeqCst);
        while let Err(now) =
            self.room.compare_exchange_weak(room, room >> 32 << 32 | workers as u64, SeqCst, SeqCst)
        {
            room = now;
        }
    }

    pub(super) fn block(&self) {
        self.room.fetch_add(BLOCKED, SeqCst);
    }

    pub(super) fn unblock(&self) {
        self.room.fetch_sub(BLOCKED, SeqCst);
    }

    /// Adds and takes away counts that the caller is entitled to.
    pub(super) fn shift(&self, plus: u64, minus: u64) -> Counts {
        Counts(self.word.fetch_add(plus.wrapping_sub(minus), SeqCst).wrapping_add(plus).wrapping_sub(minus))
    }

    /// The same, if `may` says so of what is there; what is there otherwise.
    pub(super) fn shift_if(
        &self,
        plus: u64,
        minus: u64,
        may: impl Fn(Counts) -> bool,
    ) -> Result<Counts, Counts> {
        let mut now = self.word.load(SeqCst);
        loop {
            if !may(Counts(now)) {
                return Err(Counts(now));
            }
            let next = now.wrapping_add(plus).wrapping_sub(minus);
            match self.word.compare_exchange_weak(now, next, SeqCst, SeqCst) {
                Ok(_) => return Ok(Counts(next)),
                Err(other) => now = other,
            }
        }
    }

    /// Whether one who has queued something need do nothing more; after a fence. As long as there can be more threads
    /// it depends on how much is queued.
    #[inline(always)]
    pub(super) fn is_awake(&self) -> bool {
        // Seats first: whoever makes one more afterwards looks, too.
        let (seats, counts) = (self.seats(), self.counts());
        let looked_for = counts.of(SEARCHING) > 0 || self.finishing.load(SeqCst) > 0;
        counts.of(TAKEN) >= seats || looked_for && counts.of(THREADS) >= seats
    }

    /// How many threads are about to take something out of a queue.
    pub(super) fn lookers(&self) -> u64 {
        let finishing = self.finishing.load(SeqCst);
        (self.counts().of(SEARCHING) + finishing + self.beginning.load(SeqCst)) as u64
    }

    /// Whether all seats are taken.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        let seats = self.seats();
        self.counts().of(TAKEN) >= seats
    }

    /// Whether all seats are taken by threads, of whom each looks at all queues, after the heavy half of a fence, when it
    /// gives its seat up. A guest only runs a fence.
    #[inline(always)]
    pub(super) fn is_full_of_threads(&self) -> bool {
        let (seats, counts) = (self.seats(), self.counts());
        counts.of(TAKEN) >= seats && (counts.0 < GUEST || seeded(Seed::Guest))
    }

    /// Counts one of `seats` for a guest, if one is left: what is to be taken away again.
    pub(super) fn take_for_guest(&self, seats: u32) -> Option<u64> {
        let is_left = |now: Counts| now.of(TAKEN) < seats;
        if self.shift_if(TAKEN + GUEST, 0, |now| is_left(now) && now.has_room_for_guest()).is_ok() {
            return Some(TAKEN + GUEST);
        }
        self.shift_if(TAKEN, 0, is_left).is_ok().then_some(TAKEN)
    }

    /// Takes away what was counted for a seat that has been given back, or was not found. True: all were taken, so others
    /// may have queued something and called nobody; the caller is past the fence after which it sees that.
    pub(super) fn give_back(&self, counted: u64) -> bool {
        let full = self.shift(0, counted).of(TAKEN) + 1 >= self.seats();
        self.tell_quiet();
        if full {
            if counted == TAKEN { fence::heavy() } else { atomic::fence(SeqCst) }
        }
        full
    }

    /// Sees to it that somebody looks for work, if there is a seat for one more: a sleeper, unless somebody looks; or,
    /// without sleepers and if those who are about to look are fewer than the tasks, a new thread.
    pub(super) fn call(&self, tasks: u64) -> Call {
        loop {
            let seats = self.seats();
            let counts = self.counts();
            if counts.of(TAKEN) >= seats {
                return Call::Nobody;
            }
            let same = |now: Counts| now.0 == counts.0;
            if counts.of(SLEEPING) > 0 {
                if counts.of(SEARCHING) > 0 || self.finishing.load(SeqCst) > 0 {
                    return Call::Nobody;
                }
                if self.shift_if(SEARCHING, SLEEPING, same).is_ok() {
                    self.permit(1);
                    return Call::Woken;
                }
            } else if tasks > self.lookers() && counts.of(THREADS) < seats {
                if self.shift_if(THREADS + SEARCHING, 0, same).is_ok() {
                    return Call::Start;
                }
            } else {
                return Call::Nobody;
            }
        }
    }

    fn permit(&self, count: u32) {
        self.permits.fetch_add(count as u64, SeqCst);
        park::wake(&self.permits, count);
    }

    /// Tells all who sleep to look: the pool ends, or shrinks.
    pub(super) fn call_all(&self) {
        loop {
            let counts = self.counts();
            let count = counts.of(SLEEPING);
            let all = count as u64;
            if self.shift_if(SEARCHING * all, SLEEPING * all, |now| now.0 == counts.0).is_ok() {
                if count > 0 {
                    self.permit(count);
                }
                return;
            }
        }
    }

    /// One who has said that it sleeps looks after all, unless somebody has just told it to.
    pub(super) fn get_up(&self) {
        if self.shift_if(SEARCHING, SLEEPING, |now| now.of(SLEEPING) > 0).is_err() {
            while !self.take_permit() {
                crate::sys::yield_now();
            }
        }
    }

    fn take_permit(&self) -> bool {
        let now = self.permits.load(SeqCst);
        now > 0 && self.permits.compare_exchange_weak(now, now - 1, SeqCst, SeqCst).is_ok()
    }

    /// Sleeps until told to look; false when the deadline came first and `may_end` agrees: then the thread is
    /// not counted any more.
    pub(super) fn sleep(&self, me: Me, deadline: Deadline, may_end: impl Fn(Counts) -> bool) -> bool {
        let wait = Wait::begin_until(me, me.id(), crate::time::now(), deadline);
        let mut woken = Woken::LookAgain;
        loop {
            let permits = self.permits.load(SeqCst);
            if permits > 0 {
                if self.take_permit() {
                    return true;
                }
            } else if woken == Woken::TimedOut
                && self
                    .shift_if(0, SLEEPING + THREADS, |now| {
                        (now.of(SLEEPING) > 0 || seeded(Seed::Permit)) && may_end(now)
                    })
                    .is_ok()
            {
                return false;
            } else if woken == Woken::TimedOut {
                // It must stay, or a permit is on its way: the next sleep has no end.
                drop(wait);
                return self.sleep(me, Deadline::NEVER, may_end);
            } else {
                woken = wait.sleep(&self.permits, 0);
            }
        }
    }

    /// Somebody has stopped working, or ended.
    pub(super) fn tell_quiet(&self) {
        if load_in_order(&self.listeners) > 0 {
            self.quiet.fetch_add(1, SeqCst);
            park::wake(&self.quiet, u32::MAX);
        }
    }

    /// Waits until `holds`, which is looked at again whenever somebody has stopped working or ended.
    pub(super) fn listen(&self, me: Me, object: u64, timeout: Timeout, holds: impl Fn() -> bool) -> bool {
        if holds() {
            return true;
        }
        if timeout.is_zero() {
            return false;
        }
        self.listeners.fetch_add(1, SeqCst);
        let wait = Wait::begin(me, object, timeout);
        let mut woken = Woken::LookAgain;
        let held = loop {
            let seen = self.quiet.load(SeqCst) as u32;
            if holds() {
                break true;
            }
            if woken == Woken::TimedOut {
                break false;
            }
            woken = wait.sleep(&self.quiet, seen);
        };
        self.listeners.fetch_sub(1, SeqCst);
        held
    }
}
