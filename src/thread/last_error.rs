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
use core::ptr::null;

/// Bytes of a thread's name that the story shows.
const NAME_SHOWN: usize = 128;

/// Keeps what there will be to tell of a call that fails now: plain words, fit for signal handlers.
pub(crate) fn note(call: &'static str, object: u64, cause: Error) {
    tls::with(|block| {
        block.call.set(call.as_ptr());
        block.length.set(call.len() as u32);
        block.cause.set(cause as u32);
        block.object.set(object);
    });
}

/// The story, good until the next call of this thread that fails; "" when none has failed.
///
/// `Err` is the cause alone: there is no memory for more.
pub(crate) fn text() -> Result<*const c_char, Error> {
    let failed = tls::with(|block| !block.call.get().is_null());
    if !failed {
        return Ok(told());
    }
    let (line, cause) = tls::with(|block| (compose(block), cause(block)));
    let own = current::me().and_then(current::own).map_err(|_| cause)?;
    let text = Text::copy(line.as_str()).map_err(|_| cause)?;
    // SAFETY: belongs to the calling thread, which refers to it nowhere else.
    unsafe { *own.own.error_text.get() = text };
    // From here on the story is told, and stays where it is until another call fails.
    tls::with(|block| block.call.set(null()));
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

fn cause(block: &tls::Block) -> Error {
    // SAFETY: the word was stored from an `Error`, or is the zero of a new thread, which is one too.
    unsafe { core::mem::transmute(block.cause.get() as u8) }
}

fn compose(block: &tls::Block) -> Line<512> {
    let mut line = Line::new();
    // SAFETY: pointer and length were stored from a `&'static str`.
    let call = unsafe {
        let bytes = core::slice::from_raw_parts(block.call.get(), block.length.get() as usize);
        core::str::from_utf8_unchecked(bytes)
    };
    let _ = write!(line, "{call}: ");
    if block.object.get() != 0 {
        describe(block.object.get(), &mut line);
    }
    let cause = cause(block);
    let _ = line.write_str(cause.cause());
    if cause == Error::System {
        let number = block.errno.get() as i32;
        let mut room = [0; 128];
        let _ = write!(line, ": errno {number}, {}", sys::error_text(number, &mut room));
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
