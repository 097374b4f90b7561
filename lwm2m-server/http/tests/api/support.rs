//! A server with its router, and requests to it without a socket.

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Method, Request, Response, StatusCode, header},
};
use futures_util::StreamExt;
use lwm2m_core::uri::Scheme;
use lwm2m_http::{HttpConfig, HttpState};
use lwm2m_server::{BootstrapServer, Listener, Server};
use serde_json::Value as Json;
use std::{net::SocketAddr, time::Duration};
use tower::ServiceExt;

/// Far longer than anything here takes: what is waited for comes as an event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Api {
    pub(crate) server: Server,
    pub(crate) bootstrap: BootstrapServer,
    pub(crate) state: HttpState,
    pub(crate) router: Router,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_with(|config| config).await
    }

    pub(crate) async fn start_with(configure: impl FnOnce(HttpConfig) -> HttpConfig) -> Self {
        let (server, bootstrap) = Self::servers().await;
        Self::over(server, bootstrap, configure)
    }

    /// The servers alone.
    pub(crate) async fn servers() -> (Server, BootstrapServer) {
        let server = Server::builder()
            .listen(Listener::coap("127.0.0.1:0"))
            .danger_accept_unsecured()
            .start()
            .await
            .unwrap();
        let bootstrap = BootstrapServer::builder()
            .listen(Listener::coap("127.0.0.1:0"))
            .start()
            .await
            .unwrap();
        (server, bootstrap)
    }

    /// The API over servers that run already.
    pub(crate) fn over(
        server: Server,
        bootstrap: BootstrapServer,
        configure: impl FnOnce(HttpConfig) -> HttpConfig,
    ) -> Self {
        let config = HttpConfig::new(server.clone()).bootstrap(bootstrap.clone());
        let state = HttpState::new(configure(config)).unwrap();
        Api {
            server,
            bootstrap,
            router: lwm2m_http::router(state.clone()),
            state,
        }
    }

    /// Where devices register without security.
    pub(crate) fn coap(&self) -> SocketAddr {
        let addresses = self.server.local_addresses();
        let (_, address) = addresses
            .iter()
            .find(|(scheme, _)| *scheme == Scheme::Coap)
            .unwrap();
        *address
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// A request with a JSON body or none, and its answer; every error must be a problem document.
    pub(crate) async fn call(
        &self,
        method: Method,
        uri: &str,
        body: Option<Json>,
    ) -> (StatusCode, Json) {
        answer(self.send(request(method, uri, body)).await).await
    }

    pub(crate) async fn get(&self, uri: &str) -> (StatusCode, Json) {
        self.call(Method::GET, uri, None).await
    }

    pub(crate) async fn post(&self, uri: &str, body: Json) -> (StatusCode, Json) {
        self.call(Method::POST, uri, Some(body)).await
    }

    pub(crate) async fn put(&self, uri: &str, body: Json) -> (StatusCode, Json) {
        self.call(Method::PUT, uri, Some(body)).await
    }

    /// The event stream.
    pub(crate) async fn events(&self, query: &str) -> EventReader {
        self.events_with(query, &[]).await
    }

    pub(crate) async fn events_with(&self, query: &str, headers: &[(&str, &str)]) -> EventReader {
        let mut request = request(Method::GET, &format!("/api/events{query}"), None);
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let response = self.send(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        EventReader {
            body: response.into_body().into_data_stream().boxed(),
            text: String::new(),
        }
    }
}

pub(crate) fn request(method: Method, uri: &str, body: Option<Json>) -> Request<Body> {
    let builder = Request::builder()
        .method(method)
        .uri(uri)
        .header(header::HOST, "localhost:8080");
    match body {
        None => builder.body(Body::empty()),
        Some(json) => builder
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json.to_string())),
    }
    .unwrap()
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

/// Status and JSON of an answer; what is no success must be a problem document that says the same status.
pub(crate) async fn answer(response: Response<Body>) -> (StatusCode, Json) {
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
    let text = text(response).await;
    let json = match text.as_str() {
        "" => Json::Null,
        text => serde_json::from_str(text).unwrap(),
    };
    if !status.is_success() {
        assert_eq!(content_type.unwrap(), "application/problem+json", "{json}");
        assert_eq!(json["status"], status.as_u16());
        assert!(
            json["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty())
        );
    }
    (status, json)
}

pub(crate) struct EventReader {
    body: futures_util::stream::BoxStream<'static, Result<Bytes, axum::Error>>,
    text: String,
}

impl EventReader {
    /// The next event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Json> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data: String = event
                    .lines()
                    .filter_map(|line| line.strip_prefix("data: "))
                    .collect();
                self.text = rest.to_owned();
                match data.as_str() {
                    "" => continue,
                    data => return Some(serde_json::from_str(data).unwrap()),
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.body.next()).await;
            let chunk = chunk.expect("an event was to come")?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event of this kind.
    pub(crate) async fn kind(&mut self, kind: &str) -> Json {
        loop {
            let event = self.next().await.expect("an event was to come");
            if event["kind"] == kind {
                return event;
            }
        }
    }
}
