//! Which handler answers a request: a pure function of method, host and target. No I/O, no threads,
//! no locks; a handler is any value that can be cloned.
//!
//! # The rule
//!
//! Of all handlers that fit the host and the path, those that accept the method; of these the most
//! specific. So a less specific handler with the right method is preferred to a 405.
//!
//! * A handler for the host comes before all that are for any host.
//! * Then the path decides, segment by segment from the left: literal text, then a parameter with text
//!   around it (the longer prefix first, then the longer suffix), then a parameter alone, then a rest,
//!   then a tree.
//! * At one place a handler for exactly the method comes first, for HEAD next the one for GET, then the
//!   one for any method.
//!
//! The order of registration never matters. Routes conflict only if they differ in nothing but the names
//! of their parameters and have a method in common.
//!
//! # How it is found
//!
//! `target` says what the target of a request names, and `path` brings its path into one form. `pattern`
//! reads what is registered. For each host there is a tree of segments (`node`), at whose nodes are the
//! `endpoint`s with the handlers for each method. A lookup walks down in the order of the rule and turns
//! back where the path or the method does not fit. It comes to each node at most once, so what a client
//! can make it cost is bounded by what is registered.
//!
//! Why not matchit: it knows no methods, so that one router for each of them and a comparison of their
//! results would be needed; it refuses a tree beside a parameter and `/{y}/d` beside `/a{x}/c`; it does
//! not find `/{x}/d` for `/ab/d` if `/{x}b/c` is there, too; and it allocates where it may have to turn
//! back.
//!
//! Nodes are shared between clones of a router and copied where they are changed. So a server can change
//! a clone and put it in place of the router that lookups use meanwhile.

mod allow;
mod endpoint;
mod found;
mod host;
mod methods;
mod node;
mod params;
mod path;
mod pattern;
mod route;
mod router;
mod target;
#[cfg(test)]
mod tests;

#[allow(unused_imports, reason = "the server that uses them comes next")]
pub(crate) use self::{
    allow::Allow,
    found::{Found, Rest},
    methods::{Accepts, Methods},
    params::Params,
    path::CanonicalPath,
    route::Route,
    router::Router,
    target::Target,
};

use crate::error::{Error, ErrorKind};

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    let detail = detail.into();
    Error::new(ErrorKind::InvalidInput).with_words(move |f| f.write_str(&detail))
}
