//! All routes of a server.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::Method;

use super::allow::{Allow, STANDARD};
use super::endpoint::{Endpoint, Entry};
use super::found::{Found, Rest};
use super::host;
use super::invalid;
use super::methods::{Accepts, Methods};
use super::node::{Node, Values};
use super::params::Params;
use super::pattern::Pattern;
use super::route::Route;
use super::target::Target;
use crate::error::Error;

/// All routes of a server. Clones share what they have in common.
#[derive(Clone)]
pub(crate) struct Router<H> {
    generic: Arc<Node<H>>,
    hosts: HashMap<Box<str>, Arc<Node<H>>>,
    /// What the handlers accept, and how many accept it.
    accepted: Vec<(Accepts, usize)>,
}

impl<H: Clone> Router<H> {
    pub(crate) fn new() -> Self {
        Self {
            generic: Arc::default(),
            hosts: HashMap::new(),
            accepted: Vec::new(),
        }
    }

    /// Adds handlers. All of them or, with an error, none.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there are none, if two are for one method, if the route has a handler for one of
    /// the methods, whatever the names of its parameters, or if one is for CONNECT and the path is not `/`.
    pub(crate) fn add(&mut self, route: &Route, methods: Methods<H>) -> Result<(), Error> {
        let Route { host, pattern } = route;
        self.check(route, &methods)?;
        for (accepts, _) in &methods.handlers {
            self.count(accepts);
        }
        let entries = methods
            .handlers
            .into_iter()
            .map(|(accepts, handler)| Entry {
                accepts,
                text: pattern.text.clone(),
                names: pattern.names.clone(),
                handler,
            });
        let site = match host {
            Some(host) => self.hosts.entry(host.clone()).or_default(),
            None => &mut self.generic,
        };
        Arc::make_mut(site).change(&pattern.segments, pattern.end, |endpoint| {
            entries.for_each(|entry| endpoint.push(entry));
        });
        Ok(())
    }

    /// Removes the handler of the route that accepts exactly this, and returns it if there is one. The
    /// names of parameters do not matter.
    #[cfg(test)]
    pub(crate) fn remove(&mut self, route: &Route, accepts: impl Into<Accepts>) -> Option<H> {
        let accepts = accepts.into();
        self.endpoint(route)?.entry(&accepts)?;
        let entries = self.take(route, |endpoint| {
            endpoint.take(&accepts).into_iter().collect()
        });
        entries.into_iter().map(|entry| entry.handler).next()
    }

    /// Removes all handlers of the route, and returns them if there are any.
    pub(crate) fn remove_all(&mut self, route: &Route) -> Option<Methods<H>> {
        self.endpoint(route)
            .filter(|endpoint| !endpoint.is_empty())?;
        let entries = self.take(route, Endpoint::take_all).into_iter();
        let handlers = entries
            .map(|entry| (entry.accepts, entry.handler))
            .collect();
        Some(Methods { handlers })
    }

    /// Whether nothing is registered.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.generic.is_empty() && self.hosts.is_empty()
    }

    /// Whether the host of a request matters.
    pub(crate) fn has_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Which handler answers a request. The host is the value of `Host` or the authority of the target,
    /// with or without its port, or empty.
    pub(crate) fn find(&self, method: &Method, host: &str, target: &Target<'_>) -> Found<H> {
        let path = match target {
            Target::Path(path) => path.as_str(),
            Target::Tunnel => "/",
            Target::Server => return self.server_options(),
        };
        let sites = || self.site(host).into_iter().chain([&*self.generic]);
        if let Some(found) = sites().find_map(|site| serve(site, method, path)) {
            return found;
        }
        if !self.knows(method) {
            return Found::NotImplemented;
        }
        if *target == Target::Tunnel {
            return Found::NotFound;
        }
        match allow(sites(), path) {
            None => Found::NotFound,
            Some(allow) if *method == Method::OPTIONS => Found::Options { allow },
            Some(allow) => Found::MethodNotAllowed { allow },
        }
    }

    /// Shows every handler, with its host, its method and its pattern.
    pub(crate) fn visit_all(&self, mut see: impl FnMut(Option<&str>, &Accepts, &str, &H)) {
        let hosts = self.hosts.iter();
        let sites = hosts.map(|(host, site)| (Some(&**host), site));
        for (host, site) in sites.chain([(None, &self.generic)]) {
            site.visit_all(&mut |endpoint| {
                for entry in endpoint.entries() {
                    see(host, &entry.accepts, &entry.text, &entry.handler);
                }
            });
        }
    }

    fn server_options(&self) -> Found<H> {
        let mut allow = Allow::new();
        for (accepts, _) in &self.accepted {
            allow.extend(accepts);
        }
        Found::Options { allow }
    }

    /// The routes for this host alone.
    fn site(&self, host: &str) -> Option<&Node<H>> {
        if !self.has_hosts() {
            return None;
        }
        self.hosts.get(&*host::key(host)?).map(|site| &**site)
    }

    /// Whether some path may have this method. Those that everybody knows are missing on a path at most.
    fn knows(&self, method: &Method) -> bool {
        let mut accepted = self.accepted.iter();
        STANDARD.contains(method) || accepted.any(|(accepts, _)| accepts.takes(method))
    }

    fn endpoint(&self, route: &Route) -> Option<&Endpoint<H>> {
        let Route { host, pattern } = route;
        let site = match host {
            Some(host) => self.hosts.get(host)?,
            None => &self.generic,
        };
        site.endpoint(&pattern.segments, pattern.end)
    }

    fn check(&self, route: &Route, methods: &Methods<H>) -> Result<(), Error> {
        let handlers = &methods.handlers;
        let text = &route.pattern.text;
        if handlers.is_empty() {
            return Err(invalid(format!("the route {text} has no handler")));
        }
        let existing = self.endpoint(route);
        for (at, (accepts, _)) in handlers.iter().enumerate() {
            if handlers[..at].iter().any(|(other, _)| other == accepts) {
                let detail = format!("the route {text} has two handlers for {accepts}");
                return Err(invalid(detail));
            }
            if let Some(entry) = existing.and_then(|existing| existing.entry(accepts)) {
                let other = &entry.text;
                let detail = format!("the route {text} for {accepts} is there already, as {other}");
                return Err(invalid(detail));
            }
            if *accepts == Accepts::Only(Method::CONNECT) && !route.pattern.is_root() {
                let detail = "a handler for CONNECT is registered at /: its target has no path";
                return Err(invalid(detail));
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        route: &Route,
        take: impl FnOnce(&mut Endpoint<H>) -> Vec<Entry<H>>,
    ) -> Vec<Entry<H>> {
        let Route { host, pattern } = route;
        let Pattern { segments, end, .. } = pattern;
        let entries = match host {
            None => Arc::make_mut(&mut self.generic).change(segments, *end, take),
            Some(host) => {
                let site = Arc::make_mut(self.hosts.entry(host.clone()).or_default());
                let entries = site.change(segments, *end, take);
                if site.is_empty() {
                    self.hosts.remove(host);
                }
                entries
            }
        };
        for entry in &entries {
            self.discount(&entry.accepts);
        }
        entries
    }

    fn count(&mut self, accepts: &Accepts) {
        match self.accepted.iter_mut().find(|(own, _)| own == accepts) {
            Some((_, count)) => *count += 1,
            None => self.accepted.push((accepts.clone(), 1)),
        }
    }

    fn discount(&mut self, accepts: &Accepts) {
        if let Some((_, count)) = self.accepted.iter_mut().find(|(own, _)| own == accepts) {
            *count -= 1;
        }
        self.accepted.retain(|(_, count)| *count > 0);
    }
}

/// The most specific handler that fits the path and accepts the method.
fn serve<H: Clone>(site: &Node<H>, method: &Method, path: &str) -> Option<Found<H>> {
    let mut found = None;
    let _ = site.visit(path, &mut Values::new(), &mut |fit| {
        let Some(entry) = fit.endpoint.serving(method) else {
            return ControlFlow::Continue(());
        };
        found = Some(Found::Handler {
            handler: entry.handler.clone(),
            params: Params::new(&entry.names, fit.values),
            rest: fit.rest.map(Rest::new),
            is_head_of_get: entry.accepts.is_get_for(method),
        });
        ControlFlow::Break(())
    });
    found
}

/// What is accepted by handlers that fit the path. `None` if there are none.
fn allow<'r, H: 'r>(sites: impl Iterator<Item = &'r Node<H>>, path: &str) -> Option<Allow> {
    let mut allow = None;
    for site in sites {
        let _ = site.visit::<()>(path, &mut Values::new(), &mut |fit| {
            for entry in fit.endpoint.entries() {
                if entry.accepts != Accepts::Only(Method::CONNECT) {
                    allow.get_or_insert_with(Allow::new).extend(&entry.accepts);
                }
            }
            ControlFlow::Continue(())
        });
    }
    allow
}
