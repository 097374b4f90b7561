//! The form our tables of definitions are written in.
//!
//! One table serves all versions of an object: a row says in which versions it holds, and each version's
//! definition is put together by the compiler. Name, number and definition of a resource stand in one row, so
//! that they cannot drift apart.

use lwm2m_core::{
    model::{ObjectModel, Operations, ResourceModel, ValueRange},
    value::DataType,
    version::ObjectVersion,
};

/// One row: a resource, and the versions of its object in which it is defined so.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    id: u16,
    name: &'static str,
    operations: Operations,
    data_type: Option<DataType>,
    multiple: bool,
    mandatory: bool,
    range_text: &'static str,
    ranges: &'static [ValueRange],
    units: &'static str,
    since: ObjectVersion,
    until: ObjectVersion,
}

impl Row {
    pub(crate) const fn new(
        id: u16,
        name: &'static str,
        operations: Operations,
        data_type: Option<DataType>,
    ) -> Self {
        Row {
            id,
            name,
            operations,
            data_type,
            multiple: false,
            mandatory: false,
            range_text: "",
            ranges: &[],
            units: "",
            since: ObjectVersion::new(0, 0),
            until: ObjectVersion::new(u8::MAX, u8::MAX),
        }
    }

    /// With resource instances.
    pub(crate) const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// In every object instance.
    pub(crate) const fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    /// With a range, as the registry words it and as a machine reads it.
    pub(crate) const fn range(mut self, text: &'static str, ranges: &'static [ValueRange]) -> Self {
        self.range_text = text;
        self.ranges = ranges;
        self
    }

    /// With a unit.
    pub(crate) const fn units(mut self, units: &'static str) -> Self {
        self.units = units;
        self
    }

    /// From this version of the object on.
    pub(crate) const fn since(mut self, major: u8, minor: u8) -> Self {
        self.since = ObjectVersion::new(major, minor);
        self
    }

    /// Up to and including this version of the object.
    pub(crate) const fn until(mut self, major: u8, minor: u8) -> Self {
        self.until = ObjectVersion::new(major, minor);
        self
    }

    const fn is_in(&self, version: ObjectVersion) -> bool {
        !precedes(version, self.since) && !precedes(self.until, version)
    }

    const fn model(&self) -> ResourceModel {
        let mut model = ResourceModel::new(self.id, self.name, self.operations, self.data_type)
            .range(self.ranges, self.range_text)
            .units(self.units);
        model.multiple = self.multiple;
        model.mandatory = self.mandatory;
        model
    }
}

/// `a < b`; the operator is not `const`.
const fn precedes(a: ObjectVersion, b: ObjectVersion) -> bool {
    a.major < b.major || (a.major == b.major && a.minor < b.minor)
}

/// A number from..=to.
pub(crate) const fn number(from: f64, to: f64) -> ValueRange {
    ValueRange::Number { from, to }
}

/// A length of from..=to bytes.
pub(crate) const fn length(from: u32, to: u32) -> ValueRange {
    ValueRange::Length { from, to }
}

/// How many resources a version has.
pub(crate) const fn count(rows: &[Row], version: ObjectVersion) -> usize {
    let (mut found, mut index) = (0, 0);
    while index < rows.len() {
        if rows[index].is_in(version) {
            found += 1;
        }
        index += 1;
    }
    found
}

/// The resources of a version; `N` is their [`count`]. Rows out of order do not compile.
pub(crate) const fn resources<const N: usize>(
    rows: &[Row],
    version: ObjectVersion,
) -> [ResourceModel; N] {
    let mut models = [const { ResourceModel::new(0, "", Operations::None, None) }; N];
    let (mut found, mut index) = (0, 0);
    while index < rows.len() {
        if rows[index].is_in(version) {
            assert!(
                found == 0 || models[found - 1].id < rows[index].id,
                "rows must be ordered by identifier"
            );
            // A `const fn` cannot run the destructor of what it replaces; there is nothing to free.
            core::mem::forget(core::mem::replace(&mut models[found], rows[index].model()));
            found += 1;
        }
        index += 1;
    }
    models
}

/// How often an object occurs in a client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occurs {
    /// At most one instance, in some clients.
    Optional,
    /// One instance, in every client.
    Mandatory,
    /// Any number of instances, in some clients.
    OptionalMultiple,
    /// Any number of instances, in every client.
    MandatoryMultiple,
}

/// The definition of one version of an object.
pub(crate) const fn model(
    id: u16,
    name: &'static str,
    version: ObjectVersion,
    occurs: Occurs,
    resources: &'static [ResourceModel],
) -> ObjectModel {
    let mut model = ObjectModel::new(id, name, version, resources);
    model.multiple = matches!(occurs, Occurs::OptionalMultiple | Occurs::MandatoryMultiple);
    model.mandatory = matches!(occurs, Occurs::Mandatory | Occurs::MandatoryMultiple);
    model
}

/// Writes the module of one object: its identifiers as constants, the same with their types in its module `typed`, and
/// a definition for each of its versions.
///
/// Each version stands as `NAME = (major, minor)`, with its own [`Occurs`] where that differs from the object's.
///
/// A row is `CONSTANT = id "Name" operations type`, operations being `R`, `W`, `RW`, `E` or `None` and the type
/// a [`DataType`] or `None`, followed by what else holds for it: `.multiple()`, `.mandatory()`, `.range(..)`,
/// `.units(..)`, `.since(..)`, `.until(..)`. A row that defines a resource differently for some versions has `_`
/// for its constant, and its type is none of `typed`.
///
/// Where an object is defined in a specification, `from "...";` before its name says where; the others are defined in
/// the registry. The documentation of the constants is put together from that and from the rows.
macro_rules! object {
    ($(#[$doc:meta])* from $source:literal; $module:ident = $($rest:tt)*) => {
        $crate::table::object! { @ $source; $(#[$doc])* $module = $($rest)* }
    };
    ($(#[$doc:meta])* $module:ident = $object:literal $($rest:tt)*) => {
        $crate::table::object! {
            @ concat!("OMA LwM2M registry, object ", $object);
            $(#[$doc])* $module = $object $($rest)*
        }
    };
    (
        @ $source:expr;
        $(#[$doc:meta])*
        $module:ident = $object:literal $object_name:literal $occurs:ident
        { $($static:ident = ($major:literal, $minor:literal) $($own_occurs:ident)?),+ $(,)? }
        $($constant:tt = $id:literal $name:literal $operations:ident $type:ident
            $(.$with:ident($($argument:tt)*))*;)+
    ) => {
        $(#[$doc])*
        ///
        #[doc = concat!("Object ", $object, ". Source: ", $source, ".")]
        pub mod $module {
            #[allow(unused_imports)]
            use $crate::table::{length, number};
            use $crate::table::{count, model, resources, Row};
            use lwm2m_core::{model::{ObjectModel, ResourceModel}, version::ObjectVersion};

            #[doc = concat!(
                "The identifier of this object, ", $object, " (", $source, ").",
            )]
            pub const ID: u16 = $object;

            $($crate::table::constant!(
                $constant = $id, $object, $name,
                concat!(
                    $crate::table::operations_text!($operations),
                    $crate::table::data_type_text!($type),
                    $($crate::table::fact!($with $($argument)*),)*
                ),
                $source
            );)+

            #[doc = concat!("The resources of object ", $object, " (", $object_name, ") with their types (", $source, ").")]
            pub mod typed {
                $($crate::table::typed!($constant = $id, $object, $name, $source, $type $($with)*);)+

                #[cfg(test)]
                pub(crate) fn described() -> $crate::table::Handles {
                    let handles = [$($crate::table::describe!($constant)),+];
                    handles.into_iter().flatten().collect()
                }
            }

            const ROWS: &[Row] = &[$(
                Row::new(
                    $id,
                    $name,
                    $crate::table::operations!($operations),
                    $crate::table::data_type!($type),
                )
                $(.$with($($argument)*))*
            ),+];

            $(
                #[doc = concat!(
                    "Object ", $object, " (", $object_name, "), version ", $major, ".", $minor, " (",
                    $source, ").",
                )]
                pub static $static: ObjectModel = {
                    const VERSION: ObjectVersion = ObjectVersion::new($major, $minor);
                    static RESOURCES: [ResourceModel; count(ROWS, VERSION)] =
                        resources(ROWS, VERSION);
                    let occurs = $crate::table::occurs!($occurs $($own_occurs)?);
                    model(ID, $object_name, VERSION, occurs, &RESOURCES)
                };
            )+

            #[doc = concat!(
                "All versions of the object, lowest first (", $source, ").",
            )]
            pub static VERSIONS: &[&ObjectModel] = &[$(&$static),+];
        }
    };
}

/// The last one: that of the version, else that of the object.
macro_rules! occurs {
    ($occurs:ident) => {
        $crate::table::Occurs::$occurs
    };
    ($of_object:ident $of_version:ident) => {
        $crate::table::Occurs::$of_version
    };
}

macro_rules! constant {
    (_ = $id:literal, $object:literal, $name:literal, $facts:expr, $source:expr) => {};
    ($constant:ident = $id:literal, $object:literal, $name:literal, $facts:expr, $source:expr) => {
        #[doc = concat!("`/", $object, "/x/", $id, "` ", $name, ": ", $facts, " (", $source, ").")]
        pub const $constant: u16 = $id;
    };
}

/// What a method of a row says, for the documentation.
macro_rules! fact {
    (mandatory) => {
        ", mandatory"
    };
    (multiple) => {
        ", with instances"
    };
    (range $text:literal, $($ranges:tt)*) => {
        concat!(", range `", $text, "`")
    };
    (units $units:literal) => {
        concat!(", unit `", $units, "`")
    };
    (since $major:literal, $minor:literal) => {
        concat!(", from version ", $major, ".", $minor)
    };
    (until $major:literal, $minor:literal) => {
        concat!(", up to version ", $major, ".", $minor)
    };
}

macro_rules! operations_text {
    (R) => {
        "read"
    };
    (W) => {
        "written"
    };
    (RW) => {
        "read and written"
    };
    (E) => {
        "executed"
    };
    (None) => {
        "for bootstrap only"
    };
}

macro_rules! data_type_text {
    (None) => {
        ""
    };
    (Unsigned) => {
        ", Unsigned Integer"
    };
    (ObjectLink) => {
        ", Objlnk"
    };
    (CoreLink) => {
        ", Corelnk"
    };
    ($type:ident) => {
        concat!(", ", stringify!($type))
    };
}

macro_rules! typed {
    (_ = $($of_older_versions:tt)*) => {};
    (
        $constant:ident = $id:literal, $object:literal, $name:literal, $source:expr,
        $type:ident $($with:ident)*
    ) => {
        #[doc = concat!("`/", $object, "/x/", $id, "` ", $name, " (", $source, ").")]
        pub const $constant: $crate::typed::Resource<$crate::table::holds!($type $($with)*)> =
            $crate::typed::Resource::new($object, $id);
    };
}

/// What a resource of this type holds, with what else stands in its row.
macro_rules! holds {
    (None $($with:ident)*) => {
        $crate::typed::Executable
    };
    ($type:ident multiple $($with:ident)*) => {
        $crate::typed::Multiple<$crate::table::rust_type!($type)>
    };
    ($type:ident $other:ident $($with:ident)*) => {
        $crate::table::holds!($type $($with)*)
    };
    ($type:ident) => {
        $crate::table::rust_type!($type)
    };
}

macro_rules! rust_type {
    (String) => {
        alloc::string::String
    };
    (Integer) => {
        i64
    };
    (Unsigned) => {
        u64
    };
    (Float) => {
        f64
    };
    (Boolean) => {
        bool
    };
    (Opaque) => {
        alloc::vec::Vec<u8>
    };
    (Time) => {
        $crate::typed::Time
    };
    (ObjectLink) => {
        lwm2m_core::value::ObjectLink
    };
    (CoreLink) => {
        $crate::typed::CoreLink
    };
}

/// Handles as data: object, resource, type, and whether it has resource instances.
#[cfg(test)]
pub(crate) type Handles = std::vec::Vec<(u16, u16, Option<DataType>, bool)>;

#[cfg(test)]
macro_rules! describe {
    (_) => {
        None
    };
    ($constant:ident) => {
        Some($crate::typed::Described::described($constant))
    };
}

macro_rules! operations {
    (R) => {
        lwm2m_core::model::Operations::Read
    };
    (W) => {
        lwm2m_core::model::Operations::Write
    };
    (RW) => {
        lwm2m_core::model::Operations::ReadWrite
    };
    (E) => {
        lwm2m_core::model::Operations::Execute
    };
    (None) => {
        lwm2m_core::model::Operations::None
    };
}

macro_rules! data_type {
    (None) => {
        None
    };
    ($type:ident) => {
        Some(lwm2m_core::value::DataType::$type)
    };
}

#[cfg(test)]
pub(crate) use describe;
pub(crate) use {
    constant, data_type, data_type_text, fact, holds, object, occurs, operations, operations_text,
    rust_type, typed,
};
