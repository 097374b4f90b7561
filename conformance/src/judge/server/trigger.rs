//! How a judge has a server's operator do what a case wants.

use super::Wanted;
use lwm2m_core::{entry::Entry, value::Value};
use std::{
    fmt::Write as _,
    future::Future,
    path::PathBuf,
    pin::Pin,
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
};
use tokio::process::Command;

/// Exit code of a command for what its server does not offer.
const NOT_OFFERED: i32 = 3;
/// Characters of a command's output that are kept.
const MAX_OUTPUT: usize = 64 * 1024;

/// Why a server did not do what was wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TriggerError {
    /// The server, or the trigger, has no such operation.
    #[error("the server does not offer it")]
    NotOffered,
    /// There is no trigger.
    #[error("nobody makes the server do it: say how with --trigger")]
    Nobody,
    /// The server says that it failed, also where the device has refused.
    #[error("{0}")]
    Failed(String),
}

/// What a trigger gives: what the server shows of the answer, where it shows something.
pub type Triggering = Pin<Box<dyn Future<Output = Result<Option<String>, TriggerError>> + Send>>;

/// Makes a server carry out an operation on a device.
pub trait Trigger: Send + Sync {
    /// Has `wanted` done on the device of this name. It ends when the server knows how it ended, or before.
    fn ask(&self, endpoint: &str, wanted: &Wanted) -> Triggering;
}

/// For servers that nobody can be asked to do anything with.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTrigger;

impl Trigger for NoTrigger {
    fn ask(&self, _: &str, _: &Wanted) -> Triggering {
        Box::pin(async { Err(TriggerError::Nobody) })
    }
}

/// Runs a program: `COMMAND OPERATION ENDPOINT PATH...`, with the rest in its environment.
///
/// | variable | what |
/// |---|---|
/// | `LWM2M_FORMAT` | number of the content format that is prescribed; not set where none is |
/// | `LWM2M_MULTIPLE` | `1` where several values are written, `0` where one is |
/// | `LWM2M_VALUES` | what is written, as SenML JSON with whole paths as names |
/// | `LWM2M_VALUE` | of one value, the value as text |
/// | `LWM2M_ATTRIBUTES` | attributes as a query, `pmin=10&pmax=200` |
/// | `LWM2M_DEPTH` | depth of a discover |
/// | `LWM2M_IMAGE` | file with a firmware image |
///
/// Exit code 0: done; 3: the server does not offer it; others: it failed, or the device refused. What it prints is
/// taken for what the server shows of the answer.
#[derive(Debug, Clone)]
pub struct CommandTrigger {
    command: PathBuf,
}

impl CommandTrigger {
    /// Runs this program.
    pub fn new(command: impl Into<PathBuf>) -> Self {
        CommandTrigger {
            command: command.into(),
        }
    }
}

/// A file that is removed with its owner.
struct ImageFile(PathBuf);

impl ImageFile {
    fn new(image: &[u8]) -> std::io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("lwm2m-judge-{}-{number}.image", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, image)?;
        Ok(ImageFile(path))
    }
}

impl Drop for ImageFile {
    fn drop(&mut self) {
        // It is in the directory for temporary files.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Trigger for CommandTrigger {
    fn ask(&self, endpoint: &str, wanted: &Wanted) -> Triggering {
        let mut command = Command::new(&self.command);
        command
            .arg(wanted.word())
            .arg(endpoint)
            .args(wanted.paths().iter().map(ToString::to_string))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        for name in [
            "LWM2M_FORMAT",
            "LWM2M_VALUES",
            "LWM2M_VALUE",
            "LWM2M_ATTRIBUTES",
            "LWM2M_DEPTH",
            "LWM2M_IMAGE",
            // The judge's own keys are none of its business.
            "LWM2M_PSK_KEY",
            "LWM2M_BOOTSTRAP_PSK_KEY",
        ] {
            command.env_remove(name);
        }
        if let Some(format) = wanted.format() {
            command.env("LWM2M_FORMAT", format.number().to_string());
        }
        let entries = wanted.entries();
        command.env("LWM2M_MULTIPLE", if entries.len() > 1 { "1" } else { "0" });
        if !entries.is_empty() {
            command.env("LWM2M_VALUES", senml(entries));
        }
        if let [entry] = entries {
            command.env("LWM2M_VALUE", text(&entry.value));
        }
        if !wanted.query().is_empty() {
            command.env("LWM2M_ATTRIBUTES", wanted.query());
        }
        if let Wanted::Discover {
            depth: Some(depth), ..
        } = wanted
        {
            command.env("LWM2M_DEPTH", depth.to_string());
        }
        let image = match wanted {
            Wanted::PushFirmware { image } => Some(ImageFile::new(image)),
            _ => None,
        };
        let image = match image.transpose() {
            Ok(image) => image,
            Err(error) => {
                let failed = TriggerError::Failed(format!("the image cannot be written: {error}"));
                return Box::pin(async { Err(failed) });
            }
        };
        if let Some(image) = &image {
            command.env("LWM2M_IMAGE", &image.0);
        }
        Box::pin(async move {
            let output = command.output().await;
            drop(image);
            let output = output.map_err(|error| {
                TriggerError::Failed(format!("the trigger cannot run: {error}"))
            })?;
            let said = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_OUTPUT)]);
                text.trim().to_owned()
            };
            match output.status.code() {
                Some(0) => {
                    let shown = said(&output.stdout);
                    Ok((!shown.is_empty()).then_some(shown))
                }
                Some(NOT_OFFERED) => Err(TriggerError::NotOffered),
                code => {
                    let code = code.map_or("a signal".to_owned(), |code| format!("code {code}"));
                    let text = said(&output.stderr);
                    Err(TriggerError::Failed(format!(
                        "the trigger ended with {code}: {text}"
                    )))
                }
            }
        })
    }
}

/// A value as a person writes it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Opaque(bytes) => hex::encode(bytes),
        // Without the quotes that they are shown in elsewhere.
        Value::String(text) | Value::CoreLink(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Values as SenML JSON (RFC 8428) with whole paths as names.
fn senml(entries: &[Entry]) -> String {
    let mut json = String::from("[");
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        let value = match &entry.value {
            Value::Boolean(value) => format!("\"vb\":{value}"),
            Value::Integer(value) | Value::Time(value) => format!("\"v\":{value}"),
            Value::Unsigned(value) => format!("\"v\":{value}"),
            Value::Float(value) => format!("\"v\":{value}"),
            // The values of the procedures have no characters that JSON escapes.
            other => format!("\"vs\":\"{}\"", text(other).escape_default()),
        };
        // Writing into a `String` cannot fail.
        _ = write!(json, "{{\"n\":\"{}\",{value}}}", entry.path);
    }
    json.push(']');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwm2m_core::{operation::WriteMode, path::Path};
    use std::os::unix::fs::PermissionsExt;

    fn script(name: &str, body: &str) -> PathBuf {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("lwm2m-judge-test-{}-{name}", std::process::id()));
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// One script at a time is written and run: a process that another test starts while the file is being written has
    /// it open as well for a moment, and what is open for writing is not run.
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

    async fn run(name: &str, body: &str, wanted: &Wanted) -> Result<Option<String>, TriggerError> {
        let _alone = ALONE.lock().await;
        let path = script(name, body);
        let result = CommandTrigger::new(&path).ask("dev", wanted).await;
        std::fs::remove_file(path).unwrap();
        result
    }

    #[tokio::test]
    async fn a_command_is_told_what_is_wanted() {
        let wanted = Wanted::Write {
            path: Path::object_instance(1, 0),
            mode: WriteMode::PartialUpdate,
            format: Some(lwm2m_core::content::ContentFormat::Tlv),
            entries: vec![
                Entry::new(Path::resource(1, 0, 1), 61),
                Entry::new(Path::resource(1, 0, 6), true),
                Entry::new(Path::resource(1, 0, 7), "U"),
            ],
        };
        let shown = run(
            "tell",
            "echo \"$@\" $LWM2M_FORMAT $LWM2M_MULTIPLE $LWM2M_VALUES ${LWM2M_VALUE-none}",
            &wanted,
        )
        .await;
        let expected = r#"update dev /1/0 11542 1 [{"n":"/1/0/1","v":61},{"n":"/1/0/6","vb":true},{"n":"/1/0/7","vs":"U"}] none"#;
        assert_eq!(shown, Ok(Some(expected.to_owned())));
    }

    #[tokio::test]
    async fn an_image_is_given_as_a_file() {
        let wanted = Wanted::PushFirmware {
            image: b"firmware".to_vec(),
        };
        let shown = run("image", "cat \"$LWM2M_IMAGE\"", &wanted).await;
        assert_eq!(shown, Ok(Some("firmware".to_owned())));
    }

    #[tokio::test]
    async fn exit_codes_tell_how_it_ended() {
        let wanted = Wanted::Execute {
            path: Path::resource(3, 0, 4),
        };
        assert_eq!(run("done", "true", &wanted).await, Ok(None));
        assert_eq!(
            run("not", "exit 3", &wanted).await,
            Err(TriggerError::NotOffered)
        );
        let failed = run("failed", "echo no >&2; exit 1", &wanted).await;
        let expected = "the trigger ended with code 1: no".to_owned();
        assert_eq!(failed, Err(TriggerError::Failed(expected)));
        let missing = CommandTrigger::new("/no/such/program").ask("dev", &wanted);
        assert!(matches!(missing.await, Err(TriggerError::Failed(_))));
    }
}
