//! What is asked for: target, method, headers, data.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crossbeam_channel::Receiver;
use http_aio::bytes::Bytes;
use http_aio::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_aio::http::{Method, Request};

use crate::common::background::wait_for;
use crate::common::sentence::cannot_read;
use crate::common::target::Target;

pub(crate) struct Wanted {
    pub(crate) target: Target,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

/// The value of `-d`.
#[derive(Clone)]
pub(crate) enum Data {
    Text(String),
    File(PathBuf),
}

impl Wanted {
    /// Reads the data, if it is in a file. The bell ends the waiting for it.
    pub(crate) fn new(
        target: Target,
        method: Option<Method>,
        mut headers: HeaderMap,
        data: Option<Data>,
        bell: &Receiver<Infallible>,
    ) -> Result<Self, String> {
        let usual = match data {
            Some(_) => Method::POST,
            None => Method::GET,
        };
        let agent = concat!("http-aio/", env!("CARGO_PKG_VERSION"));
        let form = "application/x-www-form-urlencoded";
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(agent));
        if data.is_some() {
            headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static(form));
        }
        Ok(Self {
            target,
            method: method.unwrap_or(usual),
            headers,
            body: data.map_or(Ok(Bytes::new()), |data| data.read(bell))?,
        })
    }

    pub(crate) fn request(&self) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl Data {
    fn read(self, bell: &Receiver<Infallible>) -> Result<Bytes, String> {
        let path = match self {
            Self::Text(text) => return Ok(text.into()),
            Self::File(path) => path,
        };
        wait_for("get:data", bell, move || {
            let mut data = Vec::new();
            if path == Path::new("-") {
                let path = Path::new("standard input");
                let read = io::stdin().read_to_end(&mut data);
                read.map_err(|error| cannot_read(path, &error))?;
            } else {
                let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut data));
                read.map_err(|error| cannot_read(&path, &error))?;
            }
            Ok(data.into())
        })
    }
}

impl FromStr for Data {
    type Err = Infallible;

    fn from_str(argument: &str) -> Result<Self, Infallible> {
        Ok(match argument.strip_prefix('@') {
            Some(path) => Self::File(path.into()),
            None => Self::Text(argument.to_owned()),
        })
    }
}

/// The value of `-H`.
pub(crate) fn header(argument: &str) -> Result<(HeaderName, HeaderValue), String> {
    let Some((name, value)) = argument.split_once(':') else {
        return Err("expected NAME: VALUE".to_owned());
    };
    let name: HeaderName = name
        .parse()
        .map_err(|_| format!("{name:?} is not a header's name"))?;
    // Two opinions about where a body ends are how requests are smuggled.
    if name == header::CONTENT_LENGTH || name == header::TRANSFER_ENCODING {
        return Err(format!("{name} is set from the data"));
    }
    let value = value
        .trim_matches([' ', '\t'])
        .parse()
        .map_err(|_| format!("what {name} says is not a header's value"))?;
    Ok((name, value))
}

/// The value of `-X`.
pub(crate) fn method(argument: &str) -> Result<Method, String> {
    match argument.parse() {
        Ok(Method::CONNECT) => Err("CONNECT opens a tunnel: there is nothing to get".to_owned()),
        Ok(method) => Ok(method),
        Err(_) => Err("it is not a method".to_owned()),
    }
}
