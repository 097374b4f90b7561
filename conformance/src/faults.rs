//! The fault matrix: what the network, the devices and the servers may do to each other, times what is under way.
//!
//! Every [cell](Cell) runs a [`Job`] under a [`Fault`] in virtual time, several times with different seeds, and asserts
//! an end state: nothing is lost, nothing is done twice, and both sides believe the same. A run that fails fails again
//! with its seed.
//!
//! The network injects identities as a handshake would; handshakes under loss are tested with the DTLS backend.

mod jobs;
mod plant;

use lwm2m_core::endpoint::EndpointConfig;
use lwm2m_transport::sim::Link;
use std::{
    any::Any,
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// The environment variable that says how many seeds each cell runs with.
pub const SEEDS: &str = "LWM2M_FAULT_SEEDS";
/// Seeds of a full run; without [`SEEDS`] a tenth of them is run.
pub const FULL: u64 = 20;

/// How many seeds each cell is to run with: what [`SEEDS`] says, else a tenth of [`FULL`].
///
/// # Panics
/// Where the variable holds no number.
pub fn seeds() -> Range<u64> {
    let count = match std::env::var(SEEDS) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{SEEDS} is {text:?}, not a number")),
        Err(_) => FULL / 10,
    };
    0..count
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing.
    Nothing,
    /// A tenth of all datagrams is lost each way.
    Loss10,
    /// Three tenths of all datagrams are lost each way.
    Loss30,
    /// Half of all datagrams is lost each way.
    Loss50,
    /// Travel times differ widely, and every second datagram arrives behind later ones.
    Reordering,
    /// Every datagram arrives twice.
    Duplication,
    /// A NAT forgets the device's sockets three times; its DTLS sessions do not survive that.
    Rebinding,
    /// As [`Fault::Rebinding`], with Connection IDs (RFC 9146), so that the sessions go on.
    RebindingWithConnectionId,
    /// As [`Fault::Rebinding`], without security: the device speaks from another address.
    RebindingUnsecured,
    /// The power of the device fails twice.
    ClientRestart,
    /// The servers die twice; they begin anew with what their store has seen by then.
    ServerRestart,
    /// Loss, duplication, reordering, and one rebinding and one restart of each side.
    Everything,
}

/// Something that happens at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Incident {
    Rebind,
    RestartClient,
    RestartServers,
}

impl Fault {
    /// All of them, the rows of the matrix.
    pub const ALL: [Fault; 12] = [
        Fault::Nothing,
        Fault::Loss10,
        Fault::Loss30,
        Fault::Loss50,
        Fault::Reordering,
        Fault::Duplication,
        Fault::Rebinding,
        Fault::RebindingWithConnectionId,
        Fault::RebindingUnsecured,
        Fault::ClientRestart,
        Fault::ServerRestart,
        Fault::Everything,
    ];

    /// For the table.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Nothing => "loss 0 %",
            Fault::Loss10 => "loss 10 %",
            Fault::Loss30 => "loss 30 %",
            Fault::Loss50 => "loss 50 %",
            Fault::Reordering => "reordering",
            Fault::Duplication => "duplication",
            Fault::Rebinding => "NAT rebinding",
            Fault::RebindingWithConnectionId => "NAT rebinding, Connection ID",
            Fault::RebindingUnsecured => "NAT rebinding, no security",
            Fault::ClientRestart => "client restart",
            Fault::ServerRestart => "server restart",
            Fault::Everything => "all of these at once",
        }
    }

    fn link(self) -> Link {
        let clean = Link::new().delay(Duration::from_millis(30));
        let spread = clean.jitter(Duration::from_millis(100));
        match self {
            Fault::Loss10 => clean.loss(0.1),
            Fault::Loss30 => clean.loss(0.3),
            Fault::Loss50 => clean.loss(0.5),
            Fault::Reordering => spread.reorder(0.5),
            Fault::Duplication => spread.duplicate(1.0),
            Fault::Everything => spread.loss(0.1).duplicate(0.2).reorder(0.2),
            _ => clean,
        }
    }

    fn incidents(self) -> &'static [Incident] {
        use Incident::{Rebind, RestartClient, RestartServers};
        match self {
            Fault::Rebinding | Fault::RebindingWithConnectionId | Fault::RebindingUnsecured => {
                &[Rebind; 3]
            }
            Fault::ClientRestart => &[RestartClient; 2],
            Fault::ServerRestart => &[RestartServers; 2],
            Fault::Everything => &[Rebind, RestartClient, RestartServers],
            _ => &[],
        }
    }

    /// With half of the datagrams lost each way, three of four exchanges fail: the four repetitions of the defaults
    /// are for better networks.
    fn endpoint(self) -> EndpointConfig {
        let mut config = EndpointConfig::default();
        if matches!(self, Fault::Loss30 | Fault::Loss50) {
            config.timing.max_retransmit = 7;
        }
        config
    }

    fn is_unsecured(self) -> bool {
        self == Fault::RebindingUnsecured
    }

    /// Whether every repetition can be told from a new request. A repetition from another address without security
    /// cannot: message ids are compared within an endpoint, which is its address then (RFC 7252, section 4.4 and 4.5).
    fn tells_repetitions(self) -> bool {
        !self.is_unsecured()
    }

    /// Whether nothing but the order and number of datagrams is touched, so that every exchange succeeds at once.
    fn is_harmless(self) -> bool {
        matches!(
            self,
            Fault::Nothing | Fault::Reordering | Fault::Duplication
        )
    }
}

/// What is under way meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// A device registers, gains object instances, updates, leaves.
    Registration,
    /// The server executes a resource forty times, each time with another argument.
    Execution,
    /// The server observes a value that rises.
    Observation,
    /// The device sends a value that rises (Send).
    Sending,
    /// A firmware image is pushed in blocks, and installed.
    FirmwarePush,
    /// A device is bootstrapped, and twice more with another configuration.
    Bootstrap,
}

impl Job {
    /// All of them, the columns of the matrix.
    pub const ALL: [Job; 6] = [
        Job::Registration,
        Job::Execution,
        Job::Observation,
        Job::Sending,
        Job::FirmwarePush,
        Job::Bootstrap,
    ];

    /// For the table.
    pub const fn name(self) -> &'static str {
        match self {
            Job::Registration => "registration",
            Job::Execution => "execution",
            Job::Observation => "observation",
            Job::Sending => "Send",
            Job::FirmwarePush => "firmware push",
            Job::Bootstrap => "bootstrap",
        }
    }
}

/// A job under a fault, with several seeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The row.
    pub fault: Fault,
    /// The column.
    pub job: Job,
    /// How many runs there were.
    pub runs: u64,
    /// The seeds of the runs that failed, and why.
    pub failures: Vec<(u64, String)>,
}

impl Cell {
    /// Runs a job under a fault, once with each seed.
    pub fn run(fault: Fault, job: Job, seeds: Range<u64>) -> Self {
        let runs = seeds.end.saturating_sub(seeds.start);
        let failed = |seed| {
            let run = AssertUnwindSafe(|| jobs::run(job, fault, seed));
            let panic = catch_unwind(run).err()?;
            Some((seed, reason(&*panic)))
        };
        Cell {
            fault,
            job,
            runs,
            failures: seeds.filter_map(failed).collect(),
        }
    }

    /// Whether every run came to its end state.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }
}

fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}

/// Cells; `Display` writes them as a table in Markdown, failures below it.
#[derive(Debug, Clone, Default)]
pub struct Matrix(pub Vec<Cell>);

impl Matrix {
    /// Runs every job under every fault.
    pub fn run(seeds: &Range<u64>) -> Self {
        let cells = Job::ALL.into_iter().flat_map(|job| {
            Fault::ALL
                .into_iter()
                .map(move |fault| Cell::run(fault, job, seeds.clone()))
        });
        Matrix(cells.collect())
    }

    /// Whether every cell holds.
    pub fn holds(&self) -> bool {
        self.0.iter().all(Cell::holds)
    }

    fn cell(&self, fault: Fault, job: Job) -> Option<&Cell> {
        self.0
            .iter()
            .find(|cell| (cell.fault, cell.job) == (fault, job))
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = Job::ALL.into_iter();
        let jobs: Vec<Job> = jobs
            .filter(|job| self.0.iter().any(|cell| cell.job == *job))
            .collect();
        write!(f, "| fault |")?;
        for job in &jobs {
            write!(f, " {} |", job.name())?;
        }
        write!(f, "\n| --- |{}", " --- |".repeat(jobs.len()))?;
        for fault in Fault::ALL {
            write!(f, "\n| {} |", fault.name())?;
            for job in &jobs {
                match self.cell(fault, *job) {
                    None => write!(f, " |")?,
                    Some(cell) => {
                        let good = cell.runs - cell.failures.len() as u64;
                        write!(f, " {good} of {} |", cell.runs)?;
                    }
                }
            }
        }
        for cell in &self.0 {
            for (seed, reason) in &cell.failures {
                let (fault, job) = (cell.fault.name(), cell.job.name());
                write!(f, "\n\nfailed: {job}, {fault}, seed {seed}: {reason}")?;
            }
        }
        Ok(())
    }
}
