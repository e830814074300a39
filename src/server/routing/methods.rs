//! The handlers of one path, by method.

use std::fmt;

use http::Method;

/// Which requests for its path a handler takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// Those with any method but TRACE and CONNECT.
    Any,
    /// Those with this method, and for GET also those with HEAD.
    Only(Method),
}

impl Accepts {
    /// Whether a handler that accepts this takes the method, if no other is preferred.
    pub(super) fn takes(&self, method: &Method) -> bool {
        match self {
            Self::Any => !matches!(*method, Method::TRACE | Method::CONNECT),
            Self::Only(own) => own == method || self.is_get_for(method),
        }
    }

    /// Whether the method is HEAD, and the handler is one for GET.
    pub(super) fn is_get_for(&self, method: &Method) -> bool {
        *method == Method::HEAD && *self == Self::Only(Method::GET)
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any method"),
            Self::Only(method) => method.fmt(f),
        }
    }
}

impl From<Method> for Accepts {
    fn from(method: Method) -> Self {
        Self::Only(method)
    }
}

/// What is registered at one path: a handler for each method.
///
/// HEAD is served by the handler for GET unless it has one of its own. A handler for exactly the method
/// is preferred to the one for any method, whichever was added first.
#[derive(Clone, Debug)]
pub(crate) struct Methods<H> {
    pub(super) handlers: Vec<(Accepts, H)>,
}

impl<H> Methods<H> {
    pub(crate) fn new() -> Self {
        Self {
            handlers: Vec::new(),
        }
    }

    /// Adds a handler for GET, and for HEAD if that has none of its own.
    #[cfg(test)]
    pub(crate) fn get(self, handler: H) -> Self {
        self.on(Method::GET, handler)
    }

    /// Adds a handler for HEAD.
    #[cfg(test)]
    pub(crate) fn head(self, handler: H) -> Self {
        self.on(Method::HEAD, handler)
    }

    /// Adds a handler for POST.
    #[cfg(test)]
    pub(crate) fn post(self, handler: H) -> Self {
        self.on(Method::POST, handler)
    }

    /// Adds a handler for all methods that have none of their own, but not for TRACE and CONNECT.
    pub(crate) fn any(self, handler: H) -> Self {
        self.with(Accepts::Any, handler)
    }

    /// Adds a handler for the method, which may be one that is not in any standard.
    pub(crate) fn on(self, method: Method, handler: H) -> Self {
        self.with(Accepts::Only(method), handler)
    }

    fn with(mut self, accepts: Accepts, handler: H) -> Self {
        self.handlers.push((accepts, handler));
        self
    }
}
