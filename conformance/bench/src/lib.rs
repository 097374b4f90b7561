//! Benchmarks of the stack, each beside another library that does comparable work in the same run.
//!
//! `cargo run --release -p lwm2m-bench` times everything and prints one table of medians, ratios and allocations;
//! `cargo bench -p lwm2m-bench` runs the same closures under criterion, for a closer look at one of them.
//!
//! - [`workload`]: the values, payloads and messages that are measured;
//! - [`plain`]: SenML records as plain structs, read and written by ciborium, minicbor and serde_json;
//! - [`contest`]: fair timing of several contenders, and their medians and ratios;
//! - [`allocation`]: an allocator that counts.

pub mod allocation;
pub mod contest;
pub mod plain;
pub mod suites;
pub mod workload;
