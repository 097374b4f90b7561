//! What devices ask, and what counts as an answer.

use lwm2m_core::coap::{Code, Message, option};

/// Content format of link format (RFC 7252, section 12.3).
const LINK_FORMAT: u8 = 40;

/// What every device says it has.
const LINKS: &str =
    "</>;rt=\"oma.lwm2m\";ct=\"60 110 112 11542\",</1/0>,</3/0>,</5/0>,</3303/0>,</3303/1>";

const URI_PATH: u16 = option::URI_PATH.0;
const CONTENT_FORMAT: u16 = option::CONTENT_FORMAT.0;
const URI_QUERY: u16 = option::URI_QUERY.0;

/// Whether an answer is one that was hoped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is.
    Expected,
    /// An error, or something else.
    Other,
}

/// Requests and their answers. A request is a confirmable CoAP message with this message id and token.
pub trait Traffic {
    /// Writes the next request of a device.
    fn request(&mut self, device: u32, message_id: u16, token: [u8; 8], datagram: &mut Vec<u8>);

    /// Judges the message with the token of the device's request.
    fn answer(&mut self, device: u32, datagram: &[u8]) -> Answer;

    /// Takes in that the request came back as it was.
    fn echoed(&mut self, _device: u32) {}

    /// Whether what comes is to be opened before anybody can read it.
    fn is_secured(&self) -> bool {
        false
    }

    /// Opens what has come to the address of a device; `None` where there is no message in it.
    fn open(&mut self, _device: u32, datagram: &mut [u8]) -> Option<Vec<u8>> {
        Some(datagram.to_vec())
    }
}

/// A GET of one path.
#[derive(Debug, Clone)]
pub struct Get {
    /// The path, of one segment.
    pub path: &'static str,
}

impl Traffic for Get {
    fn request(&mut self, _device: u32, message_id: u16, token: [u8; 8], datagram: &mut Vec<u8>) {
        begin(datagram, Code::GET, message_id, token);
        Options::new(datagram).push(URI_PATH, self.path.as_bytes());
    }

    fn answer(&mut self, _device: u32, datagram: &[u8]) -> Answer {
        with_code(datagram, Code::CONTENT)
    }
}

/// Sends what another traffic sends and expects it back as it was: for a server that only echoes.
#[derive(Debug, Clone)]
pub struct Echoed<T>(pub T);

impl<T: Traffic> Traffic for Echoed<T> {
    fn request(&mut self, device: u32, message_id: u16, token: [u8; 8], datagram: &mut Vec<u8>) {
        self.0.request(device, message_id, token, datagram);
    }

    fn answer(&mut self, device: u32, _datagram: &[u8]) -> Answer {
        self.0.echoed(device);
        Answer::Expected
    }
}

/// What devices do again and again. Whoever is not registered yet registers first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Register, then register again under the same name.
    Register,
    /// Update the registration without changing anything.
    Update,
}

/// Registrations of all devices at one server.
#[derive(Debug, Clone)]
pub struct Registrations {
    step: Step,
    /// Location-Path of the registration; empty where there is none.
    locations: Vec<Vec<String>>,
}

impl Registrations {
    /// Devices that are not registered yet.
    pub fn new(devices: u32, step: Step) -> Self {
        Registrations {
            step,
            locations: vec![Vec::new(); devices as usize],
        }
    }

    fn registers(&self, device: u32) -> bool {
        self.step == Step::Register || self.locations[device as usize].is_empty()
    }
}

impl Traffic for Registrations {
    fn request(&mut self, device: u32, message_id: u16, token: [u8; 8], datagram: &mut Vec<u8>) {
        begin(datagram, Code::POST, message_id, token);
        let mut options = Options::new(datagram);
        if self.registers(device) {
            options.push(URI_PATH, b"rd");
            options.push(CONTENT_FORMAT, &[LINK_FORMAT]);
            options.push(URI_QUERY, format!("ep=bench-{device:06}").as_bytes());
            for query in ["lt=86400", "lwm2m=1.1", "b=U"] {
                options.push(URI_QUERY, query.as_bytes());
            }
            datagram.push(0xFF);
            datagram.extend_from_slice(LINKS.as_bytes());
        } else {
            for segment in &self.locations[device as usize] {
                options.push(URI_PATH, segment.as_bytes());
            }
        }
    }

    fn answer(&mut self, device: u32, datagram: &[u8]) -> Answer {
        if !self.registers(device) {
            return with_code(datagram, Code::CHANGED);
        }
        let location = location(datagram);
        if with_code(datagram, Code::CREATED) == Answer::Other || location.is_empty() {
            return Answer::Other;
        }
        self.locations[device as usize] = location;
        Answer::Expected
    }

    fn echoed(&mut self, device: u32) {
        // As long as the locations that servers give.
        self.locations[device as usize] = vec!["rd".to_owned(), "0123456789".to_owned()];
    }
}

fn with_code(datagram: &[u8], expected: Code) -> Answer {
    match datagram.get(1) {
        Some(code) if *code == expected.to_byte() => Answer::Expected,
        _ => Answer::Other,
    }
}

/// The Location-Path of a response.
fn location(datagram: &[u8]) -> Vec<String> {
    let message = Message::parse(datagram);
    let options = message.map(|message| message.options).unwrap_or_default();
    options
        .all(option::LOCATION_PATH)
        .filter_map(|segment| String::from_utf8(segment.to_vec()).ok())
        .collect()
}

/// Header and token (RFC 7252, section 3).
fn begin(datagram: &mut Vec<u8>, code: Code, message_id: u16, token: [u8; 8]) {
    datagram.extend_from_slice(&[0x48, code.to_byte()]);
    datagram.extend_from_slice(&message_id.to_be_bytes());
    datagram.extend_from_slice(&token);
}

/// Writes options in ascending order, without a thought for long ones: the generator must be faster than whom it
/// drives.
struct Options<'a> {
    datagram: &'a mut Vec<u8>,
    last: u16,
}

impl<'a> Options<'a> {
    fn new(datagram: &'a mut Vec<u8>) -> Self {
        Options { datagram, last: 0 }
    }

    fn push(&mut self, number: u16, value: &[u8]) {
        // All options of this module are numbers below 13 apart, with values below 269 bytes.
        let delta = (number - self.last) as u8;
        self.last = number;
        match value.len() {
            length @ 0..13 => self.datagram.push(delta << 4 | length as u8),
            length => self
                .datagram
                .extend_from_slice(&[delta << 4 | 13, (length - 13) as u8]),
        }
        self.datagram.extend_from_slice(value);
    }
}
