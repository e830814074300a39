//! How a folder is shown that has no index.
//!
//! A page for people, and nothing else: it has no validators, because nobody could say when it changes, and it may
//! look otherwise one day.

use std::fmt::Write;

use bytes::Bytes;
use http::Response;

use super::listing::{Entry, Kind, Listing};
use crate::proto::conditions::HttpDate;
use crate::proto::percent;
use crate::server::html;

/// Where the folder is that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the top, above which nothing is shown.
    Top,
    Below,
}

/// The page of a folder, which is called `title`.
pub(super) fn of(title: &str, place: Place, listing: &Listing) -> Response<Bytes> {
    let title = html::escaped(title);
    let mut text = format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Index of {title}</title>\n<h1>Index of {title}</h1>\n<table>\n"
    );
    if place == Place::Below {
        text.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for entry in &listing.entries {
        write_row(&mut text, entry);
    }
    text.push_str("</table>\n");
    if listing.is_cut {
        text.push_str("<p>There are more, which are not shown.</p>\n");
    }
    html::page(text)
}

/// A link, the size, the time of the last change.
fn write_row(text: &mut String, Entry { name, kind }: &Entry) {
    // Behind a dot and a slash, no name is taken for a scheme, or for a path of its own.
    let link = html::escaped(&format!("./{}", percent::encode_segment(name)));
    let name = html::escaped(name);
    // Writing to a string cannot fail.
    let _ = match kind {
        Kind::Folder => writeln!(text, "<tr><td><a href=\"{link}/\">{name}/</a><td><td>"),
        Kind::File { size, modified } => {
            let date = modified.and_then(HttpDate::new).and_then(HttpDate::text);
            let date = date.as_ref().map_or(&b""[..], |date| date);
            let date = String::from_utf8_lossy(date);
            writeln!(
                text,
                "<tr><td><a href=\"{link}\">{name}</a><td>{size}<td>{date}"
            )
        }
    };
}
