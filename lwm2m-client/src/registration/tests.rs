use super::*;
use lwm2m_core::coap::option;
use std::{vec, vec::Vec};

fn settings() -> Settings {
    Settings {
        lifetime: 300,
        binding: Some("U".into()),
        revision: 1,
        profile: false,
        disable_timeout: Duration::from_secs(86_400),
        retry_count: 3,
        retry_timer: Duration::from_secs(60),
        sequence_delay: Duration::from_secs(86_400),
        sequence_retry_count: 2,
        can_bootstrap: false,
        lowest_version: LwM2mVersion::V1_0,
        connect_timeout: Duration::from_secs(93),
        deregister_timeout: Duration::from_secs(40),
        transmit_wait: Duration::from_secs(93),
        reconnect_delay: Duration::from_secs(1),
    }
}

fn seconds(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn created() -> Input {
    let mut response = Response::new(Code::CREATED);
    response.options.push(option::LOCATION_PATH, b"rd");
    response.options.push(option::LOCATION_PATH, b"5a3f");
    Input::Answered(response)
}

fn answered(code: Code) -> Input {
    Input::Answered(Response::new(code))
}

fn location() -> Vec<String> {
    vec!["rd".into(), "5a3f".into()]
}

/// A registration that is in the state these inputs lead to, all at second 0.
fn after(inputs: impl IntoIterator<Item = Input>) -> Registration {
    let mut registration = Registration::new(LwM2mVersion::V1_2);
    for input in inputs {
        registration.step(seconds(0), input, &settings());
    }
    registration
}

const START: Input = Input::Start {
    after: Duration::ZERO,
};

fn connecting() -> Registration {
    after([START, Input::Tick])
}

fn registering() -> Registration {
    after([START, Input::Tick, Input::Connected])
}

fn registered() -> Registration {
    after([START, Input::Tick, Input::Connected, created()])
}

fn plain_update() -> Command {
    Command::Update {
        location: location(),
        lifetime: None,
        binding: None,
        links: false,
    }
}

#[test]
fn the_straight_way() {
    let mut r = Registration::new(LwM2mVersion::V1_2);
    let s = settings();
    let after = Duration::from_secs(5);
    assert_eq!(r.step(seconds(0), Input::Start { after }, &s), []);
    assert_eq!(r.deadline(), Some(seconds(5)));
    assert_eq!(r.step(seconds(4), Input::Tick, &s), []);
    assert_eq!(r.step(seconds(5), Input::Tick, &s), [Command::Connect]);
    assert_eq!(
        r.step(seconds(6), Input::Connected, &s),
        [Command::Register(LwM2mVersion::V1_2)]
    );
    assert_eq!(r.step(seconds(7), created(), &s), [Command::Registered]);
    assert_eq!(r.location(), Some(&location()[..]));
    // 93 s before the lifetime of 300 s ends.
    assert_eq!(r.deadline(), Some(seconds(7 + 207)));
    assert_eq!(r.step(seconds(213), Input::Tick, &s), []);
    assert_eq!(r.step(seconds(214), Input::Tick, &s), [plain_update()]);
    assert_eq!(r.deadline(), None, "nothing more while it is under way");
    assert_eq!(
        r.step(seconds(215), answered(Code::CHANGED), &s),
        [Command::Updated]
    );
    assert_eq!(r.deadline(), Some(seconds(215 + 207)));
}

// proves: REG-40, REG-56
#[test]
fn updates_come_before_the_lifetime_ends() {
    for (wait, lifetime, after) in [
        (93, 0, None),
        (93, 1, Some(0.5)),
        (93, 30, Some(15.0)),
        (93, 185, Some(92.5)),
        (93, 186, Some(93.0)),
        (93, 300, Some(207.0)),
        (93, 86_400, Some(86_307.0)),
        (93, u32::MAX, Some(4_294_967_202.0)),
        // Slower networks need more time for it (MAX_TRANSMIT_WAIT of `Timing::NB_IOT`).
        (225, 300, Some(150.0)),
        (225, 86_400, Some(86_175.0)),
    ] {
        let expected = after.map(Duration::from_secs_f64);
        let wait = Duration::from_secs(wait);
        assert_eq!(update_after(lifetime, wait), expected, "{lifetime}");
    }
}

// proves: REG-38
#[test]
fn an_update_carries_only_what_has_changed() {
    let mut s = settings();
    let mut r = registered();
    assert_eq!(r.step(seconds(1), Input::Changed, &s), [], "nothing has");
    s.lifetime = 60;
    let update = Command::Update {
        location: location(),
        lifetime: Some(60),
        binding: None,
        links: false,
    };
    assert_eq!(r.step(seconds(2), Input::Changed, &s), [update]);
    // What changes while it is under way follows it.
    s.revision = 2;
    assert_eq!(r.step(seconds(3), Input::Changed, &s), []);
    let update = Command::Update {
        location: location(),
        lifetime: None,
        binding: None,
        links: true,
    };
    assert_eq!(
        r.step(seconds(4), answered(Code::CHANGED), &s),
        [Command::Updated, update]
    );
    assert_eq!(
        r.step(seconds(5), answered(Code::CHANGED), &s),
        [Command::Updated]
    );
    assert_eq!(r.deadline(), Some(seconds(35)), "half of the new lifetime");
    assert_eq!(r.step(seconds(6), Input::Update, &s), [plain_update()]);
}

#[test]
fn a_lost_registration_is_made_anew() {
    let s = settings();
    let refused = |code| Command::Lost(SessionError::Refused(code));
    for code in [Code::NOT_FOUND, Code::BAD_REQUEST, Code::FORBIDDEN] {
        let mut r = registered();
        r.step(seconds(1), Input::Update, &s);
        assert_eq!(
            r.step(seconds(2), answered(code), &s),
            [refused(code), Command::Register(LwM2mVersion::V1_2)]
        );
        assert!(matches!(r.state, State::Registering(_)) && !r.is_complete());
    }
    let mut r = registered();
    r.step(seconds(1), Input::Update, &s);
    assert_eq!(
        r.step(seconds(2), Input::Failed(Failure::Timeout), &s),
        [
            Command::Lost(SessionError::Request(Failure::Timeout)),
            Command::Disconnect
        ]
    );
    assert_eq!(r.step(seconds(3), Input::Tick, &s), [Command::Connect]);
    let mut r = registered();
    assert_eq!(
        r.step(seconds(2), Input::Closed(CloseReason::ByPeer), &s),
        [Command::Lost(SessionError::Connection(CloseReason::ByPeer))]
    );
    assert_eq!(r.deadline(), Some(seconds(3)));
}

// proves: REG-15
#[test]
fn versions_are_tried_from_above() {
    let s = settings();
    let mut r = registering();
    for version in [LwM2mVersion::V1_1, LwM2mVersion::V1_0] {
        assert_eq!(
            r.step(seconds(0), answered(Code::PRECONDITION_FAILED), &s),
            [Command::Register(version)]
        );
    }
    let commands = r.step(seconds(0), answered(Code::PRECONDITION_FAILED), &s);
    assert_eq!(commands[0], Command::Disconnect, "no version is left");
    let mut s = settings();
    s.lowest_version = LwM2mVersion::V1_2;
    let commands = registering().step(seconds(0), answered(Code::PRECONDITION_FAILED), &s);
    assert_eq!(commands[0], Command::Disconnect);
}

// proves: REG-61, REG-62, SEC-34
#[test]
fn attempts_and_sequences_back_off() {
    let mut s = settings();
    let mut r = Registration::new(LwM2mVersion::V1_2);
    r.step(seconds(0), START, &s);
    let mut now = seconds(0);
    // Two sequences of three attempts, then all over again.
    let day = 86_400;
    for (exhausted, wait) in [
        (false, 60),
        (false, 120),
        (false, day),
        (false, 60),
        (false, 120),
        (true, day),
        (false, 60),
    ] {
        assert_eq!(r.step(now, Input::Tick, &s), [Command::Connect]);
        let commands = r.step(now, Input::Closed(CloseReason::HandshakeTimeout), &s);
        let reason = SessionError::Connection(CloseReason::HandshakeTimeout);
        let wait = Duration::from_secs(wait);
        let expected = [Command::Exhausted, Command::AttemptFailed(reason, wait)];
        assert_eq!(commands, expected[usize::from(!exhausted)..]);
        assert_eq!(r.step(now, Input::Tick, &s), [], "not before its time");
        now += wait;
    }
    // With a bootstrap server the last failure leads there.
    s.can_bootstrap = true;
    s.retry_count = 1;
    s.sequence_retry_count = 1;
    let mut r = connecting();
    let commands = r.step(now, Input::Closed(CloseReason::Idle), &s);
    let reason = SessionError::Connection(CloseReason::Idle);
    assert_eq!(commands, [Command::Failed(reason)]);
    assert!(r.is_stopped());
}

// proves: SEC-33
#[test]
fn a_refusal_leads_to_bootstrap_at_once() {
    let mut s = settings();
    let wait = Duration::from_secs(60);
    let refused = SessionError::Refused(Code::FORBIDDEN);
    assert_eq!(
        registering().step(seconds(0), answered(Code::FORBIDDEN), &s),
        [
            Command::Disconnect,
            Command::AttemptFailed(refused.clone(), wait)
        ]
    );
    s.can_bootstrap = true;
    assert_eq!(
        registering().step(seconds(0), answered(Code::FORBIDDEN), &s),
        [Command::Disconnect, Command::Failed(refused)]
    );
    // So does a key that the server does not take.
    let handshake = CloseReason::HandshakeFailed("unknown identity".into());
    let reason = SessionError::Connection(handshake.clone());
    assert_eq!(
        connecting().step(seconds(0), Input::Closed(handshake), &s),
        [Command::Failed(reason)]
    );
    // 5.03 may be over in a minute.
    let busy = SessionError::Refused(Code::SERVICE_UNAVAILABLE);
    assert_eq!(
        registering().step(seconds(0), answered(Code::SERVICE_UNAVAILABLE), &s),
        [Command::Disconnect, Command::AttemptFailed(busy, wait)]
    );
    // 2.01 without a location is no registration.
    assert_eq!(
        registering().step(seconds(0), answered(Code::CREATED), &s),
        [
            Command::Disconnect,
            Command::AttemptFailed(SessionError::Answer, wait)
        ]
    );
}

#[test]
fn stopping_and_disabling() {
    let s = settings();
    let deregister = Command::Deregister {
        location: location(),
    };
    for end in [
        answered(Code::DELETED),
        answered(Code::NOT_FOUND),
        Input::Failed(Failure::Timeout),
        Input::Closed(CloseReason::ByPeer),
    ] {
        let mut r = registered();
        assert_eq!(
            r.step(seconds(1), Input::Stop, &s),
            std::slice::from_ref(&deregister),
            "{end:?}"
        );
        assert_eq!(
            r.step(seconds(2), end, &s),
            [Command::Deregistered, Command::Disconnect]
        );
        assert!(r.is_stopped());
    }
    let mut r = registered();
    assert_eq!(r.step(seconds(1), Input::Disable, &s), [deregister]);
    assert_eq!(
        r.step(seconds(2), answered(Code::DELETED), &s),
        [
            Command::Deregistered,
            Command::Disconnect,
            Command::Disabled(s.disable_timeout)
        ]
    );
    assert_eq!(r.deadline(), Some(seconds(86_402)));
    let mut r = connecting();
    assert_eq!(r.step(seconds(1), Input::Stop, &s), [Command::Disconnect]);
    assert!(r.is_stopped());
    let mut r = after([START]);
    assert_eq!(r.step(seconds(1), Input::Stop, &s), []);
    assert!(r.is_stopped());
}

/// A stop that comes before the answer to a register request takes back what that request has brought about.
#[test]
fn stopping_while_registering() {
    let s = settings();
    let withdrawing = || {
        let mut r = registering();
        assert_eq!(r.step(seconds(1), Input::Stop, &s), []);
        assert_eq!(r.deadline(), Some(seconds(41)));
        assert!(!r.is_stopped() && !r.is_registered());
        r
    };
    let mut r = withdrawing();
    let deregister = Command::Deregister {
        location: location(),
    };
    assert_eq!(r.step(seconds(2), created(), &s), [deregister]);
    r.step(seconds(3), answered(Code::DELETED), &s);
    assert!(r.is_stopped());
    for end in [
        answered(Code::FORBIDDEN),
        Input::Failed(Failure::Timeout),
        Input::Closed(CloseReason::ByPeer),
    ] {
        let mut r = withdrawing();
        assert_eq!(r.step(seconds(2), end, &s), [Command::Disconnect]);
        assert!(r.is_stopped());
    }
    let mut r = withdrawing();
    assert_eq!(r.step(seconds(40), Input::Tick, &s), []);
    assert_eq!(r.step(seconds(41), Input::Tick, &s), [Command::Disconnect]);
    assert!(r.is_stopped());
}

#[test]
fn a_connection_that_never_stands_is_given_up() {
    let s = settings();
    let mut r = connecting();
    assert_eq!(r.step(seconds(92), Input::Tick, &s), []);
    let commands = r.step(seconds(93), Input::Tick, &s);
    assert_eq!(commands[0], Command::Disconnect);
    assert!(matches!(commands[1], Command::AttemptFailed(..)));
}

#[test]
fn another_address_is_another_connection() {
    let updating = after([
        START,
        Input::Tick,
        Input::Connected,
        created(),
        Input::Update,
    ]);
    for mut registration in [connecting(), registering(), registered(), updating] {
        let commands = registration.step(seconds(10), Input::Moved, &settings());
        assert_eq!(commands, [Command::Disconnect, Command::Connect]);
        assert!(registration.is_connecting() && registration.location().is_none());
        assert_eq!(registration.deadline(), Some(seconds(10 + 93)));
        let commands = registration.step(seconds(11), Input::Connected, &settings());
        assert_eq!(commands, [Command::Register(LwM2mVersion::V1_2)]);
    }
    // Where there is nothing to go on with there is nothing to begin anew.
    let stopping = [after([]), after([START])].into_iter();
    for mut registration in stopping.chain([
        after([START, Input::Tick, Input::Connected, Input::Stop]),
        after([START, Input::Tick, Input::Connected, created(), Input::Stop]),
    ]) {
        let before = registration.deadline();
        assert_eq!(
            registration.step(seconds(10), Input::Moved, &settings()),
            []
        );
        assert_eq!(registration.deadline(), before);
    }
}

#[test]
fn what_does_not_belong_to_a_state_changes_nothing() {
    let s = settings();
    let inputs = [
        Input::Connected,
        created(),
        Input::Failed(Failure::Timeout),
        Input::Closed(CloseReason::Idle),
        Input::Changed,
        Input::Update,
        Input::Disable,
    ];
    for input in inputs {
        let mut r = after([START]);
        assert_eq!(r.step(seconds(0), input.clone(), &s), [], "{input:?}");
        assert_eq!(r.deadline(), Some(seconds(0)), "{input:?}");
    }
    let mut r = registered();
    for input in [Input::Connected, created(), Input::Failed(Failure::Reset)] {
        assert_eq!(r.step(seconds(0), input.clone(), &s), [], "{input:?}");
        assert!(r.is_registered());
    }
}
