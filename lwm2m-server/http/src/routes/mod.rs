//! The routes, each group in a file of its own.

pub(crate) mod bootstrap;
pub(crate) mod devices;
pub(crate) mod events;
pub(crate) mod firmware;
pub(crate) mod management;
pub(crate) mod metrics;
pub(crate) mod reporting;
pub(crate) mod security;

use crate::{HttpState, guard, openapi, page, problem::Problem};
use axum::{
    Router,
    extract::{DefaultBodyLimit, OriginalUri, Request},
    http::{Method, StatusCode},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use lwm2m_core::path::Path;

pub(crate) fn router(state: HttpState) -> Router {
    let config = state.config();
    // Base64 makes four bytes of three; the rest of the JSON fits into what any request may have.
    let firmware_body = config.max_firmware / 3 * 4 + config.max_body;
    let firmware = Router::new()
        .route("/api/devices/{endpoint}/firmware", post(firmware::update))
        .layer(DefaultBodyLimit::max(firmware_body));
    let device = Router::new()
        .route(
            "/objects/{*path}",
            get(management::read)
                .put(management::replace)
                .post(management::update)
                .delete(management::delete),
        )
        .route("/execute", post(management::execute))
        .route("/create", post(management::create))
        .route("/discover", post(management::discover))
        .route("/attributes", post(management::attributes))
        .route("/observe", post(reporting::observe))
        .route("/cancel", post(reporting::cancel))
        .route("/read-composite", post(reporting::read_composite))
        .route("/write-composite", post(reporting::write_composite))
        .route("/observe-composite", post(reporting::observe_composite));
    Router::new()
        .route("/api/devices", get(devices::list))
        .route("/api/devices/{endpoint}", get(devices::detail))
        .nest("/api/devices/{endpoint}", device)
        .route(
            "/api/security/{endpoint}",
            get(security::read)
                .put(security::replace)
                .delete(security::remove),
        )
        .route(
            "/api/bootstrap/{endpoint}",
            get(bootstrap::read)
                .put(bootstrap::replace)
                .delete(bootstrap::remove),
        )
        .route("/api/events", get(events::stream))
        .route("/api/openapi.json", get(openapi::document))
        .route("/metrics", get(metrics::metrics))
        .layer(DefaultBodyLimit::max(config.max_body))
        .merge(firmware)
        .fallback(fallback)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(
            state.guard(),
            guard::enforce,
        ))
        .layer(middleware::from_fn(guard::security_headers))
        .with_state(state)
}

/// The page's files, and the answer to all that is nowhere.
async fn fallback(OriginalUri(original): OriginalUri, request: Request) -> Response {
    if let Some(file) = page::file(&original, &request) {
        return file;
    }
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-route",
        format!("there is nothing at {}", original.path()),
    )
    .into_response()
}

async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        format!("{} does not take {method}", uri.path()),
    )
}

/// The place that a route's last part names, `3/0/9`.
fn object_path(text: &str) -> Result<Path, Problem> {
    format!("/{}", text.trim_end_matches('/'))
        .parse()
        .map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "bad-path",
                format!("/{text}: {error}"),
            )
        })
}
