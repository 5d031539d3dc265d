//! Random sequences of calls of the C functions, compared with a sequential model.
//!
//! An input is a string of bytes. `play` reads it as calls: which function, with which handles and numbers. Before each
//! call a model, written from the header and not from the library, says what must come of it: the status, what is
//! written where, which callbacks are called with what. A difference ends the process, and prints the calls so far as a
//! test in C.
//!
//! Only one thread does something at any time, so that there is one right answer; the others of the program are waited
//! for. No call may block: where the model says that one would, it gets no time.

mod abi;
mod argument;
mod callbacks;
mod input;
mod kinds;
mod model;
mod run;
mod trace;

/// The library itself; its functions are called by their exported names.
extern crate threading;

pub use run::{Played, play};
