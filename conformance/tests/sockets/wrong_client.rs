//! Clients that are wrong on purpose: each makes its case fail, for the reason that is wrong with it.

use crate::{
    any_port, assert_failed, assert_passed,
    device::{self, builder, server_account},
    pace,
    proxy::{self, To},
    uri,
};
use lwm2m_client::Account;
use lwm2m_conformance::judge::{
    Report,
    client::{ClientJudge, Listen, Settings},
    tape::path_of,
};
use lwm2m_core::{
    coap::{Code, Message, MessageKind, option},
    uri::{Scheme, ServerUri},
    version::LwM2mVersion,
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// How long what never comes is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Judges our client with this between it and the judge.
async fn judged(
    case: u16,
    change: impl Fn(To, Message) -> Option<Message> + Send + Sync + 'static,
) -> Report {
    let mut settings = Settings::new(Listen {
        uri: any_port(Scheme::Coap),
        psk: None,
        certificate: None,
    });
    settings.pace = pace().patience(PATIENCE).slack(Duration::from_secs(3));
    settings.firmware = Some(b"image".to_vec());
    let mut judge = ClientJudge::start(settings).await.unwrap();
    let proxy = proxy::before(judge.local_addresses()[0].1, change).await;
    let address = ServerUri::new(Scheme::Coap, "127.0.0.1", proxy.address.port());
    let client = builder(LwM2mVersion::V1_2).server(server_account(Account::nosec(address)));
    let device = device::start(client, false).await;
    let report = judge.run(&[case], |_| {}).await.unwrap();
    drop(device);
    judge.stop().await;
    report
}

/// The client answers with this code where it should with that.
fn answers(right: Code, wrong: Code) -> impl Fn(To, Message) -> Option<Message> {
    move |to, mut message| {
        if to == To::Server && message.code == right {
            message.code = wrong;
        }
        Some(message)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn through_an_honest_proxy_all_is_well() {
    let report = judged(101, |_, message| Some(message)).await;
    assert_passed(&report, &[101]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_registers_its_keys() {
    let report = judged(101, |to, mut message| {
        if to == To::Server && path_of(&message) == "/rd" {
            message.payload = [&message.payload[..], b",</0/0>"].concat().into();
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 101, "the registration shows /0/0");
}

/// Those that wait in vain wait together.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_should_come_does_not() {
    tokio::join!(
        it_registers_without_a_lifetime(),
        it_does_not_register_again(),
        it_does_not_announce_a_lifetime(),
        it_does_not_notify(),
        it_does_not_stop_to_notify(),
    );
}

async fn it_registers_without_a_lifetime() {
    let report = judged(101, |to, mut message| {
        if to == To::Server && path_of(&message) == "/rd" {
            let queries: Vec<Vec<u8>> = (message.options.all(option::URI_QUERY))
                .filter(|query| !query.starts_with(b"lt="))
                .map(<[u8]>::to_vec)
                .collect();
            message.options.remove(option::URI_QUERY);
            for query in queries {
                message.options.push(option::URI_QUERY, &query);
            }
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 101, "no client registered");
}

async fn it_does_not_register_again() {
    let seen = AtomicUsize::new(0);
    let report = judged(105, move |to, message| {
        let registers = to == To::Server && path_of(&message) == "/rd";
        let again = registers && seen.fetch_add(1, Ordering::Relaxed) > 0;
        (!again).then_some(message)
    })
    .await;
    assert_failed(&report, 105, "a new registration did not come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_gives_another_format() {
    let report = judged(201, |to, mut message| {
        if to == To::Server && message.code == Code::CONTENT {
            message.options.set_uint(option::CONTENT_FORMAT, 42);
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 201, "has Content-Format 42, not 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_gives_what_cannot_be_decoded() {
    let report = judged(203, |to, mut message| {
        if to == To::Server && message.code == Code::CONTENT {
            message.payload = message.payload.slice(..message.payload.len() - 1);
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 203, "cannot be decoded");
}

async fn it_does_not_announce_a_lifetime() {
    let report = judged(227, |to, message| {
        let update = to == To::Server && path_of(&message).starts_with("/rd/");
        (!update).then_some(message)
    })
    .await;
    assert_failed(
        &report,
        227,
        "a registration update with lt=63 did not come",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_lets_everything_be_written() {
    let report = judged(256, answers(Code::METHOD_NOT_ALLOWED, Code::CHANGED)).await;
    assert_failed(&report, 256, "2.04 Changed, not 4.05");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_says_that_it_creates_and_deletes_devices() {
    let report = judged(680, answers(Code::METHOD_NOT_ALLOWED, Code::CREATED)).await;
    assert_failed(&report, 680, "2.01 Created, not 4.05");
    let report = judged(685, answers(Code::METHOD_NOT_ALLOWED, Code::DELETED)).await;
    assert_failed(&report, 685, "2.02 Deleted, not 4.05");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_answers_with_a_code_that_is_no_answer() {
    let report = judged(652, answers(Code::CONTENT, Code::CREATED)).await;
    assert_failed(&report, 652, "which is no answer to it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_forgets_attributes() {
    let report = judged(260, |to, mut message| {
        let writes = message.options.contains(option::URI_QUERY) && message.code == Code::PUT;
        if to == To::Client && writes {
            // What it is told instead has the same answer and no effect on what is looked at.
            message.options.remove(option::URI_QUERY);
            message.options.push(option::URI_QUERY, b"pmin=1");
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 260, "discover shows /3/0/7");
}

async fn it_does_not_notify() {
    let report = judged(301, |to, message| {
        let notifies = to == To::Server
            && message.kind != MessageKind::Acknowledgement
            && message.code == Code::CONTENT;
        (!notifies).then_some(message)
    })
    .await;
    assert_failed(&report, 301, "0 notifications");
}

async fn it_does_not_stop_to_notify() {
    let unheard = judged(302, |to, message| {
        let resets = to == To::Client && message.kind == MessageKind::Reset;
        (!resets).then_some(message)
    });
    let misunderstood = judged(303, |to, mut message| {
        if to == To::Client && message.options.uint(option::OBSERVE) == Some(1) {
            message.options.set_uint(option::OBSERVE, 0);
        }
        Some(message)
    });
    let (reset, told) = tokio::join!(unheard, misunderstood);
    assert_failed(&reset, 302, "is notified though its observation has ended");
    assert_failed(&told, 303, "is notified though its observation has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_updates_without_a_package() {
    let report = judged(772, answers(Code::METHOD_NOT_ALLOWED, Code::CHANGED)).await;
    assert_failed(&report, 772, "2.04 Changed, not 4.05");
}

/// Judges our client, which bootstraps, with this between it and the bootstrap server.
async fn judged_in_bootstrap(
    case: u16,
    change: impl Fn(To, Message) -> Option<Message> + Send + Sync + 'static,
) -> Report {
    let listen = || Listen {
        uri: any_port(Scheme::Coap),
        psk: None,
        certificate: None,
    };
    let mut settings = Settings::new(listen());
    settings.bootstrap = Some(listen());
    settings.pace = pace().patience(PATIENCE);
    let mut judge = ClientJudge::start(settings).await.unwrap();
    let proxy = proxy::before(judge.local_addresses()[1].1, change).await;
    let address = ServerUri::new(Scheme::Coap, "127.0.0.1", proxy.address.port());
    let client = builder(LwM2mVersion::V1_1).bootstrap(Account::nosec(address));
    let device = device::start(client, false).await;
    let report = judge.run(&[case], |_| {}).await.unwrap();
    drop(device);
    judge.stop().await;
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_bootstraps_in_its_own_way() {
    let report = judged_in_bootstrap(0, |_, message| Some(message)).await;
    assert_passed(&report, &[0]);
    let refuses = answers(Code::CHANGED, Code::BAD_REQUEST);
    let report = judged_in_bootstrap(0, refuses).await;
    assert_failed(&report, 0, "4.00 Bad Request, not 2.04");
    let report = judged_in_bootstrap(0, |to, mut message| {
        if to == To::Server && message.payload.starts_with(b"</>;lwm2m=") {
            message.payload = b"</>;lwm2m=1.1,</0/0>,</1/0>;ssid=1".to_vec().into();
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 0, "discover does not show /0/1");
}

/// A client that is not there is no success, and is not waited for in every case.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_does_not_come() {
    let mut settings = Settings::new(Listen {
        uri: any_port(Scheme::Coap),
        psk: None,
        certificate: None,
    });
    settings.pace = pace().patience(Duration::from_secs(1));
    let mut judge = ClientJudge::start(settings).await.unwrap();
    assert_eq!(uri(judge.local_addresses()[0]).scheme(), Scheme::Coap);
    let report = judge.run(&[101, 201, 222], |_| {}).await.unwrap();
    assert_eq!((report.failed(), report.passed()), (3, 0));
    judge.stop().await;
}
