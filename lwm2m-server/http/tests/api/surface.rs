//! What is the same for every route: names that are let in, errors, headers, the page, the description.

use crate::support::{Api, answer, request, text};
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use lwm2m_http::{HttpConfigError, HttpState};
use serde_json::json;
use tower::ServiceExt;

#[tokio::test]
async fn foreign_names_and_pages_are_refused_before_anything_happens() {
    let api = Api::start().await;
    let body =
        json!({"credentials": [{"role": "server", "type": "psk", "identity": "i", "key": "00"}]});
    for (name, value) in [
        ("host", "evil.example:8080"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let mut request = request(Method::PUT, "/api/security/a", Some(body.clone()));
        request.headers_mut().insert(name, value.parse().unwrap());
        let response = api.send(request).await;
        let cors = header::ACCESS_CONTROL_ALLOW_ORIGIN;
        assert!(!response.headers().contains_key(cors));
        let (status, problem) = answer(response).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {value}: {problem}");
    }
    assert!(api.server.security().credentials("a").is_empty());
    let mut preflight = request(Method::OPTIONS, "/api/security/a", None);
    let headers = preflight.headers_mut();
    headers.insert(header::ORIGIN, "http://evil.example".parse().unwrap());
    headers.insert("access-control-request-method", "PUT".parse().unwrap());
    let response = api.send(preflight).await;
    assert!(!response.status().is_success());
    let mut own = request(Method::PUT, "/api/security/a", Some(body));
    let origin = "http://localhost:8080".parse().unwrap();
    own.headers_mut().insert(header::ORIGIN, origin);
    assert_eq!(api.send(own).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn only_the_address_that_is_listened_on() {
    let address = "127.0.0.1:8080".parse().unwrap();
    let api = Api::start_with(|config| config.for_address(address)).await;
    for (host, status) in [
        ("127.0.0.1:8080", StatusCode::OK),
        ("localhost:8080", StatusCode::OK),
        ("localhost:8081", StatusCode::FORBIDDEN),
        ("127.0.0.2:8080", StatusCode::FORBIDDEN),
    ] {
        let mut request = request(Method::GET, "/api/devices", None);
        request
            .headers_mut()
            .insert(header::HOST, host.parse().unwrap());
        assert_eq!(api.send(request).await.status(), status, "{host}");
    }
    let config = lwm2m_http::HttpConfig::new(api.server.clone()).allow_host("no host");
    let error = HttpState::new(config).err();
    assert_eq!(error, Some(HttpConfigError::Name("no host".into())));
}

#[tokio::test]
async fn every_error_is_a_problem_document() {
    let api = Api::start_with(|mut config| {
        config.max_body = 1000;
        config
    })
    .await;
    let (status, problem) = api.get("/api/nowhere").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("no-such-route"))
    );
    let (status, _) = api.get("/nowhere.html").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    for (method, uri) in [
        (Method::POST, "/api/devices"),
        (Method::GET, "/api/devices/a/execute"),
        (Method::PATCH, "/api/devices/a/objects/3/0"),
        (Method::POST, "/metrics"),
    ] {
        let response = api.send(request(method, uri, None)).await;
        assert!(response.headers().contains_key(header::ALLOW), "{uri}");
        let (status, problem) = answer(response).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{uri}");
        assert_eq!(problem["code"], "method-not-allowed");
    }
    let send = |content_type: &'static str, body: String| {
        let request = Request::put("/api/devices/a/objects/1/0/1")
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body));
        api.send(request.unwrap())
    };
    for (content_type, body, expected, code) in [
        (
            "application/json",
            "{".into(),
            StatusCode::BAD_REQUEST,
            "bad-json",
        ),
        (
            "application/json",
            r#"{"surprise": 1}"#.into(),
            StatusCode::BAD_REQUEST,
            "bad-json",
        ),
        (
            "text/plain",
            r#"{"value": 1}"#.into(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
        ),
        (
            "application/json",
            format!(r#"{{"value": "{}"}}"#, "x".repeat(1000)),
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
        ),
        (
            "application/json",
            format!("{}1{}", "[".repeat(400), "]".repeat(400)),
            StatusCode::BAD_REQUEST,
            "bad-json",
        ),
    ] {
        let (status, problem) = answer(send(content_type, body).await).await;
        assert_eq!(
            (status, &problem["code"]),
            (expected, &json!(code)),
            "{problem}"
        );
    }
    for (uri, code) in [
        ("/api/devices/a/objects/3/x", "bad-path"),
        ("/api/devices/a/objects/3/0/1/2/3", "bad-path"),
        ("/api/devices/a/objects/65535", "bad-path"),
        ("/api/devices/%FF/objects/3/0", "bad-path"),
        ("/api/devices?limit=x", "bad-query"),
        ("/api/devices?surprise=1", "bad-query"),
        ("/api/devices/a/objects/3/0?format=9", "bad-request"),
    ] {
        let (status, problem) = api.get(uri).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::BAD_REQUEST, &json!(code)),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn the_page_and_its_headers() {
    let api = Api::start().await;
    let page = api.send(request(Method::GET, "/", None)).await;
    assert_eq!(page.status(), StatusCode::OK);
    let headers = page.headers().clone();
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(
        text(page)
            .await
            .contains("<script type=\"module\" src=\"app.js\">")
    );
    let mut again = request(Method::GET, "/", None);
    let tag = headers[header::ETAG].clone();
    again.headers_mut().insert(header::IF_NONE_MATCH, tag);
    assert_eq!(api.send(again).await.status(), StatusCode::NOT_MODIFIED);
    for (uri, content_type) in [
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let response = api.send(request(Method::GET, uri, None)).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], content_type);
    }
    for uri in ["/../Cargo.toml", "/assets/app.js", "/%2e%2e/Cargo.toml"] {
        let (status, _) = api.get(uri).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{uri}");
    }
    let answer = api.send(request(Method::GET, "/api/devices", None)).await;
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn it_can_be_mounted_below_another_path() {
    let api = Api::start().await;
    let outer = Router::new()
        .nest("/lwm2m", api.router.clone())
        .nest_service("/service", api.router.clone());
    let get = |uri: &str| outer.clone().oneshot(request(Method::GET, uri, None));
    for prefix in ["/lwm2m", "/service"] {
        let redirect = get(prefix).await.unwrap();
        assert_eq!(redirect.status(), StatusCode::PERMANENT_REDIRECT);
        let location = format!("{prefix}/index.html");
        assert_eq!(redirect.headers()[header::LOCATION], location);
        for rest in ["index.html", "app.js", "api/devices", "metrics"] {
            let uri = format!("{prefix}/{rest}");
            assert_eq!(get(&uri).await.unwrap().status(), StatusCode::OK, "{uri}");
        }
    }
    assert_eq!(get("/service/").await.unwrap().status(), StatusCode::OK);
    let foreign = request(Method::POST, "/lwm2m/api/devices/a/execute", None);
    let (mut parts, body) = foreign.into_parts();
    parts
        .headers
        .insert(header::ORIGIN, "null".parse().unwrap());
    let response = outer
        .clone()
        .oneshot(Request::from_parts(parts, body))
        .await;
    assert_eq!(response.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_description_names_exactly_the_routes_there_are() {
    let api = Api::start().await;
    let (_, document) = api.get("/api/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    let device = |rest: &str| format!("/api/devices/{{endpoint}}{rest}");
    let mut expected: Vec<(String, Vec<&str>)> = vec![
        ("/api/devices".into(), vec!["get"]),
        (device(""), vec!["get"]),
        (
            device("/objects/{path}"),
            vec!["delete", "get", "post", "put"],
        ),
        (
            "/api/security/{endpoint}".into(),
            vec!["delete", "get", "put"],
        ),
        (
            "/api/bootstrap/{endpoint}".into(),
            vec!["delete", "get", "put"],
        ),
        ("/api/events".into(), vec!["get"]),
        ("/api/openapi.json".into(), vec!["get"]),
        ("/metrics".into(), vec!["get"]),
    ];
    for operation in [
        "execute",
        "create",
        "discover",
        "attributes",
        "observe",
        "cancel",
        "read-composite",
        "write-composite",
        "observe-composite",
        "firmware",
    ] {
        expected.push((device(&format!("/{operation}")), vec!["post"]));
    }
    expected.sort();
    let mut found: Vec<(String, Vec<&str>)> = paths
        .iter()
        .map(|(path, methods)| {
            let mut methods: Vec<&str> = methods
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            methods.sort_unstable();
            (path.clone(), methods)
        })
        .collect();
    found.sort();
    assert_eq!(found, expected);
    for (path, methods) in expected {
        let uri = path.replace("{endpoint}", "a").replace("{path}", "3/0");
        if uri == "/api/events" {
            continue; // does not end; tested apart
        }
        for method in methods {
            let method: Method = method.to_uppercase().parse().unwrap();
            let response = api.send(request(method.clone(), &uri, None)).await;
            if response.status().is_success() {
                continue;
            }
            let (_, problem) = answer(response).await;
            let code = problem["code"].as_str().unwrap();
            let routed = !["no-such-route", "method-not-allowed"].contains(&code);
            assert!(routed, "{method} {uri}: {problem}");
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in references(&document) {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
}

/// Every `$ref` in a document.
fn references(json: &serde_json::Value) -> Vec<&str> {
    match json {
        serde_json::Value::Object(map) => map
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(reference) if name == "$ref" => vec![reference],
                _ => references(value),
            })
            .collect(),
        serde_json::Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn metrics_of_both_servers() {
    let api = Api::start().await;
    let response = api.send(request(Method::GET, "/metrics", None)).await;
    let content_type = &response.headers()[header::CONTENT_TYPE];
    assert!(
        content_type
            .to_str()
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let text = text(response).await;
    assert!(text.contains("\nlwm2m_registrations{role=\"server\"} 0\n"));
    assert!(text.contains("\nlwm2m_bootstrap_started_total{role=\"bootstrap\"} 0\n"));
}
