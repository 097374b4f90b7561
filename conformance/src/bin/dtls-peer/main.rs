//! The DTLS engine as a program, to stand before DTLS programs that were not written here.
//!
//! `serve` echoes what clients send, `connect` sends lines and waits for their echo; both say on standard output, a
//! line each, what was agreed on and what happened. `credentials` makes keys and certificates for both sides.
//!
//! Only addresses of 127.0.0.0/8 are spoken to.

mod capture;
mod connect;
mod credentials;
mod link;
mod options;
mod serve;

use clap::{Parser, Subcommand};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// What may go wrong, as a text for the person at the terminal.
type Error = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
#[command(
    name = "dtls-peer",
    about = "Our DTLS engine before other DTLS programs"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make keys and certificates for both sides, for tests only
    Credentials {
        /// Folder for the files; it is made where it is missing
        folder: PathBuf,
    },
    /// Echo what clients send
    Serve(serve::Options),
    /// Send lines to a server and wait for their echo
    Connect(connect::Options),
}

/// Says a line to whoever runs this program.
fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Credentials { folder } => credentials::make(&folder),
        Command::Serve(options) => serve::run(&options),
        Command::Connect(options) => connect::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody listens any more, the exit code says it.
            let _ = say(format_args!("failed {error}"));
            ExitCode::FAILURE
        }
    }
}
