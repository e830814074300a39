//! What a name in a path stands for.

use super::tree::Hidden;
use crate::server::routing::Rest;

/// How the names of files begin in which uploads grow, and of nothing else.
pub(super) const PART_PREFIX: &str = ".http-aio-part.";

/// The path below a folder that `rest` names. None: nothing that may be known of has such a name.
pub(super) fn path_of(rest: Option<&Rest>, hidden: Hidden) -> Option<String> {
    let mut path = String::new();
    for segment in rest.into_iter().flat_map(Rest::segments) {
        if !is_name(&segment) || (hidden == Hidden::NotFound && is_hidden(&segment)) {
            return None;
        }
        path = below(&path, &segment);
    }
    Some(path)
}

pub(super) fn below(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// Whether it can be the name of a file that is anybody's business: not that of a part of one that is being uploaded.
/// With a backslash it could be a name, but other systems that see these files, and some clients, take it for a slash.
pub(super) fn is_name(segment: &str) -> bool {
    let leads_elsewhere = matches!(segment, "" | "." | "..");
    !leads_elsewhere && !segment.contains(['/', '\\', '\0']) && !is_part(segment)
}

pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != ".well-known"
}

/// Whether a name is that of a file in which an upload grows.
pub(super) fn is_part(name: &str) -> bool {
    name.starts_with(PART_PREFIX)
}
