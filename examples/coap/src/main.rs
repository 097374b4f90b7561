//! The CoAP endpoint of `lwm2m-core` by itself, without LwM2M: a server with a few resources, and a client for the
//! command line. Shows how an engine of one's own is built on [`lwm2m_core::endpoint::Endpoint`] and run by
//! `lwm2m-transport`, and is what other CoAP programs are tried against.
//!
//! ```text
//! lwm2m-coap serve
//! lwm2m-coap request get coap://127.0.0.1/.well-known/core
//! lwm2m-coap request put coap://127.0.0.1/store/note --payload hello
//! lwm2m-coap request get coap://127.0.0.1/store/note --observe 3
//! ```

mod request;
mod serve;
mod store;
mod target;

use clap::{Parser, Subcommand};
use lwm2m_core::coap::BlockSize;
use std::{error::Error, process::ExitCode};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(name = "lwm2m-coap", version, about = "A CoAP server and client")]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// What to log, to standard error: error, warn, info, debug, trace, or a filter
    #[arg(long, global = true, value_name = "FILTER", default_value = "warn")]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve /store, /echo and /separate until interrupted
    Serve(serve::Options),
    /// Send one request; the payload of the answer goes to standard output, all else to standard error
    ///
    /// Exits 0 for a success, 1 for an error response, 2 where there is no response.
    Request(request::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&arguments.log))
        .with_writer(std::io::stderr)
        .init();
    let ended = match arguments.command {
        Command::Serve(options) => serve::run(options).await,
        Command::Request(options) => request::run(options).await,
    };
    ended.unwrap_or_else(|error| failed(&*error))
}

#[allow(clippy::print_stderr, reason = "a program speaks to its user")]
fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(2)
}

/// A block size as the command line gives it.
fn block_size(text: &str) -> Result<BlockSize, String> {
    let wanted = text.parse::<usize>().ok();
    let size = wanted.map(BlockSize::at_most);
    size.filter(|size| Some(size.bytes()) == wanted)
        .ok_or_else(|| "a block has 16, 32, 64, 128, 256, 512 or 1024 bytes".to_owned())
}
