//! Uploads over TLS: `transact` against `ureq`, and against `transact` without TLS, on the same work,
//! against the same server, in the same process.
//!
//! ```text
//! cargo bench --features tls --bench tls             # both
//! cargo bench --features tls --bench tls -- ureq     # one: ureq, or plain
//! ```
//!
//! The server is a thread a connection that decrypts, and throws away. The sides alternate; printed
//! are the medians, and the median of the ratios pair by pair. A ratio above 1 says that `transact`
//! over TLS does more in the same time.

mod compare;

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

use crate::compare::{Work, is_wanted};

const UPLOAD: usize = 256 << 20;
const PIECE: usize = 256 << 10;

fn main() -> io::Result<()> {
    let sides = Sides::new()?;
    let work = |title| Work {
        title,
        count: 1,
        size: UPLOAD,
        rounds: 7,
    };
    if is_wanted("ureq") {
        work("upload: 256 MiB over TLS").compare(
            ("ureq", || sides.upload_with_ureq()),
            ("transact", || sides.upload(&sides.secure)),
        )?;
    }
    if is_wanted("plain") {
        work("upload: 256 MiB over TLS, and without").compare(
            ("plain", || sides.upload(&sides.plain)),
            ("tls", || sides.upload(&sides.secure)),
        )?;
    }
    Ok(())
}

struct Sides {
    agent: Agent,
    address: SocketAddr,
    secure: Conn,
    plain: Conn,
    body: Bytes,
}

impl Sides {
    fn new() -> io::Result<Self> {
        let signed = rcgen::generate_simple_self_signed(vec!["localhost".into()]);
        let signed = signed.map_err(io::Error::other)?;
        let certificate = signed.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(signed.signing_key.serialize_der().into());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key);
        let config = Arc::new(config.map_err(io::Error::other)?);
        let address = serve(move |stream| {
            Ok(Conn::tls_server(Aio::new(), stream, Arc::clone(&config)).wait()?)
        })?;
        let plain = serve(|stream| Ok(Conn::from(stream)))?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let config = client_config(&certificate)?;
        Ok(Self {
            agent: agent(&certificate),
            address,
            secure: Conn::connect_tls(Aio::new(), address, name, config).wait()?,
            plain: Conn::connect(Aio::new(), plain).wait()?,
            body: Bytes::from(vec![b'x'; UPLOAD]),
        })
    }

    fn upload_with_ureq(&self) -> io::Result<()> {
        let uri = format!("https://localhost:{}/", self.address.port());
        let response = self.agent.put(&uri).send(&self.body[..]);
        let status = response.map_err(io::Error::other)?.status();
        compare::check(status.as_u16().into(), 200)
    }

    fn upload(&self, conn: &Conn) -> io::Result<()> {
        let request = Request::put("http://localhost/").body(self.body.clone());
        let request = request.map_err(io::Error::other)?;
        let status = conn.transact(Aio::new(), request).wait()?.status();
        compare::check(status.as_u16().into(), 200)
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

/// Reads requests, and says so; a thread a connection, for as long as the process lives.
fn serve(
    accept: impl Fn(TcpStream) -> io::Result<Conn> + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("localhost:0")?;
    let address = listener.local_addr()?;
    let accept = Arc::new(accept);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let accept = Arc::clone(&accept);
            std::thread::spawn(move || answer(&accept(stream)?));
        }
    });
    Ok(address)
}

fn answer(conn: &Conn) -> io::Result<()> {
    loop {
        conn.read_request(Aio::new()).wait()?;
        let mut aio = Aio::new();
        loop {
            let (piece, idle) = conn.read(aio, PIECE).reclaim();
            if piece?.is_empty() {
                break;
            }
            aio = idle;
        }
        let response = Response::new(Bytes::new());
        conn.write_response(Aio::new(), response).wait()?;
    }
}
