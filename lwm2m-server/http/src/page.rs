//! The web page, embedded: no build step, nothing loaded from elsewhere.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// The file that a request asks for. `original` is the address as the browser sees it, where the router is mounted
/// below another.
pub(crate) fn file(original: &Uri, request: &Request) -> Option<Response> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let path = request.uri().path().trim_start_matches('/');
    if path.is_empty() && !original.path().ends_with('/') {
        // The page's addresses are relative: without a slash they would lead beside it. By its name, because a router
        // that is nested does not see the address with the slash alone.
        let location = HeaderValue::from_str(&format!("{}/index.html", original.path())).ok()?;
        let headers = [(header::LOCATION, location)];
        return Some((StatusCode::PERMANENT_REDIRECT, headers).into_response());
    }
    let name = if path.is_empty() { "index.html" } else { path };
    let file = Assets::get(name)?;
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let headers = [
        (header::CONTENT_TYPE, media_type(name)),
        // Asked for each time, sent only where it has changed.
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, &etag),
    ];
    let known = request.headers().get_all(header::IF_NONE_MATCH);
    let same = |known: &HeaderValue| {
        let mut tags = known.to_str().unwrap_or_default().split(',');
        tags.any(|tag| tag.trim() == etag)
    };
    if known.iter().any(same) {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Some((headers, Body::from(file.data.into_owned())).into_response())
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline() {
        for name in Assets::iter() {
            let file = Assets::get(&name).unwrap();
            let text = std::str::from_utf8(&file.data).unwrap();
            for (at, _) in text.match_indices("://") {
                let allowed = ["http://www.w3.org/2000/svg"];
                let from = at.saturating_sub(5);
                assert!(
                    allowed
                        .iter()
                        .any(|url| text[from..].trim_start_matches('"').starts_with(url)
                            || text[from + 1..].starts_with(url)),
                    "{name}: {}",
                    &text[from..(at + 30).min(text.len())]
                );
            }
            for forbidden in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "eval(",
                "document.write",
            ] {
                assert!(!text.contains(forbidden), "{name}: {forbidden}");
            }
            if name.ends_with(".html") {
                for forbidden in [" style=", " onclick=", "<style", "<script>"] {
                    assert!(!text.contains(forbidden), "{name}: {forbidden}");
                }
            }
        }
    }

    #[test]
    fn every_file_that_the_page_names_is_there() {
        let text = |name: &str| {
            let file = Assets::get(name).unwrap();
            String::from_utf8(file.data.into_owned()).unwrap()
        };
        let html = text("index.html");
        for name in Assets::iter().filter(|name| name.ends_with(".js")) {
            for import in text(&name).split(" from \"./").skip(1) {
                let imported = import.split('"').next().unwrap();
                assert!(Assets::get(imported).is_some(), "{name}: {imported}");
            }
        }
        for name in ["style.css", "app.js", "icon.svg"] {
            assert!(html.contains(&format!("\"{name}\"")), "{name}");
        }
    }
}
