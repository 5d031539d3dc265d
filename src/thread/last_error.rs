//! The story of a thread's last failed call, composed when somebody asks for it.
//!
//! The failing call itself stores plain words only, because it may stand in a signal handler.

use super::text::{Line, Text, cut};
use super::{current, thread};
use crate::error::Error;
use crate::slot::{kind, kind_of};
use crate::sys::{self, tls};
use core::ffi::c_char;
use core::fmt::Write;
use core::slice;
use core::sync::atomic::{Ordering::SeqCst, compiler_fence};

/// Bytes of a thread's name that the story shows.
const NAME_SHOWN: usize = 128;

/// Keeps that this thread's call `name` has failed.
///
/// A signal handler that comes in between may fail too: then all is written once more, so that no words of two
/// failures stand together.
pub(crate) fn note(name: &'static str, object: u64, cause: Error) {
    tls::with(|block| {
        loop {
            let number = block.failures.get().wrapping_add(1);
            block.failures.set(number);
            compiler_fence(SeqCst);
            block.call.set(name.as_ptr());
            block.length.set(name.len() as u32);
            block.object.set(object);
            block.cause.set(cause as u32);
            compiler_fence(SeqCst);
            if block.failures.get() == number {
                return;
            }
        }
    });
}

/// A failure as `note` kept it.
struct Failed {
    number: u32,
    call: &'static str,
    object: u64,
    cause: Error,
    errno: i32,
}

/// This thread's last failed call, if its story has not been told.
fn untold() -> Option<Failed> {
    tls::with(|block| {
        loop {
            let number = block.failures.get();
            compiler_fence(SeqCst);
            let (call, length) = (block.call.get(), block.length.get() as usize);
            let (object, cause) = (block.object.get(), block.cause.get() as u8);
            let errno = block.errno.get() as i32;
            compiler_fence(SeqCst);
            if block.failures.get() != number {
                continue;
            }
            if block.told.get() == number {
                return None;
            }
            // SAFETY: there was a failure, and no other one came between the words of it:
            // - pointer and length are those of a `&'static str`;
            // - the cause was an `Error`.
            let (call, cause) = unsafe {
                let call = core::str::from_utf8_unchecked(slice::from_raw_parts(call, length));
                (call, core::mem::transmute::<u8, Error>(cause))
            };
            return Some(Failed { number, call, object, cause, errno });
        }
    })
}

/// The story, good until the next call of this thread that fails; "" when none has failed.
///
/// `Err` is the cause alone: there is no memory for more.
pub(crate) fn text() -> Result<*const c_char, Error> {
    let Some(failed) = untold() else { return Ok(told()) };
    let own = current::me().and_then(current::own).map_err(|_| failed.cause)?;
    let text = Text::copy(compose(&failed).as_str()).map_err(|_| failed.cause)?;
    // SAFETY: belongs to the calling thread, which refers to it nowhere else.
    unsafe { *own.own.error_text.get() = text };
    // From here on the text stays where it is until another call fails.
    tls::with(|block| block.told.set(failed.number));
    Ok(told())
}

/// The story that was told last.
fn told() -> *const c_char {
    match current::known().map(current::own) {
        // SAFETY: belongs to the calling thread, and nobody writes it now.
        Some(Ok(control)) => unsafe { (*control.own.error_text.get()).as_c_str() },
        _ => c"".as_ptr(),
    }
}

fn compose(failed: &Failed) -> Line<512> {
    let mut line = Line::new();
    let _ = write!(line, "{}: ", failed.call);
    if failed.object != 0 {
        describe(failed.object, &mut line);
    }
    let _ = line.write_str(failed.cause.cause());
    if failed.cause == Error::System {
        let mut room = [0; 128];
        let _ = write!(line, ": errno {}, {}", failed.errno, sys::error_text(failed.errno, &mut room));
    }
    line
}

/// Writes what `object` is: a thread by its name, everything else by its number.
fn describe(object: u64, line: &mut Line<512>) {
    let named = thread(object).and_then(|thread| {
        thread.with_name(|name| {
            let _ = write!(line, "thread '{}': ", &name[..cut(name, NAME_SHOWN)]);
        })
    });
    if named.is_err() {
        let _ = write!(line, "{} {object:#018x}: ", kind::name(kind_of(object)));
    }
}
