//! Measures the stack beside others.
//!
//! `cargo run --release -p lwm2m-bench -- codecs|coap|lwm2m|dtls`

mod commands;

use clap::{Parser, Subcommand};
use lwm2m_bench::{
    allocation::CountingAllocator,
    servers::{self, Kind},
};
use std::{error::Error, net::SocketAddr, process::ExitCode};
#[cfg(target_os = "linux")]
use std::{ffi::OsString, os::unix::process::CommandExt};

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
    Codecs(commands::codecs::Options),
    /// CoAP servers under the load of many peers, beside a raw echo; memory for each peer
    #[cfg(target_os = "linux")]
    Coap(commands::load::Options),
    /// LwM2M servers: registrations and updates a second, beside a raw echo
    #[cfg(target_os = "linux")]
    Lwm2m(commands::load::Options),
    /// DTLS libraries: handshakes and records; our engine's sessions at rest and a flood of hellos
    #[cfg(target_os = "linux")]
    Dtls(commands::load::Options),
    /// Runs one of the servers; the other commands do that by themselves
    #[command(hide = true)]
    Serve {
        /// Which
        kind: Kind,
        /// Where it listens
        address: SocketAddr,
    },
    /// Becomes another program that ends with this one's parent; the other commands do that by themselves
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Become {
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

impl Command {
    /// Whether it has figures to show.
    fn measures(&self) -> bool {
        match self {
            Command::Serve { .. } => false,
            #[cfg(target_os = "linux")]
            Command::Become { .. } => false,
            _ => true,
        }
    }
}

fn main() -> ExitCode {
    let command = Arguments::parse()
        .command
        .unwrap_or(Command::Codecs(Default::default()));
    if cfg!(debug_assertions) && command.measures() {
        eprintln!("without --release these figures mean nothing");
    }
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Codecs(options) => commands::codecs::run(&options),
        #[cfg(target_os = "linux")]
        Command::Coap(options) => commands::coap::run(&options)?,
        #[cfg(target_os = "linux")]
        Command::Lwm2m(options) => commands::lwm2m::run(&options)?,
        #[cfg(target_os = "linux")]
        Command::Dtls(options) => commands::dtls::run(&options)?,
        Command::Serve { kind, address } => {
            #[cfg(target_os = "linux")]
            lwm2m_bench::load::program::end_with_parent()?;
            servers::serve(kind, address)?;
        }
        #[cfg(target_os = "linux")]
        Command::Become { command } => {
            lwm2m_bench::load::program::end_with_parent()?;
            let mut program = std::process::Command::new(&command[0]);
            return Err(program.args(&command[1..]).exec().into());
        }
    }
    Ok(())
}
