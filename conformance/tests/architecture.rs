//! The rules of ARCHITECTURE.md that a machine can check: which way dependencies run.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Each package with the packages of the workspace it may depend on, at run time and (behind `+`) in tests.
const PACKAGES: &[(&str, &str, &[&str])] = &[
    ("lwm2m-core", "lwm2m-core", &["+lwm2m-transport"]),
    ("lwm2m-core/dtls", "lwm2m-dtls", &["lwm2m-core"]),
    (
        "lwm2m-core/transport",
        "lwm2m-transport",
        &["lwm2m-core", "lwm2m-dtls"],
    ),
    ("objects", "lwm2m-objects", &["lwm2m-core"]),
    (
        "lwm2m-client",
        "lwm2m-client",
        &["lwm2m-core", "lwm2m-objects", "lwm2m-transport"],
    ),
    (
        "lwm2m-server",
        "lwm2m-server",
        &["lwm2m-core", "lwm2m-objects", "lwm2m-transport"],
    ),
    (
        "lwm2m-server/store",
        "lwm2m-store",
        &["lwm2m-core", "lwm2m-server"],
    ),
    (
        "lwm2m-server/http",
        "lwm2m-http",
        &[
            "lwm2m-core",
            "lwm2m-objects",
            "lwm2m-server",
            "+lwm2m-transport",
        ],
    ),
];

/// The floors of `lwm2m-core/src`, lowest first; a module imports only from lower floors and its own.
const CORE_FLOORS: &[&[&str]] = &[
    &[
        "path",
        "value",
        "entry",
        "model",
        "attributes",
        "link",
        "version",
        "time",
        "timer",
        "peer",
        "uri",
        "secret",
    ],
    &["content", "coap"],
    &["endpoint", "engine"],
    &["operation", "notification"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest(folder: &str) -> toml::Table {
    let path = root().join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn workspace_dependencies(manifest: &toml::Table, section: &str) -> Vec<String> {
    let Some(table) = manifest.get(section).and_then(|table| table.as_table()) else {
        return Vec::new();
    };
    table
        .keys()
        .filter(|name| name.starts_with("lwm2m-"))
        .cloned()
        .collect()
}

#[test]
fn packages_depend_one_way() {
    let mut wrong = Vec::new();
    for (folder, name, allowed) in PACKAGES {
        let manifest = manifest(folder);
        assert_eq!(manifest["package"]["name"].as_str(), Some(*name));
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for dependency in workspace_dependencies(&manifest, section) {
                let in_tests = section == "dev-dependencies";
                let fine = allowed
                    .iter()
                    .any(|allowed| match allowed.strip_prefix('+') {
                        Some(allowed) => in_tests && allowed == dependency,
                        None => *allowed == dependency,
                    });
                if !fine {
                    wrong.push(format!("{name} must not have {dependency} in {section}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_package_is_under_the_rules() {
    let workspace = manifest(".");
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("members is a list");
    for member in members {
        let folder = member.as_str().expect("a member is a text");
        let known = PACKAGES.iter().any(|(known, ..)| *known == folder)
            || folder.starts_with("examples/")
            || folder.starts_with("conformance");
        assert!(
            known,
            "{folder} stands in the workspace but not in this test's table"
        );
    }
}

/// The modules of this crate that a source file imports or names, `crate::name`, tests left out.
fn named_modules(source: &str) -> Vec<String> {
    // Unit tests stand at the foot of a file and may reach anywhere.
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            // `use crate::{a::B, c::{d, e}}`: the names at depth one.
            Some(group) => {
                let mut depth = 0;
                let mut name = String::new();
                let mut reading = true;
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => {
                            found.push(std::mem::take(&mut name));
                            reading = true;
                        }
                        ':' if depth == 0 => reading = false,
                        c if depth == 0 && reading && (c.is_alphanumeric() || c == '_') => {
                            name.push(c);
                        }
                        _ => {}
                    }
                }
                found.push(name);
            }
            None => found.push(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            ),
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn floors_of_core_import_downwards() {
    let floors: BTreeMap<&str, usize> = CORE_FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, modules)| modules.iter().map(move |module| (*module, floor)))
        .collect();
    let source = root().join("lwm2m-core/src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&source).expect("below src");
        let first = inside.components().next().expect("has a name");
        let module = Path::new(first.as_os_str()).with_extension("");
        let module = module.to_str().expect("UTF-8");
        let is_test_file = inside.file_name().is_some_and(|name| name == "tests.rs")
            || inside.components().any(|c| c.as_os_str() == "tests");
        if module == "lib" || is_test_file {
            continue;
        }
        let floor = floors
            .get(module)
            .unwrap_or_else(|| panic!("{module} stands on no floor of this test's table"));
        for named in named_modules(&fs::read_to_string(&file).expect("source can be read")) {
            if let Some(other) = floors.get(named.as_str())
                && other > floor
            {
                wrong.push(format!("{} imports upwards: {named}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_imports_reads_all_forms() {
    let source = "use crate::{\n    path::{Path, PathError},\n    value::Value, link};\nlet x = crate::coap::Code::GET;\n// crate::operation\n#[cfg(test)] mod tests { use crate::notification; }";
    assert_eq!(named_modules(source), ["path", "value", "link", "coap"]);
}

#[test]
fn engines_know_no_runtime() {
    for folder in ["lwm2m-core", "objects"] {
        let manifest = manifest(folder);
        let dependencies = manifest["dependencies"].as_table().expect("a table");
        for runtime in ["tokio", "axum", "webrtc-dtls", "rusqlite"] {
            assert!(
                !dependencies.contains_key(runtime),
                "{folder} must not know {runtime}"
            );
        }
    }
}
