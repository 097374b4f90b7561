//! Any list of links: what parses survives being written and read again, and so does what its links say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lwm2m_core::{
    attributes::{Attributes, PropertyAttributes},
    link::{self, Link, LinkInterner, SupportedObjects},
};

fuzz_target!(|bytes: &[u8]| {
    let usual = link::parse(bytes);
    let bootstrap = link::parse_bootstrap_discover(bytes);
    if usual.is_ok() {
        assert_eq!(bootstrap, usual, "what is a list is read as one");
    }
    let Ok(links) = bootstrap else {
        return;
    };
    let text = link::write(&links);
    assert_eq!(link::parse(text.as_bytes()).as_ref(), Ok(&links));
    let set = LinkInterner::new().intern(links.clone());
    assert_eq!(set.supported(), &SupportedObjects::from_links(&links));
    for link in &links {
        attributes(link);
    }
});

/// What is attached to a link survives being attached to another one.
fn attributes(link: &Link) {
    let bare = || Link {
        target: link.target.clone(),
        parameters: Vec::new(),
    };
    if let Ok(properties) = PropertyAttributes::from_link(link) {
        let mut other = bare();
        properties.append_to(&mut other);
        assert_eq!(PropertyAttributes::from_link(&other), Ok(properties));
    }
    if let Ok(attributes) = Attributes::from_link(link) {
        let mut other = bare();
        attributes.append_to(&mut other);
        assert_eq!(Attributes::from_link(&other), Ok(attributes));
    }
}
