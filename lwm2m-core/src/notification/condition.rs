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
    Number(Number),
    Boolean(bool),
    Other,
}

/// A number as it is: integers of 64 bits have more digits than a float of 64 bits holds.
#[derive(Debug, Clone, Copy)]
enum Number {
    Integer(i64),
    Unsigned(u64),
    Float(f64),
}

impl Number {
    /// The integer, where it is one.
    fn whole(self) -> Option<i128> {
        match self {
            Number::Integer(n) => Some(n.into()),
            Number::Unsigned(n) => Some(n.into()),
            Number::Float(_) => None,
        }
    }

    fn float(self) -> f64 {
        match self {
            Number::Integer(n) => n as f64,
            Number::Unsigned(n) => n as f64,
            Number::Float(v) => v,
        }
    }

    /// On which side of a bound, which is finite, it lies; `None` for NaN.
    fn side_of(self, bound: f64) -> Option<Ordering> {
        match self.whole() {
            Some(whole) => Some(compare(whole, bound)),
            None => self.float().partial_cmp(&bound),
        }
    }

    /// Whether the two differ, and by a step or more.
    fn is_apart(self, other: Number, step: f64) -> bool {
        if let (Some(one), Some(other)) = (self.whole(), other.whole()) {
            return one != other && compare((one - other).abs(), step) != Ordering::Less;
        }
        // No number differs from NaN by less than a step, so that coming and going is told; staying is not.
        let (one, other) = (self.float(), other.float());
        one.total_cmp(&other) != Ordering::Equal
            && (one - other).abs().partial_cmp(&step) != Some(Ordering::Less)
    }
}

/// Compares an integer with a finite float, neither of them rounded.
fn compare(whole: i128, float: f64) -> Ordering {
    // Cut towards zero; a float beyond 128 bits becomes the outermost integer, which no value of a resource is.
    let cut = float as i128;
    let rest = || (cut as f64).partial_cmp(&float);
    whole
        .cmp(&cut)
        .then_with(|| rest().unwrap_or(Ordering::Equal))
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

    fn are_met(&self, reported: Number, before: Number, now: Number) -> bool {
        let crosses = |bound: Option<f64>, side| {
            let lies = |number: Number, bound| number.side_of(bound) == Some(side);
            bound.is_some_and(|bound| lies(before, bound) != lies(now, bound))
        };
        crosses(self.gt, Ordering::Greater)
            || crosses(self.lt, Ordering::Less)
            || self.st.is_some_and(|st| now.is_apart(reported, st))
    }
}

impl From<Option<&Value>> for Sample {
    fn from(value: Option<&Value>) -> Self {
        match value {
            Some(Value::Boolean(value)) => Sample::Boolean(*value),
            Some(Value::Integer(n) | Value::Time(n)) => Sample::Number(Number::Integer(*n)),
            Some(Value::Unsigned(n)) => Sample::Number(Number::Unsigned(*n)),
            Some(Value::Float(v)) => Sample::Number(Number::Float(*v)),
            _ => Sample::Other,
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
