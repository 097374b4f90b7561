use super::{DeviceOperation, Payload, WriteMode};
use crate::path::Path;
use alloc::string::String;
use core::fmt;

impl fmt::Display for DeviceOperation {
    /// The operation as a person reads it: `read /3/0`, `write /3/0/13 (Text, 10 bytes)`, `observe /3303/0/5700
    /// pmin=5`. No values: they may be keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceOperation::Read(read) => write!(f, "read {}", read.path),
            DeviceOperation::Discover(discover) => {
                write!(f, "discover {}", discover.path)?;
                match discover.depth {
                    Some(depth) => write!(f, " depth={depth}"),
                    None => Ok(()),
                }
            }
            DeviceOperation::Write(write) => {
                let word = match write.mode {
                    WriteMode::Replace => "write",
                    WriteMode::PartialUpdate => "update",
                };
                write!(f, "{word} {} {}", write.path, Size(&write.payload))
            }
            DeviceOperation::WriteAttributes(write) => {
                write!(f, "write attributes of {}", write.path)?;
                queries(f, &write.change.to_queries())
            }
            DeviceOperation::Execute(execute) => write!(f, "execute {}", execute.path),
            DeviceOperation::Create(create) => {
                write!(f, "create in /{} {}", create.object, Size(&create.payload))
            }
            DeviceOperation::Delete(delete) => write!(f, "delete {}", delete.path),
            DeviceOperation::Observe(observe) => {
                f.write_str(if observe.cancel {
                    "stop observing"
                } else {
                    "observe"
                })?;
                write!(f, " {}", observe.path)?;
                queries(f, &observe.attributes.to_queries())
            }
            DeviceOperation::ReadComposite(read) => {
                f.write_str("read")?;
                paths(f, &read.paths)
            }
            DeviceOperation::ObserveComposite(observe) => {
                f.write_str(if observe.cancel {
                    "stop observing"
                } else {
                    "observe"
                })?;
                paths(f, &observe.paths)?;
                queries(f, &observe.attributes.to_queries())
            }
            DeviceOperation::WriteComposite(write) => {
                write!(f, "write composite {}", Size(&write.payload))
            }
            DeviceOperation::BootstrapFinish => f.write_str("finish bootstrap"),
        }
    }
}

struct Size<'a>(&'a Payload);

impl fmt::Display for Size<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:?}, {} bytes)", self.0.format, self.0.data.len())
    }
}

fn paths(f: &mut fmt::Formatter<'_>, paths: &[Path]) -> fmt::Result {
    paths.iter().try_for_each(|path| write!(f, " {path}"))
}

fn queries(f: &mut fmt::Formatter<'_>, queries: &[String]) -> fmt::Result {
    queries.iter().try_for_each(|query| write!(f, " {query}"))
}
