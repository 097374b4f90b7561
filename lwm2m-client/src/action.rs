//! What an object asks of the engine once the request that led to it is answered.

/// Something that an execute or a write has as its consequence.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Send a registration update to the server of this /1 instance (/1/x/8).
    Update {
        /// Instance of object 1.
        instance: u16,
    },
    /// De-register from the server of this /1 instance and leave it alone for a while (/1/x/4).
    Disable {
        /// Instance of object 1.
        instance: u16,
    },
    /// Begin a client-initiated bootstrap (/1/x/9).
    Bootstrap,
}
