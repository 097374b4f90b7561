//! Attributes of the tree (Core 1.2.2, section 7.3): what a server writes to steer notifications, and what a
//! client shows in discover.

use alloc::string::String;
use alloc::vec::Vec;

/// The attributes that a server writes with write-attributes, or (1.2) in the query of an observe.
///
/// `None`: not set at this level.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Attributes {
    /// Minimum period between notifications, seconds.
    pub pmin: Option<u32>,
    /// Maximum period between notifications, seconds.
    pub pmax: Option<u32>,
    /// Minimum period between evaluations, seconds (1.1).
    pub epmin: Option<u32>,
    /// Maximum period between evaluations, seconds (1.1).
    pub epmax: Option<u32>,
    /// Notify when the value crosses this bound upwards or downwards.
    pub gt: Option<f64>,
    /// Notify when the value crosses this bound upwards or downwards.
    pub lt: Option<f64>,
    /// Notify when the value moved by this much.
    pub st: Option<f64>,
    /// Notify on the falling (false) or rising (true) edge of a boolean (1.2).
    pub edge: Option<bool>,
    /// Send notifications confirmable (1.2).
    pub con: Option<bool>,
    /// Historical queue: how many values are kept for one notification (1.2).
    pub hqmax: Option<u32>,
}

/// A change of attributes as write-attributes carries it: set to a value, or (a name without value) unset.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct AttributeChange {
    /// What is set.
    pub set: Attributes,
    /// What is unset.
    pub unset: AttributeNames,
}

/// A set of attribute names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttributeNames(pub(crate) u16);

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
    /// A combination that section 7.3 forbids.
    #[error("{0}")]
    Combination(&'static str),
}

impl AttributeChange {
    /// Reads the Uri-Query arguments of write-attributes: `pmin=10`, `gt=4.5`, `st` (unset).
    ///
    /// # Errors
    /// What no client may accept: answered 4.00.
    pub fn from_queries<'a>(
        queries: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, AttributeError> {
        let _ = queries.into_iter().count();
        todo!()
    }

    /// The Uri-Query arguments.
    pub fn to_queries(&self) -> Vec<String> {
        todo!()
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
    /// Checks the combinations within this one set: pmin <= pmax, epmin <= epmax, lt < gt, lt + 2 st < gt.
    ///
    /// # Errors
    /// [`AttributeError::Combination`]
    pub fn validate(&self) -> Result<(), AttributeError> {
        todo!()
    }

    /// This set with a change applied.
    #[must_use]
    pub fn changed(&self, change: &AttributeChange) -> Attributes {
        let _ = change;
        todo!()
    }

    /// This set where it says something, else `outer`: the inheritance from a higher level.
    #[must_use]
    pub fn or(&self, outer: &Attributes) -> Attributes {
        let _ = outer;
        todo!()
    }
}
