//! Devices: lists, and every operation on a device that answers over UDP.

use crate::{
    device::TestDevice,
    support::{Api, PATIENCE},
};
use axum::http::{Method, StatusCode};
use serde_json::{Value as Json, json};

async fn done(device: &mut TestDevice) -> String {
    let done = tokio::time::timeout(PATIENCE, device.done.recv()).await;
    done.expect("the device was to be asked").unwrap()
}

/// Path and value of each entry.
fn values(answer: &Json) -> Vec<(&str, &Json)> {
    let entries = answer["entries"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| (entry["path"].as_str().unwrap(), &entry["value"]))
        .collect()
}

#[tokio::test]
async fn the_list_is_paged_and_filtered() {
    let api = Api::start_with(|mut config| {
        config.default_page = 2;
        config.max_page = 3;
        config
    })
    .await;
    let (_, empty) = api.get("/api/devices").await;
    assert_eq!(
        (&empty["total"], &empty["devices"]),
        (&json!(0), &json!([]))
    );
    let mut devices = Vec::new();
    for name in ["urn:a/1", "urn:A/2", "b1", "b2", "b3"] {
        devices.push(TestDevice::register(api.coap(), name).await);
    }
    let names = |page: &Json| -> Vec<String> {
        let devices = page["devices"].as_array().unwrap();
        let name = |device: &Json| device["endpoint"].as_str().unwrap().to_owned();
        devices.iter().map(name).collect()
    };
    let mut all = Vec::new();
    for offset in [0, 2, 4] {
        let (_, page) = api.get(&format!("/api/devices?offset={offset}")).await;
        assert_eq!((&page["total"], &page["limit"]), (&json!(5), &json!(2)));
        all.extend(names(&page));
    }
    all.sort();
    assert_eq!(all, ["b1", "b2", "b3", "urn:A/2", "urn:a/1"], "each once");
    let (_, page) = api.get("/api/devices?limit=1000000").await;
    assert_eq!((names(&page).len(), &page["limit"]), (3, &json!(3)));
    let (_, page) = api.get("/api/devices?offset=18446744073709551615").await;
    assert_eq!((names(&page).len(), &page["total"]), (0, &json!(5)));
    let (_, page) = api.get("/api/devices?filter=N%3AA%2F").await;
    let mut found = names(&page);
    found.sort();
    assert_eq!(found, ["urn:A/2", "urn:a/1"]);
    assert_eq!(
        (&page["total"], &page["truncated"]),
        (&json!(2), &json!(false))
    );
}

#[tokio::test]
async fn one_device_with_its_objects() {
    let api = Api::start().await;
    let _device = TestDevice::register(api.coap(), "urn:dev/é 1").await;
    let (status, shown) = api.get("/api/devices/urn%3Adev%2F%C3%A9%201").await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    assert_eq!(shown["endpoint"], "urn:dev/é 1");
    assert_eq!(shown["state"], "registered");
    assert_eq!(shown["version"], "1.1");
    assert_eq!(
        (&shown["lifetime"], &shown["security"]),
        (&json!(300), &json!("none"))
    );
    let objects = shown["objects"].as_array().unwrap();
    let ids: Vec<u64> = objects
        .iter()
        .map(|object| object["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [1, 3, 5, 3303]);
    assert_eq!(objects[1]["name"], "Device");
    assert_eq!(objects[1]["instances"], json!([0]));
    let resources = objects[1]["resources"].as_array().unwrap();
    let reboot = resources
        .iter()
        .find(|resource| resource["id"] == 4)
        .unwrap();
    assert_eq!(
        (&reboot["name"], &reboot["operations"]),
        (&json!("Reboot"), &json!("E"))
    );
    let (status, problem) = api.get("/api/devices/nobody").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(problem["code"], "device-not-registered");
}

#[tokio::test]
async fn read() {
    let api = Api::start().await;
    let _device = TestDevice::register(api.coap(), "a/b").await;
    let (status, answer) = api.get("/api/devices/a%2Fb/objects/3/0/9").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["path"], "/3/0/9");
    let entry = &answer["entries"][0];
    assert_eq!(
        (&entry["name"], &entry["type"]),
        (&json!("Battery Level"), &json!("Integer"))
    );
    assert_eq!(values(&answer), [("/3/0/9", &json!(87))]);
    let (_, answer) = api.get("/api/devices/a%2Fb/objects/3/0").await;
    let read = values(&answer);
    assert!(read.contains(&("/3/0/6/1", &json!(5))), "{read:?}");
    assert!(
        read.contains(&("/3/0/0", &json!("Example Works"))),
        "{read:?}"
    );
    assert!(
        read.contains(&("/3/0/13", &json!(1_700_000_000))),
        "{read:?}"
    );
    let (_, answer) = api
        .get("/api/devices/a%2Fb/objects/3303/0/5700?format=110")
        .await;
    assert_eq!(values(&answer), [("/3303/0/5700", &json!(21.5))]);
    let (status, problem) = api.get("/api/devices/a%2Fb/objects/3/0/15").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(
        (&problem["code"], &problem["coapCode"]),
        (&json!("device-refused"), &json!("4.04"))
    );
    let body = json!({"paths": ["/3/0/9", "/3303/0/5700"]});
    let (status, answer) = api.post("/api/devices/a%2Fb/read-composite", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let mut read = values(&answer);
    read.sort_by_key(|(path, _)| *path);
    assert_eq!(
        read,
        [("/3/0/9", &json!(87)), ("/3303/0/5700", &json!(21.5))]
    );
}

#[tokio::test]
async fn write() {
    let api = Api::start().await;
    let _device = TestDevice::register(api.coap(), "a").await;
    let objects = "/api/devices/a/objects";
    for (method, path, body, read, value) in [
        (
            Method::PUT,
            "1/0/1",
            json!({"value": 60}),
            "1/0/1",
            json!(60),
        ),
        (
            Method::PUT,
            "1/0/1",
            json!({"value": "61"}),
            "1/0/1",
            json!(61),
        ),
        (
            Method::PUT,
            "3/0/14",
            json!({"value": "+02"}),
            "3/0/14",
            json!("+02"),
        ),
        (
            Method::POST,
            "1/0",
            json!({"value": {"6": false}}),
            "1/0/6",
            json!(false),
        ),
    ] {
        let (status, problem) = api
            .call(method, &format!("{objects}/{path}"), Some(body.clone()))
            .await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{path} {body} {problem}");
        let (_, answer) = api.get(&format!("{objects}/{read}")).await;
        assert_eq!(values(&answer)[0].1, &value, "{path} {body}");
    }
    let (status, problem) = api
        .put(&format!("{objects}/1/0/1"), json!({"value": "abc"}))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        problem["detail"],
        "/1/0/1: expects Integer, got String \"abc\""
    );
    let entries = json!({"entries": [
        {"path": "/1/0/1", "value": 90}, {"path": "/3/0/14", "value": "+03"},
    ]});
    let (status, problem) = api.post("/api/devices/a/write-composite", entries).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    let (_, answer) = api.get(&format!("{objects}/1/0/1")).await;
    assert_eq!(values(&answer), [("/1/0/1", &json!(90))]);
}

#[tokio::test]
async fn execute_create_delete_discover_attributes() {
    let api = Api::start().await;
    let mut device = TestDevice::register(api.coap(), "a").await;
    let post = |operation: &str, body| {
        let uri = format!("/api/devices/a/{operation}");
        let api = &api;
        async move { api.post(&uri, body).await }
    };
    let (status, problem) = post("execute", json!({"path": "/3/0/4"})).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    assert_eq!(done(&mut device).await, "execute /3/0/4 []");
    let arguments = json!({"path": "/3/0/4", "arguments": {"0": "now", "3": null}});
    post("execute", arguments).await;
    assert_eq!(
        done(&mut device).await,
        "execute /3/0/4 [(0, Some(\"now\")), (3, None)]"
    );
    let (status, _) = post(
        "execute",
        json!({"path": "/3/0/4", "arguments": {"10": null}}),
    )
    .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    let (status, created) = post("create", json!({"path": "/3303", "value": {"5700": 1}})).await;
    assert_eq!(
        (status, &created["path"]),
        (StatusCode::CREATED, &json!("/3303/7"))
    );
    assert_eq!(done(&mut device).await, "create 3303");
    let (status, _) = post("create", json!({"path": "/3303/0/1"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    let (status, problem) = api
        .call(Method::DELETE, "/api/devices/a/objects/3303/0", None)
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    assert_eq!(done(&mut device).await, "delete /3303/0");

    let (status, found) = post("discover", json!({"path": "/3303/0"})).await;
    assert_eq!(status, StatusCode::OK, "{found}");
    let links = found["links"].as_array().unwrap();
    let targets: Vec<&str> = links
        .iter()
        .map(|link| link["target"].as_str().unwrap())
        .collect();
    assert_eq!(targets, ["/3303/0", "/3303/0/5700", "/3303/0/5701"]);

    let attributes =
        json!({"path": "/3303/0/5700", "attributes": {"pmin": 1, "gt": 30.5, "st": null}});
    let (status, problem) = post("attributes", attributes).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    assert_eq!(
        done(&mut device).await,
        "attributes /3303/0/5700 pmin=1 gt=30.5 st"
    );
    for attributes in [
        json!({"pmin": 9, "pmax": 1}),
        json!({"surprise": 1}),
        json!({"pmin": "x"}),
    ] {
        let body = json!({"path": "/3303/0/5700", "attributes": attributes});
        let (status, problem) = post("attributes", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    }
}

#[tokio::test]
async fn observe_until_cancelled() {
    let api = Api::start().await;
    let device = TestDevice::register(api.coap(), "a/b").await;
    let mut events = api
        .events("?endpoint=a/b&kinds=notification,cancelled")
        .await;
    let body = json!({"path": "/3303/0/5700"});
    let (status, observed) = api.post("/api/devices/a%2Fb/observe", body.clone()).await;
    assert_eq!(status, StatusCode::OK, "{observed}");
    assert_eq!(values(&observed), [("/3303/0/5700", &json!(21.5))]);
    let (_, shown) = api.get("/api/devices/a%2Fb").await;
    assert_eq!(shown["observations"], json!([["/3303/0/5700"]]));
    device.set("/3303/0/5700", 23.25);
    loop {
        let event = events.kind("notification").await;
        assert_eq!(event["endpoint"], "a/b");
        assert_eq!(event["data"]["observation"], observed["observation"]);
        let entry = &event["data"]["entries"][0];
        assert_eq!(entry["name"], "Sensor Value");
        if entry["value"] == 23.25 {
            break;
        }
        assert_eq!(entry["value"], 21.5, "the answer that established it");
    }
    let (status, again) = api.post("/api/devices/a%2Fb/observe", body.clone()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(again["observation"], observed["observation"]);
    let (status, _) = api.post("/api/devices/a%2Fb/cancel", body.clone()).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    events.kind("cancelled").await;
    let (status, problem) = api.post("/api/devices/a%2Fb/cancel", body).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(problem["code"], "not-observed");
    let (status, problem) = api
        .post(
            "/api/devices/a%2Fb/observe",
            json!({"path": "/3303/0/5601"}),
        )
        .await;
    assert_eq!(
        (status, &problem["coapCode"]),
        (StatusCode::NOT_FOUND, &json!("4.04"))
    );
}

#[tokio::test]
async fn observe_several_places_as_one() {
    let api = Api::start().await;
    let device = TestDevice::register(api.coap(), "a").await;
    let mut events = api.events("?kinds=notification").await;
    let body = json!({"paths": ["/3/0/9", "/3303/0/5700"]});
    let (status, observed) = api
        .post("/api/devices/a/observe-composite", body.clone())
        .await;
    assert_eq!(status, StatusCode::OK, "{observed}");
    assert_eq!(values(&observed).len(), 2);
    device.set("/3/0/9", 12);
    loop {
        let event = events.kind("notification").await;
        if values(&event["data"]).contains(&("/3/0/9", &json!(12))) {
            break;
        }
    }
    let (status, problem) = api.post("/api/devices/a/cancel", body).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
}

#[tokio::test]
async fn who_leaves_is_shown_for_a_while() {
    let api = Api::start().await;
    let mut events = api.events("").await;
    let device = TestDevice::register(api.coap(), "a").await;
    assert_eq!(events.kind("registered").await["data"]["version"], "1.1");
    device.deregister().await;
    let event = events.kind("deregistered").await;
    assert_eq!(event["data"]["reason"], "by-device");
    let (_, page) = api.get("/api/devices").await;
    assert_eq!(page["total"], 0);
    assert_eq!(page["gone"][0]["endpoint"], "a");
    assert_eq!(page["gone"][0]["state"], "deregistered");
    let _device = TestDevice::register(api.coap(), "a").await;
    events.kind("registered").await;
    let (_, page) = api.get("/api/devices").await;
    assert_eq!((&page["total"], &page["gone"]), (&json!(1), &json!([])));
}
