use super::{OperationError, query::bad_request};
use crate::version::LwM2mVersion;
use core::{fmt, ops::BitOr};

/// The transports a client offers, `b=` (Core 1.2.2, section 6.2.1.2): `U T S N M H`, with 1.0's `Q` behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Binding(u8);

const LETTERS: [(char, Binding); 7] = [
    ('U', Binding::U),
    ('T', Binding::T),
    ('S', Binding::S),
    ('N', Binding::N),
    ('M', Binding::M),
    ('H', Binding::H),
    ('Q', Binding::Q),
];

impl Binding {
    /// `U`: UDP, the default (Core 1.2.2, section 6.2.1.2).
    pub const U: Binding = Binding(1);
    /// `T`: TCP (1.1; Core 1.2.2, section 6.2.1.2).
    pub const T: Binding = Binding(2);
    /// `S`: SMS (Core 1.2.2, section 6.2.1.2).
    pub const S: Binding = Binding(4);
    /// `N`: Non-IP (1.1; Core 1.2.2, section 6.2.1.2).
    pub const N: Binding = Binding(8);
    /// `M`: MQTT (1.2; Core 1.2.2, section 6.2.1.2).
    pub const M: Binding = Binding(16);
    /// `H`: HTTP (1.2; Core 1.2.2, section 6.2.1.2).
    pub const H: Binding = Binding(32);
    /// Queue mode, a part of the binding in 1.0 only.
    const Q: Binding = Binding(64);

    /// Reads `U`, `UQ`, `UST`...
    ///
    /// # Errors
    /// 4.00 for letters that no version knows or that stand twice, and where there is no transport.
    pub fn parse(text: &str) -> Result<Self, OperationError> {
        let mut bits = 0;
        for c in text.chars() {
            match LETTERS.iter().find(|(letter, _)| *letter == c) {
                Some((_, binding)) if bits & binding.0 == 0 => bits |= binding.0,
                _ => return Err(bad_request("malformed binding")),
            }
        }
        match bits & !Self::Q.0 {
            0 => Err(bad_request("a binding without transport")),
            _ => Ok(Binding(bits)),
        }
    }

    /// Checks that this version knows all of it: 1.0 has U, S and the Q of queue mode, 1.1 has U, T, S and N, 1.2
    /// all transports.
    ///
    /// # Errors
    /// 4.00
    pub fn check_for(self, version: LwM2mVersion) -> Result<(), OperationError> {
        let known = match version {
            LwM2mVersion::V1_0 => Self::U | Self::S | Self::Q,
            LwM2mVersion::V1_1 => Self::U | Self::T | Self::S | Self::N,
            LwM2mVersion::V1_2 => Self::U | Self::T | Self::S | Self::N | Self::M | Self::H,
        };
        match known.contains(self) {
            true => Ok(()),
            false => Err(bad_request("a binding that this version does not know")),
        }
    }

    /// Whether UDP is among them.
    pub fn has_udp(self) -> bool {
        self.contains(Self::U)
    }

    /// Whether all of `other` is among them.
    pub fn contains(self, other: Binding) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether 1.0's `Q` is among them.
    pub fn has_queue_mode(self) -> bool {
        self.contains(Self::Q)
    }

    /// With 1.0's `Q`, or without.
    #[must_use]
    pub fn with_queue_mode(self, queue_mode: bool) -> Self {
        match queue_mode {
            true => self | Self::Q,
            false => Binding(self.0 & !Self::Q.0),
        }
    }
}

impl BitOr for Binding {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Binding(self.0 | other.0)
    }
}

impl fmt::Display for Binding {
    /// `U`, `UQ`, `UQS`, `SQ`, `UT`...: 1.0 has the `Q` behind the `U` where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, binding) in LETTERS {
            let written = binding == Self::Q && self.has_udp();
            if self.contains(binding) && !written {
                write!(f, "{letter}")?;
            }
            if binding == Self::U && self.has_udp() && self.has_queue_mode() {
                f.write_str("Q")?;
            }
        }
        Ok(())
    }
}
