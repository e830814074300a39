//! Sharing: from the command line to the end.

use std::io::{self, Write};
#[cfg(feature = "tls")]
use std::sync::Arc;

use http_aio::{Aio, Directory, Endpoint, Server, ServerLimits, Uploads};
use indicatif::HumanBytes;
use listenfd::ListenFd;

use crate::arguments::Arguments;
use crate::common::exit::Exit;
#[cfg(not(feature = "tls"))]
use crate::common::failure::NO_TLS;
use crate::common::failure::{Failure, plain};
use crate::gauge::{Gauge, counted};
use crate::journal::Journal;
use crate::screen::Screen;
use crate::signals::Signals;

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let directory = directory(arguments)?;
    let screen = Screen::new(arguments.quiet);
    let (journal, scribe) = Journal::open(arguments.log.as_ref(), &screen)?;
    let limits = ServerLimits::default().connections(arguments.max_connections.get());
    let server = Server::builder()
        .limits(limits)
        .observe(move |event| journal.note(event))
        .build();
    server.tree("/", directory).map_err(other)?;
    let signals = Signals::watch(&server, &screen)?;
    for endpoint in secure(endpoints(arguments)?, arguments)? {
        let address = server.listen(endpoint);
        let address = address.map_err(|error| Failure::new(Exit::Connect, error.to_string()))?;
        announce(arguments, &address.to_string());
    }
    let gauge = Gauge::show(&server, &screen);
    let ended = server.join(Aio::new()).wait();
    drop(gauge);
    ended.map_err(other)?;
    let stats = server.stats();
    let requests = counted(stats.requests, "request");
    screen.say(&format!("{requests}, {} sent", HumanBytes(stats.written)));
    match (signals.exit(), scribe.finish()) {
        (Exit::Ok, written) => written.map(|()| Exit::Ok),
        (exit, _) => Ok(exit),
    }
}

fn directory(arguments: &Arguments) -> Result<Directory, Failure> {
    let folder = &arguments.folder;
    let mut directory = Directory::open(folder).map_err(|error| {
        let text = format!("cannot share {}: {error}", folder.display());
        Failure::new(Exit::Read, text)
    })?;
    if arguments.lists() {
        directory = directory.listing();
    }
    if arguments.hidden {
        directory = directory.hidden_files();
    }
    if arguments.upload {
        directory = directory.uploads(Uploads::new());
    }
    Ok(directory)
}

/// Where to listen: what was inherited, or else where the command line says.
fn endpoints(arguments: &Arguments) -> Result<Vec<Endpoint>, Failure> {
    let mut inherited = ListenFd::from_env();
    let mut endpoints = Vec::new();
    for index in 0..inherited.len() {
        let listener = inherited.take_tcp_listener(index);
        let listener = listener.map_err(|error| {
            let text = format!(
                "cannot use socket {index} that was inherited: {}",
                plain(&error)
            );
            Failure::new(Exit::Connect, text)
        })?;
        endpoints.extend(listener.map(Endpoint::from));
    }
    if endpoints.is_empty() {
        let bound = Endpoint::bind(arguments.bind);
        endpoints.push(bound.map_err(|error| Failure::new(Exit::Connect, error.to_string()))?);
    }
    Ok(endpoints)
}

#[cfg(feature = "tls")]
fn secure(endpoints: Vec<Endpoint>, arguments: &Arguments) -> Result<Vec<Endpoint>, Failure> {
    use crate::certificate;
    let config = match arguments.tls.as_deref() {
        Some([chain, key]) => certificate::read(chain, key)?,
        _ if arguments.self_signed => certificate::make()?,
        _ => return Ok(endpoints),
    };
    let secured = |endpoint: Endpoint| endpoint.tls(Arc::clone(&config));
    Ok(endpoints.into_iter().map(secured).collect())
}

#[cfg(not(feature = "tls"))]
fn secure(endpoints: Vec<Endpoint>, arguments: &Arguments) -> Result<Vec<Endpoint>, Failure> {
    match speaks_tls(arguments) {
        true => Err(Failure::new(Exit::Other, NO_TLS)),
        false => Ok(endpoints),
    }
}

fn speaks_tls(arguments: &Arguments) -> bool {
    arguments.tls.is_some() || arguments.self_signed
}

/// Says what is shared and where, for people and scripts. If nobody listens, it is served all the same.
fn announce(arguments: &Arguments, address: &str) {
    let scheme = if speaks_tls(arguments) {
        "https"
    } else {
        "http"
    };
    let folder = arguments.folder.display();
    let mut out = io::stdout();
    let _ = writeln!(out, "sharing {folder} at {scheme}://{address}/");
    let _ = out.flush();
}

fn other(error: http_aio::Error) -> Failure {
    Failure::new(Exit::Other, error.to_string())
}
