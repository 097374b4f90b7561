use super::AttributeError;
use crate::{path::PathLevel, value::DataType, version::LwM2mVersion};
use core::ops::{BitAnd, BitOr, Sub};

/// One of the attributes that can be written (class `<NOTIFICATION>`, Core 1.2.2, table 7.3.2-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Attribute {
    /// `pmin`: the minimum period between notifications, seconds (Core 1.2.2, table 7.3.2-1).
    Pmin,
    /// `pmax`: the maximum period between notifications, seconds (Core 1.2.2, table 7.3.2-1).
    Pmax,
    /// `gt`: the bound whose crossing from below or above is told, in the unit of the resource (Core 1.2.2, table
    /// 7.3.2-1).
    Gt,
    /// `lt`: the second such bound, below `gt`, in the unit of the resource (Core 1.2.2, table 7.3.2-1).
    Lt,
    /// `st`: the step by which a value has to move, in the unit of the resource (Core 1.2.2, table 7.3.2-1).
    St,
    /// `epmin`: the minimum period between evaluations, seconds (Core 1.2.2, table 7.3.2-1).
    Epmin,
    /// `epmax`: the maximum period between evaluations, seconds (Core 1.2.2, table 7.3.2-1).
    Epmax,
    /// `edge`: the edge of a boolean that is told, 0 falling, 1 rising (Core 1.2.2, table 7.3.2-1).
    Edge,
    /// `con`: whether notifications are confirmable, 0 or 1 (Core 1.2.2, table 7.3.2-1).
    Con,
    /// `hqmax`: how many notifications the historical queue holds (Core 1.2.2, table 7.3.2-1).
    Hqmax,
}

impl Attribute {
    /// All of them, in the order in which they are written (Core 1.2.2, table 7.3.2-1).
    pub const ALL: [Attribute; 10] = [
        Attribute::Pmin,
        Attribute::Pmax,
        Attribute::Gt,
        Attribute::Lt,
        Attribute::St,
        Attribute::Epmin,
        Attribute::Epmax,
        Attribute::Edge,
        Attribute::Con,
        Attribute::Hqmax,
    ];

    /// As it stands in a query or in link format.
    pub const fn name(self) -> &'static str {
        match self {
            Attribute::Pmin => "pmin",
            Attribute::Pmax => "pmax",
            Attribute::Gt => "gt",
            Attribute::Lt => "lt",
            Attribute::St => "st",
            Attribute::Epmin => "epmin",
            Attribute::Epmax => "epmax",
            Attribute::Edge => "edge",
            Attribute::Con => "con",
            Attribute::Hqmax => "hqmax",
        }
    }

    /// The attribute of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|attribute| attribute.name() == name)
    }

    /// The first version that has it.
    pub const fn since(self) -> LwM2mVersion {
        match self {
            Attribute::Pmin | Attribute::Pmax | Attribute::Gt | Attribute::Lt | Attribute::St => {
                LwM2mVersion::V1_0
            }
            Attribute::Epmin | Attribute::Epmax => LwM2mVersion::V1_1,
            Attribute::Edge | Attribute::Con | Attribute::Hqmax => LwM2mVersion::V1_2,
        }
    }

    /// Whether it can be attached at this level: the conditions on a value only to a resource or resource
    /// instance, the others anywhere but at the root.
    pub const fn is_allowed_at(self, level: PathLevel) -> bool {
        match self {
            Attribute::Gt | Attribute::Lt | Attribute::St | Attribute::Edge => {
                matches!(level, PathLevel::Resource | PathLevel::ResourceInstance)
            }
            _ => !matches!(level, PathLevel::Root),
        }
    }

    /// Whether it can be attached to a resource of this type: gt, lt and st to a number, edge to a boolean.
    pub const fn suits(self, data_type: DataType) -> bool {
        match self {
            Attribute::Gt | Attribute::Lt | Attribute::St => data_type.is_numeric(),
            Attribute::Edge => matches!(data_type, DataType::Boolean),
            _ => true,
        }
    }
}

/// A set of attribute names (Core 1.2.2, table 7.3.2-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttributeNames(u16);

impl AttributeNames {
    /// The set without a name.
    pub const NONE: AttributeNames = AttributeNames(0);
    /// Those that an observe-composite can carry: the ones that can be attached to an object (Core 1.2.2, section
    /// 6.4.4), without the historical queue.
    pub const COMPOSITE: AttributeNames = AttributeNames::NONE
        .with(Attribute::Pmin)
        .with(Attribute::Pmax)
        .with(Attribute::Epmin)
        .with(Attribute::Epmax)
        .with(Attribute::Con);

    /// This set with another name.
    #[must_use]
    pub const fn with(self, attribute: Attribute) -> Self {
        AttributeNames(self.0 | 1 << attribute as u16)
    }

    /// Those that a version knows.
    pub fn known_to(version: LwM2mVersion) -> Self {
        let known = |attribute: &Attribute| attribute.since() <= version;
        Attribute::ALL.into_iter().filter(known).collect()
    }

    /// Whether the name is in it.
    pub const fn contains(self, attribute: Attribute) -> bool {
        self.0 & (1 << attribute as u16) != 0
    }

    /// Whether it holds no name.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names, in the order in which they are written.
    pub fn iter(self) -> impl Iterator<Item = Attribute> {
        Attribute::ALL
            .into_iter()
            .filter(move |attribute| self.contains(*attribute))
    }

    /// Checks that all can be attached at this level, and to a resource of this type where it is known.
    ///
    /// # Errors
    /// [`AttributeError::NotHere`] with the first that cannot.
    pub fn check_at(
        self,
        level: PathLevel,
        data_type: Option<DataType>,
    ) -> Result<(), AttributeError> {
        let fits = |attribute: &Attribute| {
            attribute.is_allowed_at(level)
                && data_type.is_none_or(|data_type| attribute.suits(data_type))
        };
        match self.iter().find(|attribute| !fits(attribute)) {
            Some(attribute) => Err(AttributeError::NotHere(attribute.name())),
            None => Ok(()),
        }
    }
}

impl FromIterator<Attribute> for AttributeNames {
    fn from_iter<I: IntoIterator<Item = Attribute>>(attributes: I) -> Self {
        attributes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl BitOr for AttributeNames {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        AttributeNames(self.0 | other.0)
    }
}

impl BitAnd for AttributeNames {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        AttributeNames(self.0 & other.0)
    }
}

impl Sub for AttributeNames {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        AttributeNames(self.0 & !other.0)
    }
}
