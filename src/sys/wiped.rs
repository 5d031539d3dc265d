//! A word that the system sets to zero in every forked child, however that was forked.

#[cfg(target_os = "linux")]
use super::Errno;
use core::sync::atomic::AtomicU64;

/// A page for one such word; `None` where the system has none or no memory. It is never given back.
#[cfg(target_os = "linux")]
pub(crate) fn word() -> Option<&'static AtomicU64> {
    let _errno = Errno::keep();
    // A page of any system; what is mapped is whole pages in any case.
    const SIZE: usize = 4096;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let mode = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory, where the system likes, that nobody else knows.
    unsafe {
        let page = libc::mmap(core::ptr::null_mut(), SIZE, access, mode, -1, 0);
        if page == libc::MAP_FAILED {
            return None;
        }
        if libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) != 0 {
            libc::munmap(page, SIZE);
            return None;
        }
        Some(&*page.cast::<AtomicU64>())
    }
}

/// No other system has one.
#[cfg(not(target_os = "linux"))]
pub(crate) fn word() -> Option<&'static AtomicU64> {
    None
}
