//! Firmware updates.

use super::{LINKS, registered, until};
use crate::support::{WireDevice, code, path_of, register, text};
use lwm2m_core::coap::Code;
use lwm2m_server::{FirmwareError, FirmwarePackage, FirmwareProgress, ServerEvent};
use std::sync::{Arc, Mutex};

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
