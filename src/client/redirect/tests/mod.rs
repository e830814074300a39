mod requests;
mod targets;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response};

use super::follow;
use crate::error::ErrorKind;

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
    let request = Request::builder().method(method).uri(uri);
    let request = headers
        .iter()
        .fold(request, |r, (name, value)| r.header(*name, *value));
    request.body(Bytes::from_static(b"body")).unwrap()
}

fn response(status: u16, location: &[u8]) -> Response<()> {
    let response = Response::builder().status(status);
    response.header(LOCATION, location).body(()).unwrap()
}

#[track_caller]
fn next(request: &Request<Bytes>, status: u16, location: &str) -> Request<Bytes> {
    follow(request, &response(status, location.as_bytes()))
        .unwrap()
        .unwrap()
}

/// Where `location` leads from `base`, or what is said against it.
fn target(base: &str, location: impl AsRef<[u8]>) -> Result<String, String> {
    let response = response(302, location.as_ref());
    match follow(&request("GET", base, &[]), &response) {
        Ok(next) => Ok(next.unwrap().uri().to_string()),
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::Protocol);
            Err(e.to_string())
        }
    }
}
