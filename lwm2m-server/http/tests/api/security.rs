//! Credentials and bootstrap configurations: keys go in and never come out.

use crate::support::{Api, answer, request, text};
use axum::http::{Method, StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_core::secret::Secret;
use lwm2m_server::{Credential, bootstrap::AccountSecurity};
use rcgen::KeyPair;
use serde_json::json;
use std::{
    io::Write,
    sync::{Arc, Mutex},
};

const KEY: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75e";

fn keys(api: &Api, endpoint: &str) -> Vec<Secret> {
    let credentials = api.server.security().credentials(endpoint);
    let key = |credential| match credential {
        Credential::Psk { key, .. } => Some(key),
        _ => None,
    };
    credentials
        .into_iter()
        .filter_map(|entry| key(entry.credential))
        .collect()
}

#[tokio::test]
async fn credentials_without_keys() {
    let api = Api::start().await;
    let public_key = STANDARD.encode(KeyPair::generate().unwrap().public_key_der());
    let credentials = json!({"credentials": [
        {"role": "server", "type": "psk", "identity": "dev-1", "key": KEY},
        {"role": "bootstrap", "type": "psk", "identityHex": "ff00", "key": KEY},
        {"role": "server", "type": "certificate"},
        {"role": "server", "type": "certificate", "name": "cn.example"},
        {"role": "server", "type": "certificate", "certificate": "AQID"},
        {"role": "server", "type": "raw-public-key", "publicKey": public_key},
    ]});
    // An endpoint name may hold anything: slashes, colons, spaces, letters of any script.
    let uri = "/api/security/urn%3Adev%2Fops%20%C3%A9%3F%23%25";
    let endpoint = "urn:dev/ops é?#%";
    let (status, _) = api.put(uri, credentials).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(keys(&api, endpoint).len(), 2);
    let response = text(api.send(request(Method::GET, uri, None)).await).await;
    assert!(
        !response.contains("5ec2e7") && !response.contains("\"key\""),
        "{response}"
    );
    let shown: serde_json::Value = serde_json::from_str(&response).unwrap();
    assert_eq!(
        shown,
        json!({"endpoint": endpoint, "credentials": [
            {"role": "server", "type": "psk", "identity": "dev-1"},
            {"role": "bootstrap", "type": "psk", "identityHex": "ff00"},
            {"role": "server", "type": "certificate"},
            {"role": "server", "type": "certificate", "name": "cn.example"},
            {"role": "server", "type": "certificate", "certificate": "AQID"},
            {"role": "server", "type": "raw-public-key", "publicKey": public_key},
        ]})
    );
    // What was shown can be given back: keys that are not said stay.
    let (status, _) = api
        .put(uri, json!({"credentials": shown["credentials"]}))
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let known = Secret::new(hex::decode(KEY).unwrap());
    assert_eq!(keys(&api, endpoint), [known.clone(), known]);
    let (status, _) = api.call(Method::DELETE, uri, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    for method in [Method::GET, Method::DELETE] {
        let (status, problem) = api.call(method, uri, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(problem["code"], "no-credentials");
    }
}

#[tokio::test]
async fn credentials_that_are_refused_change_nothing_and_show_no_key() {
    let api = Api::start().await;
    let psk = |key: &str| json!({"credentials": [{"role": "server", "type": "psk", "identity": "i", "key": key}]});
    api.put("/api/security/a", psk(KEY)).await;
    let taken = api.put("/api/security/b", psk(KEY)).await;
    assert_eq!(taken.0, StatusCode::CONFLICT);
    let odd = format!("{KEY}7");
    let public_key = STANDARD.encode(KeyPair::generate().unwrap().public_key_der());
    for body in [
        psk(&odd),
        psk("5ec2e7zz"),
        psk(&KEY.repeat(5)),
        json!({"credentials": [{"role": "server", "type": "psk", "identity": "i", "key": 5_272_727}]}),
        json!({"credentials": [{"role": "server", "type": "psk", "identity": "new"}]}),
        json!({"credentials": [{"role": "server", "type": "psk", "key": KEY}]}),
        json!({"credentials": [{"role": "server", "type": "psk", "identity": "", "key": KEY}]}),
        json!({"credentials": [{"role": "server", "type": "certificate", "key": KEY}]}),
        json!({"credentials": [{"role": "server", "type": "none"}]}),
        json!({"credentials": [{"role": "server", "type": "raw-public-key"}]}),
        json!({"credentials": [{"role": "server", "type": "raw-public-key", "publicKey": "*"}]}),
        json!({"credentials": [{"role": "server", "type": "raw-public-key", "publicKey": "AQID"}]}),
        json!({"credentials": [{"role": "server", "type": "raw-public-key", "publicKey": public_key, "key": KEY}]}),
        json!({"credentials": [{"role": "server", "type": "psk", "identity": "i", "key": KEY, "publicKey": public_key}]}),
        json!({"credentials": [{"role": "server", "type": "certificate", "publicKey": public_key}]}),
        json!({"credentials": [{"role": "server", "type": "psk", "identity": "i", "psk": KEY}]}),
        json!({"credentials": {"key": KEY}}),
        json!({"credentials": [KEY]}),
        json!({"credentials": [{"role": KEY, "type": "psk", "identity": "i"}]}),
        json!({"credentials": [{"role": "server", "type": "psk", "identity": "i", KEY: 1}]}),
        json!(KEY),
    ] {
        let (status, problem) = api.put("/api/security/a", body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        let text = problem.to_string();
        assert!(
            !text.contains("5ec2e7") && !text.contains("5272727"),
            "{text}"
        );
    }
    assert_eq!(keys(&api, "a"), [Secret::new(hex::decode(KEY).unwrap())]);
    assert!(keys(&api, "b").is_empty());
}

/// A place for a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_has_a_key() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // For this thread, which is the only one of this test's runtime.
    let _guard = tracing::subscriber::set_default(subscriber);
    let api = Api::start().await;
    let psk = |fields: serde_json::Value| {
        let mut credential =
            json!({"role": "server", "type": "psk", "identity": "seen", "key": KEY});
        for (name, value) in fields.as_object().unwrap() {
            credential[name] = value.clone();
        }
        json!({"credentials": [credential]})
    };
    let account = json!({
        "shortServerId": 1, "uri": "coaps://127.0.0.1:5684",
        "security": {"mode": "psk", "identity": "seen", "key": KEY},
    });
    for (uri, body) in [
        ("/api/security/endpoint-a", psk(json!({}))),
        ("/api/security/endpoint-a", psk(json!({"role": KEY}))),
        ("/api/security/endpoint-a", psk(json!({"key": [KEY]}))),
        ("/api/security/endpoint-a", psk(json!({KEY: KEY}))),
        ("/api/security/endpoint-a", json!([KEY])),
        ("/api/bootstrap/endpoint-a", json!({"accounts": [account]})),
        ("/api/bootstrap/endpoint-a", json!({"accounts": [KEY]})),
    ] {
        api.put(uri, body).await;
    }
    api.call(Method::DELETE, "/api/security/endpoint-a", None)
        .await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("endpoint-a"),
        "the log was written here: {text}"
    );
    assert!(!text.contains(KEY), "{text}");
    let bytes = format!("{:?}", hex::decode(KEY).unwrap());
    assert!(!text.contains(&bytes), "{text}");
}

#[tokio::test]
async fn bootstrap_configurations_without_keys() {
    let api = Api::start().await;
    let uri = "/api/bootstrap/a%2Fb";
    let (status, problem) = api.get(uri).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(problem["code"], "no-bootstrap-configuration");
    let account = json!({
        "shortServerId": 101,
        "uri": "coaps://127.0.0.1:5684",
        "security": {"mode": "psk", "identity": "dev-1", "key": KEY},
        "lifetime": 60,
        "muteSend": false,
        "serverResources": {"3": 10},
    });
    let extra = json!([{"path": "/3/0/14", "value": "+02"}]);
    let (status, problem) = api
        .put(uri, json!({"accounts": [account], "extra": extra}))
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    let response = text(api.send(request(Method::GET, uri, None)).await).await;
    assert!(
        !response.contains("5ec2e7") && !response.contains("+02"),
        "{response}"
    );
    let shown: serde_json::Value = serde_json::from_str(&response).unwrap();
    assert_eq!(
        shown,
        json!({
            "endpoint": "a/b", "deletes": ["/0", "/1"], "extra": ["/3/0/14"],
            "accounts": [{
                "shortServerId": 101, "securityInstance": 1, "serverInstance": 0,
                "uri": "coaps://127.0.0.1:5684", "security": {"mode": "psk", "identity": "dev-1"},
                "lifetime": 60, "binding": "U", "notificationStoring": true, "muteSend": false,
                "serverResources": {"3": 10},
            }],
        })
    );
    // Given back with another lifetime, the account keeps its key.
    let mut accounts = shown["accounts"].clone();
    accounts[0]["lifetime"] = 90.into();
    let (status, problem) = api.put(uri, json!({"accounts": accounts})).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    let config = api.bootstrap.configurations().config("a/b").unwrap();
    assert_eq!(config.accounts[0].lifetime.as_secs(), 90);
    let AccountSecurity::Psk { key, .. } = &config.accounts[0].security else {
        panic!("no PSK");
    };
    assert_eq!(hex::encode(key.expose_secret()), KEY);
    let (status, _) = api.call(Method::DELETE, uri, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(api.bootstrap.configurations().config("a/b").is_none());
}

#[tokio::test]
async fn raw_public_keys_go_to_devices_and_private_ones_are_not_shown() {
    let api = Api::start().await;
    let uri = "/api/bootstrap/raw";
    let (device, server) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let private_key = STANDARD.encode(device.serialize_der());
    let security = json!({
        "mode": "raw-public-key", "privateKey": private_key,
        "publicKey": STANDARD.encode(device.public_key_der()),
        "serverPublicKey": STANDARD.encode(server.public_key_der()),
    });
    let account = |security| json!({"accounts": [{"shortServerId": 1, "uri": "coaps://127.0.0.1:5684", "security": security}]});
    let (status, problem) = api.put(uri, account(security.clone())).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    let mut shown = security.clone();
    shown.as_object_mut().unwrap().remove("privateKey");
    let (_, answer) = api.get(uri).await;
    assert_eq!(answer["accounts"][0]["security"], shown);
    // Given back as it was shown, the account keeps its private key.
    let (status, problem) = api.put(uri, account(shown.clone())).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    let config = api.bootstrap.configurations().config("raw").unwrap();
    let AccountSecurity::RawPublicKey { private_key, .. } = &config.accounts[0].security else {
        panic!("no raw public key");
    };
    assert_eq!(private_key.expose_secret(), device.serialize_der());

    let with = |field: &str, value: serde_json::Value| {
        let mut security = security.clone();
        security[field] = value;
        security
    };
    let mut without_private_key = with("publicKey", security["serverPublicKey"].clone());
    without_private_key
        .as_object_mut()
        .unwrap()
        .remove("privateKey");
    for security in [
        with("publicKey", security["serverPublicKey"].clone()),
        with("serverPublicKey", "AQID".into()),
        with("privateKey", "AQID".into()),
        with("privateKey", "*".into()),
        with("key", KEY.into()),
        with("mode", "psk".into()),
        with("mode", "certificate".into()),
        with("mode", "none".into()),
        without_private_key,
        json!({"mode": "none", "privateKey": security["privateKey"]}),
    ] {
        let (status, problem) = api.put(uri, account(security.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{security}");
        let text = problem.to_string();
        let private_key = security["privateKey"].as_str().unwrap_or(KEY);
        assert!(
            private_key.len() < 5 || !text.contains(private_key),
            "{text}"
        );
    }
    let kept = api.bootstrap.configurations().config("raw").unwrap();
    assert_eq!(kept.accounts, config.accounts);
}

#[tokio::test]
async fn bootstrap_configurations_that_would_strand_a_device() {
    let api = Api::start().await;
    let account =
        |uri: &str, security| json!({"shortServerId": 1, "uri": uri, "security": security});
    let psk = json!({"mode": "psk", "identity": "i", "key": KEY});
    for body in [
        json!({"accounts": []}),
        json!({"accounts": [account("coap://a:5683", psk.clone())]}),
        json!({"accounts": [account("coaps://a:5684", json!({"mode": "none"}))]}),
        json!({"accounts": [account("http://a", json!({"mode": "none"}))]}),
        json!({"accounts": [account("coaps://a:5684", json!({"mode": "psk", "identity": "i"}))]}),
        json!({"accounts": [account("coap://a:5683", json!({"mode": "none", "key": KEY}))]}),
        json!({"accounts": [account("coaps://a:5684", psk)], "extra": [{"path": "/0/1/5", "value": "AA=="}]}),
    ] {
        let response = api
            .send(request(Method::PUT, "/api/bootstrap/a", Some(body.clone())))
            .await;
        let (status, problem) = answer(response).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(!problem.to_string().contains("5ec2e7"), "{problem}");
    }
    assert!(api.bootstrap.configurations().config("a").is_none());
}
