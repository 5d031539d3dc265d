//! Models of the primitives.
