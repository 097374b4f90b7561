//! `lwm2m-conformance`: what this stack meets of the standards, and what somebody else's client or server does.

use clap::{Parser, Subcommand};
use lwm2m_conformance::{
    judge::arguments::{ClientArguments, ServerArguments},
    report,
};
use std::process::ExitCode;

/// Conformance of LwM2M implementations.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the tests of the OMA cases and of the requirements and the fault matrix, and print what is met.
    Report(report::Arguments),
    Client(ClientArguments),
    Server(ServerArguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Report(arguments) => report::run(&arguments),
        Command::Client(arguments) => arguments.run(),
        Command::Server(arguments) => arguments.run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
