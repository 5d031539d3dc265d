//! All that the library asks of the system: libc and nothing else, one file per topic.
//!
//! Every function here leaves errno as it found it, and none is a cancellation point.

pub(crate) mod cpu;
#[cfg(all(not(shuttle), not(feature = "portable-park")))]
pub(crate) mod futex;
#[cfg(target_os = "linux")]
pub(crate) mod membarrier;
mod memory;
#[cfg(shuttle)]
pub(crate) mod model;
#[cfg(not(shuttle))]
pub(crate) mod native;
#[cfg(not(shuttle))]
pub(crate) mod tls;
pub(crate) mod tools;
#[cfg(not(any(loom, shuttle)))]
pub(crate) mod wiped;

#[cfg(shuttle)]
pub(crate) use model::{futex, monotonic_nanos, native, tls, yield_now};

/// Restores errno when it goes.
pub(crate) struct Errno(i32);

impl Errno {
    /// Remembers errno.
    pub(crate) fn keep() -> Errno {
        // SAFETY: errno's address is valid in every thread.
        Errno(unsafe { *libc::__errno_location() })
    }

    /// What errno is now.
    pub(crate) fn now(&self) -> i32 {
        // SAFETY: as in `keep`.
        unsafe { *libc::__errno_location() }
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: as in `keep`.
        unsafe { *libc::__errno_location() = self.0 }
    }
}

/// Nanoseconds on the monotonic clock.
#[cfg(not(shuttle))]
pub(crate) fn monotonic_nanos() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing; the monotonic clock exists, so this cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}

/// A counter that goes evenly and is read in some nanoseconds.
#[cfg(target_arch = "x86_64")]
pub(crate) fn ticks() -> i64 {
    // SAFETY: the instruction is part of the architecture and has no preconditions.
    (unsafe { core::arch::x86_64::_rdtsc() }) as i64
}

/// A counter that goes evenly.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn ticks() -> i64 {
    monotonic_nanos()
}

/// Gives the processor to another runnable thread.
#[cfg(not(shuttle))]
pub(crate) fn yield_now() {
    // SAFETY: has no preconditions and cannot fail.
    unsafe { libc::sched_yield() };
}

/// A variable of the environment, unless the program has rights that its caller has not.
#[cfg(feature = "fault-inject")]
pub(crate) fn environment(name: &core::ffi::CStr) -> Option<&'static core::ffi::CStr> {
    unsafe extern "C" {
        fn secure_getenv(name: *const core::ffi::c_char) -> *const core::ffi::c_char;
    }
    // SAFETY: `name` ends with a zero; what is found does, too, and stays as long as nobody changes that variable.
    unsafe {
        let text = secure_getenv(name.as_ptr());
        (!text.is_null()).then(|| core::ffi::CStr::from_ptr(text))
    }
}

/// Sixty-four random bits, from the system if it has any.
pub(crate) fn random() -> u64 {
    let _errno = Errno::keep();
    let mut bits = 0u64;
    // SAFETY: `bits` is valid for eight bytes.
    let got = unsafe { libc::syscall(libc::SYS_getrandom, &mut bits as *mut u64, 8, libc::GRND_NONBLOCK) };
    if got == 8 { bits } else { monotonic_nanos() as u64 ^ (&raw const bits as u64) << 20 }
}

/// Zeroed memory of its own, straight from the system: no allocator is involved.
pub(crate) fn map_zeroed(bytes: usize) -> crate::error::Result<*mut u8> {
    let _errno = Errno::keep();
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: an anonymous mapping at no fixed place touches nothing that exists.
    let place = unsafe { libc::mmap(core::ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if place == libc::MAP_FAILED { Err(crate::error::Error::NoMemory) } else { Ok(place.cast()) }
}

/// Gives such memory back.
///
/// # Safety
/// - `place` came from `map_zeroed(bytes)`, and nobody uses it any more.
pub(crate) unsafe fn unmap(place: *mut u8, bytes: usize) {
    let _errno = Errno::keep();
    // SAFETY: the caller's promise.
    unsafe { libc::munmap(place.cast(), bytes) };
}

/// Lets the memory behind whole pages go; they stay readable and writable, with anything in them.
///
/// # Safety
/// - the pages came from `map_zeroed`, and nobody needs what is in them.
pub(crate) unsafe fn discard(place: *mut u8, bytes: usize) {
    let _errno = Errno::keep();
    // SAFETY: the caller's promise.
    unsafe { libc::madvise(place.cast(), bytes, libc::MADV_DONTNEED) };
}

/// Lets the processor bring the cache line of what will be written soon. Where it has no such hint, it does nothing.
#[inline(always)]
pub(crate) fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which neither reads nor writes; processors of this architecture without it take it for no operation.
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) &raw const *place, options(readonly, nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// What the system calls an error number, as far as `room` takes it.
pub(crate) fn error_text(number: i32, room: &mut [u8]) -> &str {
    let _errno = Errno::keep();
    // SAFETY: `room` is writable for its length.
    unsafe { libc::strerror_r(number, room.as_mut_ptr().cast(), room.len()) };
    let text = core::ffi::CStr::from_bytes_until_nul(room).map_or(&b""[..], |text| text.to_bytes());
    core::str::from_utf8(text).unwrap_or("unknown error")
}
