//! What is reported to the layers above, held against what must hold; and what they answer.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plan {
    Answer,
    /// Answer after this many milliseconds.
    Later(u32),
    Never,
}

fn value_of(response: &Response, seed: u64) -> u32 {
    let text = core::str::from_utf8(&response.payload).unwrap();
    let number = text.split(' ').next().unwrap().parse();
    number.unwrap_or_else(|_| panic!("seed {seed}: {response:?}, {text}"))
}

impl Run {
    /// Deals with all that was reported.
    pub(super) fn take_events(&mut self) {
        self.net.drain();
        for end in [A, B] {
            while let Some(event) = self.net.events[end].pop_front() {
                self.take(end, event);
                self.net.drain();
            }
        }
    }

    fn take(&mut self, end: usize, event: Event) {
        let seed = self.seed;
        match event {
            Event::Request {
                exchange, request, ..
            } => self.execute(end, exchange, request),
            Event::Response {
                request,
                response,
                observation,
                ..
            } => match self.find(end, request) {
                Some((number, asked)) => {
                    asked.ended = true;
                    match response.code {
                        Code::CONTENT => {
                            let expected = answer_to(number, asked.size);
                            assert_eq!(response.payload, expected.payload, "seed {seed}");
                            assert!(asked.executed, "seed {seed}");
                        }
                        // Its blocks were forgotten, there is no room for more, or a restarted peer wants a new
                        // proof.
                        Code::REQUEST_ENTITY_INCOMPLETE
                        | Code::SERVICE_UNAVAILABLE
                        | Code::UNAUTHORIZED => {}
                        other => panic!("seed {seed}: {other}"),
                    }
                    self.tally.answered += 1;
                }
                None => {
                    let renewed = self.observe_ended(end, request);
                    if let (Some(renewed), None) = (renewed, observation) {
                        self.sides[end].watched.remove(&renewed);
                    }
                    // 2.03: what is newer was reported before.
                    let told = observation.filter(|_| response.code != Code::VALID);
                    if let Some(observation) = told {
                        let value = value_of(&response, seed);
                        let seen = self.sides[end].watched.insert(observation, value);
                        let lost_memory = self.sides[1 - end].lost_memory;
                        let backwards = seen.is_some_and(|seen| value < seen) && !lost_memory;
                        assert!(!backwards, "seed {seed}: {value} after {seen:?}");
                    }
                }
            },
            Event::RequestFailed { request, .. } => match self.find(end, request) {
                Some((_, asked)) => {
                    asked.ended = true;
                    self.tally.failed += 1;
                }
                None => drop(self.observe_ended(end, request)),
            },
            Event::Notification {
                observation,
                response,
                last,
                ..
            } => {
                let lost_memory = self.sides[1 - end].lost_memory;
                let watched = &mut self.sides[end].watched;
                let seen = watched.get_mut(&observation).expect("it has begun");
                let value = value_of(&response, seed);
                let backwards = value < *seen && !lost_memory;
                assert!(!backwards, "seed {seed}: {value} after {seen}");
                *seen = value;
                if last {
                    watched.remove(&observation);
                }
            }
            Event::NotificationAcknowledged { notification, .. } => {
                self.sides[end].acknowledged.push(notification);
            }
            Event::ObserverGone { observer, .. } => {
                self.sides[end].observers.retain(|other| *other != observer);
            }
            Event::UploadStarted {
                upload, request, ..
            } => {
                // It may have been abandoned since.
                if self.below(3) == 0 && self.net.ends[end].stream_upload(upload).is_ok() {
                    let begun = (request, Vec::new());
                    self.sides[end].streams.insert(upload, begun);
                }
            }
            Event::UploadBlock {
                upload,
                exchange,
                offset,
                data,
                last,
            } => {
                let (_, body) = self.sides[end].streams.get_mut(&upload).unwrap();
                assert_eq!(offset, body.len(), "seed {seed}: a gap");
                body.extend_from_slice(&data);
                if !last {
                    let now = self.net.now;
                    let continued = self.net.ends[end].continue_upload(now, upload);
                    assert!(matches!(continued, Ok(()) | Err(EndpointError::Gone)));
                } else if let Some((mut request, body)) = self.sides[end].streams.remove(&upload) {
                    request.payload = body.into();
                    self.execute(end, exchange, request);
                }
            }
            Event::UploadAborted { upload } => {
                let aborted = self.sides[end].streams.remove(&upload);
                assert!(aborted.is_some(), "seed {seed}: it was not streamed");
            }
            Event::UploadProgress { .. } => {}
            other => panic!("seed {seed}: {other:?}"),
        }
    }

    /// A request of those that are counted, which must not have ended yet.
    fn find(&mut self, end: usize, id: RequestId) -> Option<(u32, &mut Asked)> {
        self.sides[end]
            .asked
            .iter_mut()
            .find(|(_, asked)| asked.id == id && !asked.ended && !asked.cancelled)
            .map(|(number, asked)| (*number, asked))
    }

    /// Gives back the observation that was to be renewed.
    fn observe_ended(&mut self, end: usize, request: RequestId) -> Option<ObservationId> {
        let observing = &mut self.sides[end].observing;
        let at = observing.iter().position(|other| *other == request);
        let at = at.unwrap_or_else(|| panic!("seed {}: an event without request", self.seed));
        observing.remove(at);
        self.sides[end].renewing.remove(&request)
    }

    fn execute(&mut self, end: usize, exchange: ExchangeId, request: Request) {
        let now = self.net.now;
        let path = request.options.texts(option::URI_PATH).unwrap();
        if path == ["value"] {
            let response = representation(self.sides[end].value);
            match request.options.uint(option::OBSERVE) {
                Some(0) => {
                    let entered = self.net.ends[end].respond_observe(now, exchange, response);
                    self.sides[end].observers.extend(entered);
                }
                _ => self.net.ends[end].respond(now, exchange, response).unwrap(),
            }
            return;
        }
        let number: u32 = path[0].parse().unwrap();
        let query: String = request.options.texts(option::URI_QUERY).unwrap().concat();
        let asked = self.sides[1 - end].asked.get_mut(&number).unwrap();
        asked.executed = true;
        asked.executions += 1;
        assert_eq!(request.code, asked.code);
        assert_eq!(request.payload, body(asked.size), "seed {}", self.seed);
        let safe = matches!(request.code, Code::GET | Code::FETCH);
        assert!(
            safe || asked.executions == 1,
            "seed {}: executed twice",
            self.seed
        );
        let response = answer_to(number, asked.size);
        let plan = match query.as_str() {
            "plan=0" => Plan::Never,
            "plan=1" | "plan=2" => Plan::Later(self.below(20_000)),
            _ => Plan::Answer,
        };
        match plan {
            Plan::Answer => self.net.ends[end].respond(now, exchange, response).unwrap(),
            Plan::Later(millis) => {
                let at = now + Duration::from_millis(millis.into());
                self.later
                    .insert((at, end, exchange.0), (exchange, response));
            }
            Plan::Never => {}
        }
    }
}
