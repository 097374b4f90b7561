//! Certificates and raw public keys: reading them, and judging those of a peer.
