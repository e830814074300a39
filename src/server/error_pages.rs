//! The pages of errors: what a server says where no handler does.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use parking_lot::RwLock;

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
