//! How servers are reached, and which of them are trusted.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind as ClapKind;
use clap::{Arg, Command};
use crossbeam_channel::Receiver;
use http_aio::{Client, Proxies};

use crate::sentence::NO_TLS;
use crate::target::Target;
use crate::trust;

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

impl Access {
    /// The client as it was asked for. Reads the certificates, if there is a file of them. The bell ends the
    /// waiting for it.
    pub(crate) fn client(
        &self,
        target: &Target,
        redirections: u32,
        bell: &Receiver<Infallible>,
    ) -> Result<Client, String> {
        if target.is_https() && !cfg!(feature = "tls") {
            return Err(NO_TLS.to_owned());
        }
        let proxies = match &self.proxy {
            Some(proxy) => proxy.clone(),
            None if self.proxy_env => Proxies::from_env().map_err(|error| error.to_string())?,
            None => Proxies::none(),
        };
        let builder = Client::builder()
            .proxies(proxies)
            .max_redirects(redirections);
        let builder = match &self.cacert {
            Some(path) => trust::only(builder, path, bell)?,
            None => builder,
        };
        Ok(builder.build())
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
            Some(uri) => Proxies::all(uri).map_err(|error| error.to_string()),
            None => Err("it is not UTF-8".to_owned()),
        };
        proxies.map_err(|reason| {
            let sentence = format!("invalid value for '--proxy <URL>': {reason}");
            let mut command = command.clone();
            command.error(ClapKind::ValueValidation, sentence)
        })
    }
}
