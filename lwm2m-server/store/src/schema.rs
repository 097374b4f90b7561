//! The tables, and how files of older versions are brought to them.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours (`PRAGMA application_id`): "LwM2" in ASCII.
pub(crate) const APPLICATION_ID: i32 = 0x4C77_4D32;

/// What leads from each schema version to the next; the first one starts from an empty file. Released steps never
/// change: what is wrong in one is mended in a later one.
const MIGRATIONS: &[&str] = &[
    // 1: documents by kind and key. Contents are blobs: they may hold keys, and nothing searches in them.
    "CREATE TABLE document (
        collection TEXT NOT NULL,
        key TEXT NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (collection, key)
    ) STRICT",
];

/// The version that this crate writes.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// The version that a file has; 0 for an empty one.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    let has_table =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migration'";
    match connection.query_row(has_table, [], |row| row.get(0))? {
        0 => Ok(0),
        _ => connection.query_row(
            "SELECT coalesce(max(version), 0) FROM migration",
            [],
            |row| row.get(0),
        ),
    }
}

/// Brings a file of the present or an older version to the present schema: all steps, or none.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    migrate_by(connection, MIGRATIONS)
}

fn migrate_by(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (
            version INTEGER PRIMARY KEY,
            applied_at INTEGER NOT NULL DEFAULT (unixepoch())
        ) STRICT",
    )?;
    let found = version(&transaction)?;
    for (step, number) in migrations.iter().zip(1u32..) {
        if number > found {
            transaction.execute_batch(step)?;
            transaction.execute("INSERT INTO migration (version) VALUES (?1)", [number])?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(connection: &Connection) -> Vec<u32> {
        let mut statement = connection
            .prepare("SELECT version FROM migration ORDER BY version")
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn only_the_missing_steps_are_made() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(version(&connection).unwrap(), 0);
        let first = ["CREATE TABLE a (x)"];
        migrate_by(&mut connection, &first).unwrap();
        assert_eq!(version(&connection).unwrap(), 1);
        // Made twice, it would fail: the table is there.
        migrate_by(&mut connection, &first).unwrap();
        let more = ["CREATE TABLE a (x)", "CREATE TABLE b (x)", "DROP TABLE a"];
        migrate_by(&mut connection, &more).unwrap();
        assert_eq!(versions(&connection), [1, 2, 3]);
    }

    #[test]
    fn a_step_that_fails_undoes_all() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x)", "nonsense"];
        assert!(migrate_by(&mut connection, &steps).is_err());
        assert_eq!(versions(&connection), [1]);
        assert!(connection.prepare("SELECT * FROM b").is_err());
    }
}
