//! Scandium of Californium, in a Java machine of its own, over UDP on the loopback interface.

use super::{super::contest::Scheme, Missing, program::Program};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Builds it with Maven and starts it.
pub(super) fn start(folder: &Path, warm_up: Duration) -> Result<Program, Missing> {
    for tool in ["java", "mvn"] {
        let found = Command::new(tool)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(Missing::Needs(format!("{tool} is not installed")));
        }
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../peers/scandium");
    let output = Command::new("mvn")
        .args(["-q", "-B", "compile", "dependency:build-classpath"])
        .arg("-Dmdep.outputFile=target/classpath")
        .current_dir(&project)
        .output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains(".java:[") {
            return Err(text.into());
        }
        let first = text.lines().next().unwrap_or_default();
        return Err(Missing::Needs(format!(
            "Maven could not get the libraries: {first}"
        )));
    }
    let libraries = fs::read_to_string(project.join("target/classpath"))?;
    let classes = format!(
        "{}:{}",
        project.join("target/classes").display(),
        libraries.trim()
    );
    let mut command = Command::new("java");
    // Threads that end would take their time with them.
    command.args(["-XX:-UseDynamicNumberOfCompilerThreads"]);
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"]);
    command.arg(classes);
    command.arg("lwm2m.conformance.peers.ScandiumBench");
    command.arg(folder).arg(warm_up.as_secs().to_string());
    Ok(Program::start(command, &Scheme::ALL)?)
}
