//! `transact` over TLS against `ureq`, which has the same rustls, and against `transact` without TLS.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use http_aio::bytes::Bytes;
use http_aio::http::{Request, Response};
use http_aio::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use http_aio::rustls::{ClientConfig, RootCertStore, ServerConfig};
use http_aio::{Aio, Conn};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::exchange::{check, download_with, download_with_ureq, get_with_ureq};
use crate::peers::DOWNLOAD;
use crate::process::{self, Process};
use crate::table::{Side, Table};

const FAMILY: &str = "tls";
pub(crate) const ROLE: &str = "tls";
const BODY: usize = DOWNLOAD;
const PIECE: usize = 256 << 10;

pub(crate) fn compare(table: &mut Table) -> io::Result<()> {
    let server = Process::start(ROLE)?;
    let all = Sides::of(&server)?;
    table.compare((FAMILY, "tls-get"), || {
        let theirs = Side::new("ureq", || get_with_ureq(&all.agent, &all.uri("small")));
        Ok((theirs, Side::new("transact", || all.get())))
    })?;
    table.compare((FAMILY, "tls-upload"), || {
        let theirs = Side::new("ureq", || all.upload_with_ureq());
        Ok((theirs, Side::new("transact", || all.upload(&all.secure))))
    })?;
    table.compare((FAMILY, "tls-download"), || {
        let theirs = Side::new("ureq", || {
            download_with_ureq(&all.agent, &all.uri("download"))
        });
        let ours = || download_with(&all.secure, &all.uri("download"));
        Ok((theirs, Side::new("transact", ours)))
    })?;
    table.compare((FAMILY, "tls-price"), || {
        let theirs = Side::new("plain", || all.upload(&all.plain));
        Ok((theirs, Side::new("tls", || all.upload(&all.secure))))
    })
}

struct Sides {
    agent: Agent,
    address: SocketAddr,
    secure: Conn,
    plain: Conn,
    body: Bytes,
}

impl Sides {
    /// The server says its other port, and its certificate.
    fn of(server: &Process) -> io::Result<Self> {
        let unclear = || io::Error::other("the server says nothing");
        let (plain, certificate) = server.remark().split_once(' ').ok_or_else(unclear)?;
        let plain: SocketAddr = plain.parse().map_err(io::Error::other)?;
        let certificate = CertificateDer::from(bytes_of(certificate)?);
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let config = client_config(&certificate)?;
        Ok(Self {
            agent: agent(&certificate),
            address: server.address(),
            secure: Conn::connect_tls(Aio::new(), server.address(), name, config).wait()?,
            plain: Conn::connect(Aio::new(), plain).wait()?,
            body: Bytes::from(vec![b'x'; BODY]),
        })
    }

    fn uri(&self, path: &str) -> String {
        format!("https://localhost:{}/{path}", self.address.port())
    }

    fn get(&self) -> io::Result<()> {
        let request = Request::get(self.uri("small")).body(());
        let request = request.map_err(io::Error::other)?;
        let response = self.secure.transact(Aio::new(), request).wait()?;
        check(response.body().len(), 13)
    }

    fn upload_with_ureq(&self) -> io::Result<()> {
        let response = self.agent.put(&self.uri("")).send(&self.body[..]);
        let status = response.map_err(io::Error::other)?.status();
        check(status.as_u16().into(), 200)
    }

    fn upload(&self, conn: &Conn) -> io::Result<()> {
        let request = Request::put("http://localhost/").body(self.body.clone());
        let request = request.map_err(io::Error::other)?;
        let status = conn.transact(Aio::new(), request).wait()?.status();
        check(status.as_u16().into(), 200)
    }
}

fn client_config(certificate: &CertificateDer<'static>) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).map_err(io::Error::other)?;
    let config = ClientConfig::builder().with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}

fn agent(certificate: &CertificateDer<'static>) -> Agent {
    let roots = RootCerts::new_with_certs(&[Certificate::from_der(certificate).to_owned()]);
    let tls = TlsConfig::builder().root_certs(roots).build();
    Agent::config_builder().tls_config(tls).build().into()
}

/// Is the server, with TLS and without.
pub(crate) fn be() -> io::Result<()> {
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".into()]);
    let signed = signed.map_err(io::Error::other)?;
    let certificate = signed.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(signed.signing_key.serialize_der().into());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key);
    let config = Arc::new(config.map_err(io::Error::other)?);
    let address =
        serve(move |stream| Ok(Conn::tls_server(Aio::new(), stream, Arc::clone(&config)).wait()?))?;
    let plain = serve(|stream| Ok(Conn::from(stream)))?;
    process::stay(address, &format!("{plain} {}", digits_of(&certificate)))
}

/// A thread a connection, for as long as the process lives.
fn serve(
    accept: impl Fn(TcpStream) -> io::Result<Conn> + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("localhost:0")?;
    let address = listener.local_addr()?;
    let accept = Arc::new(accept);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let accept = Arc::clone(&accept);
            std::thread::spawn(move || {
                stream.set_nodelay(true)?;
                answer(&accept(stream)?)
            });
        }
    });
    Ok(address)
}

fn answer(conn: &Conn) -> io::Result<()> {
    let large = Bytes::from(vec![b'x'; DOWNLOAD]);
    loop {
        let request = conn.read_request(Aio::new()).wait()?;
        let mut aio = Aio::new();
        loop {
            let (piece, idle) = conn.read(aio, PIECE).reclaim();
            if piece?.is_empty() {
                break;
            }
            aio = idle;
        }
        let body = match request.uri().path() {
            "/small" => Bytes::from_static(b"Hello, world!"),
            "/download" => large.clone(),
            _ => Bytes::new(),
        };
        conn.write_response(Aio::new(), Response::new(body))
            .wait()?;
    }
}

fn digits_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(digits: &str) -> io::Result<Vec<u8>> {
    let pairs = (0..digits.len() / 2).map(|pair| &digits[2 * pair..2 * pair + 2]);
    let bytes = pairs.map(|pair| u8::from_str_radix(pair, 16));
    bytes.collect::<Result<_, _>>().map_err(io::Error::other)
}
