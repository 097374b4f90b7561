//! Firmware update: the two forms of an image, its bounds, its progress.

use crate::{
    device::{STALLING_IMAGE, TestDevice},
    support::{Api, answer, text},
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

fn raw(uri: &str, image: Vec<u8>) -> Request<Body> {
    Request::post(uri)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(Body::from(image))
        .unwrap()
}

#[tokio::test]
async fn an_image_goes_up_and_its_progress_comes_as_events() {
    let api = Api::start().await;
    let mut device = TestDevice::register(api.coap(), "a/b").await;
    let uri = "/api/devices/a%2Fb/firmware";
    let image = vec![0x5A; 5000];
    let base64 = json!({"package": STANDARD.encode(&image), "version": "1.1.0"});
    for form in ["raw", "json"] {
        let mut events = api.events("?kinds=firmware").await;
        let (status, begun) = match form {
            "raw" => {
                answer(
                    api.send(raw(&format!("{uri}?version=1.1.0"), image.clone()))
                        .await,
                )
                .await
            }
            _ => api.post(uri, base64.clone()).await,
        };
        assert_eq!(status, StatusCode::ACCEPTED, "{begun}");
        assert_eq!(begun, json!({"endpoint": "a/b", "size": 5000}));
        let mut uploading = 0;
        loop {
            let event = events.kind("firmware").await;
            assert_eq!(event["endpoint"], "a/b");
            let data = &event["data"];
            match data["phase"].as_str().unwrap() {
                "uploading" => {
                    assert_eq!(data["total"], 5000);
                    uploading += 1;
                }
                "finished" => {
                    assert_eq!(data["version"], "1.1.0");
                    break;
                }
                "failed" => panic!("{data}"),
                _ => {}
            }
        }
        assert!(uploading > 0);
        while let Ok(done) = device.done.try_recv() {
            assert!(
                ["package 5000", "package 0", "execute /5/0/2 []"].contains(&done.as_str()),
                "{done}"
            );
        }
    }
}

#[tokio::test]
async fn images_that_are_refused() {
    let api = Api::start_with(|mut config| {
        config.max_firmware = 1000;
        config.max_body = 100;
        config
    })
    .await;
    let _device = TestDevice::register(api.coap(), "a").await;
    let uri = "/api/devices/a/firmware";
    let refused = |request| async { answer(api.send(request).await).await };
    for size in [1001, 100_000] {
        let (status, problem) = refused(raw(uri, vec![1; size])).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &json!("too-large"))
        );
    }
    let package = json!({"package": STANDARD.encode(vec![1; 1001])});
    assert_eq!(
        api.post(uri, package).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(
        refused(raw(uri, Vec::new())).await.0,
        StatusCode::BAD_REQUEST
    );
    let (status, _) = api.post(uri, json!({"package": "***"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let mut plain = raw(uri, vec![1]);
    let headers = plain.headers_mut();
    headers.insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(refused(plain).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (status, problem) = refused(raw("/api/devices/nobody/firmware", vec![1])).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("device-not-registered"))
    );
}

#[tokio::test]
async fn one_update_of_a_device_at_a_time() {
    let api = Api::start().await;
    let mut device = TestDevice::register(api.coap(), "a").await;
    let uri = "/api/devices/a/firmware";
    let image = vec![STALLING_IMAGE; 100];
    let response = api.send(raw(uri, image.clone())).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    while device.done.recv().await.as_deref() != Some("package 100") {}
    let (status, problem) = answer(api.send(raw(uri, image)).await).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("update-under-way"))
    );
    let (_, shown) = api.get("/api/devices/a").await;
    let phase = shown["firmware"]["phase"].as_str().unwrap();
    assert!(["uploading", "uploaded"].contains(&phase), "{phase}");
}

#[tokio::test]
async fn images_held_at_once_are_bounded() {
    let api = Api::start_with(|mut config| {
        config.max_firmware_updates = 0;
        config
    })
    .await;
    let response = api.send(raw("/api/devices/a/firmware", vec![1])).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(text(response).await.contains("\"busy\""));
}
