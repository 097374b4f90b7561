//! The contests: who takes part, and proof that all do the same work.

use crate::{
    contest::Contender,
    plain,
    workload::{self, BASE},
};
use coap_lite::Packet;
use lwm2m_core::{
    coap::{Message, MessageKind},
    content::{self, ContentFormat},
    entry::Entry,
    model::Models,
    operation::{Register, RegistrationOperation},
};

/// The name of our implementation of a format.
pub fn ours(format: ContentFormat) -> String {
    format!("lwm2m {format:?}")
}

/// ciborium's serde into plain records.
pub const CIBORIUM: &str = "ciborium SenmlCbor";
/// minicbor into plain records.
pub const MINICBOR: &str = "minicbor SenmlCbor";
/// serde_json into plain records.
pub const SERDE_JSON: &str = "serde_json SenmlJson";
/// coap-lite's packets.
pub const COAP_LITE: &str = "coap-lite packet";
/// Our messages.
pub const MESSAGE: &str = "lwm2m message";
/// Our messages together with what they carry, typed.
pub const TYPED: &str = "lwm2m message and content";

/// The payloads of one size, with what they mean.
pub struct Payloads<'m> {
    models: &'m dyn Models,
    entries: Vec<Entry>,
    payloads: Vec<(ContentFormat, Vec<u8>)>,
}

impl<'m> Payloads<'m> {
    /// Payloads of `count` values.
    ///
    /// # Panics
    /// If a contender does not read what another one wrote, or writes something else than it: then the contest would
    /// not be fair.
    pub fn new(count: usize, models: &'m dyn Models) -> Self {
        let entries = workload::entries(count);
        let payloads = workload::FORMATS
            .map(|format| (format, workload::payload(format, &entries, models)))
            .to_vec();
        let this = Payloads {
            models,
            entries,
            payloads,
        };
        this.check();
        this
    }

    fn check(&self) {
        for (format, payload) in &self.payloads {
            let read = content::decode(*format, payload, &BASE, self.models);
            assert_eq!(read.as_ref(), Ok(&self.entries), "{format:?}");
        }
        let cbor = self.payload(ContentFormat::SenmlCbor);
        let records = self.ciborium_records();
        assert_eq!(
            plain::from_minicbor(cbor).expect("minicbor reads it"),
            records.iter().map(|r| r.0.clone()).collect::<Vec<_>>(),
            "both read the same"
        );
        assert_eq!(records.len(), self.entries.len());
        let written = plain::to_minicbor(&self.minicbor_records()).expect("minicbor writes it");
        assert_eq!(written, cbor, "minicbor writes what we write");
        // ciborium writes half floats, so only the meaning is the same.
        let written = plain::to_ciborium(&records).expect("ciborium writes it");
        let read = content::decode(ContentFormat::SenmlCbor, &written, &BASE, self.models);
        assert_eq!(read.as_ref(), Ok(&self.entries));
        let json = self.payload(ContentFormat::SenmlJson);
        let written = plain::to_serde_json(&self.json_records()).expect("serde_json writes it");
        assert_eq!(
            String::from_utf8_lossy(&written),
            String::from_utf8_lossy(json),
            "serde_json writes what we write"
        );
    }

    /// The payload in a format.
    pub fn payload(&self, format: ContentFormat) -> &[u8] {
        let found = self.payloads.iter().find(|(other, _)| *other == format);
        found.map_or(&[], |(_, payload)| payload)
    }

    fn ciborium_records(&self) -> Vec<plain::CborRecord> {
        plain::from_ciborium(self.payload(ContentFormat::SenmlCbor)).expect("ciborium reads it")
    }

    fn minicbor_records(&self) -> Vec<plain::Record> {
        plain::from_minicbor(self.payload(ContentFormat::SenmlCbor)).expect("minicbor reads it")
    }

    fn json_records(&self) -> Vec<plain::JsonRecord> {
        plain::from_serde_json(self.payload(ContentFormat::SenmlJson)).expect("serde_json reads it")
    }

    /// Who reads payloads.
    pub fn decoders(&self) -> Vec<Contender<'_>> {
        let ours = self.payloads.iter().map(|(format, payload)| {
            Contender::new(ours(*format), || {
                content::decode(*format, payload, &BASE, self.models)
            })
        });
        let cbor = self.payload(ContentFormat::SenmlCbor);
        let json = self.payload(ContentFormat::SenmlJson);
        ours.chain([
            Contender::new(CIBORIUM, || plain::from_ciborium(cbor)),
            Contender::new(MINICBOR, || plain::from_minicbor(cbor)),
            Contender::new(SERDE_JSON, || plain::from_serde_json(json)),
        ])
        .collect()
    }

    /// Who writes payloads.
    pub fn encoders(&self) -> Vec<Contender<'_>> {
        let ours = self.payloads.iter().map(|(format, _)| {
            Contender::new(ours(*format), || {
                content::encode(*format, &self.entries, &BASE, self.models)
            })
        });
        let (ciborium, minicbor, json) = (
            self.ciborium_records(),
            self.minicbor_records(),
            self.json_records(),
        );
        ours.chain([
            Contender::new(CIBORIUM, move || plain::to_ciborium(&ciborium)),
            Contender::new(MINICBOR, move || plain::to_minicbor(&minicbor)),
            Contender::new(SERDE_JSON, move || plain::to_serde_json(&json)),
        ])
        .collect()
    }
}

/// The two messages.
pub struct Messages<'m> {
    models: &'m dyn Models,
    register: (Register, Vec<u8>),
    notify: (Message, Vec<u8>),
}

impl<'m> Messages<'m> {
    /// A registration and a notification.
    ///
    /// # Panics
    /// If one cannot be read back.
    pub fn new(models: &'m dyn Models) -> Self {
        let (register, message) = workload::register();
        let bytes = workload::encoded(&message);
        assert_eq!(read_register(&bytes).as_ref(), Some(&register));
        let notify = workload::notify(models);
        let this = Messages {
            models,
            register: (register, bytes),
            notify: (notify.clone(), workload::encoded(&notify)),
        };
        assert_eq!(this.read_notify().as_deref(), Some(&*workload::entries(2)));
        this
    }

    /// Size of registration and notification, bytes.
    pub fn sizes(&self) -> [usize; 2] {
        [self.register.1.len(), self.notify.1.len()]
    }

    fn read_notify(&self) -> Option<Vec<Entry>> {
        let message = Message::parse(&self.notify.1).ok()?;
        let format = ContentFormat::from_number(message.options.content_format()?)?;
        content::decode(format, &message.payload, &BASE, self.models).ok()
    }

    /// Who parses the registration.
    pub fn register_parsers(&self) -> Vec<Contender<'_>> {
        let bytes = &self.register.1;
        vec![
            Contender::new(MESSAGE, || Message::parse(bytes)),
            Contender::new(COAP_LITE, || Packet::from_bytes(bytes)),
            Contender::new(TYPED, || read_register(bytes)),
        ]
    }

    /// Who builds the registration.
    pub fn register_builders(&self) -> Vec<Contender<'_>> {
        let (register, bytes) = &self.register;
        let message = Message::parse(bytes).expect("it was just built");
        let packet = Packet::from_bytes(bytes).expect("it was just built");
        vec![
            Contender::new(MESSAGE, move || message.encode()),
            Contender::new(COAP_LITE, move || packet.to_bytes()),
            Contender::new(TYPED, || {
                workload::message_of(register.to_request(), MessageKind::Confirmable).encode()
            }),
        ]
    }

    /// Who parses the notification.
    pub fn notify_parsers(&self) -> Vec<Contender<'_>> {
        let bytes = &self.notify.1;
        vec![
            Contender::new(MESSAGE, || Message::parse(bytes)),
            Contender::new(COAP_LITE, || Packet::from_bytes(bytes)),
            Contender::new(TYPED, || self.read_notify()),
        ]
    }

    /// Who builds the notification.
    pub fn notify_builders(&self) -> Vec<Contender<'_>> {
        let (message, bytes) = &self.notify;
        let packet = Packet::from_bytes(bytes).expect("it was just built");
        vec![
            Contender::new(MESSAGE, || message.encode()),
            Contender::new(COAP_LITE, move || packet.to_bytes()),
            Contender::new(TYPED, || workload::notify(self.models).encode()),
        ]
    }
}

fn read_register(bytes: &[u8]) -> Option<Register> {
    let request = workload::request_of(Message::parse(bytes).ok()?);
    match RegistrationOperation::from_request(&request).ok()? {
        RegistrationOperation::Register(register) => Some(register),
        _ => None,
    }
}
