//! The description of the API.

use crate::{problem::Problem, routes};
use axum::Json;
use std::sync::LazyLock;
use utoipa::{OpenApi, openapi::OpenApi as Document};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "LwM2M server",
        description = "Devices, their objects, credentials and events. Endpoint names in paths are percent-encoded, \
            slashes included. Errors are problem documents (RFC 9457); where the device answered with an error, \
            `coapCode` holds its code. There is no authentication: it must stay on loopback or behind something \
            that has it.",
    ),
    paths(
        routes::devices::list,
        routes::devices::detail,
        routes::management::read,
        routes::management::replace,
        routes::management::update,
        routes::management::delete,
        routes::management::execute,
        routes::management::create,
        routes::management::discover,
        routes::management::attributes,
        routes::reporting::observe,
        routes::reporting::cancel,
        routes::reporting::read_composite,
        routes::reporting::write_composite,
        routes::reporting::observe_composite,
        routes::firmware::update,
        routes::security::read,
        routes::security::replace,
        routes::security::remove,
        routes::bootstrap::read,
        routes::bootstrap::replace,
        routes::bootstrap::remove,
        routes::events::stream,
        document,
        routes::metrics::metrics,
    ),
    components(schemas(Problem)),
    tags(
        (name = "devices", description = "Which devices there are"),
        (name = "management", description = "Read, write, execute, create, delete, discover"),
        (name = "reporting", description = "Observe and cancel"),
        (name = "firmware", description = "Firmware update"),
        (name = "security", description = "Credentials and bootstrap"),
        (name = "events", description = "What happens"),
        (name = "metrics", description = "Counters"),
    ),
)]
struct Api;

static DOCUMENT: LazyLock<Document> = LazyLock::new(Api::openapi);

/// This description.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "devices",
    responses((status = 200, content_type = "application/json", body = Object)),
)]
pub(crate) async fn document() -> Json<&'static Document> {
    Json(&DOCUMENT)
}
