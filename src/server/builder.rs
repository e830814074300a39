//! Making a server: its settings.

use std::time::Duration;

use http::{Request, Response, StatusCode};

use super::Server;
use super::error_pages::PageMaker;
use super::event::{Observer, ServerEvent};
use super::limits::ServerLimits;
use super::shared::Shared;
use super::threads::Threads;
use crate::into_body::IntoBody;

/// Makes a [`Server`]; from [`Server::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing before `build`"]
pub struct ServerBuilder {
    limits: ServerLimits,
    observer: Observer,
    maker: PageMaker,
    slow_after: Option<Duration>,
    threads: Threads,
}

impl ServerBuilder {
    /// Bounds of time, size and number.
    pub fn limits(mut self, limits: ServerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Has `observe` told what the server does: connections, answers, failures.
    ///
    /// It is called on the thread that does the work, and holds that up, so it must be quick. It holds no
    /// lock meanwhile, and a panic harms nobody.
    ///
    /// ```
    /// use http_aio::{Server, ServerEvent};
    ///
    /// let server = Server::builder()
    ///     .observe(|event| match event {
    ///         ServerEvent::Answered { peer, method, uri, status, written, .. } => {
    ///             println!("{peer} {method} {uri} {status} {written}");
    ///         }
    ///         ServerEvent::HandlerFailed { uri, text, .. } => eprintln!("{uri}: {text}"),
    ///         _ => {}
    ///     })
    ///     .build();
    /// # let _ = server;
    /// ```
    #[doc(alias = "log")]
    pub fn observe(mut self, observe: impl Fn(&ServerEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// Has `make` make the pages of the errors that the server answers with: see
    /// [`Server::on_error`].
    pub fn on_error<F, B>(mut self, make: F) -> Self
    where
        F: Fn(StatusCode, Option<&Request<()>>) -> Response<B> + Send + Sync + 'static,
        B: IntoBody,
    {
        self.maker = PageMaker::new(make);
        self
    }

    /// Has the [observer](Self::observe) told of handlers that run for so long, while they do. Without it, nobody is
    /// told, and handlers have as much time as they take.
    pub fn slow_handlers(mut self, after: Duration) -> Self {
        self.slow_after = Some(after);
        self
    }

    /// Which threads serve the connections that come over listeners. Default: [`Threads::Watched`].
    pub fn threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Makes the server. It listens nowhere yet.
    pub fn build(self) -> Server {
        Server::from_shared(Shared::new(
            self.limits,
            self.observer,
            self.maker,
            self.slow_after,
            self.threads,
        ))
    }
}
