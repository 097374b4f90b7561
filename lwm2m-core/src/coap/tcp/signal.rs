//! Signalling (RFC 8323, section 5): messages about the connection itself. Their options have numbers of their own
//! for each code.

use super::BASE_MESSAGE_SIZE;
use crate::coap::{
    Block, Code, Message, MessageKind, OptionNumber, Options, Token, option::uint_of,
};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;

const MAX_MESSAGE_SIZE: OptionNumber = OptionNumber(2);
const BLOCK_WISE_TRANSFER: OptionNumber = OptionNumber(4);
const CUSTODY: OptionNumber = OptionNumber(2);
const ALTERNATIVE_ADDRESS: OptionNumber = OptionNumber(2);
const HOLD_OFF: OptionNumber = OptionNumber(4);
const BAD_CSM_OPTION: OptionNumber = OptionNumber(2);

/// What one side says of itself, at first and whenever it changes (RFC 8323, section 5.3). What is not said stays
/// as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Csm {
    /// Max-Message-Size: the largest message that is taken, bytes from the first to the last (RFC 8323, section 5.3.1).
    pub max_message_size: Option<u32>,
    /// Block-Wise-Transfer: blocks are understood, and with a Max-Message-Size above 1152 bytes BERT as well (RFC 8323,
    /// section 5.3.2).
    pub block_wise: bool,
}

impl Csm {
    /// One that says both.
    pub fn new(max_message_size: u32, block_wise: bool) -> Self {
        Csm {
            max_message_size: Some(max_message_size),
            block_wise,
        }
    }
}

/// What is known of the other side (RFC 8323, section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The largest message it takes, bytes from the first to the last.
    pub max_message_size: u32,
    /// Whether it understands blocks.
    pub block_wise: bool,
}

impl Default for Capabilities {
    /// Before its first CSM.
    fn default() -> Self {
        Capabilities {
            max_message_size: BASE_MESSAGE_SIZE,
            block_wise: false,
        }
    }
}

impl Capabilities {
    /// Takes in a CSM.
    pub fn apply(&mut self, csm: &Csm) {
        self.max_message_size = csm.max_message_size.unwrap_or(self.max_message_size);
        self.block_wise |= csm.block_wise;
    }

    /// Whether it understands blocks that span several units of 1024 bytes (RFC 8323, section 6).
    pub fn bert(&self) -> bool {
        self.block_wise && self.max_message_size > BASE_MESSAGE_SIZE
    }

    /// The most payload of a BERT block in a message that has `overhead` bytes besides, a multiple of 1024; `None`
    /// where not even one unit fits or BERT is not understood.
    pub fn bert_payload(&self, overhead: usize) -> Option<usize> {
        let room = (self.max_message_size as usize).checked_sub(overhead)?;
        let payload = room - room % Block::BERT_UNIT;
        (self.bert() && payload > 0).then_some(payload)
    }
}

/// A message about the connection (RFC 8323, section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// 7.01: capabilities and settings, the first message in each direction (RFC 8323, section 5.3).
    Csm(Csm),
    /// 7.02: wants a Pong with the same token (RFC 8323, section 5.4).
    Ping {
        /// Custody: the answer is to wait until what came before was dealt with (RFC 8323, section 5.4.1).
        custody: bool,
    },
    /// 7.03: the answer to a Ping (RFC 8323, section 5.4).
    Pong {
        /// Custody: what came before the Ping was dealt with (RFC 8323, section 5.4.1).
        custody: bool,
    },
    /// 7.04: the connection is to be closed in good order (RFC 8323, section 5.5).
    Release {
        /// Alternative-Address: where to connect instead, `host:port` each (RFC 8323, section 5.5).
        alternatives: Vec<String>,
        /// Hold-Off: how long to wait before connecting anew, seconds (RFC 8323, section 5.5).
        hold_off: Option<u32>,
    },
    /// 7.05: the connection is closed for a fault (RFC 8323, section 5.6).
    Abort {
        /// Bad-CSM-Option: the option of a CSM that was not understood (RFC 8323, section 5.6).
        bad_csm_option: Option<OptionNumber>,
        /// A text for a person, the payload (RFC 8323, section 5.6).
        diagnostic: String,
    },
}

/// Why a message is no signal that can be acted on: the connection is to be aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// Its code is none of 7.01 to 7.05.
    #[error("{0} is no signalling code")]
    Code(Code),
    /// An option of a CSM that must be understood and is not; it belongs into the [`Signal::Abort`].
    #[error("option {0} of a CSM is not understood")]
    CsmOption(u16),
    /// An option that must be understood and is not.
    #[error("option {0} is not understood")]
    Option(u16),
}

impl Signal {
    /// Its code.
    pub fn code(&self) -> Code {
        match self {
            Signal::Csm(_) => Code::CSM,
            Signal::Ping { .. } => Code::PING,
            Signal::Pong { .. } => Code::PONG,
            Signal::Release { .. } => Code::RELEASE,
            Signal::Abort { .. } => Code::ABORT,
        }
    }

    /// As a message; a Pong has the token of its Ping.
    pub fn to_message(&self, token: Token) -> Message {
        let mut message = Message::new(MessageKind::NonConfirmable, self.code(), 0, token);
        let options = &mut message.options;
        match self {
            Signal::Csm(csm) => {
                if let Some(size) = csm.max_message_size {
                    options.set_uint(MAX_MESSAGE_SIZE, size);
                }
                if csm.block_wise {
                    options.set(BLOCK_WISE_TRANSFER, b"");
                }
            }
            Signal::Ping { custody } | Signal::Pong { custody } => {
                if *custody {
                    options.set(CUSTODY, b"");
                }
            }
            Signal::Release {
                alternatives,
                hold_off,
            } => {
                for address in alternatives {
                    options.push(ALTERNATIVE_ADDRESS, address.as_bytes());
                }
                if let Some(seconds) = hold_off {
                    options.set_uint(HOLD_OFF, *seconds);
                }
            }
            Signal::Abort {
                bad_csm_option,
                diagnostic,
            } => {
                if let Some(OptionNumber(number)) = bad_csm_option {
                    options.set_uint(BAD_CSM_OPTION, u32::from(*number));
                }
                message.payload = Bytes::copy_from_slice(diagnostic.as_bytes());
            }
        }
        message
    }

    /// Reads a message with a code of class 7. Options that need not be understood and are not, or that have a
    /// length they must not have, are passed over (RFC 7252, section 5.4.3).
    ///
    /// # Errors
    /// [`SignalError`]
    pub fn from_message(message: &Message) -> Result<Self, SignalError> {
        let options = &message.options;
        if !(Code::CSM..=Code::ABORT).contains(&message.code) {
            return Err(SignalError::Code(message.code));
        }
        // All options that the RFC defines are elective.
        if let Some((OptionNumber(number), _)) = options.iter().find(|(n, _)| n.is_critical()) {
            return Err(match message.code {
                Code::CSM => SignalError::CsmOption(number),
                _ => SignalError::Option(number),
            });
        }
        Ok(match message.code {
            Code::CSM => Signal::Csm(Csm {
                max_message_size: uint(options, MAX_MESSAGE_SIZE),
                block_wise: is_set(options, BLOCK_WISE_TRANSFER),
            }),
            Code::PING => Signal::Ping {
                custody: is_set(options, CUSTODY),
            },
            Code::PONG => Signal::Pong {
                custody: is_set(options, CUSTODY),
            },
            Code::RELEASE => Signal::Release {
                alternatives: options
                    .all(ALTERNATIVE_ADDRESS)
                    .filter(|address| (1..=255).contains(&address.len()))
                    .filter_map(|address| core::str::from_utf8(address).ok())
                    .map(String::from)
                    .collect(),
                hold_off: uint(options, HOLD_OFF).filter(|seconds| *seconds < 1 << 24),
            },
            _ => Signal::Abort {
                bad_csm_option: uint(options, BAD_CSM_OPTION)
                    .and_then(|number| u16::try_from(number).ok())
                    .map(OptionNumber),
                diagnostic: String::from_utf8_lossy(&message.payload).into_owned(),
            },
        })
    }
}

/// An unsigned integer. The numbers of signals are their own, and so are the lengths that belong to them.
fn uint(options: &Options, number: OptionNumber) -> Option<u32> {
    options.first(number).and_then(uint_of)
}

/// Whether an option without value is there.
fn is_set(options: &Options, number: OptionNumber) -> bool {
    options.first(number).is_some_and(<[u8]>::is_empty)
}
