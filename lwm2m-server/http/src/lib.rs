//! REST API, event stream, metrics and a web page over an [`lwm2m_server::Server`], as an [`axum::Router`] that a
//! program can mount.
//!
//! ```no_run
//! # async fn example(server: lwm2m_server::Server) -> Result<(), Box<dyn std::error::Error>> {
//! use lwm2m_http::{HttpConfig, HttpState};
//!
//! let state = HttpState::new(HttpConfig::new(server))?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! lwm2m_http::serve(listener, state, async { _ = tokio::signal::ctrl_c().await }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Security
//!
//! **There is no authentication.** Whoever reaches the API can read and write every device and replace every key. It
//! must stay on loopback, or be mounted behind a layer of the program's own that knows who asks:
//!
//! ```no_run
//! # fn example(state: lwm2m_http::HttpState) -> axum::Router {
//! # async fn require_login(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
//! #     next.run(request).await
//! # }
//! axum::Router::new()
//!     .nest("/lwm2m", lwm2m_http::router(state))
//!     .layer(axum::middleware::from_fn(require_login))
//! # }
//! ```
//!
//! On loopback, what remains are the web pages that the same person visits: a browser lets them send requests here.
//! They are kept out by the Host, Origin and Sec-Fetch-Site headers (see [`HttpConfig::allowed_hosts`]), and no CORS
//! header is sent. Keys are write-only: no answer, event or log has one.
//!
//! # Errors
//!
//! Errors are problem documents (RFC 9457) with a stable `code` for programs, a `detail` for people and, where the
//! device answered with an error, its `coapCode`; the HTTP status is then the one that RFC 8075, section 7 maps it to.
#![forbid(unsafe_code)]

mod config;
mod events;
mod extract;
mod guard;
mod json;
mod openapi;
mod page;
mod problem;
mod routes;
mod state;

pub use config::{HttpConfig, HttpConfigError};
pub use state::HttpState;

use axum::Router;
use std::{future::Future, io, time::Duration};
use tokio::net::TcpListener;

/// How long requests under way may take once the program wants to end.
const GRACE: Duration = Duration::from_secs(2);

/// The API and the page, to be mounted anywhere: at the root, or with [`Router::nest`].
pub fn router(state: HttpState) -> Router {
    routes::router(state)
}

/// Serves the API and the page on a listener until `shutdown` completes; event streams end then, and other requests
/// get two seconds.
///
/// # Errors
/// Those of the listener.
pub async fn serve(
    listener: TcpListener,
    state: HttpState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let closing = state.closing().clone();
    let ended = closing.clone();
    let server = axum::serve(listener, router(state.clone()))
        .with_graceful_shutdown(async move { ended.cancelled().await });
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown => state.close(),
            () = state.closing().cancelled() => {}
        }
    });
    tokio::select! {
        result = server => result,
        () = async { closing.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}
