//! What a response that was read has besides its head and its body.

use http::{Response, Uri};

use crate::aio::Written;
use crate::error::{Error, ErrorKind};
use crate::proto::Interim;

/// What can be asked of a response besides what [`Response`] itself knows.
///
/// The trait is sealed: it cannot be implemented elsewhere.
///
/// # Examples
///
/// ```
/// use http_aio::{ResponseExt, bytes::Bytes, http::Response};
///
/// let response = Response::new(Bytes::from("hello"));
/// assert_eq!(response.text().unwrap(), "hello");
/// assert!(response.written().is_none()); // It was not read from a connection.
/// ```
pub trait ResponseExt<B>: Sealed {
    /// The body as text.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) if it is not UTF-8. The charset that the head may declare is not
    /// looked at.
    fn text(&self) -> Result<&str, Error>
    where
        B: AsRef<[u8]>;

    /// What went out of the request that it answers, head and body: all of it, unless the server answered
    /// early. It is there after [`transact`](crate::Conn::transact) and its kin.
    fn written(&self) -> Option<Written>;

    /// The interim responses before it (1xx, such as 103).
    fn interim(&self) -> &[Response<()>];

    /// The URI that was answered, if that is not the one of the request because a
    /// [`Client`](crate::Client) was redirected.
    fn redirected_to(&self) -> Option<&Uri>;
}

use self::sealed::Sealed;

mod sealed {
    pub trait Sealed {}
}

impl<B> Sealed for Response<B> {}

impl<B> ResponseExt<B> for Response<B> {
    fn text(&self) -> Result<&str, Error>
    where
        B: AsRef<[u8]>,
    {
        std::str::from_utf8(self.body().as_ref()).map_err(|error| {
            Error::new(ErrorKind::Protocol)
                .with_detail("the body is not UTF-8 text")
                .with_source(error)
        })
    }

    fn written(&self) -> Option<Written> {
        self.extensions().get().copied()
    }

    fn interim(&self) -> &[Response<()>] {
        let interim = self.extensions().get::<Interim>();
        interim.map_or(&[], |interim| &interim.0)
    }

    fn redirected_to(&self) -> Option<&Uri> {
        self.extensions().get()
    }
}
