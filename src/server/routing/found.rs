//! What a lookup finds.

use std::borrow::Cow;

use super::allow::Allow;
use super::params::Params;
use super::path::segments;

/// What a lookup finds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::enum_variant_names,
    reason = "404 (Not Found) has no other name"
)]
pub(crate) enum Found<H> {
    /// This handler answers.
    Handler {
        /// The handler.
        handler: H,
        /// The parameters in the path.
        params: Params,
        /// What follows the fixed part of the path, for a tree and for a route with a rest.
        rest: Option<Rest>,
        /// Whether the method is HEAD and the handler is one for GET, so that the answer is to lose its body.
        is_head_of_get: bool,
    },
    /// No handler fits the path: 404.
    NotFound,
    /// Handlers fit the path, but none accepts the method: 405.
    MethodNotAllowed {
        /// The methods that the path has.
        allow: Allow,
    },
    /// OPTIONS for a path without a handler for it, or for the whole server.
    Options {
        /// The methods that the path has, or all that the server has.
        allow: Allow,
    },
    /// The server knows no such method, whatever the path: 501.
    NotImplemented,
}

/// What follows the fixed part of a path: for the tree `/a` and the path `/a/b/c` it is `/b/c`.
///
/// For `/a` itself it has no slash, and for `/a/` nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rest(String);

impl Rest {
    pub(super) fn new(canonical: &str) -> Self {
        Self(canonical.to_owned())
    }

    /// The segments, decoded. What is escaped as `%2F` is a slash in its segment.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        segments(&self.0)
    }

    /// Whether the path ends with a slash.
    pub(crate) fn ends_with_slash(&self) -> bool {
        self.0.ends_with('/')
    }
}
