use super::{
    Decision,
    condition::Condition,
    schedule::{Periods, Schedule},
};
use crate::{attributes::Attributes, time::Instant, value::Value};
use alloc::vec::Vec;

/// The rules of a composite observation (Core 1.2.2, section 6.4.4): one notification for all of its paths, as
/// soon as a change at any of them counts.
///
/// The periods are those of the request, where it has any. Else they come together from the paths: the longest
/// `pmin` and `epmin`, so that nothing is told or looked at more often than it may, the shortest `pmax` and
/// `epmax`, but not below those.
#[derive(Debug, Clone)]
pub struct CompositeRule {
    schedule: Schedule,
    conditions: Vec<Condition>,
}

/// The state of one path of a composite observation (Core 1.2.2, section 6.4.4).
#[derive(Debug, Clone, Copy)]
pub struct ElementState<'a> {
    /// Its value; `None` where it is not there or has no single value.
    pub value: Option<&'a Value>,
    /// Whether it has changed since the last notification: appeared or disappeared too.
    pub changed: bool,
}

impl CompositeRule {
    /// Rules begun with the response that established the observation. `requested` are the attributes of the request
    /// with the server's defaults behind them, or `None` where it has none; `elements` is for each path its effective
    /// attributes and its value.
    pub fn new<'a>(
        requested: Option<&Attributes>,
        elements: impl IntoIterator<Item = (Attributes, Option<&'a Value>)>,
        now: Instant,
    ) -> Self {
        let elements: Vec<_> = elements.into_iter().collect();
        let periods = match requested {
            Some(requested) => requested.into(),
            None => combined(elements.iter().map(|(attributes, _)| attributes)),
        };
        let conditions = elements
            .iter()
            .map(|(attributes, value)| Condition::new(attributes, *value));
        CompositeRule {
            schedule: Schedule::new(periods, now),
            conditions: conditions.collect(),
        }
    }

    /// Takes the attributes of other rules for the same paths: they rule from now on. What was held back stays so.
    pub fn follow(&mut self, rules: &CompositeRule) {
        self.schedule.follow(&rules.schedule);
        for (condition, new) in self.conditions.iter_mut().zip(&rules.conditions) {
            condition.follow(new);
        }
    }

    /// Looks at the present state of all paths, in the order in which they were given to [`CompositeRule::new`]. See
    /// [`NotificationRule::evaluate`](super::NotificationRule::evaluate).
    pub fn evaluate<'a>(
        &mut self,
        now: Instant,
        elements: impl IntoIterator<Item = ElementState<'a>>,
    ) -> Decision {
        let elements: Vec<_> = elements.into_iter().collect();
        let changed = elements.iter().any(|element| element.changed);
        let conditions = &mut self.conditions;
        self.schedule.decide(now, changed, || {
            // Each is looked at, since each remembers what it saw.
            let looked_at = conditions.iter_mut().zip(&elements);
            looked_at.fold(false, |met, (condition, element)| {
                condition.is_met(element.value, element.changed) || met
            })
        })
    }

    /// Notes that a notification has been sent, with these values.
    pub fn notified<'a>(
        &mut self,
        now: Instant,
        values: impl IntoIterator<Item = Option<&'a Value>>,
    ) {
        self.schedule.notified(now);
        for (condition, value) in self.conditions.iter_mut().zip(values) {
            condition.notified(value);
        }
    }
}

fn combined<'a>(elements: impl Iterator<Item = &'a Attributes>) -> Periods {
    let none = Periods::from(&Attributes::default());
    let together = elements.map(Periods::from).fold(none, |a, b| Periods {
        pmin: a.pmin.max(b.pmin),
        pmax: a.pmax.into_iter().chain(b.pmax).min(),
        epmin: a.epmin.max(b.epmin),
        epmax: a.epmax.into_iter().chain(b.epmax).min(),
    });
    Periods {
        pmax: together.pmax.map(|pmax| pmax.max(together.pmin)),
        epmax: together.epmax.map(|epmax| epmax.max(together.epmin)),
        ..together
    }
}
