//! Where handlers are registered.

use super::host;
use super::pattern::Pattern;
use crate::error::Error;

/// Where handlers are registered: a path with parameters or a tree of paths, and the host if it is not
/// for all.
///
/// A path is written decoded or as in a URI: `/a b` and `/a%20b` are the same. In it
///
/// * `{id}` is a parameter: a segment, or a part of one as in `/img-{id}.png`, one in a segment, never
///   empty;
/// * `{*rest}` at the end is all that follows, not empty;
/// * `{{` and `}}` are braces.
///
/// A path with a slash at its end is another one than that without.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(super) host: Option<Box<str>>,
    pub(super) pattern: Pattern,
}

impl Route {
    /// The paths that fit the pattern, on all hosts.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a pattern that is malformed, or that no path can fit.
    pub(crate) fn new(pattern: &str) -> Result<Self, Error> {
        Ok(Self {
            host: None,
            pattern: Pattern::route(pattern)?,
        })
    }

    /// The paths that fit the pattern and all below them, on all hosts. The tree `/a` has `/a`, `/a/` and
    /// `/a/b/c`, but not `/ab`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and for a pattern that ends with a rest.
    pub(crate) fn tree(pattern: &str) -> Result<Self, Error> {
        Ok(Self {
            host: None,
            pattern: Pattern::tree(pattern)?,
        })
    }

    /// The same paths on this host alone: a name or an address, without a port. IPv6 addresses may have
    /// their brackets. An empty name, `*` and the unspecified addresses mean all hosts.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for what no request has as its host.
    pub(crate) fn host(mut self, host: &str) -> Result<Self, Error> {
        self.host = host::registered(host)?;
        Ok(self)
    }
}
