//! What a case wants the server to do, in words for a trigger, and whether a request is that.

use crate::judge::values;
use lwm2m_core::{
    content::{self, ContentFormat},
    entry::Entry,
    operation::{DeviceOperation, Payload, WriteMode},
    path::Path,
};
use lwm2m_objects::Definitions;
use std::fmt;

/// One operation that a server is to carry out on the device.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Wanted {
    /// Read.
    Read {
        /// What.
        path: Path,
        /// In this format; `None`: as the server likes.
        format: Option<ContentFormat>,
    },
    /// Discover.
    Discover {
        /// Where.
        path: Path,
        /// How deep (1.2).
        depth: Option<u8>,
    },
    /// Write.
    Write {
        /// Where.
        path: Path,
        /// In place of what is there, or beside it.
        mode: WriteMode,
        /// In this format; `None`: as the server likes.
        format: Option<ContentFormat>,
        /// What.
        entries: Vec<Entry>,
    },
    /// Write-attributes.
    WriteAttributes {
        /// Where.
        path: Path,
        /// `pmin=10&pmax=200`
        query: &'static str,
    },
    /// Execute.
    Execute {
        /// What.
        path: Path,
    },
    /// Create an instance.
    Create {
        /// Its values; their paths name the instance.
        entries: Vec<Entry>,
    },
    /// Delete an instance.
    Delete {
        /// Which.
        path: Path,
    },
    /// Observe.
    Observe {
        /// What.
        path: Path,
        /// Attributes in the query (1.2); empty where there are none.
        query: &'static str,
    },
    /// End an observation by Observe = 1.
    Cancel {
        /// Of what.
        path: Path,
    },
    /// Give up an observation without a word: its next notification is to be reset.
    Forget {
        /// Of what.
        path: Path,
    },
    /// Read-composite.
    ReadComposite {
        /// What.
        paths: Vec<Path>,
    },
    /// Write-composite.
    WriteComposite {
        /// What.
        entries: Vec<Entry>,
    },
    /// Observe-composite.
    ObserveComposite {
        /// What.
        paths: Vec<Path>,
    },
    /// End a composite observation by Observe = 1.
    CancelComposite {
        /// Of what.
        paths: Vec<Path>,
    },
    /// Push a firmware image to /5/0/0.
    PushFirmware {
        /// The image.
        image: Vec<u8>,
    },
}

impl Wanted {
    /// The word by which a trigger knows it.
    pub fn word(&self) -> &'static str {
        match self {
            Wanted::Read { .. } => "read",
            Wanted::Discover { .. } => "discover",
            Wanted::Write {
                mode: WriteMode::Replace,
                ..
            } => "write",
            Wanted::Write { .. } => "update",
            Wanted::WriteAttributes { .. } => "write-attributes",
            Wanted::Execute { .. } => "execute",
            Wanted::Create { .. } => "create",
            Wanted::Delete { .. } => "delete",
            Wanted::Observe { .. } => "observe",
            Wanted::Cancel { .. } => "cancel",
            Wanted::Forget { .. } => "forget",
            Wanted::ReadComposite { .. } => "read-composite",
            Wanted::WriteComposite { .. } => "write-composite",
            Wanted::ObserveComposite { .. } => "observe-composite",
            Wanted::CancelComposite { .. } => "cancel-composite",
            Wanted::PushFirmware { .. } => "push-firmware",
        }
    }

    /// What ends the observation that it begins; `None` where it begins none.
    pub(super) fn end(&self) -> Option<Wanted> {
        match self {
            Wanted::Observe { path, .. } => Some(Wanted::Cancel { path: *path }),
            Wanted::ObserveComposite { paths } => Some(Wanted::CancelComposite {
                paths: paths.clone(),
            }),
            _ => None,
        }
    }

    /// The places that it is about.
    pub fn paths(&self) -> Vec<Path> {
        match self {
            Wanted::Read { path, .. }
            | Wanted::Discover { path, .. }
            | Wanted::Write { path, .. }
            | Wanted::WriteAttributes { path, .. }
            | Wanted::Execute { path }
            | Wanted::Delete { path }
            | Wanted::Observe { path, .. }
            | Wanted::Cancel { path }
            | Wanted::Forget { path } => vec![*path],
            Wanted::ReadComposite { paths }
            | Wanted::ObserveComposite { paths }
            | Wanted::CancelComposite { paths } => paths.clone(),
            Wanted::WriteComposite { entries } => entries.iter().map(|entry| entry.path).collect(),
            Wanted::Create { entries } => {
                let first = entries.first().and_then(|entry| entry.path.object_id());
                first.map(Path::object).into_iter().collect()
            }
            Wanted::PushFirmware { .. } => vec![Path::resource(5, 0, 0)],
        }
    }

    /// The format that the case prescribes.
    pub fn format(&self) -> Option<ContentFormat> {
        match self {
            Wanted::Read { format, .. } | Wanted::Write { format, .. } => *format,
            Wanted::PushFirmware { .. } => Some(ContentFormat::Opaque),
            _ => None,
        }
    }

    /// The values that it writes.
    pub fn entries(&self) -> &[Entry] {
        match self {
            Wanted::Write { entries, .. }
            | Wanted::Create { entries }
            | Wanted::WriteComposite { entries } => entries,
            _ => &[],
        }
    }

    /// The attributes that it writes or asks with; empty where it has none.
    pub fn query(&self) -> &'static str {
        match self {
            Wanted::WriteAttributes { query, .. } | Wanted::Observe { query, .. } => query,
            _ => "",
        }
    }

    /// Whether a request is on the place and of the kind that is wanted; its details are for [`Wanted::check`].
    pub(super) fn is_meant(&self, operation: &DeviceOperation) -> bool {
        match (self, operation) {
            (Wanted::Read { path, .. }, DeviceOperation::Read(read)) => read.path == *path,
            (Wanted::Discover { path, .. }, DeviceOperation::Discover(discover)) => {
                discover.path == *path
            }
            (Wanted::Write { path, .. }, DeviceOperation::Write(write)) => write.path == *path,
            (Wanted::PushFirmware { .. }, DeviceOperation::Write(write)) => {
                write.path == Path::resource(5, 0, 0)
            }
            (Wanted::WriteAttributes { path, .. }, DeviceOperation::WriteAttributes(write)) => {
                write.path == *path
            }
            (Wanted::Execute { path }, DeviceOperation::Execute(execute)) => execute.path == *path,
            (Wanted::Create { .. }, DeviceOperation::Create(create)) => {
                self.paths() == [Path::object(create.object)]
            }
            (Wanted::Delete { path }, DeviceOperation::Delete(delete)) => delete.path == *path,
            (Wanted::Observe { path, .. }, DeviceOperation::Observe(observe)) => {
                observe.path == *path && !observe.cancel
            }
            (Wanted::Cancel { path }, DeviceOperation::Observe(observe)) => {
                observe.path == *path && observe.cancel
            }
            (Wanted::WriteComposite { .. }, DeviceOperation::WriteComposite(_)) => true,
            (Wanted::ReadComposite { paths }, DeviceOperation::ReadComposite(read)) => {
                same_paths(&read.paths, paths)
            }
            (Wanted::ObserveComposite { paths }, DeviceOperation::ObserveComposite(observe)) => {
                !observe.cancel && same_paths(&observe.paths, paths)
            }
            (Wanted::CancelComposite { paths }, DeviceOperation::ObserveComposite(observe)) => {
                observe.cancel && same_paths(&observe.paths, paths)
            }
            _ => false,
        }
    }

    /// What is wrong with a request that is meant by this.
    ///
    /// # Errors
    /// In words for a person.
    pub(super) fn check(
        &self,
        operation: &DeviceOperation,
        models: &Definitions,
    ) -> Result<(), String> {
        match (self, operation) {
            (Wanted::Read { format, .. }, DeviceOperation::Read(read)) => {
                // Without a prescription the server may ask for any format, or leave it to the device.
                expect_format(*format, read.accept)
            }
            (Wanted::Discover { depth, .. }, DeviceOperation::Discover(discover)) => {
                match discover.depth == *depth {
                    true => Ok(()),
                    false => Err(format!("depth is {:?}, not {depth:?}", discover.depth)),
                }
            }
            (
                Wanted::Write {
                    path,
                    mode,
                    format,
                    entries,
                },
                DeviceOperation::Write(write),
            ) => {
                if write.mode != *mode {
                    return Err(format!("it is {:?}, not {mode:?}", write.mode));
                }
                expect_format(*format, Some(write.payload.format))?;
                expect_entries(&write.payload, path, entries, models)
            }
            (Wanted::PushFirmware { image }, DeviceOperation::Write(write)) => {
                let whole = write.payload.decode(&Path::resource(5, 0, 0), models);
                let found = whole.map_err(|error| error.to_string())?;
                let data = found.first().and_then(|entry| entry.value.as_bytes());
                match data == Some(image.as_slice()) {
                    true => Ok(()),
                    false => Err("the package is not the image".to_owned()),
                }
            }
            (Wanted::WriteAttributes { query, .. }, DeviceOperation::WriteAttributes(write)) => {
                let wanted = values::change(query).map_err(|ending| format!("{ending:?}"))?;
                match write.change == wanted {
                    true => Ok(()),
                    false => Err(format!(
                        "the attributes are {:?}, not {query:?}",
                        write.change.to_queries().join("&")
                    )),
                }
            }
            (Wanted::Observe { query, .. }, DeviceOperation::Observe(observe)) => {
                let found = observe.attributes.to_queries().join("&");
                let wanted = match query.is_empty() {
                    true => Default::default(),
                    false => {
                        values::change(query)
                            .map_err(|ending| format!("{ending:?}"))?
                            .set
                    }
                };
                match observe.attributes == wanted {
                    true => Ok(()),
                    false => Err(format!("the attributes are {found:?}, not {query:?}")),
                }
            }
            (Wanted::Create { entries }, DeviceOperation::Create(create)) => {
                let instance = entries
                    .first()
                    .and_then(|entry| entry.path.object_instance_id());
                let found = content::decode_create(
                    create.payload.format,
                    &create.payload.data,
                    &Path::object(create.object),
                    instance.unwrap_or_default(),
                    models,
                );
                same_entries(&found.map_err(|error| error.to_string())?, entries)
            }
            (Wanted::WriteComposite { entries }, DeviceOperation::WriteComposite(write)) => {
                expect_entries(&write.payload, &Path::ROOT, entries, models)
            }
            _ => Ok(()),
        }
    }
}

fn expect_format(
    wanted: Option<ContentFormat>,
    found: Option<ContentFormat>,
) -> Result<(), String> {
    match wanted {
        Some(_) if wanted != found => Err(format!("the format is {found:?}, not {wanted:?}")),
        _ => Ok(()),
    }
}

fn expect_entries(
    payload: &Payload,
    base: &Path,
    wanted: &[Entry],
    models: &Definitions,
) -> Result<(), String> {
    let found = payload.decode(base, models);
    same_entries(&found.map_err(|error| error.to_string())?, wanted)
}

fn same_entries(found: &[Entry], wanted: &[Entry]) -> Result<(), String> {
    for entry in wanted {
        match values::find(found, &entry.path) {
            Some(value) if values::same(value, &entry.value) => {}
            Some(value) => {
                return Err(format!(
                    "{} is written as {value}, not {}",
                    entry.path, entry.value
                ));
            }
            None => return Err(format!("{} is not written", entry.path)),
        }
    }
    let stray = found
        .iter()
        .find(|entry| values::find(wanted, &entry.path).is_none());
    match stray {
        Some(entry) => Err(format!("{} is written, too", entry.path)),
        None => Ok(()),
    }
}

fn same_paths(found: &[Path], wanted: &[Path]) -> bool {
    let mut sorted = [found.to_vec(), wanted.to_vec()];
    sorted.iter_mut().for_each(|paths| paths.sort_unstable());
    sorted[0] == sorted[1]
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        for path in self.paths() {
            write!(f, " {path}")?;
        }
        match self.query() {
            "" => Ok(()),
            query => write!(f, " {query}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::operation::{Read, Write};

    fn write(format: ContentFormat, entries: &[Entry]) -> DeviceOperation {
        let models = Definitions::built_in();
        let path = Path::object_instance(1, 0);
        let payload = Payload::encode(format, entries, &path, &models).unwrap();
        Write {
            path,
            mode: WriteMode::PartialUpdate,
            payload,
        }
        .into()
    }

    #[test]
    fn a_write_is_compared_by_its_values() {
        let models = Definitions::built_in();
        let lifetime = Entry::new(Path::resource(1, 0, 1), 61);
        let storing = Entry::new(Path::resource(1, 0, 6), true);
        let wanted = Wanted::Write {
            path: Path::object_instance(1, 0),
            mode: WriteMode::PartialUpdate,
            format: None,
            entries: vec![lifetime.clone(), storing.clone()],
        };
        for format in [ContentFormat::Tlv, ContentFormat::SenmlJson] {
            let found = write(format, &[storing.clone(), lifetime.clone()]);
            assert!(wanted.is_meant(&found));
            assert_eq!(wanted.check(&found, &models), Ok(()));
        }
        let short = write(ContentFormat::Tlv, std::slice::from_ref(&lifetime));
        let error = wanted.check(&short, &models).unwrap_err();
        assert!(error.contains("/1/0/6 is not written"), "{error}");
        let other = Entry::new(Path::resource(1, 0, 1), 62);
        let other = write(ContentFormat::Tlv, &[other, storing.clone()]);
        assert!(wanted.check(&other, &models).is_err());
        let more = Entry::new(Path::resource(1, 0, 2), 1);
        let more = write(ContentFormat::Tlv, &[lifetime, storing, more]);
        assert!(wanted.check(&more, &models).unwrap_err().contains("too"));
    }

    #[test]
    fn a_prescribed_format_is_asked_for() {
        let models = Definitions::built_in();
        let path = Path::object_instance(3, 0);
        let read = |accept| DeviceOperation::from(Read { path, accept });
        let wanted = Wanted::Read {
            path,
            format: Some(ContentFormat::Tlv),
        };
        assert_eq!(
            wanted.check(&read(Some(ContentFormat::Tlv)), &models),
            Ok(())
        );
        assert!(wanted.check(&read(None), &models).is_err());
        let any = Wanted::Read { path, format: None };
        assert_eq!(any.check(&read(None), &models), Ok(()));
        let other = Wanted::Read {
            path: Path::object(3),
            format: None,
        };
        assert!(!other.is_meant(&read(None)));
    }
}
