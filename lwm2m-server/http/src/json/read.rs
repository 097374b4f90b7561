//! From the vocabulary to JSON.

use super::MAX_SAFE_INTEGER;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_core::{
    entry::Entry,
    link::{Link, LinkTarget},
    model::Models,
    path::Path,
    value::Value,
};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

/// One value of the object tree.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryForm {
    /// A resource or resource instance.
    #[schema(example = "/3303/0/5700")]
    path: String,
    /// Name of the resource, where its definition is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Sensor Value")]
    name: Option<String>,
    /// Data type of the value.
    #[serde(rename = "type")]
    #[schema(example = "Float")]
    data_type: &'static str,
    /// The value: integers beyond 2^53 as strings, opaque as padded Base64, object links as `3:0`.
    #[schema(value_type = Object, example = 21.5)]
    value: Json,
    /// When the value was taken, seconds since 1970-01-01T00:00:00Z, where the device said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<f64>,
    /// Unit, where the definition of the resource names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Cel")]
    units: Option<String>,
}

impl EntryForm {
    pub(crate) fn new(entry: &Entry, models: &dyn Models) -> Self {
        let resource = resource_of(&entry.path, models);
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        EntryForm {
            path: entry.path.to_string(),
            name: resource.and_then(|resource| text(&resource.name)),
            data_type: entry.value.data_type().name(),
            value: json_value(&entry.value),
            time: entry.time,
            units: resource.and_then(|resource| text(&resource.units)),
        }
    }

    pub(crate) fn all(entries: &[Entry], models: &dyn Models) -> Vec<Self> {
        let form = |entry| EntryForm::new(entry, models);
        entries.iter().map(form).collect()
    }
}

fn resource_of<'a>(
    path: &Path,
    models: &'a dyn Models,
) -> Option<&'a lwm2m_core::model::ResourceModel> {
    models.resource(path.object_id()?, path.resource_id()?)
}

/// The value alone.
pub(crate) fn json_value(value: &Value) -> Json {
    match value {
        Value::String(text) | Value::CoreLink(text) => text.as_str().into(),
        Value::Integer(number) | Value::Time(number) => match number.unsigned_abs() {
            0..=MAX_SAFE_INTEGER => (*number).into(),
            _ => number.to_string().into(),
        },
        Value::Unsigned(number) => match number {
            0..=MAX_SAFE_INTEGER => (*number).into(),
            _ => number.to_string().into(),
        },
        Value::Float(number) if number.is_finite() => (*number).into(),
        Value::Float(number) if number.is_nan() => "NaN".into(),
        Value::Float(number) if *number > 0.0 => "Infinity".into(),
        Value::Float(_) => "-Infinity".into(),
        Value::Boolean(boolean) => (*boolean).into(),
        Value::Opaque(bytes) => STANDARD.encode(bytes).into(),
        Value::ObjectLink(link) => link.to_string().into(),
        other => other.to_string().into(),
    }
}

/// One link of a discover answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkForm {
    /// A place in the object tree, or what else stood between the angle brackets.
    #[schema(example = "/3303/0/5700")]
    target: String,
    /// Parameters by name; `null` for one without value.
    #[schema(value_type = Object, example = json!({"pmin": "10"}))]
    parameters: Map<String, Json>,
}

impl From<&Link> for LinkForm {
    fn from(link: &Link) -> Self {
        let target = match &link.target {
            LinkTarget::Path(path) => path.to_string(),
            LinkTarget::Other(text) => text.clone(),
            _ => String::new(),
        };
        let mut parameters = Map::new();
        for (name, value) in &link.parameters {
            // A parameter stands once (RFC 6690, section 2); of one that stands more often the first counts.
            parameters
                .entry(name.as_str())
                .or_insert_with(|| value.as_deref().map_or(Json::Null, Json::from));
        }
        LinkForm { target, parameters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::{
        model::{NoModels, ObjectModel, Operations, ResourceModel},
        value::{DataType, ObjectLink},
        version::ObjectVersion,
    };
    use serde_json::json;

    #[test]
    fn values() {
        for (lwm2m, expected) in [
            (Value::String("ü\"".into()), json!("ü\"")),
            (Value::CoreLink("</3>".into()), json!("</3>")),
            (Value::Integer(-5), json!(-5)),
            (
                Value::Integer(9_007_199_254_740_991),
                json!(9_007_199_254_740_991_i64),
            ),
            (
                Value::Integer(9_007_199_254_740_992),
                json!("9007199254740992"),
            ),
            (Value::Integer(i64::MIN), json!("-9223372036854775808")),
            (Value::Time(1_700_000_000), json!(1_700_000_000)),
            (Value::Unsigned(u64::MAX), json!("18446744073709551615")),
            (Value::Float(21.5), json!(21.5)),
            (Value::Float(f64::NAN), json!("NaN")),
            (Value::Float(f64::NEG_INFINITY), json!("-Infinity")),
            (Value::Boolean(true), json!(true)),
            (Value::Opaque(vec![0xFF, 0xEE]), json!("/+4=")),
            (
                Value::ObjectLink(ObjectLink {
                    object: 3,
                    instance: 0,
                }),
                json!("3:0"),
            ),
        ] {
            assert_eq!(json_value(&lwm2m), expected, "{lwm2m:?}");
        }
    }

    #[test]
    fn entries_have_name_and_unit_where_the_model_knows_them() {
        static RESOURCES: [ResourceModel; 1] = [ResourceModel::new(
            5700,
            "Sensor Value",
            Operations::Read,
            Some(DataType::Float),
        )
        .units("Cel")];
        let models = [ObjectModel::new(
            3303,
            "Temperature",
            ObjectVersion::V1_0,
            &RESOURCES,
        )];
        let entry = Entry::new(Path::resource(3303, 0, 5700), Value::Float(1.5)).at(10.0);
        assert_eq!(
            serde_json::to_value(EntryForm::new(&entry, &&models[..])).unwrap(),
            json!({"path": "/3303/0/5700", "name": "Sensor Value", "type": "Float", "value": 1.5,
                   "time": 10.0, "units": "Cel"})
        );
        let entry = Entry::new(Path::resource_instance(9, 0, 1, 2), Value::Boolean(false));
        assert_eq!(
            serde_json::to_value(EntryForm::new(&entry, &NoModels)).unwrap(),
            json!({"path": "/9/0/1/2", "type": "Boolean", "value": false})
        );
    }

    #[test]
    fn links() {
        let mut link = Link::to(Path::object_instance(3, 0)).with("pmin", "10");
        link.parameters.push(("con".into(), None));
        link.parameters.push(("pmin".into(), Some("11".into())));
        assert_eq!(
            serde_json::to_value(LinkForm::from(&link)).unwrap(),
            json!({"target": "/3/0", "parameters": {"pmin": "10", "con": null}})
        );
    }
}
