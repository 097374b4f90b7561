//! The evaluation server: LwM2M server, bootstrap server, web page and simulated devices in one program.

mod fleet;
mod report;
mod servers;
mod settings;
mod tour;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fleet::{Fleet, TOUR_DEVICES};
use report::{Progress, Report};
use servers::{GUEST, Servers};
use settings::{Settings, SettingsError};
use std::{
    error::Error,
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};
use tracing_subscriber::EnvFilter;

/// How long the devices may take to de-register when the program ends, and how long the servers may take to close
/// after that: 5 s together.
const DEVICES_END_WITHIN: Duration = Duration::from_secs(3);
const SERVERS_END_WITHIN: Duration = Duration::from_secs(2);

/// How long after the tour the devices that left it come back, where the program stays.
const BACK_AFTER: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let settings = match Settings::read(std::env::args_os()) {
        Ok(settings) => settings,
        // Help and version are such "errors" too; clap knows where they go and with which code.
        Err(SettingsError::Arguments(error)) => error.exit(),
        Err(error) => return failed(&error),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(run(settings)) {
        Ok(code) => code,
        Err(error) => failed(&*error),
    }
}

#[allow(clippy::print_stderr, reason = "a program speaks to its user")]
fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

#[allow(clippy::print_stdout, reason = "a program speaks to its user")]
fn tell(text: &str) {
    println!("{text}");
}

async fn run(settings: Settings) -> Result<ExitCode, Box<dyn Error>> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| format!("--log {:?}: {error}", settings.log))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;

    let servers = Servers::start(&settings).await?;
    introduce(&servers);
    let fleet = Fleet::new(
        servers.server.security().clone(),
        servers.bootstrap.configurations().clone(),
        servers.secure_uri(),
        servers.secure_bootstrap_uri(),
    );
    let code = tokio::select! {
        code = demonstrate(&settings, &servers, &fleet) => code,
        _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
    };

    if timeout(DEVICES_END_WITHIN, fleet.stop()).await.is_err() {
        tracing::warn!("not all devices could de-register in time");
    }
    if timeout(SERVERS_END_WITHIN, servers.stop()).await.is_err() {
        tracing::warn!("the servers did not close in time");
    }
    tell("stopped");
    code
}

/// Says what runs where and how to join.
fn introduce(servers: &Servers) {
    let uris = |addresses: Vec<(lwm2m_core::uri::Scheme, std::net::SocketAddr)>| {
        addresses
            .iter()
            .map(|(scheme, address)| format!("{}://{address}", scheme.as_str()))
            .collect::<Vec<_>>()
            .join("  ")
    };
    tell(&format!(
        "LwM2M server      {}",
        uris(servers.server.local_addresses())
    ));
    tell(&format!(
        "bootstrap server  {}",
        uris(servers.bootstrap.local_addresses())
    ));
    tell(&format!(
        "web page          http://{}/",
        servers.http_address
    ));
    let names = ["LwM2M server", "bootstrap server"];
    for (name, public_key) in names.into_iter().zip(&servers.public_keys) {
        if let Some(public_key) = public_key {
            let text = STANDARD.encode(public_key);
            tell(&format!("raw public key of the {name}: {text}"));
        }
    }
    tell(
        "\nJoin with a device of your own (PSK), or with the demo client from another terminal:\n",
    );
    tell(&format!(
        "  cargo run --release -p lwm2m-demo-client -- --endpoint {GUEST} --server {} --psk-identity {GUEST} --psk-key {}\n",
        servers.secure_uri(),
        hex::encode(servers.guest_key.expose_secret()),
    ));
}

/// Starts the devices and takes the first of them through the tour; returns when the program shall end.
async fn demonstrate(
    settings: &Settings,
    servers: &Servers,
    fleet: &Fleet,
) -> Result<ExitCode, Box<dyn Error>> {
    let http = servers.http.clone();
    let report = Report::new(move |progress| {
        if let Progress::Ended(step) = &progress {
            tell(&step.to_string());
        }
        http.publish("tour", as_json(&progress));
    });
    let touring = settings.devices.min(TOUR_DEVICES);
    let (_, others) = tokio::join!(
        tour::run(touring, &servers.server, &servers.bootstrap, fleet, &report),
        fleet.start_others(settings.devices),
    );
    others?;
    if touring > 0 {
        let table = report.table();
        tell(&format!("\n{table}"));
        if settings.tour_only {
            return Ok(match table.failed() {
                0 => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            });
        }
    }
    tell("\nThe servers stay; end them with Ctrl-C.");
    sleep(BACK_AFTER).await;
    for number in 0..touring {
        if fleet.client(&fleet::name(number)).is_none() {
            fleet.start(number).await?;
        }
    }
    Ok(std::future::pending().await)
}

/// As the page shows it.
fn as_json(progress: &Progress<'_>) -> serde_json::Value {
    let (device, step, state, detail) = match progress {
        Progress::Begins { device, name } => (*device, *name, "running", ""),
        Progress::Ended(step) => match &step.outcome {
            Ok(text) => (&*step.device, step.name, "passed", &**text),
            Err(text) => (&*step.device, step.name, "failed", &**text),
        },
    };
    serde_json::json!({
        "endpoint": device,
        "step": step,
        "state": state,
        "detail": detail,
        "text": format!("{step} {state} {detail}"),
    })
}
