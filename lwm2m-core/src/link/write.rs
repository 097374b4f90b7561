use super::{
    Link, LinkTarget,
    parse::{is_name_char, is_percent_triplet, is_quotable, is_token_char},
};
use alloc::string::String;
use core::fmt::Write as _;

/// Parameters whose value stands in quotes even where it need not: RFC 6690 defines or shows them so, and so
/// does Core 1.2.2, section 7.3.1.
const QUOTED: [&str; 6] = ["rt", "if", "title", "anchor", "rel", "uri"];

/// Writes a list of links, which [`parse`](super::parse) reads back (RFC 6690, section 2).
///
/// Characters that cannot stand in a target are percent-encoded; a parameter whose name is no token is left out.
pub fn write(links: &[Link]) -> String {
    let mut text = String::new();
    for (index, link) in links.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push('<');
        match &link.target {
            // Writing into a `String` cannot fail.
            LinkTarget::Path(path) => _ = write!(text, "{path}"),
            LinkTarget::Other(target) => write_target(&mut text, target),
        }
        text.push('>');
        for (name, value) in &link.parameters {
            if is_name(name) {
                text.push(';');
                text.push_str(name);
                if let Some(value) = value {
                    text.push('=');
                    write_value(&mut text, name, value);
                }
            }
        }
    }
    text
}

fn write_target(text: &mut String, target: &str) {
    for (at, c) in target.char_indices() {
        let is_literal = match c {
            '%' => is_percent_triplet(&target[at..]),
            _ => c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c),
        };
        if is_literal {
            text.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                _ = write!(text, "%{byte:02X}");
            }
        }
    }
}

fn write_value(text: &mut String, name: &str, value: &str) {
    if !QUOTED.contains(&name) && !value.is_empty() && value.chars().all(is_token_char) {
        text.push_str(value);
        return;
    }
    text.push('"');
    for c in value.chars() {
        if !is_quotable(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
}

fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('*').unwrap_or(name);
    !name.is_empty() && name.chars().all(is_name_char)
}
