//! Handlers, and the methods that they are for.

use std::sync::Arc;

use http::Method;

use super::answer::{Answer, IntoAnswer};
use super::exchange::Exchange;
use super::routing::Methods;
use super::tempo::Tempo;

/// What answers a request, and what is known of how long that takes.
pub(crate) struct Callee<F: ?Sized> {
    pub(super) tempo: Tempo,
    pub(super) call: F,
}

pub(crate) type Handler = Arc<Callee<dyn Fn(&mut Exchange) -> Answer + Send + Sync>>;

/// The handlers of one path, by method: made by [`get`] and its kin, and more of them are added.
///
/// HEAD is answered by the handler of GET, without its body, unless it has one of its own. OPTIONS is answered by the
/// server, with the methods of the path in `Allow`, unless it has a handler; so it is among those methods, there and
/// in the 405 (Method Not Allowed) to any other that the path does not have. A method that is not
/// among those of every server, and that no handler is for, is answered with 501 (Not Implemented), and so are CONNECT
/// and TRACE where no handler is for exactly these.
///
/// # Examples
///
/// ```
/// use http_aio::{Server, get};
///
/// # fn main() -> Result<(), http_aio::Error> {
/// let server = Server::new();
/// let count = get(|_| "42").put(|_| "Thank you.").delete(|_| ());
/// server.route("/count", count)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a route does nothing before a server has it"]
pub struct Route {
    pub(super) methods: Methods<Handler>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Route")
    }
}

fn handler<F, A>(f: F) -> Handler
where
    F: Fn(&mut Exchange) -> A + Send + Sync + 'static,
    A: IntoAnswer,
{
    Arc::new(Callee {
        tempo: Tempo::default(),
        call: move |exchange: &mut Exchange| {
            let answer = f(exchange).into_answer();
            // It may take its time, which is the handler's.
            answer.fitted(&exchange.request, exchange.matched.rest.as_ref())
        },
    })
}

macro_rules! methods {
    ($($name:ident $text:literal $method:ident;)*) => {
        $(
            #[doc = concat!("A route that answers ", $text, ".")]
            pub fn $name<F, A>(f: F) -> Route
            where
                F: Fn(&mut Exchange) -> A + Send + Sync + 'static,
                A: IntoAnswer,
            {
                Route::new().$name(f)
            }
        )*

        impl Route {
            $(
                #[doc = concat!("Answers ", $text, ", too.")]
                pub fn $name<F, A>(self, f: F) -> Self
                where
                    F: Fn(&mut Exchange) -> A + Send + Sync + 'static,
                    A: IntoAnswer,
                {
                    self.on(Method::$method, f)
                }
            )*
        }
    };
}

methods! {
    get "GET, and HEAD without the body" GET;
    head "HEAD" HEAD;
    post "POST" POST;
    put "PUT" PUT;
    delete "DELETE" DELETE;
    patch "PATCH" PATCH;
    options "OPTIONS" OPTIONS;
}

/// A route that answers any method but CONNECT and TRACE. A handler for one method goes before it.
pub fn any<F, A>(f: F) -> Route
where
    F: Fn(&mut Exchange) -> A + Send + Sync + 'static,
    A: IntoAnswer,
{
    Route::new().any(f)
}

/// A route that answers `method`.
pub fn on<F, A>(method: Method, f: F) -> Route
where
    F: Fn(&mut Exchange) -> A + Send + Sync + 'static,
    A: IntoAnswer,
{
    Route::new().on(method, f)
}

impl Route {
    fn new() -> Self {
        Self {
            methods: Methods::new(),
        }
    }

    /// Answers any other method but CONNECT and TRACE, too.
    pub fn any<F, A>(mut self, f: F) -> Self
    where
        F: Fn(&mut Exchange) -> A + Send + Sync + 'static,
        A: IntoAnswer,
    {
        self.methods = self.methods.any(handler(f));
        self
    }

    /// Answers `method`, too.
    pub fn on<F, A>(mut self, method: Method, f: F) -> Self
    where
        F: Fn(&mut Exchange) -> A + Send + Sync + 'static,
        A: IntoAnswer,
    {
        self.methods = self.methods.on(method, handler(f));
        self
    }
}
