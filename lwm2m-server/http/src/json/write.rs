//! From JSON to the vocabulary, with errors that a person understands.

use super::MAX_SAFE_INTEGER;
use crate::problem::Problem;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_core::{
    attributes::AttributeChange,
    entry::Entry,
    model::Models,
    path::{Path, PathLevel},
    value::{DataType, Value},
};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

/// Values to write: `value`, or `entries`.
///
/// `value` belongs to the path of the request. Where that is a single resource it is the value itself, further
/// up (and for a resource with instances) an object of what is below, by identifier:
/// `{"value": 300}` for `/1/0/1`, `{"value": {"1": 300, "6": false}}` for `/1/0`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteForm {
    /// One value, or an object of values by identifier.
    #[schema(value_type = Option<Object>, example = 300)]
    value: Option<Json>,
    /// Data type of `value`, for a resource whose definition is not known.
    #[serde(rename = "type")]
    data_type: Option<String>,
    /// Values with their paths.
    entries: Option<Vec<EntryInput>>,
}

/// One value with its path.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryInput {
    /// A resource or resource instance.
    #[schema(value_type = String, example = "/1/0/1")]
    path: Path,
    /// Its value.
    #[schema(value_type = Object, example = 300)]
    value: Json,
    /// Data type, for a resource whose definition is not known.
    #[serde(rename = "type")]
    data_type: Option<String>,
}

impl From<Json> for WriteForm {
    fn from(value: Json) -> Self {
        WriteForm {
            value: Some(value),
            data_type: None,
            entries: None,
        }
    }
}

impl From<Vec<EntryInput>> for WriteForm {
    fn from(entries: Vec<EntryInput>) -> Self {
        WriteForm {
            value: None,
            data_type: None,
            entries: Some(entries),
        }
    }
}

impl WriteForm {
    /// The values, all at or below `base`.
    ///
    /// # Errors
    /// What does not fit the definitions, or the other way a request can be wrong: for a person.
    pub(crate) fn into_entries(
        self,
        base: &Path,
        models: &dyn Models,
    ) -> Result<Vec<Entry>, Problem> {
        let mut writer = Writer {
            models,
            entries: Vec::new(),
        };
        match (self.value, self.entries) {
            (Some(value), None) => {
                let data_type = self.data_type.as_deref().map(parse_type).transpose()?;
                writer.walk(*base, &value, data_type)?;
            }
            (None, Some(inputs)) => {
                for input in inputs {
                    let path = input.path;
                    if !base.contains(&path) {
                        return Err(invalid(&path, format_args!("lies outside of {base}")));
                    }
                    let data_type = input.data_type.as_deref().map(parse_type).transpose()?;
                    writer.walk(path, &input.value, data_type)?;
                }
            }
            _ => {
                return Err(Problem::bad_request(
                    "the body has either `value` (not null) or `entries`",
                ));
            }
        }
        Ok(writer.entries)
    }
}

struct Writer<'a> {
    models: &'a dyn Models,
    entries: Vec<Entry>,
}

impl Writer<'_> {
    /// Walks down an object of values; a path ends after four identifiers, and so does the recursion.
    fn walk(&mut self, path: Path, json: &Json, said: Option<DataType>) -> Result<(), Problem> {
        let level = path.level();
        let resource = match (path.object_id(), path.resource_id()) {
            (Some(object), Some(resource)) => self.models.resource(object, resource),
            _ => None,
        };
        if let Json::Object(children) = json {
            let single = resource.is_some_and(|resource| !resource.multiple);
            if level == PathLevel::ResourceInstance || single {
                return Err(invalid(&path, "expects one value, got an object"));
            }
            for (id, child) in children {
                let id: u16 = id
                    .parse()
                    .map_err(|_| invalid(&path, format_args!("{} is no identifier", quoted(id))))?;
                let below = path
                    .child(id)
                    .map_err(|error| invalid(&path, format_args!("{error}")))?;
                self.walk(below, child, said)?;
            }
            return Ok(());
        }
        if level < PathLevel::Resource {
            let expects = "expects an object of values by identifier, like {\"1\": 300}";
            return Err(invalid(&path, format_args!("{expects}, got {}", Got(json))));
        }
        let multiple = resource.is_some_and(|resource| resource.multiple);
        if level == PathLevel::Resource && multiple {
            let expects = "has instances: expects an object of values by instance, like {\"0\": 1}";
            return Err(invalid(&path, format_args!("{expects}, got {}", Got(json))));
        }
        let data_type = resource.and_then(|resource| resource.data_type).or(said);
        let value = match data_type {
            Some(data_type) => typed(&path, json, data_type)?,
            None => untyped(&path, json)?,
        };
        self.entries.push(Entry::new(path, value));
        Ok(())
    }
}

/// The value of a JSON value whose type is known.
fn typed(path: &Path, json: &Json, data_type: DataType) -> Result<Value, Problem> {
    let text = json.as_str();
    let value = match data_type {
        DataType::String => text.map(|text| Value::String(text.into())),
        DataType::CoreLink => text.map(|text| Value::CoreLink(text.into())),
        DataType::Integer => integer(json).map(Value::Integer),
        DataType::Time => integer(json).map(Value::Time),
        DataType::Unsigned => match text {
            Some(text) => text.parse().ok().map(Value::Unsigned),
            None => json
                .as_u64()
                .or_else(|| u64::try_from(integer(json)?).ok())
                .map(Value::Unsigned),
        },
        DataType::Float => match text {
            Some(text) => text.parse().ok(),
            None => json.as_f64(),
        }
        .filter(|number: &f64| number.is_finite())
        .map(Value::Float),
        DataType::Boolean => match text {
            Some("true") => Some(Value::Boolean(true)),
            Some("false") => Some(Value::Boolean(false)),
            _ => json.as_bool().map(Value::Boolean),
        },
        DataType::Opaque => text
            .and_then(|text| STANDARD.decode(text).ok())
            .map(Value::Opaque),
        DataType::ObjectLink => text
            .and_then(|text| text.parse().ok())
            .map(Value::ObjectLink),
        _ => None,
    };
    value.ok_or_else(|| {
        let form = match data_type {
            DataType::Opaque => " (padded Base64)",
            DataType::ObjectLink => " (like \"3:0\")",
            DataType::Time => " (whole seconds since 1970)",
            _ => "",
        };
        // Bytes may be a key, also where they are written wrongly.
        if data_type == DataType::Opaque {
            return invalid(path, format_args!("expects {data_type}{form}"));
        }
        invalid(
            path,
            format_args!("expects {data_type}{form}, got {}", Got(json)),
        )
    })
}

/// The value of a JSON value for a resource that nobody knows the type of.
fn untyped(path: &Path, json: &Json) -> Result<Value, Problem> {
    let value = match json {
        Json::Bool(boolean) => Some(Value::Boolean(*boolean)),
        Json::String(text) => Some(Value::String(text.clone())),
        Json::Number(number) => number
            .as_i64()
            .map(Value::Integer)
            .or_else(|| number.as_u64().map(Value::Unsigned))
            .or_else(|| number.as_f64().map(Value::Float)),
        _ => None,
    };
    value.ok_or_else(|| invalid(path, format_args!("expects a value, got {}", Got(json))))
}

/// A whole number: as a number (`1e3` too, as far as it is exact), or as a string of digits.
fn integer(json: &Json) -> Option<i64> {
    if let Some(text) = json.as_str() {
        return text.parse().ok();
    }
    json.as_i64().or_else(|| {
        let float = json.as_f64()?;
        (float.fract() == 0.0 && float.abs() <= MAX_SAFE_INTEGER as f64).then_some(float as i64)
    })
}

fn parse_type(text: &str) -> Result<DataType, Problem> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "string" => DataType::String,
        "integer" => DataType::Integer,
        "unsigned" | "unsigned integer" => DataType::Unsigned,
        "float" => DataType::Float,
        "boolean" => DataType::Boolean,
        "opaque" => DataType::Opaque,
        "time" => DataType::Time,
        "objlnk" | "objectlink" => DataType::ObjectLink,
        "corelnk" | "corelink" => DataType::CoreLink,
        _ => {
            return Err(Problem::bad_request(format!(
                "type: {} is none of String, Integer, Unsigned Integer, Float, Boolean, Opaque, Time, Objlnk, Corelnk",
                quoted(text)
            )));
        }
    })
}

/// Attributes to write, by name; `null` unsets one: `{"pmin": 10, "gt": 30.5, "st": null}`.
///
/// # Errors
/// Names, values and combinations that write-attributes does not allow.
pub(crate) fn attribute_change(attributes: &Map<String, Json>) -> Result<AttributeChange, Problem> {
    let queries = attributes
        .iter()
        .map(|(name, value)| {
            Ok(match value {
                Json::Null => name.clone(),
                Json::Bool(value) => format!("{name}={}", u8::from(*value)),
                Json::Number(value) => format!("{name}={value}"),
                Json::String(value) => format!("{name}={value}"),
                _ => {
                    return Err(Problem::bad_request(format!(
                        "attribute {}: expects a number, a boolean or null, got {}",
                        quoted(name),
                        Got(value)
                    )));
                }
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    AttributeChange::from_queries(queries.iter().map(String::as_str))
        .map_err(|error| Problem::bad_request(error.to_string()))
}

fn invalid(path: &Path, reason: impl std::fmt::Display) -> Problem {
    Problem::new(
        axum::http::StatusCode::BAD_REQUEST,
        "bad-value",
        format!("{path}: {reason}"),
    )
}

/// A JSON value as an error names it: its kind, and as much of it as a person wants to see.
struct Got<'a>(&'a Json);

impl std::fmt::Display for Got<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "Boolean {value}"),
            Json::Number(value) => write!(f, "number {value}"),
            Json::String(text) => write!(f, "String {}", quoted(text)),
            Json::Array(_) => f.write_str("an array"),
            Json::Object(_) => f.write_str("an object"),
        }
    }
}

/// A text in quotes, shortened.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::{
        model::{ObjectModel, Operations, ResourceModel},
        value::ObjectLink,
        version::ObjectVersion,
    };
    use serde_json::json;

    const fn resource(id: u16, data_type: DataType) -> ResourceModel {
        ResourceModel::new(id, "", Operations::ReadWrite, Some(data_type))
    }

    static RESOURCES: [ResourceModel; 10] = [
        resource(0, DataType::String),
        resource(1, DataType::Integer),
        resource(2, DataType::Unsigned),
        resource(3, DataType::Float),
        resource(4, DataType::Boolean),
        resource(5, DataType::Opaque),
        resource(6, DataType::Time),
        resource(7, DataType::ObjectLink),
        resource(8, DataType::CoreLink),
        resource(9, DataType::Integer).multiple(),
    ];

    fn models() -> [ObjectModel; 1] {
        [ObjectModel::new(1, "", ObjectVersion::V1_0, &RESOURCES)]
    }

    fn entries(base: &str, body: Json) -> Result<Vec<Entry>, String> {
        let form: WriteForm = serde_json::from_value(body).map_err(|error| error.to_string())?;
        let models = models();
        form.into_entries(&base.parse().unwrap(), &&models[..])
            .map_err(|problem| problem.detail().to_owned())
    }

    fn one(resource: u16, value: Json) -> Result<Value, String> {
        let path = format!("/1/0/{resource}");
        let mut entries = entries(&path, json!({ "value": value }))?;
        assert_eq!(entries.len(), 1);
        Ok(entries.remove(0).value)
    }

    #[test]
    fn values_by_the_model() {
        let link = ObjectLink {
            object: 3,
            instance: 0,
        };
        for (resource, json, value) in [
            (0, json!("é"), Value::String("é".into())),
            (1, json!(-7), Value::Integer(-7)),
            (1, json!("-9223372036854775808"), Value::Integer(i64::MIN)),
            (1, json!(1e3), Value::Integer(1000)),
            (2, json!(7), Value::Unsigned(7)),
            (2, json!(u64::MAX), Value::Unsigned(u64::MAX)),
            (2, json!("18446744073709551615"), Value::Unsigned(u64::MAX)),
            (3, json!(5), Value::Float(5.0)),
            (3, json!("21.5"), Value::Float(21.5)),
            (4, json!(true), Value::Boolean(true)),
            (4, json!("false"), Value::Boolean(false)),
            (5, json!("/+4="), Value::Opaque(vec![0xFF, 0xEE])),
            (6, json!(1_700_000_000), Value::Time(1_700_000_000)),
            (7, json!("3:0"), Value::ObjectLink(link)),
            (8, json!("</3>"), Value::CoreLink("</3>".into())),
        ] {
            assert_eq!(one(resource, json.clone()), Ok(value), "{json}");
        }
    }

    #[test]
    fn errors_name_place_expectation_and_what_came() {
        for (resource, json, error) in [
            (0, json!(5), "/1/0/0: expects String, got number 5"),
            (
                1,
                json!("abc"),
                "/1/0/1: expects Integer, got String \"abc\"",
            ),
            (1, json!(1.5), "/1/0/1: expects Integer, got number 1.5"),
            (
                1,
                json!(1e300),
                "/1/0/1: expects Integer, got number 1e+300",
            ),
            (
                2,
                json!(-1),
                "/1/0/2: expects Unsigned Integer, got number -1",
            ),
            (3, json!("abc"), "/1/0/3: expects Float, got String \"abc\""),
            (3, json!("inf"), "/1/0/3: expects Float, got String \"inf\""),
            (3, json!([1]), "/1/0/3: expects Float, got an array"),
            (4, json!(1), "/1/0/4: expects Boolean, got number 1"),
            (5, json!("***"), "/1/0/5: expects Opaque (padded Base64)"),
            (
                7,
                json!("3/0"),
                "/1/0/7: expects Objlnk (like \"3:0\"), got String \"3/0\"",
            ),
            (
                3,
                json!({"0": 1}),
                "/1/0/3: expects one value, got an object",
            ),
        ] {
            assert_eq!(one(resource, json), Err(error.into()));
        }
        let long = one(1, json!("x".repeat(5000))).unwrap_err();
        assert!(long.len() < 100, "{long}");
    }

    #[test]
    fn objects_of_values() {
        let of = |pairs: &[(&str, i64)]| -> Vec<Entry> {
            let entry = |(path, value): &(&str, i64)| {
                Entry::new(path.parse().unwrap(), Value::Integer(*value))
            };
            pairs.iter().map(entry).collect()
        };
        assert_eq!(
            entries("/1/0", json!({"value": {"1": 5, "9": {"0": 1, "3": 2}}})),
            Ok(of(&[("/1/0/1", 5), ("/1/0/9/0", 1), ("/1/0/9/3", 2)]))
        );
        assert_eq!(
            entries("/1/0/9", json!({"value": {"4": 1}})),
            Ok(of(&[("/1/0/9/4", 1)]))
        );
        assert_eq!(
            entries("/", json!({"entries": [{"path": "/1/0/1", "value": 5}]})),
            Ok(of(&[("/1/0/1", 5)]))
        );
        for (base, body) in [
            ("/1/0", json!({"value": 5})),
            ("/1/0/9", json!({"value": 5})),
            ("/1/0", json!({"value": {"x": 5}})),
            ("/1/0", json!({"value": {"65535": 5}})),
            ("/1/0/9/1", json!({"value": {"0": 5}})),
            ("/1/0", json!({"entries": [{"path": "/2/0/1", "value": 5}]})),
            ("/1/0", json!({"value": null})),
            ("/1/0", json!({})),
            ("/1/0/1", json!({"value": 1, "entries": []})),
            ("/1/0/1", json!({"value": 1, "surprise": 1})),
        ] {
            assert!(entries(base, body.clone()).is_err(), "{base} {body}");
        }
    }

    #[test]
    fn resources_nobody_knows() {
        let unknown = |body: Json| entries("/99/0/1", body).map(|mut e| e.remove(0).value);
        assert_eq!(unknown(json!({"value": 5})), Ok(Value::Integer(5)));
        assert_eq!(unknown(json!({"value": 0.5})), Ok(Value::Float(0.5)));
        assert_eq!(
            unknown(json!({"value": 5, "type": "Float"})),
            Ok(Value::Float(5.0))
        );
        assert_eq!(
            unknown(json!({"value": "/+4=", "type": "Opaque"})),
            Ok(Value::Opaque(vec![0xFF, 0xEE]))
        );
        assert!(unknown(json!({"value": 5, "type": "word"})).is_err());
        let deep = json!({"value": {"0": 5}});
        assert_eq!(
            entries("/99/0/1", deep),
            Ok(vec![Entry::new(
                "/99/0/1/0".parse().unwrap(),
                Value::Integer(5)
            )])
        );
    }

    #[test]
    fn attributes_that_are_no_scalars() {
        let Json::Object(map) = json!({"pmin": [1]}) else {
            unreachable!()
        };
        assert!(attribute_change(&map).is_err());
    }
}
