//! Read, write, execute, create, delete, discover, write-attributes.

use super::object_path;
use crate::{
    HttpState,
    extract::{ApiJson, ApiPath, ApiQuery},
    json::{EntryForm, LinkForm, WriteForm, attribute_change},
    problem::Problem,
};
use axum::{Json, extract::State, http::StatusCode};
use lwm2m_core::{
    content::ContentFormat,
    operation::WriteMode,
    path::{Path, PathLevel},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// How values are to travel.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormatQuery {
    /// Number of a CoAP content format, like 110 for SenML JSON; without, one is chosen that fits.
    format: Option<u16>,
}

impl FormatQuery {
    fn content_format(&self) -> Result<Option<ContentFormat>, Problem> {
        let Some(number) = self.format else {
            return Ok(None);
        };
        match ContentFormat::from_number(number) {
            Some(format) => Ok(Some(format)),
            None => Err(Problem::bad_request(format!(
                "format: {number} is no content format of LwM2M"
            ))),
        }
    }
}

/// Values of a device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Values {
    /// What was asked for.
    #[schema(value_type = String, example = "/3/0/9")]
    pub(crate) path: Path,
    /// The values there and below.
    pub(crate) entries: Vec<EntryForm>,
}

/// Reads an object, object instance, resource or resource instance.
#[utoipa::path(
    get, path = "/api/devices/{endpoint}/objects/{path}", tag = "management",
    params(
        ("endpoint" = String, Path, description = "Endpoint name, percent-encoded"),
        ("path" = String, Path, description = "Place in the object tree, with its slashes: `3/0/9`"),
        FormatQuery,
    ),
    responses(
        (status = 200, body = Values),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read(
    State(state): State<HttpState>,
    ApiPath((endpoint, path)): ApiPath<(String, String)>,
    ApiQuery(query): ApiQuery<FormatQuery>,
) -> Result<Json<Values>, Problem> {
    let path = object_path(&path)?;
    let format = query.content_format()?;
    let (device, registration) = state.device(&endpoint).await?;
    let entries = match format {
        None => state.answer(device.read(path)).await?,
        format => state.answer(device.read_with(path, format)).await?,
    };
    let entries = EntryForm::all(&entries, &state.models(&registration));
    Ok(Json(Values { path, entries }))
}

/// Writes in place of what is there: a resource, or an object instance with all its resources.
#[utoipa::path(
    put, path = "/api/devices/{endpoint}/objects/{path}", tag = "management",
    params(
        ("endpoint" = String, Path, description = "Endpoint name, percent-encoded"),
        ("path" = String, Path, description = "Place in the object tree, with its slashes: `1/0/1`"),
        FormatQuery,
    ),
    request_body = WriteForm,
    responses(
        (status = 204, description = "Written"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn replace(
    state: State<HttpState>,
    path: ApiPath<(String, String)>,
    query: ApiQuery<FormatQuery>,
    body: ApiJson<WriteForm>,
) -> Result<StatusCode, Problem> {
    write(state, path, query, body, WriteMode::Replace).await
}

/// Writes some resources of an object instance (or instances of a resource), and leaves the others.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/objects/{path}", tag = "management",
    params(
        ("endpoint" = String, Path, description = "Endpoint name, percent-encoded"),
        ("path" = String, Path, description = "Place in the object tree, with its slashes: `1/0`"),
        FormatQuery,
    ),
    request_body = WriteForm,
    responses(
        (status = 204, description = "Written"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn update(
    state: State<HttpState>,
    path: ApiPath<(String, String)>,
    query: ApiQuery<FormatQuery>,
    body: ApiJson<WriteForm>,
) -> Result<StatusCode, Problem> {
    write(state, path, query, body, WriteMode::PartialUpdate).await
}

async fn write(
    State(state): State<HttpState>,
    ApiPath((endpoint, path)): ApiPath<(String, String)>,
    ApiQuery(query): ApiQuery<FormatQuery>,
    ApiJson(form): ApiJson<WriteForm>,
    mode: WriteMode,
) -> Result<StatusCode, Problem> {
    let path = object_path(&path)?;
    let format = query.content_format()?;
    let (device, registration) = state.device(&endpoint).await?;
    let entries = form.into_entries(&path, &state.models(&registration))?;
    match format {
        None => {
            state
                .answer(device.write_entries(path, mode, entries))
                .await?
        }
        format => {
            let write = device.write_with(path, mode, entries, format);
            state.answer(write).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes an object instance (or, 1.2, a resource instance).
#[utoipa::path(
    delete, path = "/api/devices/{endpoint}/objects/{path}", tag = "management",
    params(
        ("endpoint" = String, Path, description = "Endpoint name, percent-encoded"),
        ("path" = String, Path, description = "Place in the object tree, with its slashes: `2/1`"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete(
    State(state): State<HttpState>,
    ApiPath((endpoint, path)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let path = object_path(&path)?;
    let (device, _) = state.device(&endpoint).await?;
    state.answer(device.delete(path)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What to execute.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecuteForm {
    /// A resource.
    #[schema(value_type = String, example = "/3/0/4")]
    path: Path,
    /// Arguments by their digit, 0 to 9; `null` for one without text.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"0": "text"}))]
    arguments: BTreeMap<u8, Option<String>>,
}

/// Executes a resource.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/execute", tag = "management",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = ExecuteForm,
    responses(
        (status = 204, description = "Executed"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn execute(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiJson(form): ApiJson<ExecuteForm>,
) -> Result<StatusCode, Problem> {
    let (device, _) = state.device(&endpoint).await?;
    let arguments: Vec<(u8, Option<&str>)> = form
        .arguments
        .iter()
        .map(|(digit, text)| (*digit, text.as_deref()))
        .collect();
    if let Some((digit, _)) = arguments.iter().find(|(digit, _)| *digit > 9) {
        return Err(Problem::bad_request(format!(
            "arguments: {digit} is no digit from 0 to 9"
        )));
    }
    state.answer(device.execute(form.path, &arguments)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateForm {
    /// An object (the device numbers the instance), or an object instance.
    #[schema(value_type = String, example = "/3303/1")]
    path: Path,
    /// Its resources by identifier; a device may have defaults for all of them.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"5700": 21.5}))]
    value: Map<String, Value>,
}

/// Where something is now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Created {
    /// The new object instance.
    #[schema(value_type = String, example = "/3303/1")]
    path: Path,
}

/// Creates an object instance.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/create", tag = "management",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = CreateForm,
    responses(
        (status = 201, body = Created),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiJson(form): ApiJson<CreateForm>,
) -> Result<(StatusCode, Json<Created>), Problem> {
    let (object, instance) = match (form.path.level(), form.path.object_id()) {
        (PathLevel::Object | PathLevel::ObjectInstance, Some(object)) => {
            (object, form.path.object_instance_id())
        }
        _ => {
            return Err(Problem::bad_request(
                "path: an object like /3303 or an object instance like /3303/1 can be created",
            ));
        }
    };
    let (device, registration) = state.device(&endpoint).await?;
    // Where the device chooses the number, the one in these paths does not count.
    let base = Path::object(object)
        .child(instance.unwrap_or(0))
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let values = WriteForm::from(Value::Object(form.value));
    let entries = values.into_entries(&base, &state.models(&registration))?;
    let create = device.create(object, instance, entries);
    let path = state.answer(create).await?;
    Ok((StatusCode::CREATED, Json(Created { path })))
}

/// Where to look.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscoverForm {
    /// An object, object instance or resource.
    #[schema(value_type = String, example = "/3303")]
    path: Path,
    /// How many levels below (1.2), 0 to 3.
    depth: Option<u8>,
}

/// What there is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Discovered {
    /// What was asked for.
    #[schema(value_type = String, example = "/3303")]
    path: Path,
    /// What is there and below, with its attributes.
    links: Vec<LinkForm>,
}

/// Says what there is, with its attributes.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/discover", tag = "management",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = DiscoverForm,
    responses(
        (status = 200, body = Discovered),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn discover(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiJson(form): ApiJson<DiscoverForm>,
) -> Result<Json<Discovered>, Problem> {
    let (device, _) = state.device(&endpoint).await?;
    let links = state.answer(device.discover(form.path, form.depth)).await?;
    Ok(Json(Discovered {
        path: form.path,
        links: links.iter().map(LinkForm::from).collect(),
    }))
}

/// What to set and unset.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttributesForm {
    /// Where.
    #[schema(value_type = String, example = "/3303/0/5700")]
    path: Path,
    /// Attributes by name: `pmin`, `pmax`, `epmin`, `epmax`, `gt`, `lt`, `st`, `edge`, `con`, `hqmax`; `null` unsets.
    #[schema(value_type = Object, example = json!({"pmin": 1, "pmax": 60, "st": null}))]
    attributes: Map<String, Value>,
}

/// Sets and unsets attributes.
#[utoipa::path(
    post, path = "/api/devices/{endpoint}/attributes", tag = "management",
    params(("endpoint" = String, Path, description = "Endpoint name, percent-encoded")),
    request_body = AttributesForm,
    responses(
        (status = 204, description = "Set"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn attributes(
    State(state): State<HttpState>,
    ApiPath(endpoint): ApiPath<String>,
    ApiJson(form): ApiJson<AttributesForm>,
) -> Result<StatusCode, Problem> {
    let change = attribute_change(&form.attributes)?;
    let (device, _) = state.device(&endpoint).await?;
    state
        .answer(device.write_attributes(form.path, change))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
