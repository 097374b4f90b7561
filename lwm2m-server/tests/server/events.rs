//! What comes from devices by itself.

use super::{LINKS, enter, open, registered, until};
use crate::support::{From, Wire, code, register, text};
use lwm2m_core::{
    coap::{Code, Request, Response},
    content::ContentFormat,
    path::Path,
    value::Value,
};
use lwm2m_server::{DeviceError, Server, ServerConfig, ServerEvent};
use std::time::{Duration, SystemTime};

// proves: REP-35
#[tokio::test(start_paused = true)]
async fn an_observation_is_a_stream_that_survives_a_new_registration() {
    let (server, end, device) = registered("1.1").await;
    end.act(|scripted, _| scripted.handler = Box::new(|_| text("20")));
    let mut readings = device.observe("/3303/0/5700").await.unwrap();
    let mut same = device.observe("/3303/0/5700").await.unwrap();
    assert_eq!(readings.id(), same.id());
    assert_eq!(
        readings.next().await.unwrap().entries[0].value,
        Value::Float(20.0)
    );
    end.act(|scripted, now| scripted.notify(now, "/3303/0/5700", text("21").unwrap()));
    assert_eq!(
        readings.next().await.unwrap().entries[0].value,
        Value::Float(21.0)
    );
    assert_eq!(same.next().await.unwrap().sequence, 1);

    end.act(|scripted, now| {
        scripted.restart(9);
        scripted.send(now, register(&["ep=a", "lt=86400", "lwm2m=1.1"], LINKS));
    });
    assert_eq!(
        readings.next().await.unwrap().entries[0].value,
        Value::Float(20.0)
    );
    end.act(|scripted, now| scripted.notify(now, "/3303/0/5700", text("22").unwrap()));
    assert_eq!(
        readings.next().await.unwrap().entries[0].value,
        Value::Float(22.0)
    );
    assert_eq!(device.observations().await.unwrap().len(), 1);
    readings.cancel().await.unwrap();
    while same.next().await.is_some() {}
    assert!(device.observations().await.unwrap().is_empty());
    assert!(
        !device
            .cancel_observation(&[Path::resource(3303, 0, 5700)])
            .await
            .unwrap()
    );
    end.act(|scripted, _| scripted.handler = Box::new(|_| code(Code::METHOD_NOT_ALLOWED)));
    let refused = device.observe("/3303/0/5700").await.err();
    assert!(matches!(
        refused,
        Some(DeviceError::Response {
            code: Code::METHOD_NOT_ALLOWED,
            ..
        })
    ));
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_what_it_missed() {
    let (wire, end) = Wire::new(From::address(1));
    let mut config = ServerConfig::default();
    config.event_buffer = 2;
    let server = Server::builder()
        .danger_accept_unsecured()
        .config(config)
        .start_on(wire)
        .await
        .unwrap();
    let (mut slow, mut quick) = (server.events(), server.events());
    for _ in 0..8 {
        enter(&end, &mut quick, &["ep=a", "lt=60", "lwm2m=1.1"]).await;
    }
    assert!(matches!(
        slow.next().await,
        Some(ServerEvent::Lagged { missed: 6 })
    ));
    assert!(matches!(
        slow.next().await,
        Some(ServerEvent::Registered { .. })
    ));
}

// proves: SML-08
#[tokio::test(start_paused = true)]
async fn values_are_dated_by_one_clock_however_they_come() {
    let before = SystemTime::now();
    let (wire, end) = Wire::new(From::address(1));
    let server = open(wire).await;
    let mut events = server.events();
    enter(&end, &mut events, &["ep=a", "lt=864000", "lwm2m=1.1"]).await;
    let series = r#"[{"bn":"/3303/0/5700","t":-5,"v":1}]"#;
    let json = ContentFormat::SenmlJson.number();
    end.act(|device, _| {
        device.handler = Box::new(move |_| Some(Response::new(Code::CONTENT).body(json, series)));
    });
    // Virtual days, in which the clock of this machine shows minutes at most.
    let waited = Duration::from_secs(3 * 86_400);
    tokio::time::sleep(waited).await;
    let send = Request::new(Code::POST).path_segment("dp");
    end.act(|device, now| device.send(now, send.body(json, series)));
    let sent = until(&mut events, |event| {
        matches!(event, ServerEvent::Sent { .. })
    })
    .await;
    let ServerEvent::Sent { entries, .. } = sent else {
        panic!("{sent:?}");
    };
    let device = server.device("a").await.unwrap();
    let read = device.read("/3303/0/5700").await.unwrap();
    let expected = (before + waited).duration_since(SystemTime::UNIX_EPOCH);
    for entry in entries.iter().chain(&read) {
        let off = entry.time.unwrap() - expected.as_ref().unwrap().as_secs_f64();
        assert!(off.abs() < 3_600.0, "{off} s");
    }
}
