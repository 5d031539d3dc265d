//! Arguments: what the function gets, how C writes it, and whether an out-parameter was written.

use crate::abi::Pointer;
use crate::trace::{Kind, Shown, Variable, text_of};
use core::cell::{Cell, UnsafeCell};
use core::ffi::{CStr, c_char};
use core::ptr;

pub(crate) trait Argument {
    type Raw;
    fn raw(&self) -> Self::Raw;
    fn shown(&self) -> Shown;
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Argument for $number {
            type Raw = $number;
            fn raw(&self) -> $number {
                *self
            }
            fn shown(&self) -> Shown {
                Shown::Integer(*self as i64)
            }
        }
    )*};
}
numbers! { i32 u32 i64 usize u64 }

/// What a parameter of this kind gets: mostly a handle of that kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) from: Result<Variable, u64>,
}

impl Argument for Handle {
    type Raw = u64;
    fn raw(&self) -> u64 {
        self.id
    }
    fn shown(&self) -> Shown {
        Shown::Handle(self.kind, self.from)
    }
}

/// A callback, or anything else that has a name in `prelude.c`.
#[derive(Clone, Copy)]
pub(crate) struct Named<T>(pub(crate) T, pub(crate) &'static str);

impl<T: Copy> Argument for Named<T> {
    type Raw = T;
    fn raw(&self) -> T {
        self.0
    }
    fn shown(&self) -> Shown {
        Shown::Code(self.1)
    }
}

/// A pointer that nobody follows.
#[derive(Clone, Copy)]
pub(crate) struct Item(pub(crate) usize);

impl Argument for Item {
    type Raw = Pointer;
    fn raw(&self) -> Pointer {
        self.0 as Pointer
    }
    fn shown(&self) -> Shown {
        if self.0 == 0 { Shown::Code("NULL") } else { Shown::Pointer(self.0) }
    }
}

/// Something written out, such as options.
pub(crate) struct Written<T>(pub(crate) T, pub(crate) String);

impl<T: Copy> Argument for Written<T> {
    type Raw = T;
    fn raw(&self) -> T {
        self.0
    }
    fn shown(&self) -> Shown {
        Shown::Text(self.1.clone())
    }
}

/// A text; some are not UTF-8, and some are NULL.
#[derive(Clone, Copy)]
pub(crate) struct Text(pub(crate) Option<&'static CStr>);

impl Text {
    /// What it says; `None` when it must be refused.
    pub(crate) fn read(&self) -> Option<&'static str> {
        self.0.and_then(|text| text.to_str().ok())
    }
}

impl Argument for Text {
    type Raw = *const c_char;
    fn raw(&self) -> *const c_char {
        self.0.map_or(ptr::null(), CStr::as_ptr)
    }
    fn shown(&self) -> Shown {
        text_of(self.raw())
    }
}

/// An out-parameter, with a value that no call writes.
pub(crate) struct Out<T> {
    cell: Option<Cell<T>>,
    before: T,
    shown: Shown,
}

impl<T: Copy + PartialEq> Out<T> {
    pub(crate) fn new(before: T, shown: Shown) -> Out<T> {
        Out { cell: Some(Cell::new(before)), before, shown }
    }

    pub(crate) fn null(before: T) -> Out<T> {
        Out { cell: None, before, shown: Shown::Code("NULL") }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.cell.is_none()
    }

    /// What was written; `None` when nothing was.
    pub(crate) fn written(&self) -> Option<T> {
        self.cell.as_ref().map(Cell::get).filter(|now| *now != self.before)
    }
}

impl<T: Copy + PartialEq> Argument for Out<T> {
    type Raw = *mut T;
    fn raw(&self) -> *mut T {
        self.cell.as_ref().map_or(ptr::null_mut(), Cell::as_ptr)
    }
    fn shown(&self) -> Shown {
        self.shown.clone()
    }
}

/// An array that a call fills, with room behind it that it must not touch.
pub(crate) struct Array<T, const N: usize> {
    cells: UnsafeCell<[T; N]>,
    pub(crate) size: usize,
    before: T,
    name: &'static str,
}

impl<T: Copy + PartialEq, const N: usize> Array<T, N> {
    /// The call is told of `size` places.
    pub(crate) fn new(before: T, size: usize, name: &'static str) -> Array<T, N> {
        assert!(size < N, "there is room behind it");
        Array { cells: UnsafeCell::new([before; N]), size, before, name }
    }

    pub(crate) fn now(&self) -> [T; N] {
        // SAFETY: no call is going on.
        unsafe { *self.cells.get() }
    }

    /// The number of places, from the first one, that may have been written.
    pub(crate) fn touched(&self) -> usize {
        self.now().iter().rposition(|place| *place != self.before).map_or(0, |last| last + 1)
    }
}

impl<T: Copy + PartialEq, const N: usize> Argument for Array<T, N> {
    type Raw = *mut T;
    fn raw(&self) -> *mut T {
        self.cells.get().cast()
    }
    fn shown(&self) -> Shown {
        Shown::Code(self.name)
    }
}

/// Where a getter writes a text; NULL is one of size 0.
pub(crate) struct Room {
    pub(crate) array: Array<u8, 64>,
    pub(crate) needed: Out<usize>,
    is_null: bool,
}

pub(crate) const UNWRITTEN: u8 = 0xa5;

impl Room {
    pub(crate) fn new(size: usize, is_null: bool, needed: Out<usize>) -> Room {
        Room { array: Array::new(UNWRITTEN, size, "buffer"), needed, is_null }
    }

    /// A place that every call must refuse.
    pub(crate) fn is_wrong(&self) -> bool {
        self.is_null && self.array.size > 0
    }

    pub(crate) fn place(&self) -> Named<*mut c_char> {
        if self.is_null { Named(ptr::null_mut(), "NULL") } else { Named(self.array.raw().cast(), "buffer") }
    }

    pub(crate) fn size(&self) -> usize {
        self.array.size
    }
}
