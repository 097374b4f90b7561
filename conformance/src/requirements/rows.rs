//! The requirements as they stand in `conformance/requirements/*.toml`.

use serde::Deserialize;
use std::{collections::BTreeSet, fmt, fs, path::Path};

/// What a standard demands of an implementation (BCP 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// MUST, SHALL, REQUIRED; and what binds without a keyword.
    Must,
    /// SHOULD, RECOMMENDED.
    Should,
    /// MAY, OPTIONAL.
    May,
}

impl Level {
    /// All, strictest first.
    pub const ALL: [Level; 3] = [Level::Must, Level::Should, Level::May];

    /// The keyword in small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Must => "must",
            Level::Should => "should",
            Level::May => "may",
        }
    }
}

/// Who has to fulfil a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The LwM2M client.
    Client,
    /// The LwM2M server.
    Server,
    /// The bootstrap server.
    Bootstrap,
    /// Every endpoint of CoAP or DTLS, whatever its part in LwM2M: one implementation serves all.
    Endpoint,
}

impl Side {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Server => "server",
            Side::Bootstrap => "bootstrap server",
            Side::Endpoint => "endpoint",
        }
    }
}

/// A version of the enabler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Version {
    /// LwM2M 1.0.2.
    #[serde(rename = "1.0")]
    V1_0,
    /// LwM2M 1.1.1.
    #[serde(rename = "1.1")]
    V1_1,
    /// LwM2M 1.2.2.
    #[serde(rename = "1.2")]
    V1_2,
}

impl Version {
    const fn name(self) -> &'static str {
        match self {
            Version::V1_0 => "1.0",
            Version::V1_1 => "1.1",
            Version::V1_2 => "1.2",
        }
    }
}

/// Why a requirement has no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The first words: one of [`Exception::KINDS`].
    pub kind: &'static str,
    /// What is missing.
    pub reason: String,
}

impl Exception {
    /// What an exception begins with: nothing does it yet, nobody intends to here, or it is done but no test shows it.
    pub const KINDS: [&'static str; 3] = ["not built", "out of scope", "not proven"];

    fn parse(text: &str) -> Option<Self> {
        let (kind, reason) = text.split_once(": ")?;
        let kind = Self::KINDS.into_iter().find(|known| *known == kind)?;
        let reason = reason.trim();
        (!reason.is_empty()).then(|| Exception {
            kind,
            reason: reason.to_owned(),
        })
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.reason)
    }
}

/// One normative requirement, in words of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The prefix of its area and a number: `REG-04`.
    pub id: String,
    /// Document and section: `Core 6.2.1` (of 1.2.2 unless a version is said), `RFC 7252 4.2`.
    pub section: String,
    /// Who has to fulfil it.
    pub sides: Vec<Side>,
    /// First and last version of LwM2M that demands it; `None` for what is no matter of versions.
    pub versions: Option<(Version, Version)>,
    /// How strictly.
    pub level: Level,
    /// What has to be.
    pub text: String,
    /// Why there is no proof.
    pub exception: Option<Exception>,
}

impl Requirement {
    /// `1.0-1.2`, `1.2`, or nothing.
    pub fn versions_text(&self) -> String {
        match self.versions {
            None => String::new(),
            Some((first, last)) if first == last => first.name().to_owned(),
            Some((first, last)) => format!("{}-{}", first.name(), last.name()),
        }
    }

    /// The names of the sides.
    pub fn sides_text(&self) -> String {
        let names: Vec<&str> = self.sides.iter().map(|side| side.name()).collect();
        names.join(", ")
    }
}

/// The requirements of one file.
#[derive(Clone, Debug)]
pub struct Area {
    /// The file's name without its ending.
    pub name: String,
    /// What a reader is told it is about.
    pub title: String,
    /// What its ids begin with.
    pub prefix: String,
    /// Its place among the areas of a report.
    pub place: u32,
    /// Its requirements by id.
    pub requirements: Vec<Requirement>,
}

/// All areas, and what is wrong with their files.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// By their places.
    pub areas: Vec<Area>,
    /// A line for each mistake that keeps a file or a row from being read.
    pub faults: Vec<String>,
}

impl Catalogue {
    /// Reads every `.toml` file of a folder.
    ///
    /// # Errors
    ///
    /// When the folder or a file in it cannot be read. What is wrong with their content goes into [`Catalogue::faults`].
    pub fn load(folder: &Path) -> std::io::Result<Self> {
        let mut catalogue = Catalogue::default();
        let mut files: Vec<_> = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        files.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        });
        files.sort();
        for path in files {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            catalogue.add(&name, &fs::read_to_string(&path)?);
        }
        catalogue.areas.sort_by_key(|area| area.place);
        Ok(catalogue)
    }

    /// Reads the content of one file.
    pub fn add(&mut self, name: &str, text: &str) {
        let read = |text: &str| {
            let mut rows: toml::Table = text.parse()?;
            let header = rows.remove("area").unwrap_or(toml::Table::new().into());
            Ok::<(Header, toml::Table), toml::de::Error>((header.try_into()?, rows))
        };
        let (header, rows) = match read(text) {
            Ok(read) => read,
            Err(error) => {
                self.faults.push(format!("{name}.toml: {error}"));
                return;
            }
        };
        let Header {
            title,
            prefix,
            place,
        } = header;
        if self.areas.iter().any(|area| area.prefix == prefix) {
            let fault = format!("{name}.toml: another file has the prefix {prefix}");
            self.faults.push(fault);
        }
        let mut requirements = Vec::new();
        for (id, row) in rows {
            let row = row.try_into::<Row>().map_err(|error| error.to_string());
            match row.and_then(|row| row.check(&prefix, id.clone())) {
                Ok(requirement) => requirements.push(requirement),
                Err(fault) => self.faults.push(format!("{name}.toml: {id}: {fault}")),
            }
        }
        requirements.sort_by(|a: &Requirement, b| a.id.cmp(&b.id));
        let mut texts = BTreeSet::new();
        for requirement in &requirements {
            if !texts.insert((&requirement.text, &requirement.sides)) {
                let fault = format!("{name}.toml: {}: this text is there twice", requirement.id);
                self.faults.push(fault);
            }
        }
        self.areas.push(Area {
            name: name.to_owned(),
            title,
            prefix,
            place,
            requirements,
        });
    }

    /// All requirements, area by area.
    pub fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.areas.iter().flat_map(|area| &area.requirements)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    title: String,
    prefix: String,
    place: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sides {
    One(Side),
    Several(Vec<Side>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    section: String,
    side: Sides,
    since: Option<Version>,
    until: Option<Version>,
    must: Option<String>,
    should: Option<String>,
    may: Option<String>,
    except: Option<String>,
}

impl Row {
    fn check(self, prefix: &str, id: String) -> Result<Requirement, String> {
        let number = id.strip_prefix(prefix).and_then(|id| id.strip_prefix('-'));
        let is_number =
            |number: &str| number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit());
        if !number.is_some_and(is_number) {
            return Err(format!("an id here is {prefix}- and two digits"));
        }
        let mut texts = [
            (Level::Must, self.must),
            (Level::Should, self.should),
            (Level::May, self.may),
        ]
        .into_iter()
        .filter_map(|(level, text)| text.map(|text| (level, text)));
        let (Some((level, text)), None) = (texts.next(), texts.next()) else {
            return Err("has one of must, should and may".into());
        };
        if !text.ends_with('.') || text.trim() != text || text.contains('\n') {
            return Err("its text is one line that ends with a full stop".into());
        }
        if self.section.trim().is_empty() {
            return Err("names no section".into());
        }
        let sides = match self.side {
            Sides::One(side) => vec![side],
            Sides::Several(sides) => sides,
        };
        if sides.is_empty() || !sides.is_sorted_by(|a, b| a < b) {
            return Err("sides: client, server, bootstrap, in this order, each once".into());
        }
        let versions = match (self.since, self.until) {
            (None, None) => None,
            (Some(since), until) => Some((since, until.unwrap_or(Version::V1_2))),
            (None, Some(_)) => return Err("says until which version, but not since".into()),
        };
        if versions.is_some_and(|(since, until)| since > until) {
            return Err("ends before it begins".into());
        }
        let exception = match self.except {
            None => None,
            Some(text) => Some(Exception::parse(&text).ok_or_else(|| {
                let kinds = Exception::KINDS.join(", ");
                format!("an exception is one of {kinds}, a colon and the reason")
            })?),
        };
        Ok(Requirement {
            id,
            section: self.section,
            sides,
            versions,
            level,
            text,
            exception,
        })
    }
}
