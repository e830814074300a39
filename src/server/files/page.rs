//! How a folder is shown that has no index.
//!
//! A page for people, and nothing else: it has no validators, because nobody could say when it changes, and it may
//! look otherwise one day. It is complete without its script, which sorts without asking again, filters, and shows dates
//! as they are usual where the reader is.

use std::fmt::Write;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::listing::{Entry, Listing};
use super::order::{Column, Direction, Order};
use super::readable;
use crate::proto::percent;
use crate::server::html;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");
const UPLOAD: &str = include_str!("page/upload.js");

const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'%3E\
    %3Cpath fill='%23d99a1c' d='M1 5a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2z'/%3E%3C/svg%3E";

/// Nothing is loaded from anywhere, and no other style or script runs than the ones above. A test computes the hashes.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'sha256-9K286OCYd394UXA0rPmVq+UvkmKFJeG2vUrtU6JbgfE='; script-src 'sha256-jLGWmB/9Y8c56YKHqbsru2Kg1/NdCE9T6wn2Bl/ah0A='; \
    connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
const POLICY_OF_UPLOADS: &str = "default-src 'none'; img-src data:; style-src 'sha256-9K286OCYd394UXA0rPmVq+UvkmKFJeG2vUrtU6JbgfE='; \
    script-src 'sha256-jLGWmB/9Y8c56YKHqbsru2Kg1/NdCE9T6wn2Bl/ah0A=' 'sha256-9zzvzqUvsp7eMDXOWZLwSZ4VI7lbrJ2SceErQ1Cb6CI='; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'self'";

/// Whether the page can put files into the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uploads {
    Off,
    On,
}

/// Where a folder is.
#[derive(Debug)]
pub(super) struct Place {
    /// From the top, above which nothing is shown.
    steps: Vec<Step>,
}

/// A folder on the way.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    name: String,
    /// Relative to the page.
    link: String,
}

impl Place {
    /// What a client asks for with `path`, which is so many folders below the top.
    pub(super) fn new(path: &str, depth: usize) -> Self {
        let mut segments = path.strip_suffix('/').unwrap_or(path).rsplit('/');
        let (mut steps, mut link) = (Vec::new(), String::new());
        while steps.len() < depth {
            let Some(segment) = segments.next() else {
                break;
            };
            // Slashes that follow each other are one to the server. To a browser there is nothing between them.
            if !segment.is_empty() {
                steps.push(Step::new(decoded(segment), &link));
            }
            link.push_str("../");
        }
        let mut top = String::from("/");
        for segment in segments.rev().filter(|segment| !segment.is_empty()) {
            top.push_str(&decoded(segment));
            top.push('/');
        }
        steps.push(Step::new(top, &link));
        steps.reverse();
        Self { steps }
    }

    fn title(&self) -> String {
        let mut title = String::from("Index of ");
        for (depth, step) in self.steps.iter().enumerate() {
            title.push_str(&step.name);
            title.push_str(if depth == 0 { "" } else { "/" });
        }
        title
    }
}

impl Step {
    fn new(name: String, link: &str) -> Self {
        let link = if link.is_empty() { "./" } else { link }.to_owned();
        Self { name, link }
    }
}

fn decoded(segment: &str) -> String {
    let bytes = percent::decode(segment).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The page of a folder.
pub(super) fn of(
    place: &Place,
    listing: &Listing,
    order: Order,
    uploads: Uploads,
) -> Response<Bytes> {
    // What most rows need.
    let mut text = String::with_capacity(8 * 1024 + 256 * listing.entries.len());
    write_top(&mut text, place);
    write_summary(&mut text, listing);
    write_heads(&mut text, order);
    for entry in &listing.entries {
        write_row(&mut text, entry);
    }
    text.push_str("</table>\n</main>\n");
    let _ = writeln!(text, "<script>{SCRIPT}</script>");
    let mut policy = POLICY;
    if uploads == Uploads::On {
        let _ = writeln!(text, "<script>{UPLOAD}</script>");
        policy = POLICY_OF_UPLOADS;
    }
    let mut page = html::page(text);
    let policy = HeaderValue::from_static(policy);
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    page
}

// Writing to a string cannot fail.

fn write_top(text: &mut String, place: &Place) {
    let title = html::escaped(&place.title());
    let _ = write!(
        text,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<link rel=\"icon\" href=\"{ICON}\">\n<style>{STYLE}</style>\n"
    );
    let Some((here, above)) = place.steps.split_last() else {
        return;
    };
    if !above.is_empty() {
        text.push_str("<nav aria-label=\"Folders above\">");
        for Step { name, link } in above {
            let name = html::escaped(name);
            let _ = write!(text, "<a href=\"{link}\"><bdi>{name}</bdi></a>");
        }
        text.push_str("</nav>\n");
    }
    let name = html::escaped(&here.name);
    let _ = write!(
        text,
        "<header><h1><bdi>{name}</bdi></h1></header>\n<main>\n"
    );
}

/// How much there is.
fn write_summary(text: &mut String, listing: &Listing) {
    let entries = &listing.entries;
    let files = entries.iter().filter(|entry| entry.kind.is_file()).count();
    let bytes = entries.iter().filter_map(|entry| entry.kind.size());
    let bytes = bytes.fold(0_u64, u64::saturating_add);
    let mut parts = Vec::new();
    for (count, one) in [(entries.len() - files, "folder"), (files, "file")] {
        match count {
            0 => {}
            1 => parts.push(format!("1 {one}")),
            _ => parts.push(format!("{count} {one}s")),
        }
    }
    if files > 0 {
        parts.push(readable::size(bytes));
    }
    if parts.is_empty() {
        parts.push("Nothing is in this folder.".to_owned());
    }
    let more = match listing.is_cut {
        true => ". There are more, which are not shown.",
        false => "",
    };
    let parts = parts.join(", ");
    let _ = writeln!(text, "<p>{parts}{more}</p>");
}

/// The heads of the columns, each with a link that sorts by it.
fn write_heads(text: &mut String, order: Order) {
    text.push_str("<table>\n<thead><tr>");
    for column in Column::ALL {
        let sorted = match order.direction {
            _ if order.column != column => "",
            Direction::Ascending => " aria-sort=\"ascending\"",
            Direction::Descending => " aria-sort=\"descending\"",
        };
        let next = order.choosing(column);
        let (by, direction) = (next.column.name(), next.direction.name());
        let title = match column {
            Column::Name => "Name",
            Column::Size => "Size",
            Column::Changed => "Changed",
        };
        let _ = write!(
            text,
            "<th scope=\"col\"{sorted}><a href=\"?sort={by}&amp;order={direction}\">{title}</a>"
        );
    }
    text.push_str("\n<tbody>\n");
}

/// A link, the size, the time of the last change.
fn write_row(text: &mut String, Entry { name, kind }: &Entry) {
    // Behind a dot and a slash, no name is taken for a scheme, or for a path of its own.
    let link = html::escaped(&format!("./{}", percent::encode_segment(name)));
    let name = html::escaped(name);
    let (class, slash) = match kind.is_file() {
        true => ("", ""),
        false => (" class=\"folder\"", "/"),
    };
    let _ = write!(
        text,
        "<tr{class}><th scope=\"row\"><a href=\"{link}{slash}\"><bdi>{name}</bdi></a><td"
    );
    if let Some(size) = kind.size() {
        let _ = write!(text, " title=\"{size} bytes\">{}", readable::size(size));
    } else {
        text.push('>');
    }
    text.push_str("<td>");
    if let Some((day, time)) = kind.modified().and_then(readable::date) {
        let minute = time.get(..5).unwrap_or(&time);
        let _ = write!(
            text,
            "<time datetime=\"{day}T{time}Z\">{day} {minute} UTC</time>"
        );
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(path: &str, depth: usize) -> Vec<(String, String)> {
        let steps = Place::new(path, depth).steps.into_iter();
        steps.map(|Step { name, link }| (name, link)).collect()
    }

    #[test]
    fn the_way_to_a_folder_has_a_link_for_each_step() {
        for (path, depth, expected) in [
            ("/", 0, &[("/", "./")][..]),
            ("/docs/", 0, &[("/docs/", "./")]),
            ("/docs", 0, &[("/docs/", "./")]),
            ("/a%20b/", 1, &[("/", "../"), ("a b", "./")]),
            (
                "/x/docs/a%2b/%C3%A4/",
                2,
                &[("/x/docs/", "../../"), ("a+", "../"), ("\u{e4}", "./")],
            ),
            // A browser goes up from one slash to the next.
            (
                "//docs//a///b//",
                2,
                &[
                    ("/docs/", "../../../../../"),
                    ("a", "../../../../"),
                    ("b", "../"),
                ],
            ),
            // What is impossible does no harm.
            ("/a/", 5, &[("/", "../../"), ("a", "./")]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|&(name, link)| (name.to_owned(), link.to_owned()))
                .collect();
            assert_eq!(steps(path, depth), expected, "{path}");
        }
        assert_eq!(
            Place::new("/x/docs/a/b/", 2).title(),
            "Index of /x/docs/a/b/"
        );
        assert_eq!(Place::new("/", 0).title(), "Index of /");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn the_policy_has_the_hashes_of_what_is_on_the_page() {
        use base64::Engine;
        use base64::prelude::BASE64_STANDARD;
        use rustls::crypto::{hash::HashAlgorithm, ring};

        let suites = ring::default_provider().cipher_suites;
        let mut hashes = suites.iter().map(|suite| match suite {
            rustls::SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
            rustls::SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
        });
        let sha256 = hashes
            .find(|hash| hash.algorithm() == HashAlgorithm::SHA256)
            .unwrap();
        let source = |text: &str| {
            let hash = sha256.hash(text.as_bytes());
            format!("'sha256-{}'", BASE64_STANDARD.encode(hash))
        };
        let (style, script, upload) = (source(STYLE), source(SCRIPT), source(UPLOAD));
        let style = format!("style-src {style};");
        assert!(POLICY.contains(&style), "{style}");
        assert!(POLICY_OF_UPLOADS.contains(&style), "{style}");
        let scripts = format!("script-src {script};");
        assert!(POLICY.contains(&scripts), "{scripts}");
        let scripts = format!("script-src {script} {upload};");
        assert!(POLICY_OF_UPLOADS.contains(&scripts), "{scripts}");
    }
}
