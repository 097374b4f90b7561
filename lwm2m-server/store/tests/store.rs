//! What a store promises, on real files.

use lwm2m_core::secret::Secret;
use lwm2m_server::store::{Change, Collection, Document, Store};
use lwm2m_store::{OpenError, SqliteConfig, SqliteStore};
use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lwm2m.db");
    (folder, path)
}

fn document(collection: Collection, key: &str, content: &str) -> Document {
    Document {
        collection,
        key: key.into(),
        content: Secret::new(content.as_bytes().to_vec()),
    }
}

fn put(key: &str, content: &str) -> Change {
    Change::Put(document(Collection::Registrations, key, content))
}

fn remove(key: &str) -> Change {
    Change::Remove {
        collection: Collection::Registrations,
        key: key.into(),
    }
}

/// The registrations in a store, as keys and contents.
async fn registrations(store: &SqliteStore) -> Vec<(String, String)> {
    let loaded = store.load(Collection::Registrations).await;
    let documents = loaded.expect("the registrations can be loaded");
    documents
        .into_iter()
        .map(|document| {
            let content = document.content.expose_secret().to_vec();
            (document.key, String::from_utf8(content).expect("UTF-8"))
        })
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(key, content)| ((*key).into(), (*content).into()))
        .collect()
}

fn open_error(path: &Path) -> OpenError {
    let config = impatient();
    SqliteStore::open_with(path, &config).expect_err("must not open")
}

fn impatient() -> SqliteConfig {
    let mut config = SqliteConfig::default();
    config.lock_timeout = Duration::ZERO;
    config
}

#[tokio::test]
async fn documents_survive_a_reopening() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.path(), path);
    for collection in Collection::ALL {
        assert_eq!(store.load(collection).await.unwrap(), []);
    }
    store
        .apply(&[put("b", "1"), put("a", "2"), put("\u{e9}\0'", "3")])
        .await
        .unwrap();
    store
        .apply(&[
            put("b", "4"),
            remove("a"),
            remove("never there"),
            Change::Put(document(Collection::Credentials, "b", "key")),
        ])
        .await
        .unwrap();
    store.apply(&[]).await.unwrap();
    drop(store);

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(
        registrations(&store).await,
        pairs(&[("b", "4"), ("\u{e9}\0'", "3")])
    );
    assert_eq!(
        store.load(Collection::Credentials).await.unwrap(),
        [document(Collection::Credentials, "b", "key")]
    );
}

#[tokio::test]
async fn a_batch_that_fails_leaves_no_trace() {
    let (_folder, path) = folder();
    drop(SqliteStore::open(&path).unwrap());
    // A rule of the test's own makes the third change of a batch fail.
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON document WHEN new.key = 'bad'
             BEGIN SELECT raise(ABORT, 'refused by the test'); END",
        )
        .unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.apply(&[put("a", "old")]).await.unwrap();
    let error = store
        .apply(&[put("a", "new"), put("b", "secret"), put("bad", "secret")])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("refused by the test"), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert_eq!(registrations(&store).await, pairs(&[("a", "old")]));
    // The store goes on.
    store.apply(&[remove("a"), put("c", "1")]).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(registrations(&store).await, pairs(&[("c", "1")]));
}

/// The files as a crash at this moment would leave them.
fn crash(path: &Path, into: &Path) {
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    fs::copy(path, into).expect("the file");
    fs::copy(log(path), log(into)).expect("its log");
}

#[tokio::test]
async fn a_crash_keeps_whole_batches_only() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    store.apply(&[put("a", "1"), put("b", "1")]).await.unwrap();
    let content = "2".repeat(20_000);
    store
        .apply(&[put("a", &content), put("c", &content)])
        .await
        .unwrap();

    let whole = folder.path().join("whole.db");
    crash(&path, &whole);
    let recovered = SqliteStore::open(&whole).unwrap();
    assert_eq!(
        registrations(&recovered).await,
        pairs(&[("a", &content), ("b", "1"), ("c", &content)])
    );

    // Cut anywhere in the log of the last batch: it is gone as a whole, and what was before stands.
    for cut in [1, 100, 4_096, 10_000, 24_000] {
        let torn = folder.path().join(format!("torn{cut}.db"));
        crash(&path, &torn);
        let log = folder.path().join(format!("torn{cut}.db-wal"));
        let length = fs::metadata(&log).unwrap().len();
        fs::OpenOptions::new()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(length - cut)
            .unwrap();
        let recovered = SqliteStore::open(&torn).unwrap();
        assert_eq!(
            registrations(&recovered).await,
            pairs(&[("a", "1"), ("b", "1")]),
            "cut by {cut}"
        );
    }
}

#[test]
fn foreign_and_damaged_files_are_refused_and_left_alone() {
    let (folder, path) = folder();
    fs::write(&path, b"[server]\nport = 5683\n".repeat(400)).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(open_error(&path), OpenError::NotAStore { .. }));
    assert_eq!(fs::read(&path).unwrap(), before);

    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE cookies (x)")
        .unwrap();
    let before = fs::read(&other).unwrap();
    let error = open_error(&other);
    assert_eq!(
        error.to_string(),
        format!("{} is not a store of an LwM2M server", other.display())
    );
    assert_eq!(fs::read(&other).unwrap(), before);

    assert!(matches!(
        open_error(&folder.path().join("no/such/folder.db")),
        OpenError::Io { .. }
    ));
    assert!(matches!(
        open_error(folder.path()),
        OpenError::Sqlite { .. }
    ));
}

#[tokio::test]
async fn a_damaged_store_is_said_so() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let content = "x".repeat(1000);
    let batch: Vec<Change> = (0..100).map(|n| put(&n.to_string(), &content)).collect();
    store.apply(&batch).await.unwrap();
    drop(store);

    // The tables' pages, not the first page with the schema.
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0xA5; (length - 4096) as usize])
        .unwrap();
    drop(file);
    let error = open_error(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("restore it from a backup"));

    let mut unchecked = SqliteConfig::default();
    unchecked.check = false;
    // Without the check it is found at the latest when documents are loaded.
    if let Ok(store) = SqliteStore::open_with(&path, &unchecked) {
        store.load(Collection::Registrations).await.unwrap_err();
    }
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    drop(SqliteStore::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute("INSERT INTO migration (version) VALUES (99)", [])
        .unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let error = open_error(&path);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(
        matches!(
            error,
            OpenError::NewerSchema {
                found: 99,
                known: 1,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("written by a newer release"));
}

#[test]
fn one_file_has_one_store() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    assert!(matches!(open_error(&path), OpenError::InUse { .. }));
    drop(store);
    drop(SqliteStore::open(&path).unwrap());
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::MetadataExt;
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    store.apply(&[put("a", "1")]).await.unwrap();
    store.backup(folder.path().join("copy.db")).await.unwrap();
    let mut files = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        files += 1;
    }
    assert!(files >= 3, "the file, its log, and the copy");
}

#[tokio::test]
async fn sessions_stay_out_of_backups() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let state = "5e551045e55104e55104e551045e5510";
    let session = document(Collection::Sessions, "00", state);
    store
        .apply(&[Change::Put(session.clone()), put("a", "1")])
        .await
        .unwrap();
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    assert_eq!(store.load(Collection::Sessions).await.unwrap(), [session]);
    let bytes = fs::read(&copy).unwrap();
    let found = bytes.windows(state.len()).any(|at| at == state.as_bytes());
    assert!(!found, "not even where it was");
    let copy = SqliteStore::open(&copy).unwrap();
    assert_eq!(copy.load(Collection::Sessions).await.unwrap(), []);
    assert_eq!(registrations(&copy).await, pairs(&[("a", "1")]));
}

#[tokio::test]
async fn removed_keys_are_overwritten() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let key = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let credential = document(Collection::Credentials, "device", key);
    store.apply(&[Change::Put(credential)]).await.unwrap();
    store
        .apply(&[Change::Remove {
            collection: Collection::Credentials,
            key: "device".into(),
        }])
        .await
        .unwrap();
    drop(store);
    for entry in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(key.len()).any(|part| part == key.as_bytes()));
    }
}

#[tokio::test]
async fn a_backup_is_a_store_and_never_overwrites() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    store.apply(&[put("a", "1")]).await.unwrap();
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    assert!(
        store.backup(&copy).await.is_err(),
        "there is a file already"
    );
    store.apply(&[put("a", "2")]).await.unwrap();
    let copied = SqliteStore::open(&copy).unwrap();
    assert_eq!(registrations(&copied).await, pairs(&[("a", "1")]));
}

#[tokio::test]
async fn backups_beside_writes_hold_whole_batches() {
    let (folder, path) = folder();
    let mut config = SqliteConfig::default();
    config.backup_step = 1;
    let store = SqliteStore::open_with(&path, &config).unwrap();
    let content = "x".repeat(3000);
    let batch: Vec<Change> = (0..100)
        .map(|n| put(&format!("m{n:03}"), &content))
        .collect();
    store.apply(&batch).await.unwrap();
    let copies = [folder.path().join("one"), folder.path().join("two")];
    // The first and the last of all registrations say the same in each batch.
    let writes = async {
        for number in 0..200 {
            let number = number.to_string();
            let batch = [put("a", &number), put("z", &number)];
            store.apply(&batch).await.unwrap();
        }
    };
    let (one, two, ()) = tokio::join!(store.backup(&copies[0]), store.backup(&copies[1]), writes);
    one.and(two).unwrap();
    for copy in copies {
        let log = PathBuf::from(format!("{}-wal", copy.display()));
        assert!(!log.exists());
        let copied = SqliteStore::open(&copy).unwrap();
        let found = registrations(&copied).await;
        let said = |key: &str| found.iter().find(|(found, _)| found == key);
        assert_eq!(
            said("a").map(|(_, number)| number),
            said("z").map(|(_, number)| number)
        );
        assert_eq!(
            found.iter().filter(|(key, _)| key.starts_with('m')).count(),
            100
        );
    }
    let last = registrations(&store).await;
    assert_eq!(last[0], ("a".into(), "199".into()));
}

#[tokio::test]
async fn what_was_asked_is_done_before_it_closes() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    for n in 0..10 {
        // Polled once, so that it is asked, then left: nobody waits for the answer.
        let changes = [put(&n.to_string(), "1")];
        let mut asked = store.apply(&changes);
        let mut context = Context::from_waker(Waker::noop());
        let _ = asked.as_mut().poll(&mut context);
    }
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(registrations(&store).await.len(), 10);
}

#[tokio::test]
async fn callers_wait_for_room_in_the_queue() {
    let (_folder, path) = folder();
    let mut config = SqliteConfig::default();
    config.queue = 1;
    let store = Arc::new(SqliteStore::open_with(&path, &config).unwrap());
    let callers: Vec<_> = (0..50)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.apply(&[put(&n.to_string(), "1")]).await })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(registrations(&store).await.len(), 50);
}
