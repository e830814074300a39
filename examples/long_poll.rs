//! Answers that wait for something to happen: `/wait` is answered when somebody posts to `/tell`. Waiting costs no
//! handler. Ctrl-C sends everybody home, and stops in order.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use http_aio::http::StatusCode;
use http_aio::{Aio, Answer, Exchange, IntoAnswer, Responder, Server, ServerEvent, get, post};

/// Answers requests for `/wait` with what is posted to `/tell` next.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
}

/// Those who wait, until the server stops.
#[derive(Clone)]
struct Waiting(Arc<Mutex<Option<Vec<Responder>>>>);

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let waiting = Waiting(Arc::new(Mutex::new(Some(Vec::new()))));
    let [waits, tells, stops] = [(); 3].map(|()| waiting.clone());
    let server = Server::builder()
        .observe(move |event| {
            if let ServerEvent::Draining { .. } = event {
                answer_all(stops.take(None), StatusCode::SERVICE_UNAVAILABLE);
            }
        })
        .build();
    server.route("/wait", get(move |x: &mut Exchange| waits.wait(x)))?;
    let tell = move |x: &mut Exchange| -> Result<String, http_aio::Error> {
        let news = String::from_utf8_lossy(&x.collect()?).into_owned();
        let told = answer_all(tells.take(Some(Vec::new())), news);
        Ok(format!("told {told}\n"))
    };
    server.route("/tell", post(tell))?;

    let address = server.bind(arguments.bind)?;
    println!("listening on {address}");
    println!("try: curl {address}/wait & sleep 1; curl -d 'the news' {address}/tell");
    let stop = server.clone();
    ctrlc::set_handler(move || drop(stop.drain(Aio::new())))?;
    server.join(Aio::new()).wait()?;
    Ok(())
}

impl Waiting {
    fn wait(&self, exchange: &mut Exchange) -> Result<Answer, http_aio::Error> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = &mut *waiting else {
            return Ok(StatusCode::SERVICE_UNAVAILABLE.into_answer());
        };
        let (responder, answered) = exchange.respond_later()?;
        waiting.retain(|responder| !responder.is_disconnected()); // Their answers would be for nobody.
        waiting.push(responder);
        Ok(answered.into_answer())
    }

    /// Takes all who wait. `None` comes in their place when nobody is to wait any more.
    fn take(&self, next: Option<Vec<Responder>>) -> Vec<Responder> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = waiting.take();
        *waiting = next.filter(|_| taken.is_some());
        taken.unwrap_or_default()
    }
}

fn answer_all(waiting: Vec<Responder>, answer: impl IntoAnswer + Clone) -> usize {
    let count = waiting.len();
    for responder in waiting {
        drop(responder.respond(Aio::new(), answer.clone())); // Detached: it is written.
    }
    count
}
