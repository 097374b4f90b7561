//! What a handle to a device asks of it.

use super::{open, registered, until};
use crate::support::{From, Wire, code, path_of, register, text};
use lwm2m_core::{
    attributes::Attributes,
    coap::{Code, Request, Response},
    content::{self, ContentFormat},
    entry::Entry,
    operation::WriteMode,
    path::Path,
    value::Value,
};
use lwm2m_objects::Definitions;
use lwm2m_server::{DeviceError, ServerEvent};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

// proves: DM-01, DM-25, DM-37, DM-51, DM-75, GEN-26
#[tokio::test(start_paused = true)]
async fn operations() {
    let (server, end, device) = registered("1.1").await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    end.act(|scripted, _| {
        scripted.handler = Box::new(move |request| {
            let query = request
                .options
                .texts(lwm2m_core::coap::option::URI_QUERY)
                .unwrap()
                .join("&");
            log.lock().unwrap().push((
                request.code,
                format!("{}?{query}", path_of(request)),
                request.options.content_format(),
                request.payload.to_vec(),
            ));
            match (
                request.code,
                path_of(request).as_str(),
                request.options.accept(),
            ) {
                (Code::GET, "/3/0", Some(40)) => Some(
                    Response::new(Code::CONTENT).body(40, &b"</3/0>;pmin=5,</3/0/0>,</3/0/3>"[..]),
                ),
                (Code::GET, "/3/0/0", _) => text("Maker"),
                (Code::GET, ..) => code(Code::NOT_FOUND),
                (Code::POST, "/3303", _) => {
                    let mut response = Response::new(Code::CREATED);
                    for segment in ["3303", "7"] {
                        response
                            .options
                            .push(lwm2m_core::coap::option::LOCATION_PATH, segment.as_bytes());
                    }
                    Some(response)
                }
                (Code::DELETE, ..) => code(Code::DELETED),
                _ => code(Code::CHANGED),
            }
        });
    });
    assert_eq!(
        device.read_value("/3/0/0").await,
        Ok(Value::String("Maker".into()))
    );
    assert!(matches!(
        device.read("/3/0/1").await,
        Err(DeviceError::Response {
            code: Code::NOT_FOUND,
            ..
        })
    ));
    let links = device.discover("/3/0", None).await.unwrap();
    assert_eq!(links[0].parameter("pmin"), Some("5"));
    device.write("/1/0/1", 300).await.unwrap();
    device.execute("/3/0/4", &[]).await.unwrap();
    let mut attributes = Attributes::default();
    attributes.pmin = Some(5);
    device
        .write_attributes("/3303/0/5700", attributes)
        .await
        .unwrap();
    let reset = Entry::new(Path::resource(1, 0, 2), 1);
    device
        .write_entries("/1/0", WriteMode::PartialUpdate, vec![reset])
        .await
        .unwrap();
    assert_eq!(
        device
            .create(
                3303,
                None,
                vec![Entry::new(Path::resource(3303, 0, 5700), 1.0)]
            )
            .await,
        Ok(Path::object_instance(3303, 7))
    );
    device.delete("/3303/7").await.unwrap();
    let seen = seen.lock().unwrap().clone();
    let text = |index: usize| (seen[index].0, seen[index].1.as_str());
    assert_eq!(
        (text(3), &seen[3].3[..]),
        ((Code::PUT, "/1/0/1?"), &b"300"[..])
    );
    assert_eq!(text(4), (Code::POST, "/3/0/4?"));
    assert_eq!(text(5), (Code::PUT, "/3303/0/5700?pmin=5"));
    assert_eq!((text(6), seen[6].2), ((Code::POST, "/1/0?"), Some(11542)));
    assert_eq!((text(7), seen[7].2), ((Code::POST, "/3303?"), Some(11542)));
    assert_eq!(text(8), (Code::DELETE, "/3303/7?"));
    assert_eq!(server.metrics().await.requests, 9);
    server.stop().await;
    assert_eq!(device.read("/3/0/0").await, Err(DeviceError::Stopped));
}

// proves: DM-59, GEN-15
#[tokio::test(start_paused = true)]
async fn what_cannot_be_right_is_not_sent() {
    let (_server, end, device) = registered("1.0").await;
    let mut wrong = Attributes::default();
    (wrong.pmin, wrong.pmax) = (Some(10), Some(5));
    let results: Vec<(DeviceError, &str)> = vec![
        (device.write("/3/0/0", "x").await.unwrap_err(), "/3/0/0"),
        (
            device.write("/1/0/1", "soon").await.unwrap_err(),
            "expects Integer",
        ),
        (
            device.write("/3303/0/5605", 1).await.unwrap_err(),
            "/3303/0/5605",
        ),
        (device.read("/0/0").await.unwrap_err(), "bootstrap server"),
        (device.read("/").await.unwrap_err(), "composite"),
        (device.read("3/0").await.unwrap_err(), "starts with a slash"),
        (device.execute("/3/0/0", &[]).await.unwrap_err(), "/3/0/0"),
        (
            device.execute("/3/0/4", &[(11, None)]).await.unwrap_err(),
            "digit",
        ),
        (
            device.discover("/3", Some(1)).await.unwrap_err(),
            "needs LwM2M 1.2",
        ),
        (
            device.read_composite(&[Path::object(3)]).await.unwrap_err(),
            "needs LwM2M 1.1",
        ),
        (
            device.read("/3/0/6/0").await.unwrap_err(),
            "needs LwM2M 1.1",
        ),
        (
            device.write_attributes("/3303/0", wrong).await.unwrap_err(),
            "pmin",
        ),
        (device.read_value("/3/0").await.unwrap_err(), "no resource"),
    ];
    for (error, expected) in results {
        assert!(matches!(error, DeviceError::Invalid(_)), "{error:?}");
        assert!(
            error.to_string().contains(expected),
            "{error} lacks {expected}"
        );
    }
    assert!(end.act(|scripted, _| scripted.asked.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn another_format_is_tried_where_one_is_unknown() {
    let (_server, end, device) = registered("1.1").await;
    end.act(|scripted, _| {
        scripted.handler = Box::new(|request| match request.options.content_format() {
            Some(112) => code(Code::CHANGED),
            _ => code(Code::UNSUPPORTED_CONTENT_FORMAT),
        });
    });
    device.write("/1/0/1", 300).await.unwrap();
    assert_eq!(
        end.act(|scripted, _| scripted.asked.len()),
        3,
        "text, TLV, SenML-CBOR"
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_silent() {
    let (server, end, device) = registered("1.1").await;
    end.act(|scripted, _| scripted.handler = Box::new(|_| None));
    assert_eq!(device.read("/3/0/0").await, Err(DeviceError::Timeout));
    // A caller who gives up takes his request back.
    let given_up = tokio::time::timeout(Duration::from_secs(5), device.read("/3/0/1")).await;
    assert!(given_up.is_err());
    assert_eq!(server.metrics().await.requests_pending, 0);
    assert!(matches!(
        server.device("b").await,
        Err(DeviceError::NotRegistered(_))
    ));
}

// proves: DM-02, REP-44
#[tokio::test(start_paused = true)]
async fn composite_operations() {
    let (_server, end, device) = registered("1.1").await;
    end.act(|scripted, _| {
        scripted.handler = Box::new(|request: &Request| match request.code {
            Code::FETCH => {
                let paths =
                    content::decode_paths(ContentFormat::SenmlCbor, &request.payload).unwrap();
                let entries: Vec<Entry> = paths.iter().map(|path| Entry::new(*path, "x")).collect();
                let models = Definitions::built_in();
                let body =
                    content::encode(ContentFormat::SenmlCbor, &entries, &Path::ROOT, &models)
                        .unwrap();
                Some(Response::new(Code::CONTENT).body(112, body))
            }
            _ => code(Code::CHANGED),
        });
    });
    let paths = [Path::resource(3, 0, 0), Path::resource(3, 0, 1)];
    let entries = device.read_composite(&paths).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.path).collect::<Vec<_>>(),
        paths
    );
    let mut observation = device.observe_composite(&paths).await.unwrap();
    let first = observation.next().await.unwrap();
    assert_eq!((first.entries.len(), &first.paths[..]), (2, &paths[..]));
    device
        .write_composite(vec![Entry::new(Path::resource(1, 0, 1), 60)])
        .await
        .unwrap();
}

// proves: GEN-21
/// What a device with another root than `/` is sent and sends has its root before each name.
#[tokio::test(start_paused = true)]
async fn names_begin_with_the_root_of_the_device() {
    let (wire, end) = Wire::new(From::address(1));
    let server = open(wire).await;
    let mut events = server.events();
    let links = "</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/1/0>,</lwm2m/3/0>,</lwm2m/16>";
    let written: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = written.clone();
    end.act(|device, now| {
        device.handler = Box::new(move |request| {
            let body = String::from_utf8_lossy(&request.payload).into_owned();
            let names = r#"[{"bn":"/lwm2m/3/0/","n":"0","vs":"Maker"},{"n":"1","vs":"Model"}]"#;
            match request.code {
                Code::GET | Code::FETCH => Some(Response::new(Code::CONTENT).body(110, names)),
                _ => {
                    kept.lock()
                        .unwrap()
                        .push(format!("{} {body}", path_of(request)));
                    code(Code::CHANGED)
                }
            }
        });
        device.send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], links));
    });
    until(&mut events, |event| {
        matches!(event, ServerEvent::Registered { .. })
    })
    .await;
    let device = server.device("a").await.unwrap();
    let format = Some(ContentFormat::SenmlJson);
    let place = |resource| Path::resource(1, 0, resource);
    let entries = vec![Entry::new(place(1), 60), Entry::new(place(6), true)];
    device
        .write_with("/1/0", WriteMode::PartialUpdate, entries, format)
        .await
        .unwrap();
    device
        .write_composite(vec![Entry::new(place(1), 60)])
        .await
        .unwrap();
    let paths = [Path::resource(3, 0, 0), Path::resource(3, 0, 1)];
    let values = device.read_composite(&paths).await.unwrap();
    assert_eq!(values.iter().map(|e| e.path).collect::<Vec<_>>(), paths);
    let mut observation = device.observe("/3/0").await.unwrap();
    let first = observation.next().await.unwrap();
    assert_eq!(first.entries.len(), 2);
    end.act(|device, now| {
        let send = Request::new(Code::POST).path_segment("dp");
        device.send(
            now,
            send.body(110, r#"[{"n":"/lwm2m/3/0/0","vs":"Maker"}]"#),
        );
    });
    until(&mut events, |event| match event {
        ServerEvent::Sent { entries, .. } => entries[0].path == paths[0],
        _ => false,
    })
    .await;
    let written = written.lock().unwrap();
    let expected = r#"/lwm2m/1/0 [{"bn":"/lwm2m/1/0/","n":"1","v":60},{"n":"6","vb":true}]"#;
    assert_eq!(written[0], expected);
    assert!(written[1].starts_with("/lwm2m ") && written[1].contains("/lwm2m/1/0/1"));
}
