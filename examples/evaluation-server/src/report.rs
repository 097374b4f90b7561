//! What the program says to the person in front of it: one line a step, and the table at the end.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A step of the tour that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Endpoint name of the device.
    pub(crate) device: String,
    /// What was done.
    pub(crate) name: &'static str,
    /// What came of it, or why it failed.
    pub(crate) outcome: Result<String, String>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, text) = match &self.outcome {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        write!(
            f,
            "{mark} {}  {:<20} {:>6.2} s  {text}",
            self.device,
            self.name,
            self.took.as_secs_f64()
        )
    }
}

/// What is told as the tour goes on.
pub(crate) enum Progress<'a> {
    /// A step of a device begins.
    Begins { device: &'a str, name: &'static str },
    /// A step has ended.
    Ended(&'a Step),
}

type Listener = dyn Fn(Progress<'_>) + Send + Sync;

/// The steps of a tour, in the order in which they ended.
#[derive(Clone)]
pub(crate) struct Report {
    steps: Arc<Mutex<Vec<Step>>>,
    listener: Arc<Listener>,
}

impl Report {
    pub(crate) fn new(listener: impl Fn(Progress<'_>) + Send + Sync + 'static) -> Self {
        Report {
            steps: Arc::default(),
            listener: Arc::new(listener),
        }
    }

    /// Says that a step of a device begins.
    pub(crate) fn begins(&self, device: &str, name: &'static str) {
        (self.listener)(Progress::Begins { device, name });
    }

    /// Notes that a step of a device has ended.
    pub(crate) fn ended(
        &self,
        device: &str,
        name: &'static str,
        started: Instant,
        outcome: Result<String, String>,
    ) {
        let step = Step {
            device: device.to_owned(),
            name,
            outcome,
            took: started.elapsed(),
        };
        (self.listener)(Progress::Ended(&step));
        self.lock().push(step);
    }

    /// The table of all steps, and how many passed and failed.
    pub(crate) fn table(&self) -> Table {
        let mut steps = self.lock().clone();
        // By device; within a device in the order they ended, which a stable sort keeps.
        steps.sort_by(|a, b| a.device.cmp(&b.device));
        Table(steps)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The steps of a whole tour.
pub(crate) struct Table(Vec<Step>);

impl Table {
    /// How many steps failed. A tour without steps has failed too.
    pub(crate) fn failed(&self) -> usize {
        match self.0.len() {
            0 => 1,
            _ => self.0.iter().filter(|step| step.outcome.is_err()).count(),
        }
    }

    /// How many steps passed.
    pub(crate) fn passed(&self) -> usize {
        self.0.iter().filter(|step| step.outcome.is_ok()).count()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:<20} {:<6} {:>8}  what was seen",
            "device", "step", "result", "time"
        )?;
        for step in &self.0 {
            let (result, text) = match &step.outcome {
                Ok(text) => ("pass", text),
                Err(text) => ("FAIL", text),
            };
            writeln!(
                f,
                "{:<10} {:<20} {result:<6} {:>6.2} s  {text}",
                step.device,
                step.name,
                step.took.as_secs_f64()
            )?;
        }
        write!(
            f,
            "tour: {} passed, {} failed",
            self.passed(),
            self.failed()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_counts_and_groups() {
        let report = Report::new(|_| {});
        let now = Instant::now();
        report.ended("b", "register", now, Ok("fine".into()));
        report.ended("a", "read", now, Err("no answer".into()));
        report.ended("b", "read", now, Ok("fine".into()));
        let table = report.table();
        assert_eq!((table.passed(), table.failed()), (2, 1));
        let text = table.to_string();
        assert!(text.ends_with("tour: 2 passed, 1 failed"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("a ") && lines[1].contains("FAIL"));
        assert!(lines[2].starts_with("b ") && lines[2].contains("register"));
    }

    #[test]
    fn nothing_seen_is_no_success() {
        assert_eq!(Report::new(|_| {}).table().failed(), 1);
    }
}
