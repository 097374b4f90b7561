//! What the demultiplexer in front of the backend defends, over the loopback interface.

mod hostile;
mod proxy;
