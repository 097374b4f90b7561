//! Versions of the protocol and of object definitions.

use core::{fmt, str::FromStr};

/// A protocol version this crate speaks, as registered with `lwm2m=` (Core 1.2.2, section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LwM2mVersion {
    /// LwM2M 1.0
    V1_0,
    /// LwM2M 1.1
    V1_1,
    /// LwM2M 1.2
    V1_2,
}

impl LwM2mVersion {
    /// All of them, lowest first.
    pub const ALL: [LwM2mVersion; 3] = [LwM2mVersion::V1_0, LwM2mVersion::V1_1, LwM2mVersion::V1_2];

    /// `"1.0"`, `"1.1"`, `"1.2"`
    pub const fn as_str(self) -> &'static str {
        match self {
            LwM2mVersion::V1_0 => "1.0",
            LwM2mVersion::V1_1 => "1.1",
            LwM2mVersion::V1_2 => "1.2",
        }
    }
}

impl fmt::Display for LwM2mVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version this crate does not speak; answered with 4.12 in a registration (Transport 1.2.2, table 6.7-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the LwM2M version is none of 1.0, 1.1, 1.2")]
pub struct UnsupportedVersion;

impl FromStr for LwM2mVersion {
    type Err = UnsupportedVersion;

    fn from_str(text: &str) -> Result<Self, UnsupportedVersion> {
        match text {
            "1.0" => Ok(LwM2mVersion::V1_0),
            "1.1" => Ok(LwM2mVersion::V1_1),
            "1.2" => Ok(LwM2mVersion::V1_2),
            _ => Err(UnsupportedVersion),
        }
    }
}

/// The version of an object definition (Core 1.2.2, section 7.2.2); 1.0 where none is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectVersion {
    /// Grows with changes that break.
    pub major: u8,
    /// Grows with changes that do not.
    pub minor: u8,
}

impl ObjectVersion {
    /// Version 1.0, the default.
    pub const V1_0: ObjectVersion = ObjectVersion::new(1, 0);

    /// `major.minor`
    pub const fn new(major: u8, minor: u8) -> Self {
        ObjectVersion { major, minor }
    }
}

impl Default for ObjectVersion {
    fn default() -> Self {
        Self::V1_0
    }
}

impl fmt::Display for ObjectVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The text is no object version (`1.1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an object version is two numbers from 0 to 255 with a dot between, like 1.1")]
pub struct ObjectVersionError;

impl FromStr for ObjectVersion {
    type Err = ObjectVersionError;

    fn from_str(text: &str) -> Result<Self, ObjectVersionError> {
        let number = |part: &str| match part.bytes().all(|b| b.is_ascii_digit()) {
            true => part.parse::<u8>().map_err(|_| ObjectVersionError),
            false => Err(ObjectVersionError),
        };
        let (major, minor) = text.split_once('.').ok_or(ObjectVersionError)?;
        Ok(ObjectVersion::new(number(major)?, number(minor)?))
    }
}
