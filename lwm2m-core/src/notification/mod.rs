//! When a value is worth a notification: the rules of the attributes as a pure engine (Core 1.2.2, section 7.3).
//!
//! Two questions are kept apart. *Whether*: `gt`, `lt`, `st` and `edge` say which change of a value counts, any
//! one of them is enough, and without them every change counts. *When*: not before `pmin` after the last
//! notification (what counted meanwhile is sent then, with the value of that moment), not later than `pmax` after
//! it, and looked at not more often than `epmin` and not less often than `epmax`.
//!
//! ```text
//!               value counts                     pmin over
//!   ┌───────┐ ───────────────► ┌─────────────┐ ────────────► notify ─┐
//!   │ quiet │                  │ held back   │                       │
//!   └───────┘ ◄─────────┐      └─────────────┘                       │
//!       │ pmax over     └────────────────────────────────────────────┤
//!       └──────────────────────────────────────────────► notify ─────┘
//! ```
//!
//! What contradicts itself after inheritance is ignored, never an error: a `pmax` below `pmin`, an `epmax` below
//! `epmin`, `gt` and `lt` where `lt` is not below `gt`, a `st` with which `lt + 2 st` is not below `gt`; and
//! conditions that the value has no type for.

mod composite;
mod condition;
mod history;
mod schedule;
#[cfg(test)]
mod tests;

pub use composite::{CompositeRule, ElementState};
pub use history::History;

use crate::{attributes::Attributes, time::Instant, value::Value};
use condition::Condition;
use schedule::Schedule;

/// What to do about an observed value (Core 1.2.2, section 7.3.2).
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

/// The rules of one observation with what it remembers: the last notification and the last evaluation (Core 1.2.2,
/// sections 6.4.2 and 7.3.2).
///
/// ```
/// use core::time::Duration;
/// use lwm2m_core::{attributes::Attributes, notification::{Decision, NotificationRule}, time::Instant, value::Value};
///
/// let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
/// let mut attributes = Attributes::default();
/// attributes.pmin = Some(10);
/// attributes.gt = Some(25.0);
///
/// // The response to the observe said 20.
/// let mut rule = NotificationRule::new(attributes, at(0), Some(&Value::Float(20.0)));
/// assert_eq!(rule.evaluate(at(3), Some(&Value::Float(24.0)), true), Decision::Never);
/// assert_eq!(rule.evaluate(at(4), Some(&Value::Float(26.0)), true), Decision::At(at(10)));
/// assert_eq!(rule.evaluate(at(10), Some(&Value::Float(26.0)), true), Decision::Now);
/// rule.notified(at(10), Some(&Value::Float(26.0)));
/// ```
#[derive(Debug, Clone)]
pub struct NotificationRule {
    attributes: Attributes,
    schedule: Schedule,
    condition: Condition,
}

impl NotificationRule {
    /// Rules by effective (inherited, defaulted) attributes, begun with the response that established the
    /// observation. `value` is `None` where what is observed has no single value (an instance, an object, a
    /// resource with instances).
    pub fn new(attributes: Attributes, now: Instant, value: Option<&Value>) -> Self {
        NotificationRule {
            attributes,
            schedule: Schedule::new(&attributes, now),
            condition: Condition::new(&attributes, value),
        }
    }

    /// The attributes that rule.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Takes new effective attributes: they rule from now on. What was held back stays so, by the new `pmin`.
    pub fn set_attributes(&mut self, attributes: Attributes) {
        self.attributes = attributes;
        self.schedule.set_periods(&attributes);
        self.condition.set_bounds(&attributes);
    }

    /// Looks at the present state. `changed` tells that what is observed has changed since the last notification.
    ///
    /// To be called whenever the value changes, and at the moment that the last decision named. Until
    /// [`notified`](NotificationRule::notified) is called, [`Decision::Now`] is repeated.
    pub fn evaluate(&mut self, now: Instant, value: Option<&Value>, changed: bool) -> Decision {
        let condition = &mut self.condition;
        self.schedule
            .decide(now, changed, || condition.is_met(value, changed))
    }

    /// Notes that a notification has been sent, with this value.
    pub fn notified(&mut self, now: Instant, value: Option<&Value>) {
        self.schedule.notified(now);
        self.condition.notified(value);
    }
}
