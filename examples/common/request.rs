//! The options that both tools have for a request and what becomes of its answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_aio::http::Method;
use http_aio::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::usage::{Confidential, number};

const AGENT: &str = concat!("http-aio/", env!("CARGO_PKG_VERSION"));

/// How many redirections `-L` follows.
pub(crate) const REDIRECTIONS: u32 = 10;

// No doc comment: clap would show it as what the tool is for.
#[derive(clap::Args)]
pub(crate) struct RequestOptions {
    /// Add a header line; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", requires = "url",
        value_parser = Confidential(header))]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// Log in with Basic authentication
    ///
    /// Without :PASSWORD the password is empty. Over http: anybody on the way can read it.
    #[arg(short, long, value_name = "USER[:PASSWORD]", requires = "url",
        value_parser = Confidential(credentials))]
    user: Option<HeaderValue>,

    /// Use this method
    #[arg(short = 'X', long, visible_alias = "request", requires = "url", value_parser = method)]
    pub(crate) method: Option<Method>,

    /// Write the answer's head too, before its body
    #[arg(short, long, requires = "url")]
    pub(crate) include: bool,

    /// Do not write the body of an answer that refuses
    ///
    /// That is an answer whose status is not 2xx. The exit status is 22 with or without this.
    #[arg(short, long, requires = "url")]
    pub(crate) fail: bool,

    /// Follow up to 10 redirections
    ///
    /// Without Authorization, Cookie and -u from another server on.
    #[arg(short = 'L', long, requires = "url")]
    pub(crate) location: bool,

    /// Try again up to N times, where that is safe
    ///
    /// After failures that may pass (no connection, a connection that breaks off, no answer, the
    /// statuses 408, 423, 429, 500, 502, 503, 504), and only if nothing of the request went out, or if
    /// its method is idempotent, as GET and PUT are. It waits 0.5 s, then twice as long each time, up to
    /// 60 s; or as long as the server says in Retry-After, if that is longer.
    #[arg(long, value_name = "N", requires = "url", default_value_t = 0, hide_default_value = true,
        value_parser = |argument: &str| number::<u32>(argument, 0, 1000), allow_negative_numbers = true,
        verbatim_doc_comment)]
    pub(crate) retry: u32,
}

impl RequestOptions {
    /// The headers of each request.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub(crate) fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers: HeaderMap = self.headers.iter().cloned().collect();
        if headers.get_all(header::HOST).iter().count() > 1 {
            return Err("there are two values of Host: give one -H Host".to_owned());
        }
        if let Some(user) = &self.user {
            headers.entry(header::AUTHORIZATION).or_insert(user.clone());
        }
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(AGENT));
        for name in [
            header::AUTHORIZATION,
            header::COOKIE,
            header::PROXY_AUTHORIZATION,
        ] {
            if let header::Entry::Occupied(mut entry) = headers.entry(name) {
                entry.iter_mut().for_each(|value| value.set_sensitive(true));
            }
        }
        Ok(headers)
    }

    /// How many redirections are followed.
    pub(crate) fn redirections(&self) -> u32 {
        if self.location { REDIRECTIONS } else { 0 }
    }
}

/// The value of `-H`.
fn header(argument: &str) -> Result<(HeaderName, HeaderValue), String> {
    let Some((name, value)) = argument.split_once(':') else {
        return Err("give NAME: VALUE".to_owned());
    };
    let name: HeaderName = name
        .parse()
        .map_err(|_| format!("{name:?} is not a header's name"))?;
    // Two opinions about where a body ends are how requests are smuggled.
    if name == header::CONTENT_LENGTH || name == header::TRANSFER_ENCODING {
        return Err(format!("leave {name} out: it is set from what is sent"));
    }
    let value = value
        .trim_matches([' ', '\t'])
        .parse()
        .map_err(|_| format!("what {name} says is not a header's value"))?;
    Ok((name, value))
}

/// The value of `-u` (RFC 7617).
fn credentials(argument: &str) -> Result<HeaderValue, String> {
    if argument.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("there is a control character in it".to_owned());
    }
    let (user, password) = argument.split_once(':').unwrap_or((argument, ""));
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    HeaderValue::try_from(format!("Basic {encoded}")).map_err(|error| error.to_string())
}

/// The value of `-X`.
fn method(argument: &str) -> Result<Method, String> {
    match argument.parse() {
        Ok(Method::CONNECT) => {
            Err("CONNECT opens a tunnel and transfers nothing: use -x".to_owned())
        }
        Ok(method) => Ok(method),
        Err(_) => Err("it is not a method".to_owned()),
    }
}
