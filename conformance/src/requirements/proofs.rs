//! The test functions of the workspace, and what they prove.

use super::source::Source;
use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The program of a package that a test is compiled into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The tests within `src`, of the library or of a program.
    Unit,
    /// `tests/NAME.rs` or `tests/NAME/main.rs`.
    Integration(String),
}

/// A test, as the package's test programs name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TestName {
    /// The folder of the package, below that of the workspace.
    pub package: PathBuf,
    /// In which of its programs.
    pub target: Target,
    /// Modules and function: `registration::int_101`.
    pub path: String,
}

impl TestName {
    /// The function alone.
    pub fn function(&self) -> &str {
        self.path.rsplit("::").next().unwrap_or(&self.path)
    }
}

impl fmt::Display for TestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.package.display())?;
        match &self.target {
            Target::Unit => write!(f, " {}", self.path),
            Target::Integration(name) => write!(f, " {name}::{}", self.path),
        }
    }
}

/// A comment that a test proves something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What it proves.
    pub id: String,
    /// The test.
    pub test: TestName,
    /// Where the comment stands: file below the workspace, and line.
    pub place: String,
}

/// All tests and their comments.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// Every test function, ignored ones left out.
    pub tests: Vec<TestName>,
    /// Every claim of theirs.
    pub proofs: Vec<Proof>,
    /// A line for each comment that belongs to no test that runs.
    pub faults: Vec<String>,
}

impl Proofs {
    /// Reads the sources of every package of a workspace.
    ///
    /// # Errors
    ///
    /// When a folder or a file cannot be read.
    pub fn collect(workspace: &Path) -> io::Result<Self> {
        let mut proofs = Proofs::default();
        proofs.folder(workspace, workspace)?;
        Ok(proofs)
    }

    fn folder(&mut self, workspace: &Path, folder: &Path) -> io::Result<()> {
        let mut entries: Vec<_> = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                // A package with a workspace of its own has no tests that `cargo test --workspace` runs.
                let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
                let other = manifest.lines().any(|line| line.trim() == "[workspace]");
                if name != "target" && !name.starts_with('.') && !other {
                    self.folder(workspace, &path)?;
                }
            } else if name.ends_with(".rs") {
                let within = path.strip_prefix(workspace).unwrap_or(&path);
                let package = within
                    .ancestors()
                    .skip(1)
                    .find(|folder| workspace.join(folder).join("Cargo.toml").is_file());
                if let Some(package) = package {
                    self.source(package, within, &fs::read_to_string(&path)?);
                }
            }
        }
        Ok(())
    }

    /// Reads one source file of a package.
    pub fn source(&mut self, package: &Path, file: &Path, text: &str) {
        let source = Source::read(text);
        let place = |line: usize| format!("{}:{line}", file.display());
        for line in source.strays {
            let place = place(line);
            self.faults
                .push(format!("{place}: this belongs to no test function"));
        }
        let Some((target, modules)) = locate(file.strip_prefix(package).unwrap_or(file)) else {
            for test in &source.tests {
                for (id, line) in &test.proves {
                    let place = place(*line);
                    self.faults
                        .push(format!("{place}: {id}: no test program has this file"));
                }
            }
            return;
        };
        for test in source.tests {
            let path = [&modules[..], &test.modules, &[test.name]]
                .concat()
                .join("::");
            let name = TestName {
                package: package.to_owned(),
                target: target.clone(),
                path,
            };
            for (id, line) in test.proves {
                let place = place(line);
                if test.ignored {
                    self.faults
                        .push(format!("{place}: {id}: this test is not run"));
                } else {
                    let test = name.clone();
                    self.proofs.push(Proof { id, test, place });
                }
            }
            if !test.ignored {
                self.tests.push(name);
            }
        }
    }

    /// What proves each requirement.
    pub fn by_id(&self) -> BTreeMap<&str, Vec<&Proof>> {
        let mut by_id: BTreeMap<&str, Vec<&Proof>> = BTreeMap::new();
        for proof in &self.proofs {
            by_id.entry(&proof.id).or_default().push(proof);
        }
        by_id
    }
}

/// The program and the module of a file within its package.
fn locate(file: &Path) -> Option<(Target, Vec<String>)> {
    let file = file.with_extension("");
    let mut parts: Vec<String> = file
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts.len() < 2 {
        return None;
    }
    let target = match parts.remove(0).as_str() {
        "src" => Target::Unit,
        "tests" => Target::Integration(parts.remove(0)),
        _ => return None,
    };
    let root = matches!(parts[..], [ref only] if only == "lib" || only == "main");
    if root || parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    Some((target, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_programs_and_modules() {
        let integration = |name: &str| Target::Integration(name.into());
        for (file, target, modules) in [
            ("src/lib.rs", Target::Unit, ""),
            ("src/main.rs", Target::Unit, ""),
            ("src/path.rs", Target::Unit, "path"),
            ("src/a/mod.rs", Target::Unit, "a"),
            ("src/a/tests/b.rs", Target::Unit, "a::tests::b"),
            ("tests/server.rs", integration("server"), ""),
            ("tests/oma/main.rs", integration("oma"), ""),
            ("tests/oma/firmware.rs", integration("oma"), "firmware"),
            ("tests/api/a/mod.rs", integration("api"), "a"),
        ] {
            let (found, parts) = locate(Path::new(file)).unwrap();
            assert_eq!((found, &*parts.join("::")), (target, modules), "{file}");
        }
        assert_eq!(locate(Path::new("build.rs")), None);
        assert_eq!(locate(Path::new("benches/codecs.rs")), None);
    }

    #[test]
    fn tests_have_the_names_that_cargo_gives_them() {
        let mut proofs = Proofs::default();
        let text = "mod inner {\n// proves: A-01\n#[test]\nfn t() {}\n}\n#[test]\n#[ignore]\nfn u() {\n// proves: A-02\n}\n";
        let (package, file) = (Path::new("a/b"), Path::new("a/b/src/c/d.rs"));
        proofs.source(package, file, text);
        assert_eq!(proofs.tests.len(), 1);
        let proof = &proofs.proofs[0];
        assert_eq!(proof.test.to_string(), "a/b c::d::inner::t");
        assert_eq!(proof.test.function(), "t");
        assert_eq!((&*proof.id, &*proof.place), ("A-01", "a/b/src/c/d.rs:2"));
        assert_eq!(
            proofs.faults,
            ["a/b/src/c/d.rs:9: A-02: this test is not run"]
        );
        let mut proofs = Proofs::default();
        proofs.source(package, Path::new("a/b/benches/x.rs"), text);
        assert_eq!(proofs.proofs, []);
        assert_eq!(proofs.faults.len(), 2);
    }
}
