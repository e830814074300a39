//! How servers are reached, and which of them are trusted.

use std::path::PathBuf;

use http_aio::{Client, ClientBuilder, Proxies};

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::task::Task;
use super::trust;
use super::usage::Confidential;

// No doc comment: clap would show it as what the tool is for.
#[derive(clap::Args)]
pub(crate) struct Access {
    /// Trust the certificates in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE", requires = "url")]
    cacert: Option<PathBuf>,

    /// Do not check the server's certificate
    ///
    /// Anybody between here and the server can then read and change everything.
    #[arg(short = 'k', long, requires = "url", conflicts_with = "cacert")]
    insecure: bool,

    /// Use this proxy: http://[USER:PASSWORD@]HOST[:PORT]
    ///
    /// Its port is 80 unless it says another. Proxies that speak TLS or SOCKS are not supported.
    #[arg(short = 'x', long, value_name = "URL", requires = "url",
        value_parser = Confidential(proxy))]
    proxy: Option<Proxies>,

    /// Use the proxies that the environment names
    ///
    /// In http_proxy, https_proxy, all_proxy and no_proxy.
    #[arg(long, requires = "url", conflicts_with = "proxy")]
    proxy_env: bool,
}

impl Access {
    /// A client as it was asked for. Reads the certificates, if there is a file of them.
    pub(crate) fn client(&self, task: &Task, console: &Console) -> Result<ClientBuilder, Failure> {
        let console = console.clone();
        let proxies = match &self.proxy {
            Some(proxies) => proxies.clone(),
            None if self.proxy_env => {
                Proxies::from_env().map_err(|error| Failure::new(Exit::Proxy, error.to_string()))?
            }
            None => Proxies::none(),
        };
        let builder = Client::builder()
            .proxies(proxies)
            .observe(move |event| console.event(event));
        match &self.cacert {
            Some(path) => trust::only(builder, path, task),
            None if self.insecure => trust::everybody(builder),
            None => Ok(builder),
        }
    }
}

fn proxy(uri: &str) -> Result<Proxies, String> {
    Proxies::all(uri).map_err(|error| error.to_string())
}
