//! The step between C and the library: the only `catch_unwind`, the only way from error to number.

use super::status::threading_status;
use crate::error::{Error, Result};
use crate::frame::inside;
use crate::thread::last_error;
use core::any::Any;
use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of an exported function; a panic is a bug of ours and comes back as one.
#[inline(always)]
pub(super) fn call(name: &'static str, object: u64, body: impl FnOnce() -> Result) -> threading_status {
    inside(|| match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => note(name, object, error),
        Err(panic) => caught(panic, name, object),
    })
}

/// The same for a function that runs user code on the caller's stack: what unwinds from there passes.
#[inline(always)]
pub(super) fn call_unwind(
    name: &'static str,
    object: u64,
    body: impl FnOnce() -> Result,
) -> threading_status {
    inside(|| match body() {
        Ok(()) => 0,
        Err(error) => note(name, object, error),
    })
}

/// An exported function whose usual way is short: `usual` calls nothing, and says `None` if it did not get
/// through; then it has changed nothing. What follows is out of line: no register is saved for it.
#[inline(always)]
pub(super) fn quick<T>(usual: impl FnOnce() -> Option<T>, otherwise: impl FnOnce() -> T) -> T {
    match usual() {
        Some(done) => done,
        None => out_of_line(otherwise),
    }
}

/// The same with a second way, for when others are at the object: also without what `call` does, but out of line.
#[inline(always)]
pub(super) fn quick_beside<T>(
    usual: impl FnOnce() -> Option<T>,
    beside: impl FnOnce() -> Option<T>,
    otherwise: impl FnOnce() -> T,
) -> T {
    quick(usual, move || beside().unwrap_or_else(otherwise))
}

/// The same for a function that writes what it found.
#[inline(always)]
pub(super) fn quick_put<T>(
    out: Option<&mut MaybeUninit<T>>,
    usual: impl FnOnce() -> Option<T>,
    otherwise: impl FnOnce(Option<&mut MaybeUninit<T>>) -> threading_status,
) -> threading_status {
    let Some(place) = out else { return out_of_line(|| otherwise(None)) };
    match usual() {
        Some(value) => {
            place.write(value);
            0
        }
        None => out_of_line(|| otherwise(Some(place))),
    }
}

#[cold]
#[inline(never)]
pub(super) fn out_of_line<T>(otherwise: impl FnOnce() -> T) -> T {
    otherwise()
}

/// The body of a question: 1 yes, 0 no, or an error.
#[inline(always)]
pub(super) fn ask(name: &'static str, object: u64, body: impl FnOnce() -> Result<bool>) -> i32 {
    inside(|| match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(yes)) => yes as i32,
        Ok(Err(error)) => note(name, object, error),
        Err(panic) => caught(panic, name, object),
    })
}

/// The body of a count: it, or an error, which is negative.
#[inline(always)]
pub(super) fn count(name: &'static str, object: u64, body: impl FnOnce() -> Result<i64>) -> i64 {
    inside(|| match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(count)) => count,
        Ok(Err(error)) => note(name, object, error) as i64,
        Err(panic) => caught(panic, name, object) as i64,
    })
}

/// A bug of ours was caught. What it carries is left alone: dropping it could panic again.
#[cold]
#[inline(never)]
fn caught(panic: Box<dyn Any + Send>, name: &'static str, object: u64) -> threading_status {
    core::mem::forget(panic);
    note(name, object, Error::Internal)
}

/// The number of an error, which is kept for `threading_last_error` if it is misuse or failure.
#[cold]
#[inline(never)]
fn note(name: &'static str, object: u64, error: Error) -> threading_status {
    let status = error.status();
    if status < 0 {
        last_error::note(name, object, error);
    }
    status
}

/// The place for a result; asked for before anything is made that could be lost.
pub(super) fn place<T>(out: Option<&mut MaybeUninit<T>>) -> Result<&mut MaybeUninit<T>> {
    out.ok_or(Error::NullOut)
}

/// Makes something and writes it where the caller wants it, if he said where.
pub(super) fn put<T>(out: Option<&mut MaybeUninit<T>>, make: impl FnOnce() -> Result<T>) -> Result {
    let place = place(out)?;
    place.write(make()?);
    Ok(())
}

/// Writes a result where the caller wants it, if at all.
pub(super) fn put_if_wanted<T>(out: Option<&mut MaybeUninit<T>>, value: T) {
    if let Some(place) = out {
        place.write(value);
    }
}

/// The text that a caller passes; NULL is an error.
pub(super) fn text<'a>(text: *const c_char) -> Result<&'a str> {
    optional_text(text)?.ok_or(Error::NullArgument)
}

/// The text that a caller passes, or NULL.
pub(super) fn optional_text<'a>(text: *const c_char) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the header promises that such a pointer leads to a C string that outlives the call.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| Error::BadText)
}

/// A place for a text, checked before the text is made.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    place: *mut u8,
    size: usize,
    needed: *mut usize,
}

impl Buffer {
    /// `buffer` may be NULL only when its size is 0; `needed` may be NULL.
    pub(super) fn new(buffer: *mut c_char, size: usize, needed: *mut usize) -> Result<Buffer> {
        if buffer.is_null() && size > 0 {
            return Err(Error::NullArgument);
        }
        Ok(Buffer { place: buffer.cast(), size, needed })
    }

    /// Writes as much of `text` as fits, cut at a character, and its end; says how much it needs in all.
    pub(super) fn write(self, text: &str) {
        if !self.needed.is_null() {
            // SAFETY: the header promises that a pointer other than NULL is valid for writing.
            unsafe { self.needed.write(text.len() + 1) };
        }
        let Some(room) = self.size.checked_sub(1) else { return };
        let end = crate::thread::text::cut(text, room);
        // SAFETY: the header promises `size` writable bytes, and `end` is less than that.
        unsafe {
            self.place.copy_from_nonoverlapping(text.as_ptr(), end);
            self.place.add(end).write(0);
        }
    }
}

/// The items that a caller passes; NULL is allowed only for none.
pub(super) fn items<'a, T>(items: *const T, count: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if items.is_null() {
        return Err(Error::NullArgument);
    }
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(Error::BadCount);
    }
    // SAFETY: the header promises `count` readable items that outlive the call; no slice is too large.
    Ok(unsafe { core::slice::from_raw_parts(items, count) })
}

/// A place for a list, checked before the list is made: it takes what fits, and counts all.
pub(super) struct List<'a, T> {
    place: *mut T,
    capacity: usize,
    count: &'a mut MaybeUninit<usize>,
    all: usize,
}

impl<'a, T> List<'a, T> {
    /// `place` may be NULL only when its capacity is 0.
    pub(super) fn new(
        place: *mut T,
        capacity: usize,
        count: Option<&'a mut MaybeUninit<usize>>,
    ) -> Result<Self> {
        if place.is_null() && capacity > 0 {
            return Err(Error::NullArgument);
        }
        Ok(List { place, capacity, count: self::place(count)?, all: 0 })
    }

    /// Writes one more item if it fits.
    pub(super) fn push(&mut self, item: T) {
        if self.all < self.capacity {
            // SAFETY: the header promises room for `capacity` items.
            unsafe { self.place.add(self.all).write(item) };
        }
        self.all += 1;
    }

    /// Says how many there were.
    pub(super) fn finish(self) -> Result {
        self.count.write(self.all);
        Ok(())
    }
}

/// No header has a larger struct: a size beyond it is garbage, and what lies there need not be readable.
const LARGEST: usize = 4096;

/// A struct that begins with its own size, and in which zero means default.
///
/// # Safety
/// - `repr(C)`, the first field is `size_t size`, and all zero is valid.
pub(super) unsafe trait Options: Copy {
    /// Its size in the first release that had it.
    const SMALLEST: usize;
}

/// Reads options as an older or newer header may have passed them; NULL is all defaults.
pub(super) fn options<T: Options>(options: *const T) -> Result<Option<T>> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: the header promises a struct that begins with its size.
    let size = unsafe { options.cast::<usize>().read() };
    if !(T::SMALLEST..=LARGEST).contains(&size) {
        return Err(Error::BadOptions);
    }
    let known = size.min(size_of::<T>());
    let mut read = MaybeUninit::<T>::zeroed();
    // SAFETY:
    // - the header promises `size` readable bytes, `known` is at most that and at most a `T`;
    // - all zero is a valid `T`, and so is what the caller filled in.
    let read = unsafe {
        read.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(options.cast(), known);
        read.assume_init()
    };
    for offset in known..size {
        // SAFETY: below `size`, as above.
        if unsafe { options.cast::<u8>().add(offset).read() } != 0 {
            return Err(Error::BadOptions);
        }
    }
    Ok(Some(read))
}

/// A struct of what the library tells, which begins with its own size: the caller's.
///
/// # Safety
/// - `repr(C)`, and the first field is `size_t size`.
pub(super) unsafe trait Answer: Copy {
    /// Its size in the first release that had it.
    const SMALLEST: usize;
}

/// Writes what is told, as much as an older or newer header has room for; the size stays the caller's.
pub(super) fn answer<T: Answer>(out: *mut T, tell: impl FnOnce() -> Result<T>) -> Result {
    if out.is_null() {
        return Err(Error::NullOut);
    }
    // SAFETY: the header promises a struct that begins with its size.
    let size = unsafe { out.cast::<usize>().read() };
    if !(T::SMALLEST..=LARGEST).contains(&size) {
        return Err(Error::BadOptions);
    }
    let (told, known) = (tell()?, size.min(size_of::<T>()));
    // SAFETY:
    // - the header promises `size` writable bytes, `known` is at most that and at most a `T`;
    // - both begin with a size, which is skipped, and `known` is not below it.
    unsafe {
        let from = (&raw const told).cast::<usize>().add(1).cast::<u8>();
        out.cast::<usize>().add(1).cast::<u8>().copy_from_nonoverlapping(from, known - size_of::<usize>());
    }
    Ok(())
}
