//! Routes of a server, added and removed while it runs.

use std::sync::Arc;

use super::Server;
#[cfg(doc)]
use super::exchange::Exchange;
use super::handler::{Handler, Route};
use super::redirect::Redirect;
use super::routing::{Route as Pattern, Router};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;

/// Routes.
impl Server {
    /// Has `route` answer requests for `path`, from the next request on.
    ///
    /// A segment `{name}` of the path stands for any one, and a last `{*name}` for all that are left, at
    /// least one; [`Exchange::param`] has them. There may be text around one, as in `{name}.html`; no parameter is ever
    /// empty. A slash at the end counts: `/items` is not `/items/`, of which [`tree`](Self::tree) answers both. Of several that fit, the most specific one counts: text before a
    /// parameter before the rest. A host may stand before the path, as in `example.com/path`: the route is then
    /// for requests to that host, and goes before those for any.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if there is a handler for the same path and method already,
    /// also under other names of parameters, or if the path is malformed. Nothing has changed then.
    #[doc(alias = "nng_http_server_add_handler")]
    pub fn route(&self, path: &str, route: impl Into<Route>) -> Result<&Self, Error> {
        let (pattern, route) = (pattern(path, Pattern::new)?, route.into());
        self.edit(|router| router.add(&pattern, route.methods))?;
        Ok(self)
    }

    /// Has `route` answer requests for `path` and all that is below it; [`Exchange::rest`] is what is below.
    ///
    /// # Errors
    ///
    /// Those of [`route`](Self::route).
    #[doc(alias = "nng_http_handler_set_tree")]
    pub fn tree(&self, path: &str, route: impl Into<Route>) -> Result<&Self, Error> {
        let (pattern, route) = (pattern(path, Pattern::tree)?, route.into());
        self.edit(|router| router.add(&pattern, route.methods))?;
        Ok(self)
    }

    /// Redirects requests for `path` to `target`, temporarily (307): a [`Redirect`] as a [`route`](Self::route). For
    /// trees, and with other statuses, it is made by itself.
    ///
    /// # Errors
    ///
    /// Those of [`Redirect::new`] and [`route`](Self::route).
    #[doc(alias = "nng_http_handler_alloc_redirect")]
    pub fn redirect(&self, path: &str, target: &str) -> Result<&Self, Error> {
        self.route(path, Redirect::new(target)?)
    }

    /// Takes the route for exactly this path out, with all its methods; requests under way keep their handler.
    /// False if there is none.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the path is malformed.
    #[doc(alias = "nng_http_server_del_handler")]
    pub fn remove_route(&self, path: &str) -> Result<bool, Error> {
        let pattern = pattern(path, Pattern::new)?;
        self.edit(|router| Ok(router.remove_all(&pattern).is_some()))
    }

    /// Takes the tree at exactly this path out, as [`remove_route`](Self::remove_route).
    ///
    /// # Errors
    ///
    /// Those of [`remove_route`](Self::remove_route).
    pub fn remove_tree(&self, path: &str) -> Result<bool, Error> {
        let pattern = pattern(path, Pattern::tree)?;
        self.edit(|router| Ok(router.remove_all(&pattern).is_some()))
    }

    /// Changes a copy of the router, and puts it in place of the one that requests under way use.
    fn edit<T>(
        &self,
        edit: impl FnOnce(&mut Router<Handler>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let shared = &self.handle.shared;
        let editing = shared.editing.lock();
        let mut router = Router::clone(&shared.router());
        let value = edit(&mut router)?;
        let last = std::mem::replace(&mut *shared.router.write(), Arc::new(router));
        drop(editing);
        drop(last); // Handlers of the user's may go with it, and no lock is held.
        Ok(value)
    }
}

/// The pattern of a path, before which a host may stand.
fn pattern(
    path: &str,
    parse: impl FnOnce(&str) -> Result<Pattern, Error>,
) -> Result<Pattern, Error> {
    match path.find('/') {
        None | Some(0) => parse(path),
        Some(start) => parse(&path[start..])?.host(&path[..start]),
    }
}
