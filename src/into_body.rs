//! What can be given as the body of a message.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

/// What can be attached to a request or a response as its body.
///
/// `()` is no body, and so is what is empty, such as `""`. Text, bytes and [`Bytes`] are one, whole, and the
/// connection declares its length; none of them is copied. To write a body in pieces, attach none, declare its length or
/// `Transfer-Encoding: chunked` in the head, and call [`Conn::write_all`](crate::Conn::write_all).
///
/// An operation outlives the call that submits it, so a body is owned, shared or `'static`: for a borrowed
/// slice, `slice.to_vec()` or [`Bytes::copy_from_slice`].
///
/// The trait is sealed: it cannot be implemented elsewhere.
///
/// # Examples
///
/// ```
/// use http_aio::http::{Request, Response};
/// use http_aio::{Aio, Conn};
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, server) = UnixStream::pair()?;
/// let (client, server) = (Conn::from(client), Conn::from(server));
/// client.write_request(Aio::new(), Request::get("http://h/").body(())?);
/// client.write_request(Aio::new(), Request::post("http://h/").body(vec![1, 2, 3])?);
/// server.write_response(Aio::new(), Response::new("text"));
/// server.write_response(Aio::new(), Response::new(format!("{} more", 1)));
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be attached as a body",
    label = "neither text nor bytes that are owned, shared or `'static`",
    note = "a borrowed slice is attached as a copy: `slice.to_vec()`, `text.to_owned()` or \
            `Bytes::copy_from_slice`",
    note = "a file or any other reader is written in pieces: connect (`Client::connect` or `Conn::connect`), \
            declare the length or `Transfer-Encoding: chunked` in a head with the body `()`, then \
            `Conn::write_request` and `Conn::write_all`: see `docs::recipes`"
)]
pub trait IntoBody: IntoBytes {}

mod sealed {
    use bytes::Bytes;

    pub trait IntoBytes {
        /// Whether it is text, which an answer that is nothing else says of itself.
        const IS_TEXT: bool = false;

        fn into_bytes(self) -> Bytes;
    }
}

pub(crate) use self::sealed::IntoBytes;

/// Each of them becomes `Bytes` without a copy.
macro_rules! bodies {
    (is_text = $is_text:literal; $($(#[$why:meta])* $body:ty => |$name:ident| $bytes:expr;)*) => {
        $(
            $(#[$why])*
            impl IntoBody for $body {}

            impl IntoBytes for $body {
                const IS_TEXT: bool = $is_text;

                fn into_bytes(self) -> Bytes {
                    let $name = self;
                    $bytes
                }
            }
        )*
    };
}

bodies! {
    is_text = true;
    &'static str => |text| Bytes::from_static(text.as_bytes());
    String => |text| Bytes::from(text);
    Box<str> => |text| Bytes::from(String::from(text));
    Cow<'static, str> => |text| match text {
        Cow::Borrowed(text) => text.into_bytes(),
        Cow::Owned(text) => text.into(),
    };
}

bodies! {
    is_text = false;
    /// No body.
    () => |_none| Bytes::new();
    &'static [u8] => |bytes| Bytes::from_static(bytes);
    Vec<u8> => |bytes| Bytes::from(bytes);
    Box<[u8]> => |bytes| Bytes::from(bytes);
    Bytes => |bytes| bytes;
    BytesMut => |bytes| bytes.freeze();
    Cow<'static, [u8]> => |bytes| match bytes {
        Cow::Borrowed(bytes) => bytes.into_bytes(),
        Cow::Owned(bytes) => bytes.into(),
    };
}

impl<const N: usize> IntoBody for &'static [u8; N] {}

impl<const N: usize> IntoBytes for &'static [u8; N] {
    fn into_bytes(self) -> Bytes {
        Bytes::from_static(self)
    }
}

/// `None` is no body.
impl<B: IntoBody> IntoBody for Option<B> {}

impl<B: IntoBody> IntoBytes for Option<B> {
    fn into_bytes(self) -> Bytes {
        self.map(B::into_bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bodies_are_bytes() {
        fn check(body: impl IntoBody, expected: &str) {
            assert_eq!(body.into_bytes(), expected);
        }
        check((), "");
        check("text", "text");
        check(b"array", "array");
        check(&b"slice"[..], "slice");
        check(String::from("text"), "text");
        check(Box::<str>::from("text"), "text");
        check(vec![b'a'], "a");
        check(Box::<[u8]>::from(*b"a"), "a");
        check(Bytes::from_static(b"a"), "a");
        check(BytesMut::from("a"), "a");
        check(Cow::Borrowed("a"), "a");
        check(Cow::<'static, [u8]>::Owned(vec![b'a']), "a");
        check(Some("a"), "a");
        check(None::<String>, "");
    }
}
