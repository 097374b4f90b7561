//! Sessions of a client that is off for a while: a device that sleeps with its memory lost, and wakes.
//!
//! When a client ends, a session that the server knows by a Connection ID goes into a store instead of being closed; the
//! next client with the same credentials that connects to the same server takes it out and makes no handshake. It leaves
//! the store before it is used, and comes back at an orderly end only: after a crash there is a handshake, and no sequence
//! number is used twice. Where the server has given it up meanwhile, nothing is answered; the client finds out as with any
//! server that is silent, connects again, and makes a handshake then.

use async_trait::async_trait;
use lwm2m_core::{engine::Credentials, secret::Secret};
use ring::{digest, hmac};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokio::{fs, io::AsyncWriteExt};

/// Where sessions of a client stay while it is off.
#[async_trait]
pub trait ClientSessionStore: Send + Sync + 'static {
    /// Takes out what was put in under this name, which consists of hexadecimal digits. When it returns, nothing brings
    /// that back: not a crash, not a loss of power.
    ///
    /// # Errors
    /// The store failed; there will be a handshake.
    async fn take(&self, name: &str) -> io::Result<Option<Secret>>;

    /// Puts a session in. It is as secret as a key.
    ///
    /// # Errors
    /// The store failed; there will be a handshake.
    async fn put(&self, name: &str, session: &Secret) -> io::Result<()>;
}

/// Sessions in files of a folder of their own, each readable by its owner alone.
///
/// The folder must not be put back to an earlier state: what was taken out must stay out.
#[derive(Debug, Clone)]
pub struct SessionFolder {
    path: PathBuf,
}

impl SessionFolder {
    /// In this folder, which is made when it is needed, for its owner alone.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        SessionFolder { path: path.into() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.session"))
    }

    /// Removes what was being taken when a process crashed: nobody uses it any more, and it is secret still.
    async fn clean(&self, name: &str) -> io::Result<()> {
        let begin = format!("{name}-");
        let mut entries = fs::read_dir(&self.path).await?;
        while let Some(entry) = entries.next_entry().await? {
            let file = entry.file_name();
            let is_taken = file.to_str().is_some_and(|file| {
                let rest = file.strip_prefix(&begin);
                rest.is_some_and(|rest| rest.ends_with(".taken"))
            });
            if is_taken {
                fs::remove_file(entry.path()).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl ClientSessionStore for SessionFolder {
    async fn take(&self, name: &str) -> io::Result<Option<Secret>> {
        // Under a name that nobody looks for: of several who take it, one has it.
        let taken = format!("{name}-{:032x}.taken", rand::random::<u128>());
        let taken = self.path.join(taken);
        match fs::rename(self.file(name), &taken).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            result => result?,
        }
        // Only then is it gone for good.
        sync(&self.path).await?;
        let content = fs::read(&taken).await.map(Secret::new);
        fs::remove_file(&taken).await?;
        content.map(Some)
    }

    async fn put(&self, name: &str, session: &Secret) -> io::Result<()> {
        let mut folder = fs::DirBuilder::new();
        #[cfg(unix)]
        folder.mode(0o700);
        folder.recursive(true).create(&self.path).await?;
        let (file, unfinished) = (
            self.file(name),
            self.path.join(format!("{name}.unfinished")),
        );
        self.clean(name).await?;
        // What is there may be readable by others, or lead elsewhere.
        match fs::remove_file(&unfinished).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut open = options.open(&unfinished).await?;
        open.write_all(session.expose_secret()).await?;
        open.sync_all().await?;
        fs::rename(&unfinished, &file).await?;
        sync(&self.path).await
    }
}

#[cfg(unix)]
async fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder).await?.sync_all().await
}

#[cfg(not(unix))]
async fn sync(_folder: &Path) -> io::Result<()> {
    // A folder cannot be opened as a file there; the removal is on disk as soon as the system writes it.
    Ok(())
}

/// What the sessions of one account with one server are called, and what tells that the account has not changed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) name: String,
    mark: Vec<u8>,
}

impl Label {
    /// `None`: these credentials have no sessions.
    pub(super) fn new(
        server: SocketAddr,
        host: &str,
        credentials: &Credentials,
        trust_anchors: &[Vec<u8>],
    ) -> Option<Self> {
        let (kind, public, key, rest): (u8, &[u8], &Secret, Vec<&[u8]>) = match credentials {
            Credentials::Psk { identity, key } => (0, identity, key, Vec::new()),
            Credentials::RawPublicKey {
                public_key,
                private_key,
                server_public_key,
            } => (1, public_key, private_key, vec![server_public_key]),
            Credentials::Certificate {
                chain,
                private_key,
                server_certificate,
                usage,
            } => {
                let mut rest = vec![server_certificate.as_slice(), usage_name(*usage)];
                rest.extend(chain.iter().chain(trust_anchors).map(Vec::as_slice));
                (2, chain.first()?, private_key, rest)
            }
            _ => return None,
        };
        let place = format!("{server} {host}");
        let name = digest::digest(
            &digest::SHA256,
            &joined([&[kind], place.as_bytes(), public]),
        );
        let mark_key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret());
        let mark = hmac::sign(&mark_key, &joined([name.as_ref()].into_iter().chain(rest)));
        let digits = name.as_ref()[..16].iter().map(|byte| format!("{byte:02x}"));
        Some(Label {
            name: digits.collect(),
            mark: mark.as_ref().to_vec(),
        })
    }

    /// A session as it is stored.
    pub(super) fn wrap(&self, state: &[u8]) -> Secret {
        Secret::new([&self.mark, state].concat())
    }

    /// The inverse of [`Label::wrap`]; `None` where the account is another.
    pub(super) fn unwrap<'a>(&self, stored: &'a Secret) -> Option<&'a [u8]> {
        stored.expose_secret().strip_prefix(&self.mark[..])
    }
}

fn usage_name(usage: lwm2m_core::engine::CertificateUsage) -> &'static [u8] {
    use lwm2m_core::engine::CertificateUsage::{
        CaConstraint, DomainIssuedCertificate, ServiceCertificateConstraint, TrustAnchorAssertion,
    };
    match usage {
        CaConstraint => b"0",
        ServiceCertificateConstraint => b"1",
        TrustAnchorAssertion => b"2",
        DomainIssuedCertificate => b"3",
    }
}

/// Parts one behind the other, each with its length, so that no two lists look the same.
fn joined<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut all = Vec::new();
    for part in parts {
        all.extend((part.len() as u64).to_be_bytes());
        all.extend(part);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn psk(identity: &[u8], key: &[u8]) -> Credentials {
        Credentials::Psk {
            identity: identity.to_vec(),
            key: Secret::new(key.to_vec()),
        }
    }

    #[test]
    fn a_session_belongs_to_one_account() {
        let here: SocketAddr = "127.0.0.1:5684".parse().unwrap();
        let there: SocketAddr = "127.0.0.1:5685".parse().unwrap();
        let label = |at, host, credentials| Label::new(at, host, &credentials, &[]).unwrap();
        let own = label(here, "a", psk(b"device", b"key"));
        let stored = own.wrap(b"state");
        assert_eq!(own.unwrap(&stored), Some(&b"state"[..]));
        let again = label(here, "a", psk(b"device", b"key"));
        assert_eq!(
            (&again.name, again.unwrap(&stored)),
            (&own.name, Some(&b"state"[..]))
        );
        for other in [
            label(there, "a", psk(b"device", b"key")),
            label(here, "b", psk(b"device", b"key")),
            label(here, "a", psk(b"other", b"key")),
        ] {
            assert_ne!(other.name, own.name);
        }
        let other_key = label(here, "a", psk(b"device", b"KEY"));
        assert_eq!(other_key.name, own.name);
        assert_eq!(other_key.unwrap(&stored), None);
        assert!(Label::new(here, "a", &Credentials::None, &[]).is_none());
    }

    #[tokio::test]
    async fn what_is_taken_out_of_a_folder_is_gone() {
        let path = std::env::temp_dir().join(format!("lwm2m-sessions-{}", std::process::id()));
        let folder = SessionFolder::new(path.join("made"));
        assert!(folder.take("00").await.unwrap().is_none());
        folder.put("00", &Secret::new(vec![1, 2])).await.unwrap();
        #[cfg(unix)]
        {
            let file = std::fs::metadata(folder.file("00")).unwrap();
            let mode = std::os::unix::fs::MetadataExt::mode(&file);
            assert_eq!(mode & 0o777, 0o600);
            let made = std::fs::metadata(&folder.path).unwrap();
            let mode = std::os::unix::fs::MetadataExt::mode(&made);
            assert_eq!(mode & 0o777, 0o700);
        }
        let taken = folder.take("00").await.unwrap().unwrap();
        assert_eq!(taken.expose_secret(), [1, 2]);
        assert!(folder.take("00").await.unwrap().is_none());
        // What was left unfinished is not written into, wherever it leads.
        let (elsewhere, unfinished) = (path.join("else"), folder.path.join("00.unfinished"));
        std::fs::write(&elsewhere, "as it was").unwrap();
        std::fs::hard_link(&elsewhere, &unfinished).unwrap();
        // And what a crash has left of a session that was being taken is gone with the next.
        std::fs::write(folder.path.join("00-ff.taken"), [9]).unwrap();
        folder.put("00", &Secret::new(vec![3])).await.unwrap();
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"as it was");
        // Of many who take it at once, one has it.
        let takers: Vec<_> = (0..8)
            .map(|_| {
                let folder = folder.clone();
                tokio::spawn(async move { folder.take("00").await.unwrap() })
            })
            .collect();
        let mut found = Vec::new();
        for taker in takers {
            found.extend(taker.await.unwrap());
        }
        assert_eq!(found, [Secret::new(vec![3])]);
        assert_eq!(std::fs::read_dir(&folder.path).unwrap().count(), 0);
        std::fs::remove_dir_all(path).unwrap();
    }
}
