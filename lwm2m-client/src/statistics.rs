//! Object 7, Connectivity Statistics (Core 1.2.2, appendix E.8): what was sent and received while a server had it counted.
//!
//! ```text
//!                 execute /7/0/6: counters to 0
//!   Stopped ◀─────────────────────────────────────▶ Counting
//!             execute /7/0/7, or /7/0/8 is over
//! ```

use crate::object::{
    Arguments, Clock, Context, ModelRef, Object, ObjectError, ResourceValue, ResourceWrite,
};
use alloc::{vec, vec::Vec};
use core::time::Duration;
use lwm2m_core::{model::ObjectModel, path::Path, time::Instant, value::Value};
use lwm2m_objects::connectivity_statistics as resource;

/// What IPv4 and UDP put before a datagram, bytes.
const IPV4_AND_UDP: u32 = 28;
/// Counters are in kilobytes.
const KILOBYTE: u64 = 1000;

/// Datagrams that a client has sent and received; what their transport adds to them is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Datagrams sent.
    pub sent: u32,
    /// Bytes in them.
    pub sent_bytes: u64,
    /// Datagrams received.
    pub received: u32,
    /// Bytes in them.
    pub received_bytes: u64,
    /// Bytes of the largest of all.
    pub largest: u32,
}

impl Traffic {
    pub(crate) fn count_sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(1);
        self.sent_bytes += bytes as u64;
        self.grow(bytes);
    }

    pub(crate) fn count_received(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(1);
        self.received_bytes += bytes as u64;
        self.grow(bytes);
    }

    fn grow(&mut self, bytes: usize) {
        self.largest = self.largest.max(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    fn add(&mut self, more: &Traffic) {
        self.sent = self.sent.saturating_add(more.sent);
        self.sent_bytes += more.sent_bytes;
        self.received = self.received.saturating_add(more.received);
        self.received_bytes += more.received_bytes;
        self.largest = self.largest.max(more.largest);
    }
}

/// Object 7: it counts by itself what the client sends and receives, all servers together.
///
/// Counters grow with each message, those of its own notifications among them. So they tell no observer that they have
/// changed: who observes them is told in the maximum period (`pmax`).
#[derive(Debug, Clone)]
pub struct StatisticsObject {
    model: ModelRef,
    overhead: u32,
    counted: Traffic,
    /// When counting ends; `Some(None)` is when it is told to.
    counting: Option<Option<Instant>>,
    /// Seconds (/7/0/8); 0 is for ever.
    period: u32,
}

impl Default for StatisticsObject {
    fn default() -> Self {
        StatisticsObject {
            model: ModelRef::from(&resource::V1_0),
            overhead: IPV4_AND_UDP,
            counted: Traffic::default(),
            counting: None,
            period: 0,
        }
    }
}

impl StatisticsObject {
    /// Not counting yet, over IPv4 without security.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this many bytes that each datagram has in front and behind, the headers of IP and UDP among them (default: 28,
    /// those of IPv4; a record of DTLS with AES-CCM-8 has 29 more). The sums have them in it, as the definition wants.
    #[must_use]
    pub fn overhead(mut self, bytes: u32) -> Self {
        self.overhead = bytes;
        self
    }

    fn kilobytes(&self, datagrams: u32, bytes: u64) -> Value {
        let bytes = bytes + u64::from(datagrams) * u64::from(self.overhead);
        Value::Integer(i64::try_from(bytes / KILOBYTE).unwrap_or(i64::MAX))
    }

    fn average(&self) -> Value {
        let messages = u64::from(self.counted.sent) + u64::from(self.counted.received);
        let bytes = self.counted.sent_bytes + self.counted.received_bytes;
        let average = bytes.checked_div(messages).unwrap_or(0);
        Value::Integer(i64::try_from(average).unwrap_or(i64::MAX))
    }
}

impl Object for StatisticsObject {
    fn model(&self) -> &ObjectModel {
        &self.model
    }

    fn instances(&self) -> Vec<u16> {
        vec![0]
    }

    fn delete(&mut self, _context: &mut Context, _instance: u16) -> Result<(), ObjectError> {
        // What a server has asked for goes with it.
        self.counting = None;
        self.counted = Traffic::default();
        self.period = 0;
        Ok(())
    }

    fn resources(&self, instance: u16) -> Vec<u16> {
        match instance {
            0 => vec![
                resource::TX_DATA,
                resource::RX_DATA,
                resource::MAX_MESSAGE_SIZE,
                resource::AVERAGE_MESSAGE_SIZE,
                resource::START,
                resource::STOP,
                resource::COLLECTION_PERIOD,
            ],
            _ => Vec::new(),
        }
    }

    fn read(
        &self,
        _clock: &Clock,
        instance: u16,
        resource: u16,
    ) -> Result<ResourceValue, ObjectError> {
        let counted = &self.counted;
        let value = match (instance, resource) {
            (0, resource::TX_DATA) => self.kilobytes(counted.sent, counted.sent_bytes),
            (0, resource::RX_DATA) => self.kilobytes(counted.received, counted.received_bytes),
            (0, resource::MAX_MESSAGE_SIZE) => counted.largest.into(),
            (0, resource::AVERAGE_MESSAGE_SIZE) => self.average(),
            (0, resource::COLLECTION_PERIOD) => self.period.into(),
            _ => return Err(ObjectError::NotFound),
        };
        Ok(value.into())
    }

    fn write(
        &mut self,
        context: &mut Context,
        _instance: u16,
        resource: u16,
        write: ResourceWrite,
    ) -> Result<(), ObjectError> {
        match (resource, write) {
            (resource::COLLECTION_PERIOD, ResourceWrite::Replace(ResourceValue::Single(value))) => {
                let seconds = value
                    .as_i64()
                    .and_then(|seconds| u32::try_from(seconds).ok());
                let negative = ObjectError::BadRequest("a period has 0 to 2^32 - 1 seconds");
                self.period = seconds.ok_or(negative)?;
            }
            // A replacement of the instance without the period: none.
            (resource::COLLECTION_PERIOD, ResourceWrite::Remove) => self.period = 0,
            _ => return Err(ObjectError::MethodNotAllowed),
        }
        context.changed(Path::resource(resource::ID, 0, resource));
        Ok(())
    }

    fn execute(
        &mut self,
        context: &mut Context,
        _instance: u16,
        resource: u16,
        _arguments: &Arguments,
    ) -> Result<(), ObjectError> {
        match resource {
            resource::START => {
                self.counted = Traffic::default();
                let period = (self.period > 0).then(|| Duration::from_secs(self.period.into()));
                self.counting = Some(period.map(|period| context.clock.now + period));
            }
            resource::STOP => self.counting = None,
            _ => return Err(ObjectError::NotFound),
        }
        Ok(())
    }

    fn traffic(&mut self, clock: &Clock, traffic: &Traffic) {
        match self.counting {
            Some(Some(end)) if clock.now >= end => self.counting = None,
            Some(_) => self.counted.add(traffic),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(sent: &[usize], received: &[usize]) -> Traffic {
        let mut traffic = Traffic::default();
        sent.iter().for_each(|bytes| traffic.count_sent(*bytes));
        (received.iter()).for_each(|bytes| traffic.count_received(*bytes));
        traffic
    }

    fn values(object: &StatisticsObject) -> [i64; 4] {
        [
            resource::TX_DATA,
            resource::RX_DATA,
            resource::MAX_MESSAGE_SIZE,
            resource::AVERAGE_MESSAGE_SIZE,
        ]
        .map(|id| match object.read(&Clock::default(), 0, id) {
            Ok(ResourceValue::Single(value)) => value.as_i64().unwrap(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn it_counts_from_start_to_stop_with_what_lies_under_a_message() {
        let mut object = StatisticsObject::new().overhead(50);
        let mut context = Context::new(Clock::default(), Some(1));
        let some = traffic(&[950, 950, 150], &[650]);
        object.traffic(&context.clock, &some);
        assert_eq!(values(&object), [0; 4], "nobody has begun");
        object
            .execute(&mut context, 0, resource::START, &[])
            .unwrap();
        object.traffic(&context.clock, &some);
        assert_eq!(values(&object), [2, 0, 950, 675]);
        object.traffic(&context.clock, &traffic(&[], &[1150]));
        assert_eq!(values(&object), [2, 1, 1150, 770]);
        object
            .execute(&mut context, 0, resource::STOP, &[])
            .unwrap();
        object.traffic(&context.clock, &some);
        assert_eq!(values(&object), [2, 1, 1150, 770], "what was counted stays");
        object
            .execute(&mut context, 0, resource::START, &[])
            .unwrap();
        assert_eq!(values(&object), [0; 4]);
    }

    #[test]
    fn it_is_deleted_with_what_it_has_counted_and_counts_no_more() {
        let mut object = StatisticsObject::new();
        let mut server = Context::new(Clock::default(), Some(1));
        let mut program = Context::new(Clock::default(), None);
        let some = traffic(&[3000], &[]);
        (object.execute(&mut server, 0, resource::START, &[])).unwrap();
        object.traffic(&server.clock, &some);
        let refused = Err(ObjectError::MethodNotAllowed);
        assert_eq!(object.check_delete(&server, 0), refused);
        assert_eq!(object.check_delete(&program, 0), Ok(()));
        object.delete(&mut program, 0).unwrap();
        object.traffic(&server.clock, &some);
        assert_eq!(values(&object), [0; 4]);
    }

    #[test]
    fn a_period_ends_the_counting() {
        let mut object = StatisticsObject::new().overhead(0);
        let mut context = Context::new(Clock::default(), Some(1));
        let write = |seconds: i64| ResourceWrite::Replace(Value::Integer(seconds).into());
        let period = resource::COLLECTION_PERIOD;
        assert!(object.write(&mut context, 0, period, write(-1)).is_err());
        object.write(&mut context, 0, period, write(10)).unwrap();
        object
            .execute(&mut context, 0, resource::START, &[])
            .unwrap();
        context.clock.now += Duration::from_millis(9_999);
        object.traffic(&context.clock, &traffic(&[3000], &[]));
        context.clock.now += Duration::from_millis(1);
        object.traffic(&context.clock, &traffic(&[3000], &[]));
        assert_eq!(values(&object), [3, 0, 3000, 3000]);
    }
}
