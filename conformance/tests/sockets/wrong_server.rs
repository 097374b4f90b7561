//! Servers that are wrong on purpose: each makes its case fail, for the reason that is wrong with it.

use crate::{
    NAME, assert_failed, assert_passed, pace,
    proxy::{self, To},
    trigger::Operator,
};
use lwm2m_conformance::judge::{
    Report,
    server::{Access, NoTrigger, ServerJudge, Settings},
    tape::path_of,
};
use lwm2m_core::{
    coap::{Code, Message, MessageKind, option},
    uri::{Scheme, ServerUri},
};
use lwm2m_server::{
    BootstrapServer, BootstrapStore, Listener, Server,
    bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount},
};
use std::time::Duration;

/// How long what never comes is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Judges our server with this between it and the judge.
async fn judged(
    case: u16,
    change: impl Fn(To, Message) -> Option<Message> + Send + Sync + 'static,
) -> Report {
    let server = Server::builder()
        .listen(Listener::coap("127.0.0.1:0"))
        .danger_accept_unsecured()
        .start()
        .await
        .unwrap();
    let proxy = proxy::before(server.local_addresses()[0].1, change).await;
    let access = Access {
        uri: ServerUri::new(Scheme::Coap, "127.0.0.1", proxy.address.port()),
        psk: None,
        certificate: None,
    };
    let mut settings = Settings::new(access, NAME);
    settings.pace = pace().patience(PATIENCE).slack(Duration::from_secs(1));
    let mut judge = ServerJudge::start(settings, Box::new(Operator(server.clone())));
    let report = judge.run(&[case], |_| {}).await.unwrap();
    judge.stop().await;
    server.stop().await;
    report
}

/// The server answers with this code where it should with that.
fn answers(right: Code, wrong: Code) -> impl Fn(To, Message) -> Option<Message> {
    move |to, mut message| {
        if to == To::Client && message.code == right {
            message.code = wrong;
        }
        Some(message)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn through_an_honest_proxy_all_is_well() {
    let report = judged(201, |_, message| Some(message)).await;
    assert_passed(&report, &[201]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_gives_no_location() {
    let report = judged(101, |to, mut message| {
        if to == To::Client {
            message.options.remove(option::LOCATION_PATH);
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 101, "has no location");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_refuses_registrations() {
    let report = judged(101, answers(Code::CREATED, Code::FORBIDDEN)).await;
    assert_failed(&report, 101, "4.03 Forbidden, not 2.01");
}

async fn it_never_lets_a_registration_go() {
    let report = judged(102, answers(Code::NOT_FOUND, Code::CHANGED)).await;
    assert_failed(
        &report,
        102,
        "an update after the lifetime was answered 2.04",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_takes_updates_of_what_is_gone() {
    let report = judged(105, answers(Code::NOT_FOUND, Code::CHANGED)).await;
    assert_failed(&report, 105, "2.04 Changed, not 4.04");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_asks_for_another_format() {
    let report = judged(201, |to, mut message| {
        if to == To::Client && message.code == Code::GET {
            message.options.set_uint(option::ACCEPT, 112);
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 201, "the format is Some(SenmlCbor)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_writes_another_value() {
    let report = judged(227, |to, mut message| {
        if to == To::Client && message.code == Code::PUT {
            message.options.set_uint(option::CONTENT_FORMAT, 0);
            message.payload = b"64".to_vec().into();
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 227, "/1/0/1 is written as 64, not 63");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_does_not_understand_what_it_reads() {
    let report = judged(652, |to, mut message| {
        if to == To::Server && message.code == Code::CONTENT {
            message.payload = b"another".to_vec().into();
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 652, "the server does not show");
}

/// Those that wait in vain wait together.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_should_come_does_not() {
    tokio::join!(
        it_does_not_ask(),
        it_does_not_acknowledge_notifications(),
        it_observes_anew_where_it_should_cancel(),
        it_never_lets_a_registration_go(),
    );
}

async fn it_does_not_ask() {
    let report = judged(203, |to, message| {
        let asks = to == To::Client && message.code.is_request();
        (!asks).then_some(message)
    })
    .await;
    assert_failed(&report, 203, "the server did not read /3/0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_asks_what_is_malformed() {
    let report = judged(260, |to, mut message| {
        if to == To::Client && message.code == Code::PUT {
            message.options.push(option::URI_QUERY, b"pmin=soon");
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 260, "did not write-attributes");
}

async fn it_does_not_acknowledge_notifications() {
    let report = judged(301, |to, message| {
        let acknowledges = to == To::Client
            && message.kind == MessageKind::Acknowledgement
            && message.code == Code::EMPTY;
        (!acknowledges).then_some(message)
    })
    .await;
    assert_failed(
        &report,
        301,
        "the acknowledgement of a notification did not come",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_resets_what_it_observes() {
    let report = judged(301, |to, message| {
        let acknowledges = to == To::Client
            && message.kind == MessageKind::Acknowledgement
            && message.code == Code::EMPTY;
        Some(match acknowledges {
            true => Message::empty(MessageKind::Reset, message.id),
            false => message,
        })
    })
    .await;
    assert_failed(&report, 301, "does not take the notification");
}

async fn it_observes_anew_where_it_should_cancel() {
    let report = judged(303, |to, mut message| {
        if to == To::Client && message.options.uint(option::OBSERVE) == Some(1) {
            message.options.set_uint(option::OBSERVE, 0);
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 303, "did not cancel");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_refuses_a_send() {
    let report = judged(306, |to, mut message| {
        // The registration update has the same code of success, and is not sent here.
        if to == To::Client && message.code == Code::CHANGED {
            message.code = Code::BAD_REQUEST;
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 306, "4.00 Bad Request, not 2.04");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_gives_no_account() {
    let configurations = BootstrapStore::new();
    let address = ServerUri::new(Scheme::Coap, "127.0.0.1", 5683);
    let account = ServerAccount::new(1, address, AccountSecurity::None);
    configurations
        .set(NAME, BootstrapConfig::with_account(account))
        .unwrap();
    let server = BootstrapServer::builder()
        .listen(Listener::coap("127.0.0.1:0"))
        .danger_accept_unsecured()
        .configurations(configurations)
        .start()
        .await
        .unwrap();
    // What it writes to /1 ends in another instance of the device object, which nobody looks at.
    let proxy = proxy::before(server.local_addresses()[0].1, |to, mut message| {
        if to == To::Client && path_of(&message) == "/1/0" {
            message.options.remove(option::URI_PATH);
            for segment in ["16", "0"] {
                message.options.push(option::URI_PATH, segment.as_bytes());
            }
        }
        Some(message)
    })
    .await;
    let access = |port| Access {
        uri: ServerUri::new(Scheme::Coap, "127.0.0.1", port),
        psk: None,
        certificate: None,
    };
    let mut settings = Settings::new(access(1), NAME);
    settings.bootstrap = Some(access(proxy.address.port()));
    settings.pace = pace().patience(PATIENCE);
    let mut judge = ServerJudge::start(settings, Box::new(NoTrigger));
    let report = judge.run(&[0], |_| {}).await.unwrap();
    assert_failed(&report, 0, "");
    judge.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_damages_a_package() {
    let report = judged(755, |to, mut message| {
        let second = message.options.block(option::BLOCK1).unwrap();
        if to == To::Client
            && path_of(&message) == "/5/0/0"
            && second.is_some_and(|b| b.number == 1)
        {
            let mut damaged = message.payload.to_vec();
            damaged[0] ^= 1;
            message.payload = damaged.into();
        }
        Some(message)
    })
    .await;
    assert_failed(&report, 755, "the package is not the image");
}
