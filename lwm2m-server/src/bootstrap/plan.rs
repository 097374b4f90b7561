//! A configuration as the requests that bring it to a device.

use super::BootstrapConfig;
use lwm2m_core::{
    content::{ContentFormat, EncodeError},
    entry::Entry,
    model::Models,
    operation::{Delete, DeviceOperation, Discover, Payload, Read, Write, WriteMode},
    path::{Path, PathLevel},
};
use std::collections::{BTreeMap, VecDeque};

/// The requests in their order: deletes, accounts, other objects, where asked for a look at
/// what is there now, finish (Core 1.2.2, section 6.1.7).
///
/// Each write brings one whole object instance, in `format`.
pub(super) fn operations(
    config: &BootstrapConfig,
    format: ContentFormat,
    models: &dyn Models,
    verify: bool,
) -> Result<VecDeque<DeviceOperation>, EncodeError> {
    let deletes = config
        .deletes
        .iter()
        .map(|path| DeviceOperation::Delete(Delete { path: *path }));
    let mut operations: VecDeque<DeviceOperation> = deletes.collect();
    let accounts = config.accounts.iter();
    let instances =
        accounts.flat_map(|account| [account.security_entries(), account.server_entries()]);
    let mut extra: BTreeMap<Path, Vec<Entry>> = BTreeMap::new();
    for entry in &config.extra {
        let instance = entry.path.truncated(PathLevel::ObjectInstance);
        extra.entry(instance).or_default().push(entry.clone());
    }
    for entries in instances.chain(extra.into_values()) {
        let Some(first) = entries.first() else {
            continue;
        };
        let path = first.path.truncated(PathLevel::ObjectInstance);
        let entries: Vec<Entry> = entries
            .into_iter()
            .map(|entry| typed(entry, models))
            .collect();
        let payload = Payload::encode(format, &entries, &path, models)?;
        operations.push_back(DeviceOperation::Write(Write {
            path,
            mode: WriteMode::Replace,
            payload,
        }));
    }
    if verify {
        let (path, depth) = (Path::ROOT, None);
        operations.push_back(DeviceOperation::Discover(Discover { path, depth }));
        let (path, accept) = (Path::object(1), None);
        operations.push_back(DeviceOperation::Read(Read { path, accept }));
    }
    operations.push_back(DeviceOperation::BootstrapFinish);
    Ok(operations)
}

/// The value with the type of its definition, where it can have it.
fn typed(entry: Entry, models: &dyn Models) -> Entry {
    let ids = entry.path.object_id().zip(entry.path.resource_id());
    let model = ids.and_then(|(object, resource)| models.resource(object, resource));
    match model.and_then(|model| model.data_type) {
        Some(data_type) => Entry {
            value: entry.value.coerce(data_type).unwrap_or_else(|value| value),
            ..entry
        },
        None => entry,
    }
}

/// What an operation does, for a person who reads why it failed.
pub(super) fn describe(operation: &DeviceOperation) -> String {
    match operation {
        DeviceOperation::Delete(delete) => format!("deleting {}", delete.path),
        DeviceOperation::Write(write) => format!("writing {}", write.path),
        DeviceOperation::Discover(discover) => format!("discovering {}", discover.path),
        DeviceOperation::Read(read) => format!("reading {}", read.path),
        _ => "finishing".to_owned(),
    }
}
