//! LwM2M servers: registrations and updates a second.

use super::load::{Options, check, foreign, installed};
use lwm2m_bench::{
    load::{
        contest::{contest, table},
        program::free_address,
        traffic::{Echoed, Registrations, Step},
    },
    servers::Kind,
};
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// So many that none sends more requests within minutes than a server can remember that does nothing twice.
const DEVICES: [u32; 3] = [4_000, 15_000, 60_000];

/// What a Java machine needs until its hot code is compiled, on the core it shares with the server.
const WARM_UP: Duration = Duration::from_secs(8);

const RAW: &str = "raw tokio UDP echo";
const OURS: &str = "lwm2m-server";
const LESHAN: &str = "Leshan 2.0.0-M18";

/// Drives all servers with each number of devices, and prints two tables each.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let cores = options.cores()?;
    cores.take_generator()?;
    let rounds = options.rounds(WARM_UP);
    let leshan = leshan();
    for devices in options.devices(&DEVICES) {
        for (step, what) in [
            (Step::Register, "REGISTER"),
            (Step::Update, "UPDATE of nothing"),
        ] {
            let registrations = Registrations::new(devices, step);
            let mut contenders = vec![
                options.own(
                    cores,
                    RAW,
                    Kind::Raw,
                    devices,
                    Echoed(registrations.clone()),
                )?,
                options.own(cores, OURS, Kind::Lwm2m, devices, registrations.clone())?,
            ];
            if let Ok(classes) = &leshan {
                let address = free_address()?;
                let mut command = foreign(Path::new("java"))?;
                command.args([
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                    "-cp",
                    classes,
                ]);
                command.arg("lwm2m.conformance.peers.BenchProgram");
                command.arg(address.port().to_string());
                contenders.push(options.start(
                    cores,
                    LESHAN,
                    command,
                    address,
                    devices,
                    registrations,
                )?);
            }
            let rows = contest(&mut contenders, devices, rounds)?;
            print!(
                "{}",
                table(&options.title(what, devices, rounds), &rows, RAW)
            );
            if let Err(reason) = &leshan {
                println!("skipped: {LESHAN}: {reason}");
            }
            check(&rows, OURS, devices)?;
        }
    }
    Ok(())
}

/// The class path of the Leshan programs, built with Maven; else why there is none.
fn leshan() -> Result<String, String> {
    for tool in ["java", "mvn"] {
        installed(&[tool]).ok_or(format!("{tool} is not installed"))?;
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../peers/leshan");
    let output = Command::new("mvn")
        .args(["-q", "-B", "compile", "dependency:build-classpath"])
        .arg("-Dmdep.outputFile=target/classpath")
        .current_dir(&project)
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = text.lines().next().unwrap_or_default();
        return Err(format!("Maven could not get or build it: {first}"));
    }
    let classes: PathBuf = project.join("target/classes");
    let libraries =
        fs::read_to_string(project.join("target/classpath")).map_err(|error| error.to_string())?;
    Ok(format!("{}:{}", classes.display(), libraries.trim()))
}
