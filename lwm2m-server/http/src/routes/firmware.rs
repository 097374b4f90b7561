//! Firmware update by push.

use crate::{
    HttpState,
    extract::{ApiJson, ApiPath, ApiQuery, media_type},
    problem::Problem,
};
use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::StatusCode,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use lwm2m_server::FirmwarePackage;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{IntoParams, ToSchema};

/// The object of firmware update.
const FIRMWARE_OBJECT: u16 = 5;

/// What is known of the image.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirmwareQuery {
    /// What the device must say its firmware version is after the update; without, it is not checked.
    version: Option<String>,
}

/// An image in JSON.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirmwareBody {
    /// The image, padded Base64.
    package: String,
    /// What the device must say its firmware version is after the update; without, it is not checked.
    version: Option<String>,
}

/// An update that has begun.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FirmwareBegun {
    /// Endpoint name.
    endpoint: String,
    /// Bytes of the image.
    size: usize,
}

/// Begins a firmware update by push. Its progress comes as events of kind `firmware`, and stands in the device's
/// `firmware` while it is under way.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/firmware", tag = "firmware",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded"), FirmwareQuery),
    request_body(
        content(
            (FirmwareBody = "application/json"),
            (Vec<u8> = "application/octet-stream"),
        ),
    ),
    responses(
        (status = 202, body = FirmwareBegun, description = "Begun"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Another update of this device is under way"),
        (status = 413, body = Problem, content_type = "application/problem+json", description = "The image is too large"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn update(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiQuery(query): ApiQuery<FirmwareQuery>,
    request: Request,
) -> Result<(StatusCode, Json<FirmwareBegun>), Problem> {
    // Before the body is read: what is bounded is how many images are held.
    let permit = state.firmware_permits().clone().try_acquire_owned();
    let permit = permit.map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many firmware updates are under way",
        )
    })?;
    let (device, registration) = state.device(&endpoint).await?;
    if registration.objects.version(FIRMWARE_OBJECT).is_none() {
        return Err(conflict(
            "no-firmware-object",
            "the device has no firmware update object (/5)",
        ));
    }
    if device.firmware_progress().await.is_some() {
        return Err(conflict(
            "update-under-way",
            "another firmware update of this device is under way",
        ));
    }
    let arrived = image(&state, request, query.version);
    let arrived = tokio::time::timeout(state.config().request_timeout, arrived).await;
    let (image, version) = arrived.map_err(|_| {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "upload-timeout",
            "the image did not arrive in time",
        )
    })??;
    if image.is_empty() {
        return Err(Problem::bad_request("the image is empty"));
    }
    let size = image.len();
    let mut package = FirmwarePackage::new(image);
    if let Some(version) = version {
        package = package.version(version);
    }
    let update = device.update_firmware(package).await?;
    hold_until_finished(update, permit);
    let endpoint = endpoint.clone();
    Ok((StatusCode::ACCEPTED, Json(FirmwareBegun { endpoint, size })))
}

/// The update goes on by itself; what ends with it is the permit for its image.
fn hold_until_finished(update: lwm2m_server::FirmwareUpdate, permit: OwnedSemaphorePermit) {
    tokio::spawn(async move {
        // How it ended comes as an event.
        let _ = update.finished().await;
        drop(permit);
    });
}

/// The image of a request, as JSON or as it is.
async fn image(
    state: &HttpState,
    request: Request,
    version: Option<String>,
) -> Result<(Bytes, Option<String>), Problem> {
    let max = state.config().max_firmware;
    let (image, version) = match media_type(request.headers()) {
        "application/json" => {
            let ApiJson(body) = ApiJson::<FirmwareBody>::from_request(request, state).await?;
            let image = STANDARD
                .decode(&body.package)
                .map_err(|error| Problem::bad_request(format!("package: no Base64: {error}")))?;
            (image.into(), body.version.or(version))
        }
        "application/octet-stream" => (Bytes::from_request(request, state).await?, version),
        _ => {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "a firmware image comes as application/octet-stream or as application/json with `package` in Base64",
            ));
        }
    };
    if image.len() > max {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("the image has {} bytes, more than {max}", image.len()),
        ));
    }
    Ok((image, version))
}

fn conflict(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, detail)
}
