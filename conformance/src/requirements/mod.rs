//! What the standards demand, and which test proves it.
//!
//! Each file of `conformance/requirements/` is one area: a table with its title and the prefix of its ids, then one table
//! a requirement. A test function that proves one says so in a comment above it or in its body: `// proves: REG-04`.
//!
//! - [`rows`]: the files.
//! - [`source`]: what Rust sources say, as far as proofs need it.
//! - [`proofs`]: the test functions of the workspace, and what they prove.
//! - [`check`]: what must hold between the two.

pub mod check;
pub mod proofs;
pub mod rows;
pub mod source;

use std::path::PathBuf;

/// The folder of the workspace this program was built in.
pub fn workspace() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}
