//! Handshakes and records of several contenders, in turns, by CPU time.
//!
//! In each round every contender does a batch, in another order each time; a ratio is the median of the ratios within
//! the rounds, so that whatever slows the machine down slows all of them.

use super::Outcome;
use rustix::time::{ClockId, clock_gettime};
use std::{fmt, time::Duration};

/// About how long a batch takes.
const BATCH: Duration = Duration::from_millis(100);

/// Payload of an echoed record, bytes.
pub const PAYLOAD: [u8; 100] = [7; 100];

/// How both sides prove who they are, and what protects the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// TLS_PSK_WITH_AES_128_CCM_8.
    PskCcm8,
    /// TLS_PSK_WITH_AES_128_CBC_SHA256; not among those that are timed.
    PskCbc,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, raw public keys.
    RpkCcm8,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, certificates.
    X509Ccm8,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, certificates.
    X509Gcm,
}

impl Scheme {
    /// Those that are timed.
    pub const ALL: [Scheme; 4] = [
        Scheme::PskCcm8,
        Scheme::RpkCcm8,
        Scheme::X509Ccm8,
        Scheme::X509Gcm,
    ];

    /// As one word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Scheme::PskCcm8 => "psk-ccm8",
            Scheme::PskCbc => "psk-cbc",
            Scheme::RpkCcm8 => "rpk-ccm8",
            Scheme::X509Ccm8 => "x509-ccm8",
            Scheme::X509Gcm => "x509-gcm",
        }
    }

    /// Whether it rests on the pre-shared key.
    pub fn is_psk(self) -> bool {
        matches!(self, Scheme::PskCcm8 | Scheme::PskCbc)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Scheme::PskCcm8 => "pre-shared key, AES_128_CCM_8",
            Scheme::PskCbc => "pre-shared key, AES_128_CBC_SHA256",
            Scheme::RpkCcm8 => "ECDHE, raw public keys on both sides, AES_128_CCM_8",
            Scheme::X509Ccm8 => "ECDHE, certificates on both sides, AES_128_CCM_8",
            Scheme::X509Gcm => "ECDHE, certificates on both sides, AES_128_GCM",
        })
    }
}

/// What is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A full handshake with HelloVerifyRequest, from the first hello until both sides have a session.
    Handshake(Scheme),
    /// [`PAYLOAD`] from the client to the server and back, in a session that stands.
    Echo(Scheme),
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Handshake(scheme) => write!(f, "handshake: {scheme}"),
            Work::Echo(scheme) => write!(f, "{} bytes echoed: {scheme}", PAYLOAD.len()),
        }
    }
}

/// Time on a core.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// CPU time of both sides.
    pub cpu: Duration,
    /// How long the client worked, and the server, by the clock on the wall: how the CPU time is to be shared. `None`
    /// where they cannot be told apart.
    pub sides: Option<[Duration; 2]>,
}

/// What a hello without cookie costs a server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Left {
    /// CPU time.
    pub cpu: Duration,
    /// Bytes that remain of it, as the allocator counts.
    pub bytes: f64,
}

/// A library that takes part, both sides of it.
pub trait Contender {
    /// Its name and version.
    fn name(&self) -> String;

    /// Whether it has this.
    fn offers(&self, work: Work) -> bool;

    /// Does the work so many times.
    ///
    /// # Errors
    /// A handshake did not succeed, or an echo did not come back.
    fn run(&mut self, work: Work, times: u32) -> Outcome<Spent>;

    /// Bytes that the server's side of each of so many sessions takes once they are silent, as the allocator counts.
    /// `None`: it cannot be counted, or there is no such scheme.
    ///
    /// # Errors
    /// A handshake did not succeed.
    fn at_rest(&mut self, _scheme: Scheme, _sessions: usize) -> Outcome<Option<f64>> {
        Ok(None)
    }

    /// What so many hellos without cookie, each from another address, leave behind in a server. `None`: it has no server
    /// that answers hellos in memory; its program makes one for each address before the address is proven.
    ///
    /// # Errors
    /// A hello was not answered.
    fn flooded(&mut self, _hellos: usize) -> Outcome<Option<Left>> {
        Ok(None)
    }
}

/// The CPU time of this thread.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// Rounds that count.
    pub count: usize,
    /// A batch of one: shows that it works.
    pub small: bool,
}

/// What was measured of one contender, for doing the work once.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Microseconds of both sides, each round.
    micros: Vec<f64>,
    /// The client's share.
    share: Option<f64>,
}

impl Row {
    /// CPU microseconds of both sides, the median.
    pub fn micros(&self) -> f64 {
        median(self.micros.iter().copied())
    }

    /// Of the client and of the server.
    pub fn sides(&self) -> Option<[f64; 2]> {
        let (share, both) = (self.share?, self.micros());
        Some([both * share, both * (1.0 - share)])
    }

    /// How many times as long as the other it takes: the median over the rounds.
    pub fn ratio_to(&self, other: &Row) -> f64 {
        let rounds = self.micros.iter().zip(&other.micros);
        median(rounds.map(|(own, other)| own / other))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How often a contender does it in a batch; also warms it up.
fn calibrate(contender: &mut dyn Contender, work: Work, small: bool) -> Outcome<u32> {
    let mut times = 1;
    loop {
        // Not by the clock on the wall: a program may warm up in between.
        let took = contender.run(work, times)?.cpu;
        if small || took >= BATCH / 2 {
            let one = took.as_secs_f64() / f64::from(times);
            return Ok(if small {
                times
            } else {
                (BATCH.as_secs_f64() / one).ceil() as u32
            });
        }
        times *= 2;
    }
}

/// Lets all that offer it do the work; a row each, in their order.
///
/// # Errors
/// Whoever could not do what it offers, by name.
pub fn contest(
    contenders: &mut [Box<dyn Contender>],
    work: Work,
    rounds: Rounds,
) -> Outcome<Vec<Row>> {
    let mut taking_part: Vec<_> = contenders
        .iter_mut()
        .filter(|contender| contender.offers(work))
        .collect();
    let mut rows = Vec::new();
    let mut batches = Vec::new();
    for contender in &mut taking_part {
        let name = contender.name();
        let times = calibrate(&mut ***contender, work, rounds.small)
            .map_err(|error| format!("{name}: {work}: {error}"))?;
        batches.push(times);
        rows.push(Row {
            name,
            micros: Vec::with_capacity(rounds.count),
            share: None,
        });
    }
    let mut sides = vec![[0.0; 2]; rows.len()];
    for round in 0..rounds.count {
        for offset in 0..rows.len() {
            let index = (round + offset) % rows.len();
            let (row, times) = (&mut rows[index], batches[index]);
            let spent = taking_part[index]
                .run(work, times)
                .map_err(|error| format!("{}: {work}: {error}", row.name))?;
            row.micros
                .push(spent.cpu.as_secs_f64() * 1e6 / f64::from(times));
            for (sum, side) in sides[index].iter_mut().zip(spent.sides.unwrap_or_default()) {
                *sum += side.as_secs_f64();
            }
        }
    }
    for (row, [client, server]) in rows.iter_mut().zip(sides) {
        row.share = (client + server > 0.0).then(|| client / (client + server));
    }
    Ok(rows)
}

/// A table of the rows, each with its ratio to the first.
pub fn table(work: Work, rows: &[Row]) -> String {
    let mut text = format!(
        "\n{work}, CPU microseconds\n{:<34}{:>10}{:>10}{:>10}{:>10}\n",
        "", "client", "server", "both", "ratio"
    );
    for row in rows {
        let side = |side: usize| {
            row.sides()
                .map_or("-".to_owned(), |sides| format!("{:.2}", sides[side]))
        };
        let ratio = rows.first().map_or(f64::NAN, |first| row.ratio_to(first));
        text += &format!(
            "{:<34}{:>10}{:>10}{:>10.2}{:>10.2}\n",
            row.name,
            side(0),
            side(1),
            row.micros(),
            ratio
        );
    }
    text
}
