//! How a folder is shown that has no index.
//!
//! A page for people, and nothing else: it has no validators, because nobody could say when it changes, and it may
//! look otherwise one day. It is complete without its script, which sorts without asking again, filters, and shows dates
//! as they are usual where the reader is.

use std::fmt::Write;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::entry::Entry;
use super::listing::Listing;
use super::order::{Column, Direction, Order};
use super::place::{Place, Step};
use super::readable;
use crate::proto::percent;
use crate::server::html;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");
const UPLOAD: &str = include_str!("page/upload.js");

const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'%3E\
    %3Cpath fill='%23d99a1c' d='M1 5a2 2 0 0 1 2-2h4l2 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2z'/%3E%3C/svg%3E";

// SHA-256 of the three, which a test computes.
const STYLE_HASH: &str = "HAw/hcz7mV9Fom5TK54HKXy21L1IE+boL0Fl4RWRAiM=";
const SCRIPT_HASH: &str = "jLGWmB/9Y8c56YKHqbsru2Kg1/NdCE9T6wn2Bl/ah0A=";
const UPLOAD_HASH: &str = "FIQv0CJ0N1XEMTSmiQ/BGqkGLRv2aw98rLKQi7ghwds=";

/// Whether the page can put files into the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UploadForm {
    Hidden,
    Shown,
}

/// The page of a folder.
pub(super) fn of(
    place: &Place,
    listing: &Listing,
    order: Order,
    uploads: UploadForm,
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
    if uploads == UploadForm::Shown {
        let _ = writeln!(text, "<script>{UPLOAD}</script>");
    }
    let mut page = html::page(text);
    let policy = HeaderValue::try_from(policy(uploads));
    let policy = policy.map(|policy| (CONTENT_SECURITY_POLICY, policy));
    page.headers_mut().extend(policy);
    page
}

/// Nothing is loaded from anywhere, and no other style or script runs than the ones above.
fn policy(uploads: UploadForm) -> String {
    let (more, connect) = match uploads {
        UploadForm::Hidden => (String::new(), "'none'"),
        UploadForm::Shown => (format!(" 'sha256-{UPLOAD_HASH}'"), "'self'"),
    };
    format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{STYLE_HASH}'; \
         script-src 'sha256-{SCRIPT_HASH}'{more}; connect-src {connect}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'"
    )
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

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::*;

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
        let hash = |text: &str| BASE64_STANDARD.encode(sha256.hash(text.as_bytes()));
        assert_eq!(hash(STYLE), STYLE_HASH);
        assert_eq!(hash(SCRIPT), SCRIPT_HASH);
        assert_eq!(hash(UPLOAD), UPLOAD_HASH);
        for uploads in [UploadForm::Hidden, UploadForm::Shown] {
            let page = of(
                &Place::new("/", 0),
                &Listing::default(),
                Order::of(None),
                uploads,
            );
            let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
            let text = String::from_utf8_lossy(page.body());
            for (code, hash) in [
                (STYLE, STYLE_HASH),
                (SCRIPT, SCRIPT_HASH),
                (UPLOAD, UPLOAD_HASH),
            ] {
                assert_eq!(policy.contains(hash), text.contains(code));
            }
            let connects = policy.contains("connect-src 'self'");
            assert_eq!(
                (connects, text.contains(UPLOAD)),
                (uploads == UploadForm::Shown, connects)
            );
        }
    }
}
