//! Measures the stack beside others.
//!
//! `cargo run --release -p lwm2m-bench -- codecs|coap|lwm2m`

mod commands;

use clap::{Parser, Subcommand};
use lwm2m_bench::{
    allocation::CountingAllocator,
    servers::{self, Kind},
};
use std::{error::Error, net::SocketAddr, process::ExitCode};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[derive(Debug, Parser)]
#[command(
    name = "lwm2m-bench",
    version,
    about = "Measures the stack beside others"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Formats and CoAP messages beside other libraries: time, allocations (the default)
    Codecs,
    /// CoAP servers under the load of many peers, beside a raw echo; memory for each peer
    #[cfg(target_os = "linux")]
    Coap(commands::load::Options),
    /// LwM2M servers: registrations and updates a second, beside a raw echo
    #[cfg(target_os = "linux")]
    Lwm2m(commands::load::Options),
    /// Runs one of the servers; the other commands do that by themselves
    #[command(hide = true)]
    Serve {
        /// Which
        kind: Kind,
        /// Where it listens
        address: SocketAddr,
    },
}

fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("without --release these figures mean nothing");
    }
    match run(Arguments::parse().command.unwrap_or(Command::Codecs)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Codecs => commands::codecs::run(),
        #[cfg(target_os = "linux")]
        Command::Coap(options) => commands::coap::run(&options)?,
        #[cfg(target_os = "linux")]
        Command::Lwm2m(options) => commands::lwm2m::run(&options)?,
        Command::Serve { kind, address } => {
            #[cfg(target_os = "linux")]
            lwm2m_bench::load::program::end_with_parent()?;
            servers::serve(kind, address)?;
        }
    }
    Ok(())
}
