//! What a database holds at one moment, as a number of rows and a digest for each table.
//!
//! Rows are read and hashed here, not by the server: MD5 in SQL takes six times as long as reading a million rows does,
//! and has no exact text for FLOAT and DOUBLE. The digest is the sum of the rows' digests: order does not count, and
//! doubles do not cancel.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{
    address::DatabaseAddress,
    chunk::{Chunker, hex},
    connection::Connection,
    error::DatabaseError,
    objects::read_all_names,
    rows::{Selection, Side},
    schema::{Layout, read_table},
};

/// A table at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFingerprint {
    /// How many rows it has.
    pub rows: u64,
    /// A digest of them; no order counts.
    pub digest: String,
}

/// All tables of a database at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// By name.
    pub tables: BTreeMap<String, TableFingerprint>,
}

/// Takes the fingerprint of a database.
pub async fn fingerprint(address: &DatabaseAddress) -> Result<Fingerprint, DatabaseError> {
    let mut connection = Connection::open(address).await?;
    let mut fingerprint = Fingerprint::default();
    for name in read_all_names(&mut connection, &address.name).await? {
        let layout = read_table(&mut connection, &name).await?.layout;
        let table = read(&mut connection, &layout).await?;
        fingerprint.tables.insert(name.to_string(), table);
    }
    Ok(fingerprint)
}

/// Returns the tables that changed, appeared or disappeared between two fingerprints.
pub fn changed_tables(before: &Fingerprint, after: &Fingerprint) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> =
        before.tables.keys().chain(after.tables.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.tables.get(*name) != after.tables.get(*name))
        .cloned()
        .collect()
}

/// Reads a table to take its fingerprint.
async fn read(
    connection: &mut Connection,
    layout: &Layout,
) -> Result<TableFingerprint, DatabaseError> {
    let mut side = Side::Live(connection, layout);
    let mut source = side.open(Selection::AnyOrder).await?;
    let mut chunker = Chunker::new(false);
    while let Some((key, row)) = source.next().await? {
        chunker.add(key, &row);
    }
    let mut hasher = Sha256::new();
    let mut rows = 0;
    for chunk in chunker.finish() {
        rows += chunk.rows;
        hasher.update(chunk.digest);
    }
    Ok(TableFingerprint {
        rows,
        digest: hex(&hasher.finalize().into()),
    })
}
