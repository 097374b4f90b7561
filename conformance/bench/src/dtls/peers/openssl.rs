//! OpenSSL, through a C program of ours that is compiled where the headers are.

use super::{super::contest::Scheme, Missing, program::Program};
use std::{
    path::Path,
    process::{Command, Stdio},
};

const SOURCE: &str = include_str!("openssl.c");

/// Debian 12's 3.0 has no raw public keys.
const SCHEMES: &[Scheme] = &[Scheme::PskCcm8, Scheme::X509Ccm8, Scheme::X509Gcm];

/// Compiles and starts it.
pub(super) fn start(folder: &Path) -> Result<Program, Missing> {
    let source = folder.join("openssl.c");
    let probe = folder.join("probe.c");
    std::fs::write(&source, SOURCE)?;
    std::fs::write(&probe, "#include <openssl/ssl.h>\n")?;
    let headers = Command::new("cc")
        .args(["-E", "-o", "/dev/null"])
        .arg(&probe)
        .stderr(Stdio::null())
        .status();
    match headers {
        Err(_) => return Err(Missing::Needs("there is no C compiler".to_owned())),
        Ok(status) if !status.success() => {
            let text = "its headers are not installed (Debian: libssl-dev)";
            return Err(Missing::Needs(text.to_owned()));
        }
        Ok(_) => {}
    }
    let program = folder.join("openssl-contender");
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-o"])
        .args([&program, &source])
        .args(["-lssl", "-lcrypto"])
        .status()?;
    if !status.success() {
        return Err("the program does not compile".into());
    }
    let mut command = Command::new(program);
    command.arg(folder);
    Ok(Program::start(command, SCHEMES)?)
}
