//! Texts of the library's own whose memory may fail to come: names and messages.

use crate::error::{Error, Result};
use core::ffi::c_char;
use core::ptr::null_mut;
use std::alloc::{Layout, alloc, dealloc};

/// A text on the heap with a zero behind it, as C wants it; all zero is the empty one.
pub(crate) struct Text {
    place: *mut u8,
    length: usize,
}

// SAFETY: a Text owns its bytes like a `Box<str>`.
unsafe impl Send for Text {}

impl Text {
    pub(crate) const EMPTY: Text = Text { place: null_mut(), length: 0 };

    /// A copy of `text`.
    pub(crate) fn copy(text: &str) -> Result<Text> {
        if text.is_empty() {
            return Ok(Text::EMPTY);
        }
        let layout = Layout::array::<u8>(text.len() + 1).map_err(|_| Error::NoMemory)?;
        // SAFETY: the layout is not of size zero.
        let place = unsafe { alloc(layout) };
        if place.is_null() {
            return Err(Error::NoMemory);
        }
        // SAFETY: `place` is valid for one byte more than the text's length, and nobody else's.
        unsafe {
            place.copy_from_nonoverlapping(text.as_ptr(), text.len());
            place.add(text.len()).write(0);
        }
        Ok(Text { place, length: text.len() })
    }

    /// The text as C reads it; good as long as `self`.
    pub(crate) fn as_c_str(&self) -> *const c_char {
        if self.length == 0 { c"".as_ptr() } else { self.place.cast() }
    }

    pub(crate) fn as_str(&self) -> &str {
        if self.length == 0 {
            return "";
        }
        // SAFETY: `copy` filled these bytes from a `str`; they live as long as `self`.
        unsafe { core::str::from_utf8_unchecked(core::slice::from_raw_parts(self.place, self.length)) }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: allocated by `copy` with this very layout, which was valid then.
            unsafe { dealloc(self.place, Layout::from_size_align_unchecked(self.length + 1, 1)) };
        }
    }
}

/// A short text composed on the stack: `write!` cuts it at a character when it is full.
pub(crate) struct Line<const ROOM: usize> {
    bytes: [u8; ROOM],
    length: usize,
}

impl<const ROOM: usize> Line<ROOM> {
    pub(crate) const fn new() -> Self {
        Line { bytes: [0; ROOM], length: 0 }
    }

    pub(crate) fn as_str(&self) -> &str {
        // SAFETY: `write_str` appends whole characters only.
        unsafe { core::str::from_utf8_unchecked(&self.bytes[..self.length]) }
    }
}

impl<const ROOM: usize> core::fmt::Write for Line<ROOM> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = cut(text, ROOM - self.length);
        self.bytes[self.length..self.length + end].copy_from_slice(&text.as_bytes()[..end]);
        self.length += end;
        Ok(())
    }
}

/// How much of `text` fits into `room` bytes without cutting a character.
pub(crate) fn cut(text: &str, room: usize) -> usize {
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}
