//! Plays inputs that libFuzzer makes, guided by what of the library they reach. See .ci/fuzz.sh.
//!
//! After `FUZZ_OPERATIONS` calls, where that is set, it ends well.
#![no_main]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static CALLS: AtomicUsize = AtomicUsize::new(0);
static MOST: OnceLock<usize> = OnceLock::new();

fn most() -> usize {
    let wish = || std::env::var("FUZZ_OPERATIONS").ok().and_then(|text| text.parse().ok());
    *MOST.get_or_init(|| wish().unwrap_or(usize::MAX))
}

unsafe extern "C" {
    fn _exit(status: i32) -> !;
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let calls = threading_fuzz::play(bytes, false).calls;
    let all = CALLS.fetch_add(calls, Ordering::Relaxed) + calls;
    if all >= most() {
        eprintln!("{all} operations, all as the model says");
        // SAFETY: libFuzzer has kept what it found; it takes the usual way out for a crash.
        unsafe { _exit(0) };
    }
});
