//! What both kinds of load have in common: options, starting servers, saying what was left out.

use clap::Args;
use lwm2m_bench::{
    load::{
        contest::{Contender, Rounds, Row},
        fleet::FleetConfig,
        program::{Cores, Program, free_address},
        traffic::Traffic,
    },
    servers::Kind,
};
use std::{
    env,
    error::Error,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// When a client of CoAP becomes impatient (RFC 7252, section 4.8).
const ACK_TIMEOUT: Duration = Duration::from_secs(2);

/// Options of the commands that put servers under load
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How many devices there are; several tables for several numbers
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    devices: Option<Vec<u32>>,

    /// Requests under way at once, of all devices together
    #[arg(long, value_name = "N", default_value_t = 128)]
    window: usize,

    /// Sockets that the devices share
    #[arg(long, value_name = "N", default_value_t = 8)]
    sockets: usize,

    /// Turns that each server has
    #[arg(long, value_name = "N", default_value_t = 7)]
    rounds: usize,

    /// Length of a turn, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    turn: u64,

    /// How long each server is driven before anything counts, milliseconds
    #[arg(long, value_name = "MS")]
    warm_up: Option<u64>,

    /// The core of the servers [default: the second that may be used]
    #[arg(long, value_name = "CORE")]
    server_core: Option<usize>,

    /// The core of the load generator [default: the first that may be used]
    #[arg(long, value_name = "CORE")]
    generator_core: Option<usize>,

    /// Few devices and short turns: shows that all works, and no figure worth keeping
    #[arg(long)]
    smoke: bool,
}

impl Options {
    /// The numbers of devices, by default these.
    pub(crate) fn devices(&self, default: &[u32]) -> Vec<u32> {
        match (&self.devices, self.smoke) {
            (Some(devices), _) => devices.clone(),
            (None, true) => vec![1000],
            (None, false) => default.to_vec(),
        }
    }

    /// How long everything takes, with this warm-up by default.
    pub(crate) fn rounds(&self, warm_up: Duration) -> Rounds {
        let smoke = Rounds {
            count: 2,
            length: Duration::from_millis(100),
            warm_up: Duration::from_millis(100),
            warm_up_limit: Duration::from_secs(30),
        };
        match self.smoke {
            true => smoke,
            false => Rounds {
                count: self.rounds.max(1),
                length: Duration::from_millis(self.turn.max(1)),
                warm_up: self.warm_up.map_or(warm_up, Duration::from_millis),
                warm_up_limit: Duration::from_secs(60),
            },
        }
    }

    /// Which cores to use; to be asked before the generator has taken its own.
    pub(crate) fn cores(&self) -> io::Result<Cores> {
        let mut cores = Cores::available()?;
        cores.server = self.server_core.unwrap_or(cores.server);
        cores.generator = self.generator_core.unwrap_or(cores.generator);
        if cores.server == cores.generator {
            println!("one core for servers and generator: these figures mean nothing");
        }
        Ok(cores)
    }

    fn fleet(&self, devices: u32) -> FleetConfig {
        FleetConfig {
            devices,
            sockets: self.sockets,
            window: self.window,
            patience: ACK_TIMEOUT,
        }
    }

    /// One line on what is done to the servers.
    pub(crate) fn title(&self, what: &str, devices: u32, rounds: Rounds) -> String {
        format!(
            "{what}: {devices} devices, at most {} requests under way, {} turns of {:?}",
            self.window.min(devices as usize),
            rounds.count,
            rounds.length
        )
    }

    /// Starts a server of our own making.
    pub(crate) fn own(
        &self,
        cores: Cores,
        name: &str,
        kind: Kind,
        devices: u32,
        traffic: impl Traffic + 'static,
    ) -> io::Result<Contender> {
        let address = free_address()?;
        let mut command = Command::new(env::current_exe()?);
        command.args(["serve", &kind.argument(), &address.to_string()]);
        self.start(cores, name, command, address, devices, traffic)
    }

    /// Starts a server.
    pub(crate) fn start(
        &self,
        cores: Cores,
        name: &str,
        command: Command,
        address: SocketAddr,
        devices: u32,
        traffic: impl Traffic + 'static,
    ) -> io::Result<Contender> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
        let program = Program::start(command, address, cores).map_err(named)?;
        Contender::new(name, program, self.fleet(devices), traffic)
    }

    /// Starts a server of our own making whose devices need it before they can ask: it answers `question`, then
    /// `traffic` is made.
    pub(crate) fn own_met_before<T: Traffic + 'static>(
        &self,
        cores: Cores,
        name: &str,
        kind: Kind,
        devices: u32,
        question: &[u8],
        traffic: impl FnOnce(SocketAddr) -> Result<T, Box<dyn Error>>,
    ) -> Result<Contender, Box<dyn Error>> {
        let address = free_address()?;
        let mut command = Command::new(env::current_exe()?);
        command.args(["serve", &kind.argument(), &address.to_string()]);
        let program = Program::start_that_answers(question, command, address, cores)?;
        let traffic = traffic(address).map_err(|error| format!("{name}: {error}"))?;
        Ok(Contender::new(name, program, self.fleet(devices), traffic)?)
    }

    /// Whether only to show that all works.
    pub(crate) fn smoke(&self) -> bool {
        self.smoke
    }
}

/// A program of others that ends with this one. It may stand still just then, and would not hear of it.
pub(crate) fn foreign(program: &Path) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("become").arg(program);
    Ok(command)
}

/// The first of these programs that is installed.
pub(crate) fn installed(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    names.iter().find_map(|name| {
        let mut places = env::split_paths(&path).map(|folder| folder.join(name));
        places.find(|place| place.is_file())
    })
}

/// Figures are worth nothing where our server did not do what it was asked.
pub(crate) fn check(rows: &[Row], name: &str, devices: u32) -> Result<(), Box<dyn Error>> {
    let row = rows.iter().find(|row| row.name == name);
    let row = row.ok_or("our server took no part")?;
    match (row.refused(), row.heard == devices as usize) {
        (0, true) => Ok(()),
        (0, false) => Err(format!("{name} answered {} of {devices} devices", row.heard).into()),
        (refused, _) => Err(format!("{name} refused {refused} requests").into()),
    }
}

/// A line on an aim.
pub(crate) fn aim(text: &str, value: f64, holds: bool) {
    let verdict = if holds { "met" } else { "NOT MET" };
    println!("{text}: {value:.2}, {verdict}");
}
