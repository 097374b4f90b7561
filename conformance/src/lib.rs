//! Where client and server meet: tests that need both, and the rules that the whole house keeps.
//!
//! This package is never published and nothing depends on it.
