//! Servers under the same load, in turns.
//!
//! In each round every server has its turn while the others stand still, in another order each time. A ratio is the
//! median of the ratios within the rounds, so that whatever slows the machine down slows both sides.

use super::{
    fleet::{Fleet, FleetConfig, Goal, Outcome},
    program::Program,
    traffic::Traffic,
};
use std::{io, time::Duration};

/// How much of its core a server uses on a quiet machine, at least: it does not wait for the generator for long.
const QUIET: f64 = 0.8;

/// How long everything takes.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// How many rounds count.
    pub count: usize,
    /// How long a turn is.
    pub length: Duration,
    /// How long each is driven at least before anything counts. Every device is heard once in any case, within
    /// [`Rounds::warm_up_limit`].
    pub warm_up: Duration,
    /// How long the devices may take to be heard once.
    pub warm_up_limit: Duration,
}

/// A server and the devices that ask it.
pub struct Contender {
    /// Its name in the table.
    pub name: String,
    /// The server.
    pub program: Program,
    fleet: Fleet,
    /// What its devices ask.
    pub traffic: Box<dyn Traffic>,
}

impl Contender {
    /// Lets devices ask a server that has been started.
    ///
    /// # Errors
    /// What the system says about the sockets.
    pub fn new(
        name: impl Into<String>,
        program: Program,
        config: FleetConfig,
        traffic: impl Traffic + 'static,
    ) -> io::Result<Self> {
        program.pause()?;
        Ok(Contender {
            name: name.into(),
            fleet: Fleet::new(config, program.address())?,
            program,
            traffic: Box::new(traffic),
        })
    }

    /// Lets it run for one turn.
    fn turn(&mut self, goal: Goal) -> io::Result<Turn> {
        self.program.go_on()?;
        let before = self.program.cpu_time()?;
        let outcome = self.fleet.run(self.traffic.as_mut(), goal)?;
        let worked = self.program.cpu_time()?.saturating_sub(before);
        self.program.pause()?;
        Ok(Turn { outcome, worked })
    }

    fn warm_up(&mut self, rounds: Rounds, devices: u32) -> io::Result<()> {
        self.turn(Goal {
            time: rounds.warm_up_limit,
            requests: devices.into(),
        })?;
        self.turn(Goal::time(rounds.warm_up))?;
        Ok(())
    }
}

struct Turn {
    outcome: Outcome,
    /// The server's time on its core.
    worked: Duration,
}

impl Turn {
    /// Microseconds for an answer.
    fn cost(&self) -> f64 {
        self.worked.as_secs_f64() * 1e6 / self.outcome.answered as f64
    }

    fn busy(&self) -> f64 {
        (self.worked.as_secs_f64() / self.outcome.elapsed.as_secs_f64()).min(1.0)
    }
}

/// What was measured of one server.
pub struct Row {
    /// Its name.
    pub name: String,
    turns: Vec<Turn>,
    /// Devices that were heard at all.
    pub heard: usize,
    /// Resident memory at the end, bytes.
    pub resident: u64,
}

impl Row {
    /// Answers a second, the median of the rounds.
    pub fn rate(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.outcome.rate()))
    }

    /// How much of its core the server used, the median of the rounds. Well below 1 it was the generator, or the
    /// window, that held it back.
    pub fn busy(&self) -> f64 {
        median(self.turns.iter().map(Turn::busy))
    }

    /// How many times as many answers it gives as the other: the median over the rounds.
    pub fn ratio_to(&self, other: &Row) -> f64 {
        let rounds = self.turns.iter().zip(&other.turns);
        median(rounds.map(|(own, other)| own.outcome.rate() / other.outcome.rate()))
    }

    /// The time on its core for an answer, microseconds, the median of the rounds.
    pub fn cost(&self) -> f64 {
        median(self.turns.iter().map(Turn::cost))
    }

    /// How many times the other's time on its core it takes for an answer: the median over the rounds.
    pub fn cost_to(&self, other: &Row) -> f64 {
        let rounds = self.turns.iter().zip(&other.turns);
        median(rounds.map(|(own, other)| own.cost() / other.cost()))
    }

    /// Requests without answer in all rounds.
    pub fn lost(&self) -> u64 {
        self.turns.iter().map(|turn| turn.outcome.lost).sum()
    }

    /// Answers that were errors in all rounds.
    pub fn refused(&self) -> u64 {
        self.turns.iter().map(|turn| turn.outcome.refused).sum()
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Drives all servers in turns.
///
/// # Errors
/// A server has ended, or a socket has an error.
pub fn contest(contenders: &mut [Contender], devices: u32, rounds: Rounds) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for contender in &mut *contenders {
        contender.warm_up(rounds, devices)?;
        rows.push(Row {
            name: contender.name.clone(),
            turns: Vec::with_capacity(rounds.count),
            heard: 0,
            resident: 0,
        });
    }
    let count = contenders.len();
    for round in 0..rounds.count {
        for offset in 0..count {
            let index = (round + offset) % count;
            let turn = contenders[index].turn(Goal::time(rounds.length))?;
            rows[index].turns.push(turn);
        }
    }
    for (row, contender) in rows.iter_mut().zip(contenders) {
        row.heard = contender.fleet.heard();
        row.resident = contender.program.resident()?;
    }
    Ok(rows)
}

/// A table of the rows, each with its ratio to the one named `against`, and a line where the machine was not quiet.
pub fn table(title: &str, rows: &[Row], against: &str) -> String {
    let reference = rows.iter().find(|row| row.name == against);
    let mut text = format!(
        "\n{title}\n{:<34}{:>11}{:>8}{:>7}{:>9}{:>8}{:>9}{:>9}{:>9}\n",
        "", "answers/s", "ratio", "busy", "us each", "lost", "refused", "devices", "MiB"
    );
    for row in rows {
        let ratio = reference.map_or(f64::NAN, |reference| row.ratio_to(reference));
        text += &format!(
            "{:<34}{:>11.0}{:>8.2}{:>6.0}%{:>9.2}{:>8}{:>9}{:>9}{:>9.1}\n",
            row.name,
            row.rate(),
            ratio,
            100.0 * row.busy(),
            row.cost(),
            row.lost(),
            row.refused(),
            row.heard,
            row.resident as f64 / f64::from(1 << 20),
        );
    }
    if rows.iter().any(|row| row.busy() < QUIET) {
        text += "(somebody else used the cores, or the generator was too slow: a server was not busy)\n";
    }
    text
}
