//! Plays a server and a bootstrap server, and judges the client that connects.
//!
//! The registration interface is answered as the specification has it, so that the client stays registered from case
//! to case; everything else is asked by the cases. A case puts back what it wrote.

mod bootstrap;
mod composite;
mod firmware;
mod ledger;
mod management;
mod objects;
mod operate;
mod provision;
mod registration;
mod reporting;
mod security;
mod sending;
mod writing;

pub use provision::Provision;

use super::{
    Pace, UnknownCase, chosen,
    dtls::{self, CertificateCredentials, PskCredentials},
    sitting::{Bench, Sitting},
    station::{Happening, Station},
    verdict::{Judged, Outcome, Report, fail},
};
use ledger::{Ledger, Registration};
use lwm2m_core::{
    operation::DeviceOperation,
    path::Path,
    uri::{Scheme, ServerUri},
    version::LwM2mVersion,
};
use lwm2m_transport::{BindError, Metrics, ServerTransport};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// The case that comes last where all are judged.
const LAST: u16 = 9;

/// How long the update that tells a lifetime that was put back is waited for.
const PUT_BACK: Duration = Duration::from_secs(5);

/// How long a client that has been waited for in vain is waited for in further cases.
const SECOND_CHANCE: Duration = Duration::from_secs(2);

/// One listener of the judge.
#[derive(Debug, Clone)]
pub struct Listen {
    /// coap or coaps, an IP address, and a port; port 0 lets the system choose.
    pub uri: ServerUri,
    /// What a client proves itself with, over coaps.
    pub psk: Option<PskCredentials>,
    /// What the judge proves itself with to clients that use certificates, over coaps.
    pub certificate: Option<CertificateCredentials>,
}

/// What the judge of a client is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Where the client registers.
    pub server: Listen,
    /// Where it asks for a bootstrap, if it does.
    pub bootstrap: Option<Listen>,
    /// The address of the server that a bootstrap gives; `None`: that of the listener.
    pub announce: Option<ServerUri>,
    /// The certificate that a bootstrap gives the client; `None`: a key, or nothing over coap.
    pub provision: Option<Provision>,
    /// The only endpoint name that is let in; `None`: the first that comes.
    pub endpoint: Option<String>,
    /// The instance of the server object that is the judge's account; `None`: the first that is registered.
    pub server_instance: Option<u16>,
    /// A firmware image that the device takes and that differs from what it runs.
    pub firmware: Option<Vec<u8>>,
    /// Waiting times.
    pub pace: Pace,
}

impl Settings {
    /// A server here, and nothing else.
    pub fn new(server: Listen) -> Self {
        Settings {
            server,
            bootstrap: None,
            announce: None,
            provision: None,
            endpoint: None,
            server_instance: None,
            firmware: None,
            pace: Pace::PROCEDURE,
        }
    }
}

/// Why a judge cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A listener's host is no IP address.
    #[error("{0} is no address to listen on: its host must be an IP address")]
    Host(ServerUri),
    /// A transport that the judge has not.
    #[error("{0} is neither coap nor coaps")]
    Scheme(ServerUri),
    /// coaps without a key or certificate.
    #[error("{0} needs a key or a certificate")]
    Credentials(ServerUri),
    /// A listener on all addresses, which no client can be sent to.
    #[error("a bootstrap needs to know the address of the server: say it with --announce")]
    Announce,
    /// A socket cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// Somebody who is told what a person should do or know while the judge waits.
type Hint = Box<dyn Fn(&str) + Send + Sync>;

/// See the [module](self).
pub struct ClientJudge {
    bench: Bench,
    settings: Settings,
    ledger: Ledger,
    metrics: Arc<Metrics>,
    /// What puts back what the case has changed, last first.
    undo: Vec<DeviceOperation>,
    /// The lifetime that is put back, seconds.
    lifetime_before: Option<u32>,
    addresses: Vec<(Scheme, SocketAddr)>,
    /// A client was waited for in vain.
    absent: bool,
    hint: Hint,
}

impl ClientJudge {
    /// Opens the listeners.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub async fn start(settings: Settings) -> Result<Self, SetupError> {
        let mut builder = ServerTransport::builder();
        for listen in [Some(&settings.server), settings.bootstrap.as_ref()]
            .into_iter()
            .flatten()
        {
            let address = address(&listen.uri)?;
            builder = match listen.uri.scheme() {
                Scheme::Coap => builder.coap(address),
                Scheme::Coaps => {
                    if listen.psk.is_none() && listen.certificate.is_none() {
                        return Err(SetupError::Credentials(listen.uri.clone()));
                    }
                    let config = dtls::listener(listen.psk.as_ref(), listen.certificate.as_ref());
                    builder.coaps(address, config)
                }
                _ => return Err(SetupError::Scheme(listen.uri.clone())),
            };
        }
        let transport = builder.bind().await?;
        let addresses = transport.local_addresses();
        let metrics = transport.metrics();
        let mut settings = settings;
        if settings.announce.is_none() {
            let (scheme, address) = addresses[0];
            if settings.bootstrap.is_some() && address.ip().is_unspecified() {
                return Err(SetupError::Announce);
            }
            let host = address.ip().to_string();
            settings.announce = Some(ServerUri::new(scheme, host, address.port()));
        }
        Ok(ClientJudge {
            bench: Bench::new(Station::new(transport)),
            settings,
            ledger: Ledger::default(),
            metrics,
            undo: Vec::new(),
            lifetime_before: None,
            addresses,
            absent: false,
            hint: Box::new(|_| {}),
        })
    }

    /// Tells somebody what a person should do or know while the judge waits.
    #[must_use]
    pub fn on_hint(mut self, hint: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.hint = Box::new(hint);
        self
    }

    /// Where it listens: the server, then the bootstrap server.
    pub fn local_addresses(&self) -> &[(Scheme, SocketAddr)] {
        &self.addresses
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
        let mut report = Report::of("client");
        let mut chosen = chosen(CASES, cases)?;
        if cases.is_empty() {
            // A client may have no account afterwards.
            chosen.sort_by_key(|case| case.number == LAST);
        }
        for case in chosen {
            let outcome = self.judge_one(case).await;
            on_outcome(&outcome);
            report.outcomes.push(outcome);
        }
        Ok(report)
    }

    /// Ends the judge; its sockets are closed.
    pub async fn stop(self) {
        self.bench.station.stop().await;
    }

    fn hint(&self, text: &str) {
        (self.hint)(text);
    }

    /// The client's registration; waits for it where there is none.
    async fn registered(&mut self) -> Judged<Registration> {
        if self.ledger.registration.is_none() {
            self.hint("waiting for the client to register");
        }
        let patience = match self.absent {
            true => SECOND_CHANCE,
            false => self.settings.pace.patience,
        };
        let found = self
            .until(patience, |ledger| ledger.registration.clone())
            .await;
        self.absent = found.is_none();
        match found {
            Some(registration) => Ok(registration),
            None => fail(format!("no client registered within {patience:.0?}")),
        }
    }

    /// The instance of the server object that is the judge's account.
    async fn account(&mut self) -> Judged<Path> {
        let registration = self.registered().await?;
        if let Some(instance) = self.settings.server_instance {
            return Ok(Path::object_instance(1, instance));
        }
        let object = registration.supported.object(1);
        match object.and_then(|object| object.instances.first()) {
            Some(instance) => Ok(Path::object_instance(1, *instance)),
            None => fail("the registration names no instance of the server object"),
        }
    }

    /// Asserts that the client speaks this version or a higher one.
    async fn needs(&mut self, version: LwM2mVersion) -> Judged {
        let spoken = self.registered().await?.register.version;
        match spoken >= version {
            true => Ok(()),
            false => super::verdict::not_applicable(format!(
                "the client registered as {spoken}, the case is for {version}"
            )),
        }
    }

    /// Asserts that the client registered this object.
    async fn needs_object(&mut self, object: u16) -> Judged {
        let registration = self.registered().await?;
        match registration.supported.object(object) {
            Some(_) => Ok(()),
            None => super::verdict::not_applicable(format!("the client has no object {object}")),
        }
    }
}

impl Sitting for ClientJudge {
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
        ledger::take(self, happening).await;
    }

    async fn hear(&mut self, number: u16) -> Judged {
        self.ledger.begin();
        judge(self, number).await
    }

    async fn adjourn(&mut self) {
        self.put_back().await;
    }
}

fn address(uri: &ServerUri) -> Result<SocketAddr, SetupError> {
    match uri.host().parse::<IpAddr>() {
        Ok(ip) => Ok(SocketAddr::new(ip, uri.port())),
        Err(_) => Err(SetupError::Host(uri.clone())),
    }
}

const TCP: &str = "this judge has no TCP transport";
const OSCORE: &str = "this judge has no OSCORE";
const FAULTS: &str = "the device must be prepared to fail, which only its maker can do";
const TWO: &str = "the case needs two servers";
const VALUES: &str =
    "what the object shows is the maker's: read and observe are judged in 222 to 225 and 301";

super::cases! { ClientJudge:
    0 "client-initiated bootstrap: write, discover, finish" => judge(bootstrap::int_0);
    1 "bootstrap with a key, then registration with the key it gave" => judge(bootstrap::int_1);
    2 "bootstrap with certificates, then registration with the one it gave" => judge(bootstrap::int_2);
    3 "bootstrap from a smartcard" => never("a person must insert a smartcard");
    4 "delete of /0 and /1 spares the bootstrap account" => judge(bootstrap::int_4);
    5 "the bootstrap-request trigger makes the client bootstrap" => judge(bootstrap::int_5);
    6 "order of the bootstrap modes" => never("smartcard and factory provisioning are the maker's to prepare");
    7 "falls back to bootstrap where its server is out of reach" => never("the client must be provisioned with a server that does not exist");
    8 "bootstrap server reads /1 and /2 after writing them" => judge(bootstrap::int_8);
    9 "an incomplete account: finish is answered 4.06" => judge(bootstrap::int_9);
    10 "certificate enrolled through EST" => never("this judge is no EST server");
    11 "bootstrap protected by OSCORE" => never(OSCORE);
    12 "bootstrap-pack" => never("this judge gives no bootstrap-packs");
    19 "bootstrap over MQTT" => never("this judge has no MQTT transport");
    101 "registration with parameters and objects" => judge(registration::int_101);
    102 "registration update with a new lifetime" => judge(registration::int_102);
    103 "disable: de-registers, and comes back" => judge(registration::int_103);
    104 "registration update trigger" => judge(registration::int_104);
    105 "registers again where an update is answered 4.04" => judge(registration::int_105);
    106 "registration over TCP" => never(TCP);
    107 "a longer lifetime is announced at once" => judge(registration::int_107);
    108 "registration with queue mode" => judge(registration::int_108);
    109 "requests wait while the client sleeps" => never("the server is judged: it must not send");
    110 "registration with a profile id" => judge(registration::int_110);
    111 "registration with a profile id and objects" => judge(registration::int_111);
    201 "manufacturer, model and serial number as text" => judge(management::int_201);
    203 "device object as TLV" => judge(management::int_203);
    204 "device object as JSON" => judge(management::int_204);
    205 "server object written as text" => judge(writing::int_205);
    211 "server object read as CBOR" => judge(management::int_211);
    212 "server object written as CBOR" => judge(writing::int_212);
    215 "server object partially updated and replaced as TLV" => judge(writing::int_215);
    220 "server object partially updated and replaced as JSON" => judge(writing::int_220);
    221 "the security object is out of reach" => judge(management::int_221);
    222 "read of an object" => judge(management::int_222);
    223 "read of an object instance" => judge(management::int_223);
    224 "read of resources" => judge(management::int_224);
    225 "read of a resource instance" => judge(management::int_225);
    226 "partial update of an instance, then registration update" => judge(writing::int_226);
    227 "replace of a resource, then registration update" => judge(writing::int_227);
    228 "write of one resource instance" => judge(writing::int_228);
    230 "write-composite of server and portfolio" => judge(composite::int_230);
    231 "reads as SenML JSON" => judge(management::int_231);
    232 "reads as SenML CBOR" => judge(management::int_232);
    233 "writes as SenML CBOR" => judge(writing::int_233);
    234 "writes as SenML JSON" => judge(writing::int_234);
    235 "read-composite of the root" => judge(composite::int_235);
    236 "read-composite with absent paths" => judge(composite::int_236);
    237 "reads without Accept" => judge(management::int_237);
    241 "reboot, then registration" => judge(registration::int_241);
    256 "write of what cannot be written" => judge(writing::int_256);
    257 "write-composite of server and device" => judge(composite::int_257);
    260 "discover and write-attributes" => judge(management::int_260);
    261 "write-attributes on several levels" => judge(management::int_261);
    264 "discover with depth 1" => judge(management::int_264);
    266 "discover with depth 2 and 3" => judge(management::int_266);
    280 "read-composite" => judge(composite::int_280);
    281 "read-composite with an executable resource" => judge(composite::int_281);
    301 "observations within their periods" => judge(reporting::int_301);
    302 "observations ended by reset" => judge(reporting::int_302);
    303 "observations ended by Observe = 1" => judge(reporting::int_303);
    304 "observe-composite" => judge(reporting::int_304);
    305 "observe-composite ended by Observe = 1" => judge(reporting::int_305);
    306 "send of registered objects" => judge(sending::int_306);
    307 "send muted and let through" => judge(sending::int_307);
    308 "observe-composite and create" => judge(objects::int_308);
    309 "observe-composite and delete" => judge(objects::int_309);
    310 "observe-composite and a change of attributes" => judge(reporting::int_310);
    311 "send of current values" => judge(sending::int_306);
    312 "observe with attributes in the query" => judge(reporting::int_312);
    313 "attributes in the query override attached ones" => judge(reporting::int_313);
    401 "registration and read with a pre-shared key" => judge(security::int_401);
    402 "registration and read with a certificate" => judge(security::int_402);
    403 "a server certificate with another host name is refused" => judge(security::int_403);
    404 "TLS over TCP with a certificate" => never(TCP);
    405 "OSCORE" => never(OSCORE);
    406 "TLS over TCP with a pre-shared key" => never(TCP);
    651 "time, offset and time zone written" => judge(objects::int_651);
    652 "firmware version" => judge(objects::int_652);
    680 "create on the device object is refused" => judge(objects::int_680);
    685 "delete of the device object is refused" => judge(objects::int_685);
    701 "connectivity monitoring read" => judge(objects::int_701);
    710 "connectivity monitoring observed" => judge(objects::int_710);
    751 "firmware update object read" => judge(firmware::int_751);
    755 "firmware pushed and reset" => judge(firmware::int_755);
    756 "firmware pulled and reset" => never("this judge serves no firmware to pull");
    760 "firmware state notified" => judge(firmware::int_760);
    770 "firmware updated by push" => judge(firmware::int_770);
    771 "firmware updated by pull" => never("this judge serves no firmware to pull");
    772 "update without a package is refused" => judge(firmware::int_772);
    773 "firmware without storage" => never(FAULTS);
    774 "firmware without memory" => never(FAULTS);
    775 "firmware with a lost connection" => never(FAULTS);
    776 "firmware without integrity" => never(FAULTS);
    777 "firmware of an unsupported type" => never(FAULTS);
    778 "firmware from a malformed URI" => never(FAULTS);
    779 "firmware whose installation fails" => never(FAULTS);
    801 "location read" => judge(objects::int_801);
    810 "location observed" => judge(objects::int_810);
    901 "connectivity statistics started and stopped" => never(VALUES);
    905 "collection period of connectivity statistics" => never(VALUES);
    910 "connectivity statistics observed" => never(VALUES);
    950 "two servers" => never(TWO);
    951 "attributes of two servers" => never(TWO);
    1200 "cellular connectivity read" => never(VALUES);
    1201 "cellular connectivity 1.1 read" => never(VALUES);
    1202 "power saving modes written" => never(VALUES);
    1203 "power saving modes observed" => never(VALUES);
    1204 "cellular timers observed" => never(VALUES);
    1250 "an APN profile appears in the registration" => never("a person must connect the device to another network");
    1350 "a bearer switch causes updates" => never("a person must switch the bearer");
    1630 "portfolio instance created" => judge(objects::int_1630);
    1635 "portfolio instances deleted" => judge(objects::int_1635);
    1900 "binary app data observed" => never(VALUES);
    1901 "binary app data written" => never(VALUES);
    2000 "event log written" => never("the case writes a resource that is executable in every definition");
    2001 "event log read" => never(VALUES);
}
