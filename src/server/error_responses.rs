//! The pages of errors, as programs replace them and answer with them.

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::Server;
use super::error_pages::PageMaker;
use super::exchange::Exchange;
use crate::into_body::IntoBody;

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

/// Errors.
impl Exchange {
    /// The page with which the server answers this error: see [`Server::on_error`](crate::Server::on_error). A
    /// handler can return it.
    ///
    /// ```
    /// use http_aio::http::StatusCode;
    /// use http_aio::{Exchange, Server, get};
    ///
    /// # fn main() -> Result<(), http_aio::Error> {
    /// let server = Server::new();
    /// server.route("/gone", get(|x: &mut Exchange| x.error_response(StatusCode::GONE)))?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "nng_http_res_set_error")]
    pub fn error_response(&self, status: StatusCode) -> Response<Bytes> {
        self.stay.server.pages.page(status, Some(&self.request))
    }
}
