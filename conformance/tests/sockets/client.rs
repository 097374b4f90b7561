//! Our client, judged.

use crate::{
    NAME, any_port, assert_not_applicable, assert_passed,
    device::{self, builder, server_account, with_key},
    pace, psk, uri,
};
use lwm2m_client::{Account, ClientConfig, Profile};
use lwm2m_conformance::judge::{
    Report,
    client::{ClientJudge, Listen, Settings},
};
use lwm2m_core::{uri::Scheme, version::LwM2mVersion};

fn settings() -> Settings {
    let mut settings = Settings::new(Listen {
        uri: any_port(Scheme::Coaps),
        psk: Some(psk("device", 2)),
        certificate: None,
    });
    settings.endpoint = Some(NAME.to_owned());
    settings.firmware = Some(b"an image that this device takes".to_vec());
    settings.pace = pace();
    settings
}

/// Judges a client that the factory gave its account with a key.
async fn judged_as(version: LwM2mVersion, sends: bool, cases: &[u16]) -> Report {
    let mut judge = ClientJudge::start(settings()).await.unwrap();
    let account = with_key(uri(judge.local_addresses()[0]), "device", 2);
    let client = builder(version).server(server_account(account));
    let device = device::start(client, sends).await;
    let report = judge.run(cases, |_| {}).await.unwrap();
    drop(device);
    judge.stop().await;
    report
}

/// Judges a client that says a profile in place of these objects.
async fn judged_with_profile(objects: &[u16], case: u16) -> Report {
    let mut judge = ClientJudge::start(settings()).await.unwrap();
    let account = with_key(uri(judge.local_addresses()[0]), "device", 2);
    let mut config = ClientConfig::default();
    config.profile = Some(Profile {
        ids: "6:1234abcd".to_owned(),
        objects: objects.to_vec(),
    });
    let client = builder(LwM2mVersion::V1_2).config(config);
    let device = device::start(client.server(server_account(account)), false).await;
    let report = judge.run(&[case], |_| {}).await.unwrap();
    drop(device);
    judge.stop().await;
    report
}

// proves: int-110, int-111
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn profiles() {
    for (objects, case) in [(&[1, 3, 4, 5, 6, 16][..], 110), (&[3, 5], 111)] {
        assert_passed(&judged_with_profile(objects, case).await, &[case]);
    }
}

async fn must_pass(cases: &[u16]) {
    let report = judged_as(LwM2mVersion::V1_2, false, cases).await;
    assert_passed(&report, cases);
}

// proves: int-101, int-102, int-103, int-104, int-105, int-107, int-241, int-401
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn registration() {
    must_pass(&[101, 102, 103, 104, 105, 107, 241, 401]).await;
}

// proves: int-201, int-203, int-211, int-221, int-222, int-223, int-224, int-225, int-231, int-232, int-237
// proves: int-260, int-261, int-264, int-266, int-652, int-680, int-685, int-701, int-801
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reads_and_discover() {
    let cases = [
        201, 203, 211, 221, 222, 223, 224, 225, 231, 232, 237, 260, 261, 264, 266, 652, 680, 685,
        701, 801,
    ];
    must_pass(&cases).await;
}

// proves: int-205, int-212, int-215, int-226, int-227, int-228, int-233, int-234, int-256, int-651, int-1630
// proves: int-1635
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn writes() {
    let cases = [205, 212, 215, 226, 227, 228, 233, 234, 256, 651, 1630, 1635];
    must_pass(&cases).await;
}

// proves: int-230, int-235, int-236, int-257, int-280, int-281
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn composite() {
    must_pass(&[230, 235, 236, 257, 280, 281]).await;
}

// proves: int-301, int-302, int-303, int-312, int-313, int-710, int-810
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn observations() {
    // Each waits for notifications that come in seconds, and for others that do not come.
    tokio::join!(
        must_pass(&[301, 710, 810]),
        must_pass(&[302]),
        must_pass(&[303]),
        must_pass(&[312, 313]),
    );
}

// proves: int-304, int-305, int-308, int-309, int-310
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn composite_observations() {
    tokio::join!(
        must_pass(&[304, 305]),
        must_pass(&[308, 309]),
        must_pass(&[310]),
    );
}

// proves: int-751, int-755, int-760, int-770, int-772
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn firmware() {
    must_pass(&[751, 755, 760, 770, 772]).await;
}

// proves: int-306, int-307, int-311
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn send() {
    let cases = [306, 307, 311];
    let report = judged_as(LwM2mVersion::V1_1, true, &cases).await;
    assert_passed(&report, &cases);
}

// proves: int-101, int-203, int-204, int-205, int-215, int-220, int-401
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn version_1_0() {
    let cases = [101, 203, 204, 205, 215, 220, 225, 401];
    let report = judged_as(LwM2mVersion::V1_0, false, &cases).await;
    assert_passed(&report, &[101, 203, 204, 205, 215, 220, 401]);
    assert_not_applicable(&report, 225, "registered as 1.0");
}

// proves: int-0, int-1, int-4, int-5, int-9, int-101
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bootstrap() {
    let mut settings = settings();
    settings.bootstrap = Some(Listen {
        uri: any_port(Scheme::Coaps),
        psk: Some(psk("device-bs", 1)),
        certificate: None,
    });
    let mut judge = ClientJudge::start(settings).await.unwrap();
    let account = with_key(uri(judge.local_addresses()[1]), "device-bs", 1);
    let device = device::start(builder(LwM2mVersion::V1_1).bootstrap(account), false).await;
    let report = judge.run(&[0, 1, 4, 5, 8, 9, 101], |_| {}).await.unwrap();
    assert_passed(&report, &[0, 1, 4, 5, 9, 101]);
    assert_not_applicable(&report, 8, "access control");
    drop(device);
    judge.stop().await;
}

/// Without security, and without what some cases need, these say why they are not judged.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_not_there_is_not_judged() {
    let mut settings = Settings::new(Listen {
        uri: any_port(Scheme::Coap),
        psk: None,
        certificate: None,
    });
    settings.pace = pace();
    let mut judge = ClientJudge::start(settings).await.unwrap();
    let account = Account::nosec(uri(judge.local_addresses()[0]));
    let client = builder(LwM2mVersion::V1_1).server(server_account(account));
    let device = device::start(client, false).await;
    let cases = [0, 2, 101, 106, 108, 110, 264, 401, 402, 403, 755];
    let report = judge.run(&cases, |_| {}).await.unwrap();
    assert_passed(&report, &[101]);
    for (case, words) in [
        (0, "--bootstrap-listen"),
        (2, "--client-certificate"),
        (106, "TCP"),
        (108, "queue mode"),
        (110, "for 1.2"),
        (264, "for 1.2"),
        (401, "no identity"),
        (402, "no identity"),
        (403, "no certificate"),
        (755, "--firmware"),
    ] {
        assert_not_applicable(&report, case, words);
    }
    drop(device);
    judge.stop().await;
}
