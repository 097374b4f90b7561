//! Our server and bootstrap server, judged.

use crate::{NAME, assert_not_applicable, assert_passed, pace, psk, trigger::Operator, uri};
use lwm2m_conformance::judge::{
    Pace, Report,
    server::{Access, NoTrigger, ServerJudge, Settings, Trigger},
};
use lwm2m_core::{link, version::LwM2mVersion};
use lwm2m_server::{
    BootstrapServer, BootstrapStore, Credential, Listener, Profiles, Role, SecurityStore, Server,
    ServerConfig,
    bootstrap::{AccountSecurity, BootstrapConfig, BootstrapServerConfig, ServerAccount},
};
use std::time::Duration;

const KEY: u8 = 2;
const BOOTSTRAP_KEY: u8 = 1;
/// How long our server takes a device with queue mode for awake.
const AWAKE: Duration = Duration::from_secs(1);

fn security() -> SecurityStore {
    let security = SecurityStore::new();
    for (role, identity, byte) in [
        (Role::Server, "device", KEY),
        (Role::Bootstrap, "device-bs", BOOTSTRAP_KEY),
    ] {
        let credential = Credential::psk(identity, vec![byte; 16]);
        security.add(NAME, role, credential).unwrap();
    }
    security
}

async fn server() -> Server {
    server_with(Profiles::new()).await
}

async fn server_with(profiles: Profiles) -> Server {
    let mut config = ServerConfig::default();
    config.awake_window = AWAKE;
    config.profiles = profiles;
    Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security())
        .config(config)
        .start()
        .await
        .unwrap()
}

fn settings(server: &Server, version: LwM2mVersion) -> Settings {
    let access = Access {
        uri: uri(server.local_addresses()[0]),
        psk: Some(psk("device", KEY)),
        certificate: None,
    };
    let mut settings = Settings::new(access, NAME);
    settings.version = version;
    let mut pace: Pace = pace().awake(AWAKE);
    // Lifetimes are let expire: the slack of periods would only be waited for.
    pace = pace.slack(Duration::from_secs(2));
    pace.short_lifetime = 12;
    settings.pace = pace;
    settings
}

async fn judged(version: LwM2mVersion, cases: &[u16]) -> Report {
    let server = server().await;
    let operator: Box<dyn Trigger> = Box::new(Operator(server.clone()));
    let mut judge = ServerJudge::start(settings(&server, version), operator);
    let report = judge.run(cases, |_| {}).await.unwrap();
    judge.stop().await;
    server.stop().await;
    report
}

async fn must_pass(cases: &[u16]) {
    let report = judged(LwM2mVersion::V1_1, cases).await;
    assert_passed(&report, cases);
}

// proves: int-101, int-103, int-105, int-107, int-108, int-109, int-241, int-401, int-1250, int-1350
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn registration() {
    must_pass(&[101, 103, 105, 107, 108, 109, 241, 401, 1250, 1350]).await;
}

// proves: int-102, int-104
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lifetimes() {
    tokio::join!(must_pass(&[102]), must_pass(&[104]));
}

// proves: int-201, int-203, int-205, int-211, int-212, int-215, int-222, int-223, int-224, int-225, int-226
// proves: int-227, int-228, int-230, int-231, int-232, int-233, int-234, int-235, int-236, int-237, int-257
// proves: int-260, int-261, int-280, int-651, int-652, int-1630, int-1635
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn management() {
    let cases = [
        201, 203, 205, 211, 212, 215, 222, 223, 224, 225, 226, 227, 228, 230, 231, 232, 233, 234,
        235, 236, 237, 257, 260, 261, 280, 651, 652, 1630, 1635,
    ];
    must_pass(&cases).await;
}

// proves: int-301, int-302, int-303, int-304, int-305, int-306, int-307, int-308, int-309, int-310, int-311
// proves: int-751, int-755, int-760, int-770
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reporting() {
    let cases = [
        301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 751, 755, 760, 770,
    ];
    must_pass(&cases).await;
}

// proves: int-101, int-204, int-220, int-264, int-266, int-312, int-313
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_of_one_version() {
    let report = judged(LwM2mVersion::V1_0, &[101, 204, 220, 264]).await;
    assert_passed(&report, &[101, 204, 220]);
    assert_not_applicable(&report, 264, "--lwm2m 1.2");
    let report = judged(
        LwM2mVersion::V1_2,
        &[101, 110, 111, 204, 264, 266, 312, 313],
    )
    .await;
    assert_passed(&report, &[101, 264, 266, 312, 313]);
    assert_not_applicable(&report, 110, "profile");
    assert_not_applicable(&report, 204, "--lwm2m 1.0");
}

// proves: int-110, int-111
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn profiles() {
    let links = link::parse(b"</1/0>,</3/0>").unwrap();
    let profiles = Profiles::new().with("6:00000001", links).unwrap();
    let server = server_with(profiles).await;
    let operator: Box<dyn Trigger> = Box::new(Operator(server.clone()));
    let mut judge = ServerJudge::start(settings(&server, LwM2mVersion::V1_2), operator);
    let report = judge.run(&[110, 111], |_| {}).await.unwrap();
    assert_passed(&report, &[110, 111]);
    judge.stop().await;
    server.stop().await;
}

/// Without anybody to order operations, what the server does by itself is judged, and the rest says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_a_trigger() {
    let server = server().await;
    let settings = settings(&server, LwM2mVersion::V1_1);
    let mut judge = ServerJudge::start(settings, Box::new(NoTrigger));
    let cases = [0, 101, 103, 105, 201, 306, 311, 401, 680];
    let report = judge.run(&cases, |_| {}).await.unwrap();
    assert_passed(&report, &[101, 105, 306, 311]);
    assert_not_applicable(&report, 0, "--bootstrap-uri");
    for case in [103, 201, 401] {
        assert_not_applicable(&report, case, "--trigger");
    }
    assert_not_applicable(&report, 680, "client is judged");
    judge.stop().await;
    server.stop().await;
}

// proves: int-0, int-1, int-4, int-5, int-7
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bootstrap() {
    let server = server().await;
    let account = AccountSecurity::Psk {
        identity: b"device".to_vec(),
        key: vec![KEY; 16].into(),
    };
    let configurations = BootstrapStore::new();
    let account = ServerAccount::new(1, uri(server.local_addresses()[0]), account);
    configurations
        .set(NAME, BootstrapConfig::with_account(account))
        .unwrap();
    let mut config = BootstrapServerConfig::default();
    config.verify = true;
    let bootstrap_server = BootstrapServer::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security())
        .configurations(configurations)
        .config(config)
        .start()
        .await
        .unwrap();
    let mut settings = settings(&server, LwM2mVersion::V1_1);
    settings.bootstrap = Some(Access {
        uri: uri(bootstrap_server.local_addresses()[0]),
        psk: Some(psk("device-bs", BOOTSTRAP_KEY)),
        certificate: None,
    });
    let mut judge = ServerJudge::start(settings, Box::new(Operator(server.clone())));
    let report = judge.run(&[0, 1, 2, 4, 5, 7, 8], |_| {}).await.unwrap();
    assert_passed(&report, &[0, 1, 4, 5, 7]);
    assert_not_applicable(&report, 2, "no certificate");
    assert_not_applicable(&report, 8, "/2");
    judge.stop().await;
    bootstrap_server.stop().await;
    server.stop().await;
}
