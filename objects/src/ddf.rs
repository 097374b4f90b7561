//! The loader for definition files: the DDF XML of the OMA registry (Core 1.2.2, appendix D).
//!
//! Real files are written by hand and differ from the schema in many ways. The loader takes what it can
//! understand, and reports as a [`Warning`] whatever it had to guess or to leave out; only what has no
//! recognisable object at all is an error.

use crate::range::{self, Range};
use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;
use lwm2m_core::{
    model::{ObjectModel, Operations, ResourceModel},
    path::RESERVED_ID,
    value::DataType,
    version::ObjectVersion,
};
use roxmltree::{Document, Node, ParsingOptions};
use std::io::Read;

/// The largest file that is read, in bytes: a bound of ours.
pub const MAX_SIZE: usize = 256 * 1024;

/// The most nodes of XML that are kept; the largest file of the registry has about 2,000.
const MAX_NODES: u32 = 32 * 1024;

/// The most namespace declarations. Definition files have one.
const MAX_NAMESPACES: usize = 8;

/// The most equals signs between two opening brackets, which bounds the attributes of an element. Definition
/// files have two attributes on one element, but descriptions with tables (`0=off`).
const MAX_EQUALS_SIGNS: usize = 1024;

/// What a file defines, and what was not clear in it (Core 1.2.2, appendix D).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The objects, in the order of the file.
    pub objects: Vec<ObjectModel>,
    /// What was guessed or left out.
    pub warnings: Vec<Warning>,
}

/// Something the loader had to guess or to leave out, for a person to look at: not all files follow the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The identifier of the object.
    pub object: u16,
    /// The identifier of the resource, where it concerns one.
    pub resource: Option<u16>,
    /// What was unclear, and what was made of it.
    pub reason: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resource {
            Some(resource) => write!(f, "/{}/x/{resource}: {}", self.object, self.reason),
            None => write!(f, "/{}: {}", self.object, self.reason),
        }
    }
}

/// Why a file cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DdfError {
    /// The file system does not give it.
    #[error("cannot read the definition file: {0}")]
    Io(#[from] std::io::Error),
    /// It is larger than [`MAX_SIZE`].
    #[error("the definition file is larger than {MAX_SIZE} bytes")]
    TooLarge,
    /// It is not UTF-8.
    #[error("the definition file is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// It is not XML, or has a document type definition.
    #[error("the definition file is not acceptable XML: {0}")]
    Xml(String),
    /// It has no object, or one without a usable identifier.
    #[error("not a definition of an LwM2M object: {0}")]
    NotADefinition(&'static str),
}

/// Reads a definition file (Core 1.2.2, appendix D); [`parse`] is for bytes.
///
/// # Errors
/// Where it cannot be read or defines no object.
pub fn load(path: impl AsRef<std::path::Path>) -> Result<Loaded, DdfError> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large without reading all of it.
    std::fs::File::open(path)?
        .take(MAX_SIZE as u64 + 1)
        .read_to_end(&mut bytes)?;
    parse(&bytes)
}

/// Reads the bytes of a definition file (Core 1.2.2, appendix D).
///
/// # Errors
/// Where it is too large, no XML, or defines no object.
pub fn parse(bytes: &[u8]) -> Result<Loaded, DdfError> {
    if bytes.len() > MAX_SIZE {
        return Err(DdfError::TooLarge);
    }
    let text = core::str::from_utf8(bytes).map_err(|e| DdfError::NotUtf8(e.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    // Each element copies the namespaces of its parents, and compares its attributes in pairs: without bounds, a
    // small file takes a lot of memory or time.
    if text.matches("xmlns").count() > MAX_NAMESPACES {
        return Err(DdfError::Xml("too many namespaces".into()));
    }
    let too_many = |part: &str| part.bytes().filter(|b| *b == b'=').count() > MAX_EQUALS_SIGNS;
    if text.split('<').any(too_many) {
        return Err(DdfError::Xml("too many attributes".into()));
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| DdfError::Xml(alloc::string::ToString::to_string(&error)))?;
    let root = document.root_element();
    if root.tag_name().name() != "LWM2M" {
        return Err(DdfError::NotADefinition("the root element is not LWM2M"));
    }
    let mut loaded = Loaded {
        objects: Vec::new(),
        warnings: Vec::new(),
    };
    for node in elements(root, "Object") {
        let object = object(node, &mut loaded.warnings)?;
        loaded.objects.push(object);
    }
    match loaded.objects.is_empty() {
        true => Err(DdfError::NotADefinition("there is no Object element")),
        false => Ok(loaded),
    }
}

fn elements<'a, 'input>(
    parent: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    parent
        .children()
        .filter(move |node| node.is_element() && node.tag_name().name() == name)
}

/// The text of a child element with runs of white space made one blank; empty where there is none.
fn text(parent: Node<'_, '_>, name: &'static str) -> String {
    let raw = raw_text(parent, name);
    let mut words = raw.split_whitespace();
    let mut text = String::from(words.next().unwrap_or(""));
    for word in words {
        text.push(' ');
        text.push_str(word);
    }
    text
}

/// The trimmed text of a child element, with its line ends.
fn raw_text(parent: Node<'_, '_>, name: &'static str) -> String {
    let element = elements(parent, name).next();
    let mut text = String::new();
    for part in element.into_iter().flat_map(|node| node.children()) {
        // CDATA sections are text as well; comments are not.
        text.push_str(part.text().filter(|_| part.is_text()).unwrap_or(""));
    }
    String::from(text.trim())
}

/// Collects warnings about one object or resource.
struct Report<'a> {
    object: u16,
    resource: Option<u16>,
    warnings: &'a mut Vec<Warning>,
}

impl Report<'_> {
    fn warn(&mut self, reason: impl Into<String>) {
        self.warnings.push(Warning {
            object: self.object,
            resource: self.resource,
            reason: reason.into(),
        });
    }

    /// Which of two words the element holds; `first` where it holds neither.
    fn either(
        &mut self,
        node: Node<'_, '_>,
        name: &'static str,
        first: &str,
        second: &str,
    ) -> bool {
        let found = text(node, name);
        if !found.eq_ignore_ascii_case(first) && !found.eq_ignore_ascii_case(second) {
            self.warn(alloc::format!(
                "{name} is {found:?}, neither {first} nor {second}; taken as {first}"
            ));
        }
        found.eq_ignore_ascii_case(second)
    }
}

fn object(node: Node<'_, '_>, warnings: &mut Vec<Warning>) -> Result<ObjectModel, DdfError> {
    let id = identifier(&text(node, "ObjectID")).ok_or(DdfError::NotADefinition(
        "its ObjectID is no number from 0 to 65534",
    ))?;
    let mut report = Report {
        object: id,
        resource: None,
        warnings,
    };
    let name = name(node, "Object", id, &mut report);
    let version = object_version(node, &mut report);
    let multiple = report.either(node, "MultipleInstances", "Single", "Multiple");
    let mandatory = report.either(node, "Mandatory", "Optional", "Mandatory");

    let mut resources: Vec<ResourceModel> = Vec::new();
    for item in elements(node, "Resources").flat_map(|list| elements(list, "Item")) {
        report.resource = None;
        let Some(resource_id) = item.attribute("ID").and_then(|id| identifier(id.trim())) else {
            report.warn("an Item without a usable ID; left out");
            continue;
        };
        report.resource = Some(resource_id);
        if resources.iter().any(|known| known.id == resource_id) {
            report.warn("defined twice; the first definition stays");
            continue;
        }
        resources.push(resource(item, resource_id, &mut report));
    }
    let mut model = ObjectModel::from_resources(id, name, version, resources);
    model.multiple = multiple;
    model.mandatory = mandatory;
    Ok(model)
}

fn resource(item: Node<'_, '_>, id: u16, report: &mut Report<'_>) -> ResourceModel {
    let name = name(item, "Resource", id, report);
    let operations = operations(&text(item, "Operations"), report);
    let data_type = data_type(&text(item, "Type"), operations, report);
    let range_text = raw_text(item, "RangeEnumeration");
    let ranges = match range::parse(&range_text, data_type) {
        Range::None => Vec::new(),
        Range::Read(ranges) => ranges,
        Range::Guessed(ranges, guess) => {
            report.warn(alloc::format!("range {range_text:?}: {guess}"));
            ranges
        }
        Range::Unreadable => {
            report.warn(alloc::format!(
                "range {range_text:?} cannot be read; any value is accepted"
            ));
            Vec::new()
        }
    };
    let mut model = ResourceModel::new(id, "", operations, data_type);
    model.name = Cow::Owned(name);
    model.multiple = report.either(item, "MultipleInstances", "Single", "Multiple");
    model.mandatory = report.either(item, "Mandatory", "Optional", "Mandatory");
    model.ranges = Cow::Owned(ranges);
    model.range_text = Cow::Owned(range_text);
    model.units = Cow::Owned(text(item, "Units"));
    model
}

fn identifier(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let id = is_number.then(|| text.parse().ok())??;
    (id != RESERVED_ID).then_some(id)
}

fn name(node: Node<'_, '_>, kind: &str, id: u16, report: &mut Report<'_>) -> String {
    let name = text(node, "Name");
    if name.is_empty() {
        report.warn("without a name");
        return alloc::format!("{kind} {id}");
    }
    name
}

/// `ObjectVersion`; 1.0 where it says none, unless the URN does.
fn object_version(node: Node<'_, '_>, report: &mut Report<'_>) -> ObjectVersion {
    let said = text(node, "ObjectVersion");
    if let Ok(version) = said.parse() {
        return version;
    }
    if !said.is_empty() {
        // "1" or "1.0.2" are seen.
        let mut numbers = said.split('.').map(|number| number.parse::<u8>().ok());
        let version = match (numbers.next().flatten(), numbers.next()) {
            (Some(major), None) => ObjectVersion::new(major, 0),
            (Some(major), Some(Some(minor))) => ObjectVersion::new(major, minor),
            _ => ObjectVersion::V1_0,
        };
        report.warn(alloc::format!("version {said:?} is taken as {version}"));
        return version;
    }
    // urn:oma:lwm2m:oma:3:1.2
    let urn = text(node, "ObjectURN");
    let in_urn = urn.rsplit_once(':').and_then(|(_, last)| last.parse().ok());
    match in_urn {
        Some(version) => {
            report.warn(alloc::format!("version {version} is taken from the URN"));
            version
        }
        None => ObjectVersion::V1_0,
    }
}

fn operations(text: &str, report: &mut Report<'_>) -> Operations {
    let has = |letter: char| text.chars().any(|c| c.eq_ignore_ascii_case(&letter));
    let (read, write, execute) = (has('R'), has('W'), has('E'));
    if text.chars().any(|c| !"RWErwe".contains(c)) || (execute && (read || write)) {
        report.warn(alloc::format!(
            "operations {text:?} are none of R, W, RW, E"
        ));
    }
    match (execute, read, write) {
        (true, _, _) => Operations::Execute,
        (_, true, true) => Operations::ReadWrite,
        (_, true, _) => Operations::Read,
        (_, _, true) => Operations::Write,
        _ => Operations::None,
    }
}

fn data_type(text: &str, operations: Operations, report: &mut Report<'_>) -> Option<DataType> {
    if operations.is_executable() {
        if !text.is_empty() && !text.eq_ignore_ascii_case("none") {
            report.warn(alloc::format!(
                "an executable resource has no type; {text:?} is left out"
            ));
        }
        return None;
    }
    let mut word: String = text.split_whitespace().collect();
    word.make_ascii_lowercase();
    let data_type = match word.as_str() {
        "string" => DataType::String,
        "integer" => DataType::Integer,
        "unsignedinteger" | "unsigned" => DataType::Unsigned,
        "float" => DataType::Float,
        "boolean" => DataType::Boolean,
        "opaque" => DataType::Opaque,
        "time" => DataType::Time,
        "objlnk" => DataType::ObjectLink,
        "corelnk" => DataType::CoreLink,
        _ => {
            report.warn(alloc::format!(
                "type {text:?} is not known; values of any type are accepted"
            ));
            return None;
        }
    };
    Some(data_type)
}

#[cfg(test)]
mod tests;
