//! The documentation is a reference, as CONTRIBUTING.md asks: whatever is public says which section of the
//! specification or of an RFC it comes from, and whatever can fail says how.

mod reader;
mod rules;
mod sections;

use lwm2m_conformance::requirements::{rows::Catalogue, workspace};
use reader::{Item, Kind, items};
use rules::{ON_THE_WIRE, OTHER_SECTIONS, OURS, SOURCES};
use sections::{PLACES, comments, known, names_a_section, sections, without_table};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Whether an item has to name a section itself.
fn has_to_name_a_section(item: &Item) -> bool {
    match item.kind {
        // What went wrong is for us to say.
        Kind::Item => !item.name.contains("Error"),
        _ => {
            let on_the_wire = ON_THE_WIRE.contains(&item.owner.as_str());
            // `Binding` has its values as constants.
            on_the_wire && (item.kind == Kind::Member || is_constant(&item.name))
        }
    }
}

fn is_constant(name: &str) -> bool {
    !name.contains(|c: char| c.is_ascii_lowercase())
}

fn lacks_its_section(item: &Item) -> bool {
    has_to_name_a_section(item) && !names_a_section(&item.docs)
}

/// Whether all that is said of an item is its name.
fn says_its_name_only(item: &Item) -> bool {
    let letters = |text: &str| -> String {
        let alphanumeric = text.chars().filter(|c| c.is_alphanumeric());
        alphanumeric.collect::<String>().to_lowercase()
    };
    letters(&item.docs) == letters(&item.name)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        let is_test = ["tests", "tests.rs", "properties.rs"]
            .iter()
            .any(|name| path.ends_with(name));
        if is_test {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// All sources, by their place in the workspace.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in SOURCES {
        collect(&workspace().join(folder), &mut files);
    }
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).expect("the source can be read");
            let place = file.strip_prefix(workspace()).expect("below the workspace");
            (place.display().to_string(), text)
        })
        .collect()
}

/// The items for which `is_wrong` holds, with their places.
fn wrong(is_wrong: impl Fn(&str, &Item) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for item in items(&text).iter().filter(|item| is_wrong(&file, item)) {
            let owner = match item.owner.as_str() {
                "" => String::new(),
                owner => format!("{owner}::"),
            };
            wrong.push(format!(
                "{file}:{} {owner}{}: {:?}",
                item.line, item.name, item.docs
            ));
        }
    }
    wrong
}

fn is_ours(file: &str, item: &Item) -> bool {
    OURS.iter().any(|(of, names, _)| {
        file.starts_with(of) && (names.is_empty() || names.contains(&item.name.as_str()))
    })
}

#[test]
fn every_public_item_names_its_section() {
    let wrong = wrong(|file, item| lacks_its_section(item) && !is_ours(file, item));
    assert!(wrong.is_empty(), "without a section:\n{}", wrong.join("\n"));
}

#[test]
fn whatever_can_fail_says_how() {
    let wrong = wrong(|_, item| item.can_fail && !item.docs.contains("# Errors"));
    assert!(
        wrong.is_empty(),
        "without its errors:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_documentation_is_the_name_only() {
    let wrong = wrong(|_, item| item.docs.is_empty() || says_its_name_only(item));
    assert!(
        wrong.is_empty(),
        "nothing is said of:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn what_is_ours_has_no_section() {
    let lacking: Vec<(String, String)> = sources()
        .iter()
        .flat_map(|(file, text)| items(text).into_iter().map(|item| (file.clone(), item)))
        .filter(|(_, item)| lacks_its_section(item))
        .map(|(file, item)| (file, item.name))
        .collect();
    for (of, names, reason) in OURS {
        let within = || lacking.iter().filter(|(file, _)| file.starts_with(of));
        assert!(
            within().next().is_some(),
            "{of} ({reason}) need not be excepted"
        );
        for name in *names {
            let needed = within().any(|(_, lacking)| lacking == name);
            assert!(needed, "{name} in {of} ({reason}) need not be excepted");
        }
    }
}

#[test]
fn types_on_the_wire_are_there() {
    let members: Vec<Item> = sources().iter().flat_map(|(_, text)| items(text)).collect();
    for name in ON_THE_WIRE {
        let held = members
            .iter()
            .any(|item| item.owner == name && has_to_name_a_section(item));
        assert!(held, "{name} has nothing that is held to its section");
    }
}

#[test]
fn tables_of_objects_name_what_they_are_from() {
    let mut named = 0;
    for (file, text) in sources() {
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("from \""))
        {
            assert!(names_a_section(line), "{file}: {line}");
            named += 1;
        }
    }
    let table = sources()
        .into_iter()
        .find(|(file, _)| file == "objects/src/table.rs");
    let (_, table) = table.expect("the macro of the tables is there");
    let mut made = 0;
    for doc in table.split("#[doc = ").skip(1) {
        let (doc, _) = doc.split_once(")]").expect("an attribute ends");
        assert!(doc.contains("$source"), "{doc}");
        made += 1;
    }
    // Module, identifier, resources, their module with types and those, versions one by one and all.
    assert_eq!(made, 7);
    // The objects of the core specification; those of the registry are told by their number.
    assert!(named >= 13, "{named}");
}

/// Taken out of any text, a section is missed.
#[test]
fn each_section_that_is_taken_out_is_missed() {
    let mut taken = 0;
    for (file, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if !line.trim_start().starts_with("/// ") || !names_a_section(line) {
                continue;
            }
            let bare = PLACES.iter().fold(line.to_string(), |line, word| {
                line.replace(&format!(", {word} "), " ")
            });
            let changed: Vec<&str> = text
                .lines()
                .enumerate()
                .map(|(other, line)| if other == number { bare.as_str() } else { line })
                .collect();
            let (before, after) = (items(&text), items(&changed.join("\n")));
            assert_eq!(before.len(), after.len(), "{file}:{}", number + 1);
            let mut pairs = before.iter().zip(&after);
            let Some((before, after)) = pairs.find(|(before, after)| before != after) else {
                continue;
            };
            let only_one = !names_a_section(&after.docs);
            if has_to_name_a_section(before) && only_one {
                assert!(lacks_its_section(after), "{file}:{}", number + 1);
                taken += 1;
            }
        }
    }
    assert!(taken > 200, "{taken}");
}

/// Every section of the specification that a comment names is one that the requirements are from, or is known to be
/// there otherwise: a number that was mistyped is neither.
#[test]
fn every_section_of_the_specification_is_there() {
    let folder = workspace().join("conformance/requirements");
    let catalogue = Catalogue::load(&folder).expect("the requirements can be read");
    let mut others = OTHER_SECTIONS.to_vec();
    for (document, edition) in [("Core", "Core 1.2.2"), ("Transport", "Transport 1.2.2")] {
        let rows = catalogue.requirements().map(|row| row.section.as_str());
        let known = known(document, rows);
        let mut named = 0;
        for (file, text) in sources() {
            let comments = comments(&text);
            let sections = comments.iter().flat_map(|comment| sections(comment));
            for (_, number) in sections.filter(|(of, _)| of == edition) {
                let section = without_table(&number);
                others.retain(|(of, other)| (*of, *other) != (document, section));
                let is_there =
                    known.contains(section) || OTHER_SECTIONS.contains(&(document, section));
                assert!(is_there, "{file}: there is no {edition}, {number}");
                named += 1;
            }
        }
        assert!(named > 30, "{document}: {named}");
    }
    assert!(others.is_empty(), "nobody names {others:?}");
}

#[test]
fn the_reader_reads_all_forms() {
    let source = r#"
//! A module.

/// A type
/// of two lines.
///
/// And more.
#[derive(Debug)]
#[cfg_attr(
    feature = "x",
    derive(Clone)
)]
pub struct One<T> {
    /// A field.
    pub first: u8,
    hidden: u8,
}

pub(crate) struct Private {
    pub not_ours: u8,
}

/// Variants.
pub enum Two {
    /// With fields.
    #[error("x [{0}]")]
    Left {
        /// Deeper.
        depth: u8,
    },
    Right,
}

impl<T> One<T> {
    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub const fn new(
        f: impl Fn() -> Result<(), ()>,
    ) -> Result<Self, ()> {
        todo()
    }

    /// Calls.
    pub fn call(f: impl Fn() -> Result<(), ()>) -> u8 {
        0
    }

    fn private() {}
}

impl Trait for Two {
    pub fn nothing() {}
}

/// A trait.
pub trait Three: Send {
    /// Its own.
    fn own(&self) -> Result<u8, ()>;
}

macro_rules! made {
    () => {
        /// Of a macro.
        pub const fn within() {}
        $(pub const $name: u8 = 1;)*
    };
}

made! {
    /// An entry.
    ENTRY = 1;
    ROW = 2, "RFC 5246, section 7.2.2";
    /// Another.
    Name;
}

object! {
    ROW = 1 "Row";
}

/// Seen by nobody.
#[doc(hidden)]
pub fn fuzz() {}

/// A number.
pub const LAST: u8 = 1;

#[cfg(test)]
mod tests {
    pub fn test() {}
}
"#;
    let found: Vec<_> = items(source)
        .iter()
        .map(|item| {
            format!(
                "{:?} {}.{} {:?} {}",
                item.kind, item.owner, item.name, item.docs, item.can_fail
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            r#"Item .One "A type of two lines.\nAnd more." false"#,
            r#"Member One.first "A field." false"#,
            r#"Item .Two "Variants." false"#,
            r#"Member Two.Left "With fields." false"#,
            r#"Member Two.Right "" false"#,
            r##"Associated One.new "Fails.\n# Errors Always." true"##,
            r#"Associated One.call "Calls." false"#,
            r#"Item .Three "A trait." false"#,
            r#"Associated Three.own "Its own." true"#,
            r#"Item .within "Of a macro." false"#,
            r#"Item made.ENTRY "An entry." false"#,
            r##"Item made.ROW "ROW = 2, \"RFC 5246, section 7.2.2\";" false"##,
            r#"Item made.Name "Another." false"#,
            r#"Item .LAST "A number." false"#,
        ]
    );
}
