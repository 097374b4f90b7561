//! Attributes of the tree (Core 1.2.2, section 7.3): what a server writes to steer notifications, and what a
//! client shows in discover.

mod discover;
mod names;
mod query;
mod store;
#[cfg(test)]
mod tests;

pub use discover::PropertyAttributes;
pub use names::{Attribute, AttributeNames};
pub use store::{AttachError, AttributeStore};

use alloc::string::String;

/// The attributes that a server writes with write-attributes, or (1.2) in the query of an observe (Core 1.2.2, section
/// 7.3.2).
///
/// `None`: not set at this level.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Attributes {
    /// Minimum period between notifications, seconds (Core 1.2.2, table 7.3.2-1).
    pub pmin: Option<u32>,
    /// Maximum period between notifications, seconds; 0 means none (Core 1.2.2, table 7.3.2-1).
    pub pmax: Option<u32>,
    /// Minimum period between evaluations, seconds (1.1; Core 1.2.2, table 7.3.2-1).
    pub epmin: Option<u32>,
    /// Maximum period between evaluations, seconds (1.1); 0 means none (Core 1.2.2, table 7.3.2-1).
    pub epmax: Option<u32>,
    /// Notify when the value crosses this upper bound upwards or downwards, in the unit of the resource (Core 1.2.2,
    /// table 7.3.2-1).
    pub gt: Option<f64>,
    /// Notify when the value crosses this lower bound upwards or downwards, in the unit of the resource (Core 1.2.2,
    /// table 7.3.2-1).
    pub lt: Option<f64>,
    /// Notify when the value moved by this much, in the unit of the resource (Core 1.2.2, table 7.3.2-1).
    pub st: Option<f64>,
    /// Notify on the falling (false) or rising (true) edge of a boolean (1.2; Core 1.2.2, table 7.3.2-1).
    pub edge: Option<bool>,
    /// Send notifications confirmable (1.2; Core 1.2.2, table 7.3.2-1).
    pub con: Option<bool>,
    /// Historical queue: how many values are kept for one notification (1.2; Core 1.2.2, table 7.3.2-1).
    pub hqmax: Option<u32>,
}

/// A change of attributes as write-attributes carries it: set to a value, or (a name without value) unset (Core 1.2.2,
/// section 6.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct AttributeChange {
    /// What is set.
    pub set: Attributes,
    /// What is unset.
    pub unset: AttributeNames,
}

/// Why a query is no set of attributes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// No attribute, or none that may be written.
    #[error("{0:?} is no attribute that can be written")]
    Unknown(String),
    /// A value that the attribute cannot have.
    #[error("the value of {0} is malformed")]
    Value(&'static str),
    /// The same attribute twice.
    #[error("{0} stands twice")]
    Repeated(&'static str),
    /// A combination that is forbidden (Core 1.2.2, section 7.3.2).
    #[error("{0}")]
    Combination(&'static str),
    /// An attribute that cannot be attached at this level, or to a resource of this type.
    #[error("{0} cannot be attached here")]
    NotHere(&'static str),
}

impl AttributeChange {
    /// A change that unsets these and sets nothing.
    pub fn unset(names: AttributeNames) -> Self {
        AttributeChange {
            set: Attributes::default(),
            unset: names,
        }
    }

    /// All names it touches.
    pub fn names(&self) -> AttributeNames {
        self.set.names() | self.unset
    }
}

impl From<Attributes> for AttributeChange {
    fn from(set: Attributes) -> Self {
        AttributeChange {
            set,
            unset: AttributeNames::default(),
        }
    }
}

impl Attributes {
    /// The names of those that are set.
    pub fn names(&self) -> AttributeNames {
        let Attributes {
            pmin,
            pmax,
            epmin,
            epmax,
            gt,
            lt,
            st,
            edge,
            con,
            hqmax,
        } = self;
        [
            (Attribute::Pmin, pmin.is_some()),
            (Attribute::Pmax, pmax.is_some()),
            (Attribute::Epmin, epmin.is_some()),
            (Attribute::Epmax, epmax.is_some()),
            (Attribute::Gt, gt.is_some()),
            (Attribute::Lt, lt.is_some()),
            (Attribute::St, st.is_some()),
            (Attribute::Edge, edge.is_some()),
            (Attribute::Con, con.is_some()),
            (Attribute::Hqmax, hqmax.is_some()),
        ]
        .into_iter()
        .filter_map(|(attribute, is_set)| is_set.then_some(attribute))
        .collect()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.names().is_empty()
    }

    /// Checks the combinations within this one set: pmin <= pmax, epmin <= epmax, lt < gt, lt + 2 st < gt; and
    /// that bounds are finite and a step is not negative.
    ///
    /// A server may not send a set that fails, and a client refuses it. What comes together from several levels
    /// is not checked: there the [`NotificationRule`](crate::notification::NotificationRule) ignores what
    /// contradicts.
    ///
    /// # Errors
    /// [`AttributeError::Combination`], [`AttributeError::Value`]
    pub fn validate(&self) -> Result<(), AttributeError> {
        for (name, bound) in [("gt", self.gt), ("lt", self.lt), ("st", self.st)] {
            if bound.is_some_and(|bound| !bound.is_finite()) {
                return Err(AttributeError::Value(name));
            }
        }
        if self.st.is_some_and(|st| st < 0.0) {
            return Err(AttributeError::Value("st"));
        }
        // 0 means that there is no maximum.
        let exceeds = |min: Option<u32>, max: Option<u32>| match (min, max) {
            (Some(min), Some(max)) => max != 0 && min > max,
            _ => false,
        };
        if exceeds(self.pmin, self.pmax) {
            return Err(AttributeError::Combination("pmin is above pmax"));
        }
        if exceeds(self.epmin, self.epmax) {
            return Err(AttributeError::Combination("epmin is above epmax"));
        }
        if let (Some(lt), Some(gt)) = (self.lt, self.gt) {
            if lt >= gt {
                return Err(AttributeError::Combination("lt is not below gt"));
            }
            if self.st.is_some_and(|st| lt + 2.0 * st >= gt) {
                return Err(AttributeError::Combination("lt + 2 st is not below gt"));
            }
        }
        Ok(())
    }

    /// This set with a change applied.
    #[must_use]
    pub fn changed(&self, change: &AttributeChange) -> Attributes {
        change.set.or(&self.without(change.unset))
    }

    /// This set without these.
    #[must_use]
    pub fn without(&self, names: AttributeNames) -> Attributes {
        fn keep<T>(value: Option<T>, unset: bool) -> Option<T> {
            value.filter(|_| !unset)
        }
        let unset = |attribute| names.contains(attribute);
        Attributes {
            pmin: keep(self.pmin, unset(Attribute::Pmin)),
            pmax: keep(self.pmax, unset(Attribute::Pmax)),
            epmin: keep(self.epmin, unset(Attribute::Epmin)),
            epmax: keep(self.epmax, unset(Attribute::Epmax)),
            gt: keep(self.gt, unset(Attribute::Gt)),
            lt: keep(self.lt, unset(Attribute::Lt)),
            st: keep(self.st, unset(Attribute::St)),
            edge: keep(self.edge, unset(Attribute::Edge)),
            con: keep(self.con, unset(Attribute::Con)),
            hqmax: keep(self.hqmax, unset(Attribute::Hqmax)),
        }
    }

    /// This set where it says something, else `outer`: the inheritance from a higher level.
    #[must_use]
    pub fn or(&self, outer: &Attributes) -> Attributes {
        Attributes {
            pmin: self.pmin.or(outer.pmin),
            pmax: self.pmax.or(outer.pmax),
            epmin: self.epmin.or(outer.epmin),
            epmax: self.epmax.or(outer.epmax),
            gt: self.gt.or(outer.gt),
            lt: self.lt.or(outer.lt),
            st: self.st.or(outer.st),
            edge: self.edge.or(outer.edge),
            con: self.con.or(outer.con),
            hqmax: self.hqmax.or(outer.hqmax),
        }
    }
}
