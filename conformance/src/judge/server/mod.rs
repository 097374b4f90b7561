//! Plays a device, and judges the server that it registers with.
//!
//! What a server does by itself (its answers to registrations, updates, Sends) is judged without help. What an operator
//! has to order is ordered through a [`Trigger`]; without one those cases are not applicable.

mod bootstrap;
mod device;
mod firmware;
mod management;
mod operations;
mod registration;
mod reporting;
mod session;
mod trigger;

pub use operations::Wanted;
pub use trigger::{CommandTrigger, NoTrigger, Trigger, TriggerError, Triggering};

use super::{
    Pace, UnknownCase, chosen,
    dtls::{CertificateCredentials, PskCredentials},
    sitting::{Bench, Sitting},
    station::{Happening, Station},
    verdict::{Judged, Outcome, Report},
};
use device::Device;
use lwm2m_core::{
    engine::Credentials,
    uri::{Scheme, ServerUri},
    version::LwM2mVersion,
};
use lwm2m_transport::{ClientTransport, ClientTransportConfig};
use session::{Ledger, Session};
use std::{sync::Arc, time::Duration};

/// A server and what the device proves itself with there.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where.
    pub uri: ServerUri,
    /// Over coaps: a key.
    pub psk: Option<PskCredentials>,
    /// Over coaps, where there is no key: a certificate.
    pub certificate: Option<CertificateCredentials>,
}

impl Access {
    fn credentials(&self) -> Credentials {
        match (self.uri.scheme(), &self.psk, &self.certificate) {
            (Scheme::Coaps, Some(psk), _) => Credentials::Psk {
                identity: psk.identity.as_bytes().to_vec(),
                key: psk.key.clone(),
            },
            (Scheme::Coaps, None, Some(certificate)) => certificate.as_client(),
            _ => Credentials::None,
        }
    }
}

/// What the judge of a server is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The server.
    pub server: Access,
    /// A bootstrap server that gives the device an account.
    pub bootstrap: Option<Access>,
    /// Endpoint name of the device.
    pub endpoint: String,
    /// The version that the device registers with.
    pub version: LwM2mVersion,
    /// Waiting times.
    pub pace: Pace,
}

impl Settings {
    /// A device of 1.1 with this name.
    pub fn new(server: Access, endpoint: impl Into<String>) -> Self {
        Settings {
            server,
            bootstrap: None,
            endpoint: endpoint.into(),
            version: LwM2mVersion::V1_1,
            pace: Pace::PROCEDURE,
        }
    }
}

/// See the [module](self).
pub struct ServerJudge {
    bench: Bench,
    settings: Settings,
    ledger: Ledger,
    device: Device,
    session: Option<Session>,
    trigger: Arc<dyn Trigger>,
    /// What ends the observations that the case has ordered.
    observing: Vec<Wanted>,
}

impl ServerJudge {
    /// A device that is switched off. To be called within a tokio runtime.
    pub fn start(settings: Settings, trigger: Box<dyn Trigger>) -> Self {
        let config = ClientTransportConfig::new().handshake_timeout(settings.pace.patience);
        ServerJudge {
            bench: Bench::new(Station::new(ClientTransport::new(config))),
            device: Device::new(settings.version),
            settings,
            ledger: Ledger::default(),
            session: None,
            trigger: Arc::from(trigger),
            observing: Vec::new(),
        }
    }

    /// Judges these cases, all where none is named; tells each outcome when it is known.
    ///
    /// # Errors
    /// [`UnknownCase`]
    pub async fn run(
        &mut self,
        cases: &[u16],
        mut on_outcome: impl FnMut(&Outcome),
    ) -> Result<Report, UnknownCase> {
        let mut report = Report::of("server");
        for case in chosen(CASES, cases)? {
            let outcome = self.judge_one(case).await;
            on_outcome(&outcome);
            report.outcomes.push(outcome);
        }
        Ok(report)
    }

    /// Ends the judge.
    pub async fn stop(self) {
        self.bench.station.stop().await;
    }
}

impl Sitting for ServerJudge {
    type Ledger = Ledger;

    fn bench(&mut self) -> &mut Bench {
        &mut self.bench
    }

    fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    fn faults(&self) -> &[String] {
        &self.ledger.faults
    }

    fn patience(&self) -> Duration {
        self.settings.pace.patience
    }

    async fn take(&mut self, happening: Happening) {
        session::take(self, happening).await;
    }

    async fn hear(&mut self, number: u16) -> Judged {
        self.ledger = Ledger::default();
        self.device = Device::new(self.settings.version);
        judge(self, number).await
    }

    async fn adjourn(&mut self) {
        self.leave().await;
    }
}

const CLIENT: &str = "the client is judged: the server only asks what it must be refused";
const TCP: &str = "this judge has no TCP transport";
const OSCORE: &str = "this judge has no OSCORE";
const SERVERS: &str = "the case needs two servers";
const SAME: &str = "the server does nothing here that 203, 205, 260 and 301 do not show";

super::cases! { ServerJudge:
    0 "client-initiated bootstrap: write, discover, finish" => judge(bootstrap::int_0);
    1 "bootstrap with a key, then registration with the key it gave" => judge(bootstrap::int_1);
    2 "bootstrap with certificates, then registration with the one it gave" => judge(bootstrap::int_2);
    3 "bootstrap from a smartcard" => never("no server sees where the account came from");
    4 "delete of /0 and /1 in a bootstrap" => judge(bootstrap::int_4);
    5 "the bootstrap-request trigger, then bootstrap" => judge(bootstrap::int_5);
    6 "order of the bootstrap modes" => never(CLIENT);
    7 "bootstrap, then registration" => judge(bootstrap::int_7);
    8 "bootstrap server reads /1 and /2 after writing them" => judge(bootstrap::int_8);
    9 "an incomplete account: finish is answered 4.06" => never("which account is incomplete is the bootstrap server's configuration");
    10 "certificate enrolled through EST" => never("this judge has no EST client");
    11 "bootstrap protected by OSCORE" => never(OSCORE);
    12 "bootstrap-pack" => judge(bootstrap::int_12);
    19 "bootstrap over MQTT" => never("this judge has no MQTT transport");
    101 "registration with parameters and objects" => judge(registration::int_101);
    102 "registration update with a new lifetime, and expiry" => judge(registration::int_102);
    103 "disable, then de-registration" => judge(registration::int_103);
    104 "registration update trigger" => judge(registration::int_104);
    105 "update of a registration that is gone is answered 4.04" => judge(registration::int_105);
    106 "registration over TCP" => never(TCP);
    107 "a longer lifetime" => judge(registration::int_107);
    108 "registration with queue mode" => judge(registration::int_108);
    109 "requests wait while the device sleeps" => judge(registration::int_109);
    110 "registration with a profile id" => judge(registration::int_110);
    111 "registration with a profile id and objects" => judge(registration::int_111);
    201 "manufacturer, model and serial number as text" => judge(management::int_201);
    203 "device object as TLV" => judge(management::int_203);
    204 "device object as JSON" => judge(management::int_204);
    205 "server object written as text" => judge(management::int_205);
    211 "server object read as CBOR" => judge(management::int_211);
    212 "server object written as CBOR" => judge(management::int_212);
    215 "server object partially updated and replaced as TLV" => judge(management::int_215);
    220 "server object partially updated and replaced as JSON" => judge(management::int_220);
    221 "the security object is out of reach" => never(CLIENT);
    222 "read of an object" => judge(management::int_222);
    223 "read of an object instance" => judge(management::int_223);
    224 "read of resources" => judge(management::int_224);
    225 "read of a resource instance" => judge(management::int_225);
    226 "partial update of an instance, then registration update" => judge(management::int_226);
    227 "replace of a resource, then registration update" => judge(management::int_227);
    228 "write of one resource instance" => judge(management::int_228);
    230 "write-composite of server and portfolio" => judge(management::int_230);
    231 "reads as SenML JSON" => judge(management::int_231);
    232 "reads as SenML CBOR" => judge(management::int_232);
    233 "writes as SenML CBOR" => judge(management::int_233);
    234 "writes as SenML JSON" => judge(management::int_234);
    235 "read-composite of the root" => judge(management::int_235);
    236 "read-composite with absent paths" => judge(management::int_236);
    237 "reads without Accept" => judge(management::int_237);
    241 "reboot, then registration" => judge(registration::int_241);
    256 "write of what cannot be written" => never(CLIENT);
    257 "write-composite of server and device" => judge(management::int_257);
    260 "discover and write-attributes" => judge(management::int_260);
    261 "write-attributes on several levels" => judge(management::int_261);
    264 "discover with depth 1" => judge(management::int_264);
    266 "discover with depth 2 and 3" => judge(management::int_266);
    280 "read-composite" => judge(management::int_280);
    281 "read-composite with an executable resource" => never(CLIENT);
    301 "observations and notifications" => judge(reporting::int_301);
    302 "observations ended by reset" => judge(reporting::int_302);
    303 "observations ended by Observe = 1" => judge(reporting::int_303);
    304 "observe-composite" => judge(reporting::int_304);
    305 "observe-composite ended by Observe = 1" => judge(reporting::int_305);
    306 "send of registered objects" => judge(reporting::int_306);
    307 "send muted and let through" => judge(reporting::int_307);
    308 "observe-composite and create" => judge(reporting::int_308);
    309 "observe-composite and delete" => judge(reporting::int_309);
    310 "observe-composite and a change of attributes" => judge(reporting::int_310);
    311 "send of current values" => judge(reporting::int_311);
    312 "observe with attributes in the query" => judge(reporting::int_312);
    313 "attributes in the query override attached ones" => judge(reporting::int_312);
    401 "registration and read with a pre-shared key" => judge(registration::int_401);
    402 "registration and read with a certificate" => judge(registration::int_402);
    403 "a server certificate with another host name is refused" => never(CLIENT);
    404 "TLS over TCP with a certificate" => never(TCP);
    405 "OSCORE" => never(OSCORE);
    406 "TLS over TCP with a pre-shared key" => never(TCP);
    651 "time, offset and time zone written" => judge(management::int_651);
    652 "firmware version" => judge(management::int_652);
    680 "create on the device object is refused" => never(CLIENT);
    685 "delete of the device object is refused" => never(CLIENT);
    701 "connectivity monitoring read" => never(SAME);
    710 "connectivity monitoring observed" => never(SAME);
    751 "firmware update object read" => judge(firmware::int_751);
    755 "firmware pushed and reset" => judge(firmware::int_755);
    756 "firmware pulled and reset" => never("this judge pulls no firmware");
    760 "firmware state observed" => judge(firmware::int_760);
    770 "firmware updated by push" => judge(firmware::int_770);
    771 "firmware updated by pull" => never("this judge pulls no firmware");
    772 "update without a package is refused" => never(CLIENT);
    773 "firmware without storage" => never(CLIENT);
    774 "firmware without memory" => never(CLIENT);
    775 "firmware with a lost connection" => never(CLIENT);
    776 "firmware without integrity" => never(CLIENT);
    777 "firmware of an unsupported type" => never(CLIENT);
    778 "firmware from a malformed URI" => never(CLIENT);
    779 "firmware whose installation fails" => never(CLIENT);
    801 "location read" => never(SAME);
    810 "location observed" => never(SAME);
    901 "connectivity statistics started and stopped" => never(SAME);
    905 "collection period of connectivity statistics" => never(SAME);
    910 "connectivity statistics observed" => never(SAME);
    950 "two servers" => never(SERVERS);
    951 "attributes of two servers" => never(SERVERS);
    1200 "cellular connectivity read" => never(SAME);
    1201 "cellular connectivity 1.1 read" => never(SAME);
    1202 "power saving modes written" => never(SAME);
    1203 "power saving modes observed" => never(SAME);
    1204 "cellular timers observed" => never(SAME);
    1250 "an APN profile appears in the registration" => judge(registration::int_1250);
    1350 "a bearer switch causes updates" => judge(registration::int_1350);
    1630 "portfolio instance created" => judge(management::int_1630);
    1635 "portfolio instances deleted" => judge(management::int_1635);
    1900 "binary app data observed" => never(SAME);
    1901 "binary app data written" => never(SAME);
    2000 "event log written" => never("the case writes a resource that is executable in every definition");
    2001 "event log read" => never(SAME);
}
