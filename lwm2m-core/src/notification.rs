//! When a value is worth a notification: the rules of the attributes as a pure engine (Core 1.2.2, section 7.3).

use crate::{attributes::Attributes, time::Instant, value::Value};

/// What to do about an observed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Notify now.
    Now,
    /// Notify at that moment, unless something is evaluated before.
    At(Instant),
    /// Take a new sample at that moment and evaluate it.
    SampleAt(Instant),
    /// Nothing to do until the value changes.
    Never,
}

/// The rules of one observation with what it remembers: the last notification and the last evaluation.
#[derive(Debug, Clone)]
pub struct NotificationRule {
    attributes: Attributes,
}

impl NotificationRule {
    /// Rules by effective (inherited, defaulted) attributes, begun with the response that established the
    /// observation. `value` is `None` where what is observed has no single value (an instance, an object, a
    /// composite).
    pub fn new(attributes: Attributes, now: Instant, value: Option<&Value>) -> Self {
        let _ = (now, value);
        NotificationRule { attributes }
    }

    /// Takes new effective attributes: they rule from now on.
    pub fn set_attributes(&mut self, attributes: Attributes) {
        self.attributes = attributes;
    }

    /// Looks at the present state. `changed` tells that what is observed has changed since the last notification.
    pub fn evaluate(&mut self, now: Instant, value: Option<&Value>, changed: bool) -> Decision {
        let _ = (now, value, changed);
        todo!()
    }

    /// Notes that a notification has been sent.
    pub fn notified(&mut self, now: Instant, value: Option<&Value>) {
        let _ = (now, value);
        todo!()
    }
}
