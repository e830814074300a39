//! What a server says where no handler does: its errors.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use parking_lot::RwLock;

use super::Server;
#[cfg(doc)]
use super::exchange::Exchange;
use crate::into_body::IntoBody;

type Make = dyn Fn(StatusCode, Option<&Request<()>>) -> Response<Bytes> + Send + Sync;

/// Makes the pages of errors.
#[derive(Clone, Default)]
pub(super) struct PageMaker(Option<Arc<Make>>);

impl PageMaker {
    pub(super) fn new<F, B>(make: F) -> Self
    where
        F: Fn(StatusCode, Option<&Request<()>>) -> Response<B> + Send + Sync + 'static,
        B: IntoBody,
    {
        Self(Some(Arc::new(move |status, request| {
            make(status, request).map(B::into_bytes)
        })))
    }

    /// One that panics has failed: then it is the page that is built in. So it is for what is no error, such as the
    /// answer to OPTIONS.
    fn page(&self, status: StatusCode, request: Option<&Request<()>>) -> Response<Bytes> {
        let make = self.0.as_ref().filter(|_| is_error(status));
        let Some(make) = make else {
            return built_in(status);
        };
        match catch_unwind(AssertUnwindSafe(|| make(status, request))) {
            Ok(page) => repaired(page, status),
            Err(payload) => {
                std::mem::forget(payload); // Dropping it may panic again.
                built_in(status)
            }
        }
    }
}

/// The pages of a server, which can be replaced while it runs.
#[derive(Default)]
pub(super) struct ErrorPages(RwLock<PageMaker>);

impl ErrorPages {
    pub(super) fn new(maker: PageMaker) -> Self {
        Self(RwLock::new(maker))
    }

    pub(super) fn replace(&self, maker: PageMaker) {
        let last = std::mem::replace(&mut *self.0.write(), maker);
        drop(last); // It is the user's, and no lock is held.
    }

    /// The page for an error. The request is known if it could be read.
    pub(super) fn page(
        &self,
        status: StatusCode,
        request: Option<&Request<()>>,
    ) -> Response<Bytes> {
        let maker = self.0.read().clone();
        maker.page(status, request)
    }
}

/// Errors.
impl Server {
    /// Has `make` make the pages of the errors that the server itself answers with, from the next on: 404 and 405
    /// where there is no handler, 400, 408, 413 and their like for what is no request, 500 for a handler that has
    /// failed. What handlers answer is left alone; they can have the page with
    /// [`Exchange::error_response`].
    ///
    /// It gets the status, and the head of the request where that could be read. The status of the answer is that of
    /// the error, whatever the page says, and the server adds what belongs to it, such as `Allow`, and what decides
    /// about the connection and the length. One that panics is replaced by the page that is built in: one line of
    /// plain text.
    ///
    /// It runs on the thread that answers, so it must not take long: read files before.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::http::{Request, Response, StatusCode, header};
    /// use http_aio::{Aio, Client, Server};
    ///
    /// fn page(status: StatusCode, _: Option<&Request<()>>) -> Response<String> {
    ///     let text = match status {
    ///         StatusCode::NOT_FOUND => "<h1>There is no such page</h1>".to_owned(),
    ///         status => format!("<h1>{status}</h1>"),
    ///     };
    ///     let mut page = Response::new(text);
    ///     let html = header::HeaderValue::from_static("text/html; charset=utf-8");
    ///     page.headers_mut().insert(header::CONTENT_TYPE, html);
    ///     page
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::builder().on_error(page).build();
    /// let url = format!("http://{}/nowhere", server.bind("127.0.0.1:0")?);
    /// let response = Client::new().get(Aio::new(), url).wait()?;
    /// assert_eq!(response.status(), 404);
    /// assert_eq!(response.body(), "<h1>There is no such page</h1>");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "nng_http_server_set_error_page")]
    #[doc(alias = "nng_http_server_set_error_file")]
    pub fn on_error<F, B>(&self, make: F) -> &Self
    where
        F: Fn(StatusCode, Option<&Request<()>>) -> Response<B> + Send + Sync + 'static,
        B: IntoBody,
    {
        self.handle.shared.pages.replace(PageMaker::new(make));
        self
    }

    /// The page with which it answers an error about which no request is known.
    #[doc(alias = "nng_http_server_res_error")]
    pub fn error_response(&self, status: StatusCode) -> Response<Bytes> {
        self.handle.shared.pages.page(status, None)
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// The answer of a server that has nothing better to say.
fn built_in(status: StatusCode) -> Response<Bytes> {
    let has_text = is_error(status);
    let text = match has_text {
        true => Bytes::from(format!("{status}\n")),
        false => Bytes::new(),
    };
    let mut page = Response::new(text);
    *page.status_mut() = status;
    if has_text {
        let headers = page.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, plain);
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    }
    page
}

/// A page that can be sent: what decides about the connection and the body is the server's.
fn repaired(page: Response<Bytes>, status: StatusCode) -> Response<Bytes> {
    let (mut parts, body) = page.into_parts();
    for name in [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        parts.headers.remove(name);
    }
    let mut page = Response::new(body);
    *page.status_mut() = status;
    *page.headers_mut() = parts.headers;
    page
}

impl fmt::Debug for PageMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "PageMaker",
            None => "None",
        })
    }
}
