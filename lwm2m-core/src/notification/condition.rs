use crate::{attributes::Attributes, value::Value};
use core::{cmp::Ordering, mem::replace};

/// Whether: which change of one value counts.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    bounds: Bounds,
    /// The value in the last notification: what a step is measured from.
    reported: Sample,
    /// The value when it was last looked at: what a bound or an edge is crossed from.
    evaluated: Sample,
}

/// The conditions that are in force.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    gt: Option<f64>,
    lt: Option<f64>,
    st: Option<f64>,
    edge: Option<bool>,
}

/// As much of a value as conditions look at.
#[derive(Debug, Clone, Copy)]
enum Sample {
    Number(f64),
    Boolean(bool),
    Other,
}

impl From<&Attributes> for Bounds {
    fn from(attributes: &Attributes) -> Self {
        let finite = |bound: Option<f64>| bound.filter(|bound| bound.is_finite());
        let mut bounds = Bounds {
            gt: finite(attributes.gt),
            lt: finite(attributes.lt),
            st: finite(attributes.st).filter(|st| *st >= 0.0),
            edge: attributes.edge,
        };
        if let (Some(gt), Some(lt)) = (bounds.gt, bounds.lt) {
            if lt >= gt {
                bounds.gt = None;
                bounds.lt = None;
            } else if bounds.st.is_some_and(|st| lt + 2.0 * st >= gt) {
                bounds.st = None;
            }
        }
        bounds
    }
}

impl Bounds {
    fn on_numbers(&self) -> bool {
        self.gt.is_some() || self.lt.is_some() || self.st.is_some()
    }

    fn are_met(&self, reported: f64, before: f64, now: f64) -> bool {
        let crosses_gt = self.gt.is_some_and(|gt| (before > gt) != (now > gt));
        let crosses_lt = self.lt.is_some_and(|lt| (before < lt) != (now < lt));
        // No number differs from NaN by less than a step, so that coming and going is told; staying is not.
        let differs = now.total_cmp(&reported) != Ordering::Equal;
        let moved = |st| differs && (now - reported).abs().partial_cmp(&st) != Some(Ordering::Less);
        crosses_gt || crosses_lt || self.st.is_some_and(moved)
    }
}

impl From<Option<&Value>> for Sample {
    fn from(value: Option<&Value>) -> Self {
        match value {
            Some(Value::Boolean(value)) => Sample::Boolean(*value),
            Some(value) => value.as_f64().map_or(Sample::Other, Sample::Number),
            None => Sample::Other,
        }
    }
}

impl Condition {
    pub(super) fn new(attributes: &Attributes, value: Option<&Value>) -> Self {
        Condition {
            bounds: attributes.into(),
            reported: value.into(),
            evaluated: value.into(),
        }
    }

    pub(super) fn set_bounds(&mut self, attributes: &Attributes) {
        self.bounds = attributes.into();
    }

    pub(super) fn follow(&mut self, other: &Condition) {
        self.bounds = other.bounds;
    }

    /// Looks at the value. Where there is no condition, none for its type, or nothing to compare it with (it was
    /// not there before), every change counts.
    pub(super) fn is_met(&mut self, value: Option<&Value>, changed: bool) -> bool {
        let now = Sample::from(value);
        let before = replace(&mut self.evaluated, now);
        match (self.reported, before, now) {
            (Sample::Number(reported), Sample::Number(before), Sample::Number(now))
                if self.bounds.on_numbers() =>
            {
                self.bounds.are_met(reported, before, now)
            }
            (_, Sample::Boolean(before), Sample::Boolean(now)) if self.bounds.edge.is_some() => {
                before != now && self.bounds.edge == Some(now)
            }
            _ => changed,
        }
    }

    pub(super) fn notified(&mut self, value: Option<&Value>) {
        self.reported = value.into();
        self.evaluated = value.into();
    }
}
