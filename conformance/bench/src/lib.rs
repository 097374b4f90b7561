//! Benchmarks of the stack, each beside another library or program that does comparable work in the same run.
//!
//! `cargo run --release -p lwm2m-bench -- codecs|coap|lwm2m|dtls` measures and prints tables of medians and ratios;
//! `cargo bench -p lwm2m-bench` runs the closures of `codecs` under criterion, for a closer look at one of them.
//!
//! | for | modules |
//! |---|---|
//! | `codecs` | [`workload`]: values, payloads and messages; [`plain`]: SenML records as plain structs, read and written by other libraries; [`suites`]: who takes part; [`contest`]: fair timing of several contenders; [`growth`]: inputs of two sizes |
//! | `coap`, `lwm2m` | [`servers`]: the servers of this crate, ours and others'; `load`: many devices, servers as child processes, rounds in turns; [`memory`]: bytes for each peer |
//! | `dtls` | `dtls`: our engine and other libraries, handshakes and records in turns; sessions at rest and a flood; [`servers`] and `load` for records over UDP |
//! | all | [`allocation`]: an allocator that counts |

pub mod allocation;
pub mod contest;
#[cfg(target_os = "linux")]
pub mod dtls;
pub mod growth;
#[cfg(target_os = "linux")]
pub mod load;
pub mod memory;
pub mod plain;
pub mod servers;
pub mod suites;
pub mod workload;
