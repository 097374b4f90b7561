//! (skeleton)
mod extract;
mod guard;
mod json;
mod problem;
