//! Requests in one expression.

use bytes::Bytes;
use http::{Method, Request, Response, Uri};

use super::{Client, call};
use crate::aio::{Aio, InFlight};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::into_body::{IntoBody, IntoBytes};

/// Requests with nothing but a method, a URL and a body. For more, make a [`Request`] and give it to
/// [`transact`](Self::transact), whose contract they have.
///
/// The URL is anything that becomes a [`Uri`]: `&str`, `String`, `&String`, [`Uri`], `&Uri`. One that does
/// not is [`InvalidInput`](ErrorKind::InvalidInput), through the aio.
///
/// A response with an error status is a response: ask [`status`](Response::status).
impl Client {
    /// GET (RFC 9110 section 9.3.1).
    ///
    /// # Errors
    ///
    /// Those of [`transact`](Self::transact).
    ///
    /// # Cancellation
    ///
    /// As for [`transact`](Self::transact).
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::{Aio, Client, Conn, ResponseExt, http::Response};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let url = format!("http://{}/page", listener.local_addr()?);
    /// # std::thread::spawn(move || {
    /// #     let conn = Conn::from(listener.accept().unwrap().0);
    /// #     conn.read_request(Aio::new()).wait().unwrap();
    /// #     conn.write_response(Aio::new(), Response::new("hello")).wait().unwrap();
    /// # });
    /// let response = Client::new().get(Aio::new(), &url).wait()?;
    /// assert!(response.status().is_success());
    /// assert_eq!(response.text()?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn get<U>(&self, aio: Aio<Response<Bytes>>, url: U) -> Aio<Response<Bytes>, InFlight>
    where
        U: TryInto<Uri, Error: Into<http::Error>>,
    {
        self.request(aio, Method::GET, url, ())
    }

    /// HEAD (RFC 9110 section 9.3.2): the response has no body.
    ///
    /// # Errors
    ///
    /// Those of [`transact`](Self::transact).
    ///
    /// # Cancellation
    ///
    /// As for [`transact`](Self::transact).
    pub fn head<U>(&self, aio: Aio<Response<Bytes>>, url: U) -> Aio<Response<Bytes>, InFlight>
    where
        U: TryInto<Uri, Error: Into<http::Error>>,
    {
        self.request(aio, Method::HEAD, url, ())
    }

    /// DELETE (RFC 9110 section 9.3.5).
    ///
    /// # Errors
    ///
    /// Those of [`transact`](Self::transact).
    ///
    /// # Cancellation
    ///
    /// As for [`transact`](Self::transact).
    pub fn delete<U>(&self, aio: Aio<Response<Bytes>>, url: U) -> Aio<Response<Bytes>, InFlight>
    where
        U: TryInto<Uri, Error: Into<http::Error>>,
    {
        self.request(aio, Method::DELETE, url, ())
    }

    /// POST (RFC 9110 section 9.3.3). It declares no `Content-Type`.
    ///
    /// # Errors
    ///
    /// Those of [`transact`](Self::transact).
    ///
    /// # Cancellation
    ///
    /// As for [`transact`](Self::transact).
    pub fn post<U, B>(
        &self,
        aio: Aio<Response<Bytes>>,
        url: U,
        body: B,
    ) -> Aio<Response<Bytes>, InFlight>
    where
        U: TryInto<Uri, Error: Into<http::Error>>,
        B: IntoBody,
    {
        self.request(aio, Method::POST, url, body)
    }

    /// PUT (RFC 9110 section 9.3.4). It declares no `Content-Type`.
    ///
    /// # Errors
    ///
    /// Those of [`transact`](Self::transact).
    ///
    /// # Cancellation
    ///
    /// As for [`transact`](Self::transact).
    pub fn put<U, B>(
        &self,
        aio: Aio<Response<Bytes>>,
        url: U,
        body: B,
    ) -> Aio<Response<Bytes>, InFlight>
    where
        U: TryInto<Uri, Error: Into<http::Error>>,
        B: IntoBody,
    {
        self.request(aio, Method::PUT, url, body)
    }

    fn request<U, B>(
        &self,
        aio: Aio<Response<Bytes>>,
        method: Method,
        url: U,
        body: B,
    ) -> Aio<Response<Bytes>, InFlight>
    where
        U: TryInto<Uri, Error: Into<http::Error>>,
        B: IntoBytes,
    {
        let request = Request::builder().method(method).uri(url);
        let request = request.body(body.into_bytes());
        call::submit(&self.shared, aio, request.map_err(Error::from))
    }
}
