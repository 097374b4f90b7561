//! What `Debug` shows: no secret, whatever is printed.

use crate::support::*;
use lwm2m_core::secret::Secret;
use lwm2m_dtls::{Event, KeyAnswer, crypto::prf::MasterSecret};
use std::{fmt::Write, sync::Arc, time::Duration};

/// The ways in which bytes find their way into a text.
fn forms(key: &[u8]) -> Vec<String> {
    let joined = |separator: &str, form: fn(&u8) -> String| {
        key.iter().map(form).collect::<Vec<_>>().join(separator)
    };
    vec![
        String::from_utf8_lossy(key).into_owned(),
        hex::encode(key),
        joined(":", |byte| format!("{byte:02x}")),
        joined(", ", u8::to_string),
        joined(", ", |byte| format!("{byte:02x}")),
    ]
}

#[test]
fn nothing_that_is_printed_shows_a_secret() {
    let mut setup = Setup::psk();
    setup.server = with_ids(8);
    setup.server.max_resumable = 4;
    setup.server.export_reservation = Some(10);
    let mut text = format!(
        "{:?} {:?} {:?}",
        setup.connection, setup.serves, setup.server
    );
    let key = Arc::new(Secret::new(KEY.into()));
    write!(text, "{:?} {:?}", KeyAnswer::Key(key.clone()), key).unwrap();
    let mut net = setup.build();
    net.run(Duration::from_secs(5));
    let connection = net.hosts[SERVER].connected()[0];
    let export = net.hosts[SERVER].endpoint.export(connection).unwrap();
    let mut printed = 0;
    for host in &net.hosts {
        write!(text, "{:?}", host.endpoint).unwrap();
        for event in &host.events {
            write!(text, "{event:?} {event:#?}").unwrap();
            printed += usize::from(matches!(
                event,
                Event::Connected {
                    resumption: Some(_),
                    ..
                }
            ));
        }
    }
    assert_eq!(
        printed, 1,
        "the client's event has what takes the session up again"
    );
    let master = MasterSecret::from_bytes([0xd7; 48]);
    write!(text, "{export:?} {export:#?} {master:?} {master:#?}").unwrap();
    let bytes = export.expose_secret();
    // The key, the keys and salts of both directions, a master secret.
    for secret in [
        KEY,
        &bytes[4..20],
        &bytes[20..24],
        &bytes[24..40],
        &bytes[40..44],
        &[0xd7; 48],
    ] {
        for form in forms(secret) {
            assert!(!text.contains(&form), "{form} in {text}");
        }
    }
}
