//! What the layers above the two ends do of themselves, at random.

use super::*;

const METHODS: [Code; 5] = [Code::GET, Code::POST, Code::PUT, Code::FETCH, Code::IPATCH];

impl Run {
    pub(super) fn act(&mut self) {
        let end = self.below(2) as usize;
        match self.below(40) {
            0 | 1 => self.cancel(end),
            2 => self.observe(end),
            3 => match self.below(4) {
                0 => self.stop_observing(end),
                1 => self.renew(end),
                _ => {}
            },
            4..7 => {
                let confirmable = self.below(3) == 0;
                self.change(end, confirmable);
            }
            7 if self.restarts && self.below(2) == 0 => self.restart(end),
            _ => self.ask(end),
        }
        let pause = [0, 0, 100, 2000][self.below(4) as usize];
        self.pass(Duration::from_millis(pause));
    }

    fn ask(&mut self, end: usize) {
        let number = self.sides[end].asked.len() as u32;
        let code = METHODS[self.below(METHODS.len() as u32) as usize];
        let mut request = Request::new(code)
            .path_segment(&number.to_string())
            .query(&std::format!("plan={}", self.below(10)));
        if code != Code::GET {
            let size = if self.below(10) == 0 {
                self.below(3000)
            } else {
                self.below(30)
            };
            request = request.body(42, body(size as usize));
        }
        request.confirmable = self.below(5) != 0;
        let size = request.payload.len();
        let mut options = RequestOptions::default();
        if self.below(20) == 0 {
            options = options.deadline(Duration::from_millis(u64::from(self.below(10_000))));
        }
        let peer = Net::peer(1 - end);
        match self.net.ends[end].request(self.net.now, peer, request, options) {
            Ok(id) => {
                let asked = Asked {
                    id,
                    ended: false,
                    cancelled: false,
                    executed: false,
                    executions: 0,
                    code,
                    size,
                };
                self.sides[end].asked.insert(number, asked);
            }
            Err(error) => assert_eq!(error, EndpointError::Busy),
        }
    }

    fn cancel(&mut self, end: usize) {
        let count = self.sides[end].asked.len() as u32;
        if count == 0 {
            return;
        }
        let number = count - 1 - self.below(count.min(5));
        if let Some(asked) = self.sides[end]
            .asked
            .get_mut(&number)
            .filter(|asked| !asked.ended && !asked.cancelled)
        {
            asked.cancelled = true;
            let id = asked.id;
            self.net.ends[end].cancel_request(id);
        }
    }

    fn observe(&mut self, end: usize) {
        let options = RequestOptions::default();
        let peer = Net::peer(1 - end);
        let begun = self.net.ends[end].request(self.net.now, peer, observe("value"), options);
        self.sides[end].observing.extend(begun);
    }

    fn stop_observing(&mut self, end: usize) {
        let count = self.sides[end].watched.len() as u32;
        if count == 0 {
            return;
        }
        let at = self.below(count) as usize;
        let observation = *self.sides[end].watched.keys().nth(at).unwrap();
        if self.below(2) == 0 {
            self.net.ends[end].forget_observation(observation);
        } else if let Ok(request) = self.net.ends[end].cancel_observation(self.net.now, observation)
        {
            self.sides[end].observing.push(request);
        } else {
            return;
        }
        self.sides[end].watched.remove(&observation);
    }

    fn renew(&mut self, end: usize) {
        let count = self.sides[end].watched.len() as u32;
        if count == 0 {
            return;
        }
        let at = self.below(count) as usize;
        let observation = *self.sides[end].watched.keys().nth(at).unwrap();
        let now = self.net.now;
        if let Ok(request) = self.net.ends[end].refresh_observation(now, observation) {
            self.sides[end].observing.push(request);
            self.sides[end].renewing.insert(request, observation);
        }
    }

    /// The value of an end changes; gives back the notifications of it.
    pub(super) fn change(&mut self, end: usize, confirmable: bool) -> Vec<NotificationId> {
        let side = &mut self.sides[end];
        side.value += 1;
        let (now, value) = (self.net.now, side.value);
        let endpoint = &mut self.net.ends[end];
        let mut notified = Vec::new();
        side.observers.retain(|observer| {
            let told = endpoint.notify(now, *observer, representation(value), confirmable);
            notified.extend(told);
            told.is_ok()
        });
        notified
    }

    /// An end forgets all, as a host that loses its power.
    fn restart(&mut self, end: usize) {
        self.tally.restarts += 1;
        let random = rng(self.rng.next_u64());
        self.net.ends[end] = Endpoint::new(self.configs[end].clone(), random);
        self.net.events[end].clear();
        self.later.retain(|(_, by, _), _| *by != end);
        let side = &mut self.sides[end];
        side.lost_memory = true;
        for asked in side.asked.values_mut().filter(|asked| !asked.ended) {
            asked.cancelled = true;
        }
        side.observing.clear();
        side.renewing.clear();
        side.watched.clear();
        side.observers.clear();
        side.streams.clear();
        // Its ids begin anew.
        side.acknowledged.clear();
        for asked in self.sides[1 - end].asked.values_mut() {
            asked.executions = 0;
        }
    }
}
