//! How servers are reached, which of them are trusted, and what is said when that fails.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind as ClapKind;
use clap::{Arg, Command};
use crossbeam_channel::Receiver;
use http_aio::{Client, Error, ErrorKind, Proxies};

use crate::common::sentence::{NO_TLS, no_answer};
use crate::common::target::Target;
use crate::common::trust;

// No doc comment: clap would show it as what the tool is for.
#[derive(clap::Args)]
pub(crate) struct Access {
    /// Trust the certificates in this file, in PEM, instead of those that the system trusts
    #[arg(long, value_name = "FILE", requires = "url")]
    cacert: Option<PathBuf>,

    /// Use this proxy: http://[USER:PASSWORD@]HOST[:PORT], with port 80 unless it says another
    #[arg(long, value_name = "URL", requires = "url", value_parser = ProxyParser)]
    proxy: Option<Proxies>,

    /// Use the proxies that the environment names, in http_proxy, https_proxy, all_proxy, no_proxy
    #[arg(long, requires = "url", conflicts_with = "proxy")]
    proxy_env: bool,
}

/// A client as it was asked for.
pub(crate) struct Reach {
    pub(crate) client: Client,
    /// Whom it connects to, as far as we know: its errors do not say whom they are about.
    peers: String,
}

impl Access {
    /// Reads the certificates, if there is a file of them. The bell ends the waiting for it.
    pub(crate) fn reach(
        &self,
        target: &Target,
        redirections: u32,
        bell: &Receiver<Infallible>,
    ) -> Result<Reach, String> {
        if target.is_https() && !cfg!(feature = "tls") {
            return Err(NO_TLS.to_owned());
        }
        let proxies = match &self.proxy {
            Some(proxy) => proxy.clone(),
            None if self.proxy_env => Proxies::from_env().map_err(|error| no_proxy(&error))?,
            None => Proxies::none(),
        };
        let builder = Client::builder()
            .proxies(proxies)
            .max_redirects(redirections);
        let builder = match &self.cacert {
            Some(path) => trust::only(builder, path, bell)?,
            None => builder,
        };
        Ok(Reach {
            client: builder.build(),
            peers: self.peers(&target.host, redirections),
        })
    }

    fn peers(&self, host: &str, redirections: u32) -> String {
        match (&self.proxy, self.proxy_env, redirections) {
            (Some(_), ..) => "the proxy".to_owned(),
            (None, false, 0) => host.to_owned(),
            (None, false, _) => format!("{host} or where it leads"),
            (None, true, 0) => format!("{host} or its proxy"),
            (None, true, _) => format!("{host}, where it leads, or a proxy"),
        }
    }
}

impl Reach {
    /// Nothing asked for.
    pub(crate) fn directly(target: &Target) -> Self {
        Self {
            client: Client::new(),
            peers: target.host.clone(),
        }
    }

    /// About a connection that was not made, or over which no answer came.
    pub(crate) fn sentence(&self, error: &Error) -> String {
        let peers = &self.peers;
        match (error.kind(), error.detail()) {
            (ErrorKind::Resolve, _) => format!("cannot resolve {peers}"),
            (ErrorKind::Unreachable, _) => format!("cannot reach {peers}"),
            // Redirections.
            (ErrorKind::TooLarge, Some(too_many)) => too_many.to_owned(),
            _ => no_answer(error),
        }
    }
}

/// The value of `--proxy`, which clap must not repeat when it is wrong: it may hold a password.
#[derive(Clone)]
struct ProxyParser;

impl TypedValueParser for ProxyParser {
    type Value = Proxies;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Proxies, clap::Error> {
        let proxies = match value.to_str() {
            Some(uri) => Proxies::all(uri).map_err(|error| no_proxy(&error)),
            None => Err("it is not UTF-8".to_owned()),
        };
        proxies.map_err(|reason| {
            let sentence = format!("invalid value for '--proxy <URL>': {reason}");
            let mut command = command.clone();
            command.error(ClapKind::ValueValidation, sentence)
        })
    }
}

fn no_proxy(error: &Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::NotSupported, Some(what)) => format!("{what} are not supported"),
        (_, Some(detail)) => detail.to_owned(),
        _ => error.to_string(),
    }
}
