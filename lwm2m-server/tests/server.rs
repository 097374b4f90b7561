//! The async handles, over a device that is a transport, on tokio's paused clock.

#![allow(clippy::unwrap_used, reason = "helpers outside of test functions")]

mod support;

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
use lwm2m_server::{
    Authorization, AuthorizationRequest, Authorizer, BootstrapEvent, BootstrapServer, Credential,
    DeregistrationReason, Device, DeviceError, Events, FirmwareError, FirmwarePackage,
    FirmwareProgress, RefusalReason, Role, SecurityStore, Server, ServerConfig, ServerEvent,
    bootstrap::{AccountSecurity, BootstrapConfig, ServerAccount},
    store::{Change, Collection, Document, Store, StoreError},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use support::{From, Wire, WireDevice, code, path_of, register, text};

const LINKS: &str = "</1/0>,</3/0>,</5/0>,</3303>;ver=1.1,</3303/0>";

async fn until(events: &mut Events, mut found: impl FnMut(&ServerEvent) -> bool) -> ServerEvent {
    loop {
        let event = events.next().await.expect("the server runs");
        if found(&event) {
            return event;
        }
    }
}

/// A server with device `a` of this version registered.
async fn registered(version: &str) -> (Server, WireDevice, Device) {
    let (wire, end) = Wire::new(From::address(1));
    let server = Server::builder()
        .danger_accept_unsecured()
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    let version = format!("lwm2m={version}");
    end.act(|device, now| device.send(now, register(&["ep=a", "lt=86400", &version], LINKS)));
    until(&mut events, |event| {
        matches!(event, ServerEvent::Registered { .. })
    })
    .await;
    let device = server.device("a").await.unwrap();
    (server, end, device)
}

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
    let server = Server::builder()
        .danger_accept_unsecured()
        .start_on(wire)
        .await
        .unwrap();
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

/// The firmware object of a scripted device.
#[derive(Default)]
struct Firmware {
    state: i64,
    result: i64,
    image: Vec<u8>,
    version: &'static str,
    /// What the device does with a whole image and with the execution of the update.
    on_image: (i64, i64),
    executed: bool,
}

fn firmware(end: &WireDevice, firmware: Firmware) -> Arc<Mutex<Firmware>> {
    let state = Arc::new(Mutex::new(firmware));
    let shared = state.clone();
    end.act(|scripted, _| {
        scripted.handler = Box::new(move |request| {
            let mut firmware = shared.lock().unwrap();
            match (request.code, path_of(request).as_str()) {
                (Code::GET, "/5/0/3") => text(&firmware.state.to_string()),
                (Code::GET, "/5/0/5") => text(&firmware.result.to_string()),
                (Code::GET, "/5/0/9") => text("2"),
                (Code::GET, "/3/0/3") => text(firmware.version),
                (Code::PUT, "/5/0/0") if request.payload[..] == [0] => {
                    (firmware.state, firmware.result) = (0, 0);
                    code(Code::CHANGED)
                }
                (Code::PUT, "/5/0/0") => {
                    firmware.image = request.payload.to_vec();
                    (firmware.state, firmware.result) = firmware.on_image;
                    code(Code::CHANGED)
                }
                (Code::POST, "/5/0/2") => {
                    firmware.executed = true;
                    firmware.state = 3;
                    code(Code::CHANGED)
                }
                _ => code(Code::NOT_FOUND),
            }
        });
    });
    state
}

// proves: GEN-09, OBJ-37
#[tokio::test(start_paused = true)]
async fn a_firmware_update() {
    let (server, end, device) = registered("1.1").await;
    let state = firmware(
        &end,
        Firmware {
            version: "1.0",
            on_image: (2, 0),
            state: 2,
            ..Firmware::default()
        },
    );
    let image: Vec<u8> = (0..200 * 1024u32).map(|n| n as u8).collect();
    let mut events = server.events();
    let mut update = device
        .update_firmware(FirmwarePackage::new(image.clone()).version("2.0"))
        .await
        .unwrap();
    let mut second = device
        .update_firmware(FirmwarePackage::new(image.clone()))
        .await
        .unwrap();
    assert_eq!(
        second.next().await,
        Some(FirmwareProgress::Failed(FirmwareError::InProgress))
    );
    let mut steps = Vec::new();
    let mut sent_before = None;
    while let Some(step) = update.next().await {
        match &step {
            FirmwareProgress::Uploading { sent, total } => {
                assert!(sent_before <= Some(*sent) && *total == image.len());
                sent_before = Some(*sent);
                continue;
            }
            FirmwareProgress::Updating => {
                assert!(device.firmware_progress().await.is_some());
                assert!(state.lock().unwrap().executed);
                {
                    let mut state = state.lock().unwrap();
                    assert!(state.image == image);
                    (state.state, state.result, state.version) = (0, 1, "2.0");
                }
                end.act(|scripted, now| {
                    scripted.send(now, register(&["ep=a", "lt=86400", "lwm2m=1.1"], LINKS));
                });
            }
            _ => {}
        }
        steps.push(step);
    }
    assert!(sent_before.is_some());
    assert!(
        matches!(
            &steps[..],
            [
                FirmwareProgress::Preparing,
                FirmwareProgress::Uploaded,
                FirmwareProgress::Downloaded,
                FirmwareProgress::Updating,
                FirmwareProgress::Verifying,
                FirmwareProgress::Finished(outcome),
            ] if outcome.version.as_deref() == Some("2.0")
        ),
        "{steps:?}"
    );
    assert_eq!(device.firmware_progress().await, None);
    until(&mut events, |event| {
        matches!(
            event,
            ServerEvent::Firmware {
                progress: FirmwareProgress::Finished(_),
                ..
            }
        )
    })
    .await;
    assert!(
        device.observations().await.unwrap().is_empty(),
        "the state is observed no more"
    );
}

// proves: OBJ-37
#[tokio::test(start_paused = true)]
async fn firmware_updates_that_fail_say_why() {
    let (_server, end, device) = registered("1.1").await;
    let package = || FirmwarePackage::new(vec![1; 3000]);
    let run = |package| async {
        device
            .update_firmware(package)
            .await
            .unwrap()
            .finished()
            .await
    };
    assert_eq!(
        run(FirmwarePackage::new(vec![])).await,
        Err(FirmwareError::EmptyImage)
    );

    // The image is not whole.
    firmware(
        &end,
        Firmware {
            on_image: (0, 5),
            ..Firmware::default()
        },
    );
    assert!(matches!(
        run(package()).await,
        Err(FirmwareError::Result { code: 5, .. })
    ));
    // It is never done with checking.
    firmware(
        &end,
        Firmware {
            on_image: (1, 0),
            ..Firmware::default()
        },
    );
    assert_eq!(
        run(package()).await,
        Err(FirmwareError::Timeout("Downloaded state"))
    );
    // It is installing already.
    firmware(
        &end,
        Firmware {
            state: 3,
            ..Firmware::default()
        },
    );
    assert_eq!(run(package()).await, Err(FirmwareError::InProgress));

    // The installation fails, and another ends in the wrong version.
    for (result, version) in [(8, "1.0"), (1, "1.0")] {
        let state = firmware(
            &end,
            Firmware {
                version,
                on_image: (2, 0),
                ..Firmware::default()
            },
        );
        let mut update = device
            .update_firmware(package().version("2.0"))
            .await
            .unwrap();
        let mut last = None;
        while let Some(step) = update.next().await {
            if step == FirmwareProgress::Updating {
                let mut state = state.lock().unwrap();
                (state.state, state.result) = (0, result);
            }
            last = Some(step);
        }
        match last {
            Some(FirmwareProgress::Failed(FirmwareError::Result { code: 8, .. })) => {
                assert_eq!(result, 8)
            }
            Some(FirmwareProgress::Failed(FirmwareError::WrongVersion { found, .. })) => {
                assert_eq!((result, found.as_deref()), (1, Some("1.0")));
            }
            other => panic!("{other:?}"),
        }
    }
    // Nothing ever comes of it.
    let state = firmware(
        &end,
        Firmware {
            on_image: (2, 0),
            ..Firmware::default()
        },
    );
    assert_eq!(
        run(package()).await,
        Err(FirmwareError::Timeout("update result"))
    );
    assert!(state.lock().unwrap().executed);
    // It is cancelled.
    let state = firmware(
        &end,
        Firmware {
            on_image: (1, 0),
            ..Firmware::default()
        },
    );
    let mut update = device.update_firmware(package()).await.unwrap();
    while update.next().await != Some(FirmwareProgress::Uploaded) {}
    update.cancel();
    assert_eq!(update.finished().await, Err(FirmwareError::Cancelled));
    assert_eq!(state.lock().unwrap().state, 0, "its image is cleared");
}

/// A store in memory that can be told to fail.
#[derive(Clone, Default)]
struct Memory {
    documents: Arc<Mutex<BTreeMap<(Collection, String), Document>>>,
    fails: Arc<Mutex<u32>>,
}

#[async_trait::async_trait]
impl Store for Memory {
    async fn load(&self, collection: Collection) -> Result<Vec<Document>, StoreError> {
        let documents = self.documents.lock().unwrap();
        Ok(documents
            .values()
            .filter(|document| document.collection == collection)
            .cloned()
            .collect())
    }

    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut fails = self.fails.lock().unwrap();
        if *fails > 0 {
            *fails -= 1;
            return Err(StoreError::backend("full"));
        }
        let mut documents = self.documents.lock().unwrap();
        for change in changes {
            match change {
                Change::Put(document) => {
                    documents.insert(
                        (document.collection, document.key.clone()),
                        document.clone(),
                    );
                }
                Change::Remove { collection, key } => {
                    documents.remove(&(*collection, key.clone()));
                }
                other => panic!("{other:?}"),
            }
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_comes_back() {
    let store = Memory::default();
    *store.fails.lock().unwrap() = 2;
    let start = |wire| {
        let store = store.clone();
        async {
            Server::builder()
                .danger_accept_unsecured()
                .store(store)
                .start_on(wire)
                .await
                .unwrap()
        }
    };
    let (wire, end) = Wire::new(From::address(1));
    let server = start(wire).await;
    server
        .security()
        .add(
            "b",
            lwm2m_server::Role::Server,
            lwm2m_server::Credential::psk("b", vec![3; 16]),
        )
        .unwrap();
    let mut events = server.events();
    end.act(|device, now| device.send(now, register(&["ep=a", "lt=86400", "lwm2m=1.1"], LINKS)));
    until(&mut events, |event| {
        matches!(event, ServerEvent::Registered { .. })
    })
    .await;
    end.act(|scripted, _| scripted.handler = Box::new(|_| text("20")));
    let observation = server
        .device("a")
        .await
        .unwrap()
        .observe("/3303/0/5700")
        .await
        .unwrap()
        .id();
    // The store refuses twice; nothing is lost.
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.stop().await;

    let (wire, end) = Wire::new(From::address(1));
    let server = start(wire).await;
    end.act(|scripted, _| scripted.handler = Box::new(|_| text("20")));
    assert!(
        server
            .security()
            .has_credentials(lwm2m_server::Role::Server, "b")
    );
    let device = server.device("a").await.unwrap();
    assert_eq!(
        device.read_value("/3303/0/5700").await,
        Ok(Value::Float(20.0))
    );
    assert_eq!(device.observations().await.unwrap()[0].id, observation);
    server.security().remove("b");
    device
        .cancel_observation(&[Path::resource(3303, 0, 5700)])
        .await
        .unwrap();
    server.stop().await;
    let left: Vec<(Collection, String)> = store.documents.lock().unwrap().keys().cloned().collect();
    assert_eq!(left, [(Collection::Registrations, "a".to_owned())]);
}

/// Lets `a` in, keeps `slow` waiting for ever, and turns all others away.
struct OnlyA;

#[async_trait::async_trait]
impl Authorizer for OnlyA {
    async fn authorize(&self, request: AuthorizationRequest) -> Authorization {
        match request.endpoint.as_deref() {
            Some("a") => {
                tokio::time::sleep(Duration::from_secs(3)).await;
                Authorization::Accept {
                    endpoint: "a".into(),
                }
            }
            Some("slow") => std::future::pending().await,
            _ => Authorization::Refuse(RefusalReason::NotAuthorized("only a".into())),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_authorizer_of_ones_own() {
    let (wire, end) = Wire::new(From::address(1));
    let server = Server::builder()
        .authorizer(OnlyA)
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    for name in ["ep=slow", "ep=b", "ep=a"] {
        end.act(|device, now| device.send(now, register(&[name, "lt=60", "lwm2m=1.1"], LINKS)));
        let of_interest = |event: &ServerEvent| {
            matches!(
                event,
                ServerEvent::Registered { .. } | ServerEvent::Refused { .. }
            )
        };
        match (
            name,
            tokio::time::timeout(Duration::from_secs(20), until(&mut events, of_interest)).await,
        ) {
            ("ep=slow", Err(_)) => {
                let answers = end.act(|device, _| device.answers.clone());
                assert!(
                    matches!(
                        answers[..],
                        [Ok(Response {
                            code: Code::SERVICE_UNAVAILABLE,
                            ..
                        })]
                    ),
                    "{answers:?}"
                );
            }
            (
                "ep=b",
                Ok(ServerEvent::Refused {
                    code: Code::FORBIDDEN,
                    ..
                }),
            ) => {}
            ("ep=a", Ok(ServerEvent::Registered { registration, .. })) => {
                assert_eq!(&*registration.endpoint, "a")
            }
            (name, other) => panic!("{name}: {other:?}"),
        }
    }
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
        end.act(|device, now| device.send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS)));
        until(&mut quick, |event| {
            matches!(event, ServerEvent::Registered { .. })
        })
        .await;
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

// proves: SEC-37
#[tokio::test(start_paused = true)]
async fn removing_credentials_ends_the_registration_at_once() {
    let (wire, end) = Wire::new(From::psk(1, "id-a"));
    let security = SecurityStore::new();
    security
        .add("a", Role::Server, Credential::psk("id-a", vec![3; 16]))
        .unwrap();
    let server = Server::builder()
        .security(security.clone())
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    end.act(|device, now| device.send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS)));
    until(&mut events, |event| {
        matches!(event, ServerEvent::Registered { .. })
    })
    .await;
    // Another credential beside it changes nothing.
    security
        .add("a", Role::Server, Credential::psk("id-b", vec![3; 16]))
        .unwrap();
    security.remove("a");
    let event = events.next().await;
    assert!(
        matches!(
            event,
            Some(ServerEvent::Deregistered {
                reason: DeregistrationReason::CredentialsRemoved,
                ..
            })
        ),
        "{event:?}"
    );
    end.act(|device, now| device.send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS)));
    until(&mut events, |event| {
        matches!(event, ServerEvent::Refused { .. })
    })
    .await;
}

// proves: SEC-37
#[tokio::test(start_paused = true)]
async fn adding_credentials_ends_the_registration_without_security() {
    let (wire, end) = Wire::new(From::address(1));
    let security = SecurityStore::new();
    let server = Server::builder()
        .security(security.clone())
        .danger_accept_unsecured()
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    end.act(|device, now| device.send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS)));
    until(&mut events, |event| {
        matches!(event, ServerEvent::Registered { .. })
    })
    .await;
    // Those for the other role are none of ours.
    let key = || Credential::psk("id-a", vec![3; 16]);
    security.add("a", Role::Bootstrap, key()).unwrap();
    assert!(server.device("a").await.is_ok());
    security.add("a", Role::Server, key()).unwrap();
    let event = events.next().await;
    assert!(
        matches!(
            event,
            Some(ServerEvent::Deregistered {
                reason: DeregistrationReason::CredentialsAdded,
                ..
            })
        ),
        "{event:?}"
    );
    end.act(|device, now| device.send(now, register(&["ep=a", "lt=60", "lwm2m=1.1"], LINKS)));
    until(&mut events, |event| {
        matches!(event, ServerEvent::Refused { .. })
    })
    .await;
}

// proves: SEC-37
#[tokio::test(start_paused = true)]
async fn a_registration_that_would_be_refused_by_now_does_not_come_back() {
    let store = Memory::default();
    let kept = || -> Vec<String> {
        let documents = store.documents.lock().unwrap();
        let keys = documents.keys();
        let registrations = keys.filter(|(kind, _)| *kind == Collection::Registrations);
        registrations.map(|(_, key)| key.clone()).collect()
    };
    let (wire, end) = Wire::new(From::address(1));
    let server = Server::builder()
        .danger_accept_unsecured()
        .store(store.clone())
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    for name in ["ep=a", "ep=b"] {
        end.act(|device, now| device.send(now, register(&[name, "lt=86400", "lwm2m=1.1"], LINKS)));
        until(&mut events, |event| {
            matches!(event, ServerEvent::Registered { .. })
        })
        .await;
    }
    server.stop().await;
    assert_eq!(kept(), ["a", "b"]);

    // One has credentials now; those for the other role are none of ours.
    let security = SecurityStore::new();
    let key = |identity: &str| Credential::psk(identity, vec![3; 16]);
    security.add("a", Role::Server, key("id-a")).unwrap();
    security.add("b", Role::Bootstrap, key("id-b")).unwrap();
    let (wire, _end) = Wire::new(From::address(1));
    let server = Server::builder()
        .security(security)
        .danger_accept_unsecured()
        .store(store.clone())
        .start_on(wire)
        .await
        .unwrap();
    assert!(server.device("a").await.is_err());
    assert!(server.device("b").await.is_ok());
    server.stop().await;
    assert_eq!(kept(), ["b"]);

    // And nobody comes in without security any more.
    let (wire, _end) = Wire::new(From::address(1));
    let server = Server::builder()
        .store(store.clone())
        .start_on(wire)
        .await
        .unwrap();
    assert!(server.device("b").await.is_err());
    server.stop().await;
    assert!(kept().is_empty());
}

// proves: SML-08
#[tokio::test(start_paused = true)]
async fn values_are_dated_by_one_clock_however_they_come() {
    let before = SystemTime::now();
    let (wire, end) = Wire::new(From::address(1));
    let server = Server::builder()
        .danger_accept_unsecured()
        .start_on(wire)
        .await
        .unwrap();
    let mut events = server.events();
    end.act(|device, now| device.send(now, register(&["ep=a", "lt=864000", "lwm2m=1.1"], LINKS)));
    until(&mut events, |event| {
        matches!(event, ServerEvent::Registered { .. })
    })
    .await;
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

#[tokio::test(start_paused = true)]
async fn a_bootstrap_server() {
    let store = Memory::default();
    let (wire, end) = Wire::new(From::psk(1, "bs-a"));
    let server = BootstrapServer::builder()
        .store(store.clone())
        .start_on(wire)
        .await
        .unwrap();
    let account = ServerAccount::new(
        101,
        "coap://127.0.0.1:5683".parse().unwrap(),
        AccountSecurity::None,
    );
    server
        .configurations()
        .set("a", BootstrapConfig::with_account(account))
        .unwrap();
    server
        .security()
        .add("a", Role::Bootstrap, Credential::psk("bs-a", vec![3; 16]))
        .unwrap();
    let mut events = server.events();
    end.act(|device, now| {
        device.handler = Box::new(|_| code(Code::CHANGED));
        device.send(
            now,
            Request::new(Code::POST).path_segment("bs").query("ep=a"),
        );
    });
    let ended = |event: &ServerEvent| matches!(event, ServerEvent::Bootstrap { event: BootstrapEvent::Finished, endpoint } if &**endpoint == "a");
    until(&mut events, ended).await;
    assert_eq!(server.metrics().await.bootstrap_finished, 1);
    assert!(server.endpoint_metrics().await.received >= 1);
    server.stop().await;
    assert!(events.next().await.is_none());

    let (wire, _end) = Wire::new(From::psk(1, "bs-a"));
    let server = BootstrapServer::builder()
        .store(store)
        .start_on(wire)
        .await
        .unwrap();
    assert!(server.configurations().config("a").is_some());
    assert!(server.security().has_credentials(Role::Bootstrap, "a"));
}
