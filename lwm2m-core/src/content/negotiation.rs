//! Which format a version and a request allow, and the choice where nobody asks for one (Core 1.2.2, section 7.5;
//! Transport 1.2.2, sections 6.4.2 to 6.4.5).

use super::ContentFormat;
use crate::{
    model::Models,
    path::{Path, PathLevel},
    value::DataType,
    version::LwM2mVersion,
};

/// How much a payload is about: some formats carry one value only (Core 1.2.2, section 7.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// One value, with its type where that is known: a resource without instances, or a resource instance.
    Value(Option<DataType>),
    /// Any number of values.
    Values,
}

impl Extent {
    /// What lies at `path`. A resource that the models do not know counts as one value.
    pub fn of(path: &Path, models: &dyn Models) -> Self {
        let model = || models.resource(path.object_id()?, path.resource_id()?);
        match path.level() {
            PathLevel::Resource if model().is_some_and(|model| model.multiple) => Extent::Values,
            PathLevel::Resource | PathLevel::ResourceInstance => {
                Extent::Value(model().and_then(|model| model.data_type))
            }
            _ => Extent::Values,
        }
    }
}

/// What a payload is for: the operation decides which formats it may have (Transport 1.2.2, tables 6.4.2-1, 6.4.4-1 and
/// 6.4.5-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// The answer to a read or an observe, a notification, or the answer to a read of a bootstrap server (Core 1.2.2,
    /// sections 6.1.7.4, 6.3.1, 6.4.1 and 6.4.2).
    Read,
    /// A write that replaces, of a server or a bootstrap server (Core 1.2.2, sections 6.1.7.5 and 6.3.3).
    Write,
    /// A write that adds, and a create: several values at least in principle (Core 1.2.2, sections 6.3.3 and 6.3.6).
    Update,
    /// The request of a composite read or observe (Core 1.2.2, sections 6.3.8 and 6.4.4).
    CompositePaths,
    /// The answer to a composite read or observe, and its notifications (Core 1.2.2, sections 6.3.8 and 6.4.4).
    CompositeRead,
    /// A composite write (Core 1.2.2, section 6.3.9).
    CompositeWrite,
    /// A send (Core 1.2.2, section 6.4.6).
    Send,
    /// A bootstrap pack (Core 1.2.2, section 6.1.7.7).
    BootstrapPack,
}

/// Whether a format may be used so, in this version of the protocol (Core 1.2.2, section 7.5; Transport 1.2.2, section
/// 6.4).
///
/// ```
/// use lwm2m_core::content::{ContentFormat, negotiation::{Extent, Purpose, is_allowed}};
/// use lwm2m_core::version::LwM2mVersion::{V1_0, V1_1};
///
/// assert!(is_allowed(ContentFormat::Text, Purpose::Read, Extent::Value(None), V1_0));
/// assert!(!is_allowed(ContentFormat::Text, Purpose::Read, Extent::Values, V1_0));
/// assert!(!is_allowed(ContentFormat::SenmlCbor, Purpose::Read, Extent::Values, V1_0));
/// assert!(is_allowed(ContentFormat::SenmlCbor, Purpose::Read, Extent::Values, V1_1));
/// ```
pub fn is_allowed(
    format: ContentFormat,
    purpose: Purpose,
    extent: Extent,
    version: LwM2mVersion,
) -> bool {
    use ContentFormat as F;
    use Purpose as P;
    if !format.is_known_to(version) || !is_known(purpose, version) {
        return false;
    }
    let is_read_or_write = matches!(purpose, P::Read | P::Write | P::Update);
    match format {
        F::Link => false,
        F::Text | F::Cbor => {
            matches!(purpose, P::Read | P::Write) && matches!(extent, Extent::Value(_))
        }
        F::Opaque => {
            matches!(purpose, P::Read | P::Write)
                && matches!(extent, Extent::Value(None | Some(DataType::Opaque)))
        }
        F::Tlv => is_read_or_write,
        // From 1.1 on SenML-JSON is there for it, and clients must not use it.
        F::Json => is_read_or_write && version == LwM2mVersion::V1_0,
        F::SenmlJson | F::SenmlCbor => true,
        F::SenmlEtchJson | F::SenmlEtchCbor => {
            matches!(purpose, P::CompositePaths | P::CompositeWrite)
        }
        F::LwM2mCbor => purpose != P::CompositePaths,
    }
}

/// Whether this version of the protocol knows such requests at all.
fn is_known(purpose: Purpose, version: LwM2mVersion) -> bool {
    match purpose {
        Purpose::Read | Purpose::Write | Purpose::Update => true,
        Purpose::CompositePaths
        | Purpose::CompositeRead
        | Purpose::CompositeWrite
        | Purpose::Send => version >= LwM2mVersion::V1_1,
        Purpose::BootstrapPack => version >= LwM2mVersion::V1_2,
    }
}

/// The format in which a client answers a read or an observe: the one that is asked for, else its own choice (Transport
/// 1.2.2, section 6.4.4). `None` where the one that is asked for cannot be had: 4.06.
///
/// The choice is what every server reads: text or opaque for one value, TLV for several in 1.0, SenML-CBOR from 1.1.
pub fn read_format(
    accept: Option<ContentFormat>,
    extent: Extent,
    version: LwM2mVersion,
) -> Option<ContentFormat> {
    match accept {
        Some(format) => is_allowed(format, Purpose::Read, extent, version).then_some(format),
        None => Some(match extent {
            Extent::Value(Some(DataType::Opaque)) => ContentFormat::Opaque,
            Extent::Value(_) => ContentFormat::Text,
            Extent::Values => several_values(version),
        }),
    }
}

/// The format in which a client answers a composite read or observe that came in the format `request` (Core 1.2.2,
/// sections 6.3.8 and 6.4.4). `None` where the one that is asked for cannot be had: 4.06.
///
/// The choice is SenML, in JSON where the request is.
pub fn composite_read_format(
    accept: Option<ContentFormat>,
    request: ContentFormat,
    version: LwM2mVersion,
) -> Option<ContentFormat> {
    let format = accept.unwrap_or(match request {
        ContentFormat::SenmlJson | ContentFormat::SenmlEtchJson => ContentFormat::SenmlJson,
        _ => ContentFormat::SenmlCbor,
    });
    is_allowed(format, Purpose::CompositeRead, Extent::Values, version).then_some(format)
}

/// The formats of a server's requests, best first. Smaller comes before larger, but what most clients have comes
/// before what few have.
const PREFERENCE: [ContentFormat; 6] = [
    ContentFormat::SenmlEtchCbor,
    ContentFormat::SenmlEtchJson,
    ContentFormat::SenmlCbor,
    ContentFormat::SenmlJson,
    ContentFormat::LwM2mCbor,
    ContentFormat::Tlv,
];

/// The format in which a server writes to a client, or asks it for values (Core 1.2.2, section 7.5; Transport 1.2.2,
/// section 6.4.4).
///
/// `supported` is what the client told in its registration (`ct` of the root link); it may be empty. One value goes
/// as text or opaque from 1.1 on, which every client has to read; in 1.0 that is TLV. `None` where the version
/// knows no such request.
pub fn request_format(
    purpose: Purpose,
    extent: Extent,
    version: LwM2mVersion,
    supported: &[ContentFormat],
) -> Option<ContentFormat> {
    if !is_known(purpose, version) {
        return None;
    }
    if let (Purpose::Write, Extent::Value(Some(data_type))) = (purpose, extent)
        && version >= LwM2mVersion::V1_1
    {
        return Some(match data_type {
            DataType::Opaque => ContentFormat::Opaque,
            _ => ContentFormat::Text,
        });
    }
    let mut allowed = PREFERENCE
        .into_iter()
        .filter(|format| is_allowed(*format, purpose, extent, version));
    let first = allowed.clone().next();
    allowed.find(|format| supported.contains(format)).or(first)
}

/// The format in which a client sends, where it has no reason for another (Core 1.2.2, section 6.4.6). `None` in 1.0,
/// which knows no send.
pub fn send_format(version: LwM2mVersion) -> Option<ContentFormat> {
    is_known(Purpose::Send, version).then_some(ContentFormat::SenmlCbor)
}

/// What every implementation of a version reads and writes for several values.
fn several_values(version: LwM2mVersion) -> ContentFormat {
    match version {
        LwM2mVersion::V1_0 => ContentFormat::Tlv,
        LwM2mVersion::V1_1 | LwM2mVersion::V1_2 => ContentFormat::SenmlCbor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{NoModels, ObjectModel, Operations, ResourceModel},
        version::ObjectVersion,
    };
    use ContentFormat as F;
    use LwM2mVersion::{V1_0, V1_1, V1_2};
    use alloc::vec::Vec;

    const ALL: [F; 11] = [
        F::Text,
        F::Link,
        F::Opaque,
        F::Cbor,
        F::SenmlJson,
        F::SenmlCbor,
        F::SenmlEtchJson,
        F::SenmlEtchCbor,
        F::Tlv,
        F::Json,
        F::LwM2mCbor,
    ];
    const FLOAT: Extent = Extent::Value(Some(DataType::Float));
    const BYTES: Extent = Extent::Value(Some(DataType::Opaque));
    const MANY: Extent = Extent::Values;

    // proves: DM-24, DM-62, DM-66, FMT-07, FMT-09, FMT-30
    #[test]
    fn what_each_version_allows() {
        use Purpose as P;
        let senml = [F::SenmlJson, F::SenmlCbor];
        let none: &[F] = &[];
        for (purpose, extent, version, expected) in [
            (P::Read, FLOAT, V1_0, &[F::Text, F::Tlv, F::Json][..]),
            (P::Read, BYTES, V1_0, &[F::Text, F::Opaque, F::Tlv, F::Json]),
            (P::Read, MANY, V1_0, &[F::Tlv, F::Json]),
            (
                P::Read,
                FLOAT,
                V1_1,
                &[F::Text, F::Cbor, F::SenmlJson, F::SenmlCbor, F::Tlv],
            ),
            (P::Write, MANY, V1_1, &[F::SenmlJson, F::SenmlCbor, F::Tlv]),
            (
                P::Write,
                MANY,
                V1_2,
                &[F::SenmlJson, F::SenmlCbor, F::Tlv, F::LwM2mCbor],
            ),
            (P::Update, FLOAT, V1_0, &[F::Tlv, F::Json]),
            (
                P::Update,
                MANY,
                V1_2,
                &[F::SenmlJson, F::SenmlCbor, F::Tlv, F::LwM2mCbor],
            ),
            (P::CompositePaths, MANY, V1_0, none),
            (P::CompositePaths, MANY, V1_1, &senml),
            (
                P::CompositePaths,
                MANY,
                V1_2,
                &[
                    F::SenmlJson,
                    F::SenmlCbor,
                    F::SenmlEtchJson,
                    F::SenmlEtchCbor,
                ],
            ),
            (P::CompositeRead, MANY, V1_0, none),
            (P::CompositeRead, MANY, V1_1, &senml),
            (
                P::CompositeRead,
                MANY,
                V1_2,
                &[F::SenmlJson, F::SenmlCbor, F::LwM2mCbor],
            ),
            (P::CompositeWrite, MANY, V1_1, &senml),
            (
                P::CompositeWrite,
                MANY,
                V1_2,
                &[
                    F::SenmlJson,
                    F::SenmlCbor,
                    F::SenmlEtchJson,
                    F::SenmlEtchCbor,
                    F::LwM2mCbor,
                ],
            ),
            (P::Send, MANY, V1_0, none),
            (P::Send, MANY, V1_1, &senml),
            (
                P::Send,
                MANY,
                V1_2,
                &[F::SenmlJson, F::SenmlCbor, F::LwM2mCbor],
            ),
            (P::BootstrapPack, MANY, V1_1, none),
            (
                P::BootstrapPack,
                MANY,
                V1_2,
                &[F::SenmlJson, F::SenmlCbor, F::LwM2mCbor],
            ),
        ] {
            let allowed: Vec<F> = ALL
                .into_iter()
                .filter(|format| is_allowed(*format, purpose, extent, version))
                .collect();
            assert_eq!(allowed, expected, "{purpose:?} {extent:?} {version}");
        }
    }

    // proves: DM-06
    #[test]
    fn a_client_answers_in_the_format_asked_for_or_its_own() {
        for version in LwM2mVersion::ALL {
            assert_eq!(read_format(None, FLOAT, version), Some(F::Text));
            assert_eq!(read_format(None, BYTES, version), Some(F::Opaque));
            assert_eq!(read_format(Some(F::Tlv), MANY, version), Some(F::Tlv));
            assert_eq!(read_format(Some(F::Text), MANY, version), None);
            assert_eq!(read_format(Some(F::Opaque), FLOAT, version), None);
            assert_eq!(read_format(Some(F::Link), MANY, version), None);
        }
        assert_eq!(read_format(None, MANY, V1_0), Some(F::Tlv));
        assert_eq!(read_format(None, MANY, V1_1), Some(F::SenmlCbor));
        assert_eq!(read_format(Some(F::SenmlJson), MANY, V1_0), None);
        assert_eq!(read_format(Some(F::LwM2mCbor), MANY, V1_1), None);
        let composite = composite_read_format;
        assert_eq!(composite(None, F::SenmlEtchCbor, V1_2), Some(F::SenmlCbor));
        assert_eq!(composite(None, F::SenmlJson, V1_1), Some(F::SenmlJson));
        assert_eq!(
            composite(Some(F::LwM2mCbor), F::SenmlCbor, V1_2),
            Some(F::LwM2mCbor)
        );
        assert_eq!(composite(Some(F::LwM2mCbor), F::SenmlCbor, V1_1), None);
        assert_eq!(composite(Some(F::Tlv), F::SenmlCbor, V1_1), None);
        assert_eq!(send_format(V1_0), None);
        assert_eq!(send_format(V1_2), Some(F::SenmlCbor));
    }

    // proves: REG-31
    #[test]
    fn a_server_asks_in_the_format_the_client_has() {
        use Purpose as P;
        let ask = request_format;
        assert_eq!(ask(P::Write, FLOAT, V1_0, &[]), Some(F::Tlv));
        assert_eq!(ask(P::Write, FLOAT, V1_1, &[]), Some(F::Text));
        assert_eq!(ask(P::Write, BYTES, V1_1, &[]), Some(F::Opaque));
        assert_eq!(
            ask(P::Write, Extent::Value(None), V1_1, &[]),
            Some(F::SenmlCbor)
        );
        assert_eq!(ask(P::Write, MANY, V1_0, &[F::Json]), Some(F::Tlv));
        assert_eq!(ask(P::Write, MANY, V1_1, &[]), Some(F::SenmlCbor));
        assert_eq!(ask(P::Update, MANY, V1_1, &[F::Tlv]), Some(F::Tlv));
        assert_eq!(
            ask(P::Update, FLOAT, V1_1, &[F::Tlv, F::SenmlJson]),
            Some(F::SenmlJson)
        );
        assert_eq!(
            ask(P::Write, MANY, V1_2, &[F::LwM2mCbor]),
            Some(F::LwM2mCbor)
        );
        assert_eq!(
            ask(P::Write, MANY, V1_1, &[F::LwM2mCbor]),
            Some(F::SenmlCbor)
        );
        assert_eq!(ask(P::CompositePaths, MANY, V1_0, &[]), None);
        assert_eq!(
            ask(P::CompositePaths, MANY, V1_1, &[F::SenmlJson]),
            Some(F::SenmlJson)
        );
        assert_eq!(
            ask(P::CompositePaths, MANY, V1_2, &[]),
            Some(F::SenmlEtchCbor)
        );
        assert_eq!(
            ask(P::CompositePaths, MANY, V1_2, &[F::SenmlCbor]),
            Some(F::SenmlCbor)
        );
        assert_eq!(ask(P::CompositeWrite, MANY, V1_1, &[]), Some(F::SenmlCbor));
    }

    // proves: DM-24
    #[test]
    fn whatever_is_chosen_is_allowed() {
        for version in LwM2mVersion::ALL {
            for extent in [FLOAT, BYTES, MANY, Extent::Value(None)] {
                let format = read_format(None, extent, version).unwrap();
                assert!(is_allowed(format, Purpose::Read, extent, version));
                for purpose in [
                    Purpose::Write,
                    Purpose::Update,
                    Purpose::CompositePaths,
                    Purpose::CompositeWrite,
                    Purpose::BootstrapPack,
                ] {
                    for supported in ALL {
                        if let Some(format) = request_format(purpose, extent, version, &[supported])
                        {
                            assert!(is_allowed(format, purpose, extent, version));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_model_tells_how_much_there_is() {
        static RESOURCES: [ResourceModel; 2] = [
            ResourceModel::new(0, "", Operations::Read, Some(DataType::Float)),
            ResourceModel::new(1, "", Operations::Read, Some(DataType::Float)).multiple(),
        ];
        let models = [ObjectModel::new(9, "", ObjectVersion::V1_0, &RESOURCES)];
        let of = |text: &str| Extent::of(&text.parse().unwrap(), &models.as_slice());
        assert_eq!(of("/"), MANY);
        assert_eq!(of("/9/0"), MANY);
        assert_eq!(of("/9/0/0"), FLOAT);
        assert_eq!(of("/9/0/1"), MANY);
        assert_eq!(of("/9/0/1/7"), FLOAT);
        assert_eq!(of("/9/0/2"), Extent::Value(None));
        assert_eq!(
            Extent::of(&Path::resource(9, 0, 0), &NoModels),
            Extent::Value(None)
        );
    }
}
