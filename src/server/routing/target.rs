//! What the target of a request names (RFC 9112 section 3.2).

use http::Method;

use super::path::CanonicalPath;
use crate::error::{Error, ErrorKind};

/// What the target of a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A resource, by its path: origin-form, and absolute-form without its authority.
    Path(CanonicalPath<'a>),
    /// The whole server: the `*` of OPTIONS.
    Server,
    /// The end of a tunnel: CONNECT, whose target has no path.
    Tunnel,
}

impl<'a> Target<'a> {
    /// From the path of the target, without the query.
    ///
    /// # Errors
    ///
    /// `Protocol`, to which a server answers 400, if the path has no [canonical form](CanonicalPath::parse).
    pub(crate) fn parse(method: &Method, path: &'a str) -> Result<Self, Error> {
        Ok(match path {
            _ if *method == Method::CONNECT => Self::Tunnel,
            "*" if *method == Method::OPTIONS => Self::Server,
            "*" => {
                let detail = "only OPTIONS may have * for its target";
                return Err(Error::new(ErrorKind::Protocol).with_detail(detail));
            }
            path => Self::Path(CanonicalPath::parse(path)?),
        })
    }
}
