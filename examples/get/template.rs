//! What is asked for: method, headers, data.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http_aio::bytes::Bytes;
use http_aio::http::header::{self, HeaderMap, HeaderValue};
use http_aio::http::{Method, Request};

use crate::common::background::wait_for;
use crate::common::failure::Failure;
use crate::common::target::Target;
use crate::common::task::Task;

const FORM: &str = "application/x-www-form-urlencoded";

/// As the command line says it.
pub(crate) struct Spec {
    pub(crate) method: Option<Method>,
    pub(crate) headers: HeaderMap,
    pub(crate) data: Option<Data>,
}

/// The value of `-d`.
#[derive(Clone)]
pub(crate) enum Data {
    Text(String),
    File(PathBuf),
}

/// What is sent to each URL.
pub(crate) struct Template {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Spec {
    /// Reads the data, if it is in a file, until Ctrl-C.
    pub(crate) fn template(self, task: &Task) -> Result<Template, Failure> {
        let Self {
            method,
            mut headers,
            data,
        } = self;
        let usual = match data {
            Some(_) => Method::POST,
            None => Method::GET,
        };
        let method = method.unwrap_or(usual);
        let has_body = data.is_some();
        let body = data.map_or(Ok(Bytes::new()), |data| data.read(task))?;
        if has_body {
            headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static(FORM));
        }
        if has_body || matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(header::CONTENT_LENGTH, body.len().into());
        }
        Ok(Template {
            method,
            headers,
            body,
        })
    }
}

impl Template {
    /// Nothing but GET.
    pub(crate) fn plain() -> Self {
        Self {
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn request(&self, target: &Target) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = target.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// Whether the rest of an answer can be asked for: a range of a range is another one.
    pub(crate) fn can_continue(&self) -> bool {
        self.method == Method::GET && !self.headers.contains_key(header::RANGE)
    }

    /// Whether asking twice does no more than asking once (RFC 9110 section 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }
}

impl Data {
    fn read(self, task: &Task) -> Result<Bytes, Failure> {
        let path = match self {
            Self::Text(text) => return Ok(text.into()),
            Self::File(path) => path,
        };
        wait_for("get:data", task, move || {
            let mut data = Vec::new();
            if path == Path::new("-") {
                let path = Path::new("standard input");
                let read = io::stdin().read_to_end(&mut data);
                read.map_err(|error| Failure::cannot_read(path, &error))?;
            } else {
                let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut data));
                read.map_err(|error| Failure::cannot_read(&path, &error))?;
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
