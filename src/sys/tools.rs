//! What race detectors are told: ThreadSanitizer in the user's program, and Helgrind or DRD around it.
//!
//! They do not understand the library: the first does not see its atomics, the others take them for plain memory. So
//! each thread tells them two things, if one of them is there:
//! - while it runs the library's code they look away (`enter`, `leave`), but not while that calls the user's;
//! - what it did until now happens before whatever another thread does next (`release`, then `acquire`, of one place).
//!
//! Only slow ways come here: with such a tool quick ones find no object (slot/mod.rs), nor the pool that a thread is at
//! work in (`known_as` in pool/body.rs).

pub(crate) use told::{acquire, enter, is_tsan, leave, present, release, step_back, step_out, watch};

#[cfg(not(any(loom, shuttle, unannounced)))]
mod told {
    use crate::sys::tls;
    use core::ffi::c_void;
    use core::sync::atomic::{AtomicU8, Ordering::*};

    /// Nobody has asked yet.
    const UNKNOWN: u8 = 0;
    const NONE: u8 = 1;
    const TSAN: u8 = 2;
    const HELGRIND: u8 = 3;
    const DRD: u8 = 4;

    /// Which tool there is; it never changes once it is known, and everybody who asks gets the same answer.
    static TOOL: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[repr(C)]
    struct Tsan {
        acquire: Option<unsafe extern "C" fn(*const c_void)>,
        release: Option<unsafe extern "C" fn(*const c_void)>,
        look_away: Option<unsafe extern "C" fn()>,
        look_again: Option<unsafe extern "C" fn()>,
    }

    unsafe extern "C" {
        /// Of tools.c.
        static threading_tsan: Tsan;
    }

    fn tsan() -> &'static Tsan {
        // SAFETY: a constant of that type, whose functions may be called by any thread.
        unsafe { &threading_tsan }
    }

    #[inline(always)]
    fn tool() -> u8 {
        TOOL.load(Relaxed)
    }

    /// Whether there is a tool. Asked before the first object is made.
    pub(crate) fn present() -> bool {
        if tool() == UNKNOWN {
            ask();
        }
        watch()
    }

    /// Whether there is a tool, for all that comes after the first `present`.
    #[inline(always)]
    pub(crate) fn watch() -> bool {
        tool() > NONE
    }

    /// Whether it is ThreadSanitizer, which must not be told anything in the last round of a thread's end.
    pub(crate) fn is_tsan() -> bool {
        tool() == TSAN
    }

    #[cold]
    fn ask() {
        let tsan = tsan();
        let whole = tsan.acquire.is_some()
            && tsan.release.is_some()
            && tsan.look_away.is_some()
            && tsan.look_again.is_some();
        TOOL.store(if whole { TSAN } else { valgrind::tool() }, Relaxed);
    }

    /// What other threads did before they released `place` happens before what this one does from now on.
    #[inline(always)]
    pub(crate) fn acquire<T>(place: &T) {
        if tool() > NONE {
            acquired((&raw const *place).cast());
        }
    }

    #[cold]
    fn acquired(place: *const c_void) {
        match (tool(), tsan().acquire) {
            // SAFETY: any address will do.
            (TSAN, Some(acquire)) => unsafe { acquire(place) },
            _ => valgrind::acquire(place.addr()),
        }
    }

    /// What this thread did until now happens before what others do who acquire `place` later; said before they can
    /// know of it.
    #[inline(always)]
    pub(crate) fn release<T>(place: &T) {
        if tool() > NONE {
            released((&raw const *place).cast());
        }
    }

    #[cold]
    fn released(place: *const c_void) {
        match (tool(), tsan().release) {
            // SAFETY: any address will do.
            (TSAN, Some(release)) => unsafe { release(place) },
            _ => valgrind::release(place.addr()),
        }
    }

    /// From here on the thread runs the library's code; also from a signal handler that has interrupted it there.
    #[inline(always)]
    pub(crate) fn enter() {
        if tool() != NONE {
            entered();
        }
    }

    #[cold]
    fn entered() {
        if present() {
            change(|depth| depth + 1);
        }
    }

    /// Ends what `enter` began.
    #[inline(always)]
    pub(crate) fn leave() {
        if tool() > NONE {
            left();
        }
    }

    #[cold]
    fn left() {
        change(|depth| depth.saturating_sub(1));
    }

    /// The library is about to call the user's code. If that is left by force, nothing need be put right: from there
    /// on it is the user's code, or a thread that has come to its end.
    #[inline(always)]
    pub(crate) fn step_out() -> u32 {
        if tool() > NONE { change(|_| 0) } else { 0 }
    }

    /// The user's code has returned.
    #[inline(always)]
    pub(crate) fn step_back(depth: u32) {
        if depth > 0 {
            change(|_| depth);
        }
    }

    /// Changes how often this thread is in the library; says how often it was. The tools hear of the first and last.
    #[cold]
    fn change(to: impl FnOnce(u32) -> u32) -> u32 {
        let (before, now) = tls::with(|block| {
            let before = block.watched.get();
            let now = to(before);
            block.watched.set(now);
            (before, now)
        });
        if (before == 0) != (now == 0) {
            look(now == 0);
        }
        before
    }

    /// Lets the tool look at what the calling thread does, or look away.
    fn look(at_it: bool) {
        let tsan = tsan();
        match (tool(), if at_it { tsan.look_again } else { tsan.look_away }) {
            // SAFETY: `change` has them called by turns.
            (TSAN, Some(tell)) => unsafe { tell() },
            (HELGRIND, _) => valgrind::helgrind_looks(at_it),
            (DRD, _) => valgrind::drd_looks(at_it),
            _ => {}
        }
    }

    /// Client requests, as Valgrind's headers number them; nothing happens where it is not there.
    mod valgrind {
        const HG: usize = 0x4847_0000;
        const DR: usize = 0x4452_0000;

        const HG_OWN_SYNC_SEND: usize = HG + 256 + 33;
        const HG_OWN_SYNC_RECEIVE: usize = HG + 256 + 34;
        const HG_CLEAN_HEAP_BLOCK: usize = HG + 256 + 42;
        /// Adds to how often the calling thread's errors are not to be reported. Helgrind cannot look away.
        const MUTE: usize = 0x1801;
        const DR_THREAD: usize = DR;
        const DR_RECORD_LOADS: usize = DR + 6;
        const DR_RECORD_STORES: usize = DR + 7;

        /// Which of the two it is, if any: other tools do not answer.
        pub(super) fn tool() -> u8 {
            if request(DR_THREAD, 0) != 0 {
                super::DRD
            } else if request(HG_CLEAN_HEAP_BLOCK, 0) == usize::MAX {
                super::HELGRIND
            } else {
                super::NONE
            }
        }

        /// DRD understands these two as Helgrind does.
        pub(super) fn release(place: usize) {
            request(HG_OWN_SYNC_SEND, place);
        }

        pub(super) fn acquire(place: usize) {
            request(HG_OWN_SYNC_RECEIVE, place);
        }

        pub(super) fn helgrind_looks(at_it: bool) {
            request(MUTE, if at_it { usize::MAX } else { 1 });
        }

        pub(super) fn drd_looks(at_it: bool) {
            request(DR_RECORD_LOADS, at_it as usize);
            request(DR_RECORD_STORES, at_it as usize);
        }

        /// Asks for something; the answer is 0 where nobody knows the request.
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        fn request(what: usize, argument: usize) -> usize {
            let arguments = [what, argument, 0, 0, 0, 0];
            let answer: usize;
            // SAFETY: instructions that together do nothing; Valgrind knows them by sight, and then reads the six words
            // at rax and writes rdx.
            unsafe {
                core::arch::asm!(
                    "rol rdi, 3",
                    "rol rdi, 13",
                    "rol rdi, 61",
                    "rol rdi, 51",
                    "xchg rbx, rbx",
                    in("rax") arguments.as_ptr(),
                    inout("rdx") 0usize => answer,
                    options(nostack),
                );
            }
            answer
        }

        #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
        fn request(_: usize, _: usize) -> usize {
            0
        }
    }
}

/// Models have no tools; and a library that ThreadSanitizer has compiled itself says nothing that it can see.
#[cfg(any(loom, shuttle, unannounced))]
mod told {
    pub(crate) const fn present() -> bool {
        false
    }
    pub(crate) const fn watch() -> bool {
        false
    }
    pub(crate) const fn is_tsan() -> bool {
        false
    }
    pub(crate) const fn acquire<T>(_: &T) {}
    pub(crate) const fn release<T>(_: &T) {}
    pub(crate) const fn enter() {}
    pub(crate) const fn leave() {}
    pub(crate) const fn step_out() -> u32 {
        0
    }
    pub(crate) const fn step_back(_: u32) {}
}
