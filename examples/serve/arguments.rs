//! The command line of `serve`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;

/// Share a folder over HTTP
///
/// Without arguments, shares the current folder with this machine alone, at a free port, and says where.
#[derive(Parser)]
#[command(name = "serve", version, after_help = MORE, after_long_help = DETAILS)]
pub(crate) struct Arguments {
    /// What to share
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,

    /// Where to listen; port 0 is a free one
    ///
    /// 0.0.0.0:8080 is for everybody in the network, [::]:8080 over IPv6 too.
    #[arg(
        short,
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:0"
    )]
    pub(crate) bind: SocketAddr,

    /// Show what is in folders that have no index.html, as it does by default
    #[arg(long, overrides_with = "no_listing")]
    listing: bool,

    /// Do not show what is in folders that have no index.html
    #[arg(long, overrides_with = "listing")]
    no_listing: bool,

    /// Share names that begin with a dot, too
    #[arg(long)]
    pub(crate) hidden: bool,

    /// Let everybody who can reach it put files here, replace and remove them
    ///
    /// By PUT and DELETE, or by dropping files on the page of a folder. What breaks off is kept, and
    /// continued by `put --continue`.
    #[arg(long)]
    pub(crate) upload: bool,

    /// Speak TLS, with this certificate chain and its key (PEM)
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"], conflicts_with = "self_signed")]
    pub(crate) tls: Option<Vec<PathBuf>>,

    /// Speak TLS with a certificate made for the occasion, which nobody trusts
    #[arg(long)]
    pub(crate) self_signed: bool,

    /// Connections at a time
    ///
    /// When there are as many, the one that has been idle longest makes room.
    #[arg(long, value_name = "N", default_value = "1024")]
    pub(crate) max_connections: NonZeroUsize,

    /// Write an access log to FILE, or to standard output
    ///
    /// In the common log format; the bytes are those on the wire, heads included. What was no request is logged as
    /// "-". It is appended to FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) log: Option<Option<PathBuf>>,

    /// Say nothing but where it is
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl Arguments {
    /// Whether folders without an index are shown: the last word is what counts.
    pub(crate) fn lists(&self) -> bool {
        self.listing || !self.no_listing
    }
}

const MORE: &str = "--help tells more, and what the exit statuses mean.";

const DETAILS: &str = "\
The first line of standard output says what is shared and where. Names that begin with a dot
are not, nor is anything outside of the folder, whatever links lead there. Files are sent as
they are asked for: whole, in ranges, or not at all if the client has them already.

Ctrl-C and SIGTERM stop it in order: nobody new is served, what was begun is finished. A
second one ends what is left at once.

It listens on sockets that it inherits, if there are any (LISTEN_FDS, as systemd passes them),
and not on --bind then.

Examples:
    serve
    serve --bind 0.0.0.0:8080 ~/photos
    serve --self-signed --log=access.log public
    serve --upload --bind 0.0.0.0:8080 inbox

Exit status:
     0  stopped, and everything that was begun is finished
     2  wrong usage
     7  it cannot listen there
    23  the log cannot be written
    26  the folder, the certificate or its key cannot be read
    27  no memory
   130  stopped at once, by a second Ctrl-C or SIGTERM
     1  anything else, such as --tls in a build without TLS";
