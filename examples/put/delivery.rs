//! The answer's body, on its way to the output.
//!
//! It is read and written on a thread of its own: a server that waits for us to read what it says would
//! not read what we send, and a write to a pipe or a terminal cannot be canceled.

use crossbeam_channel::{Receiver, bounded};
use http_aio::Conn;
use http_aio::bytes::Bytes;
use http_aio::http::Response;

use crate::common::background::spawn;
use crate::common::exit::Exit;
use crate::common::failure::{Failure, Phase, has_closed};
use crate::common::head;
use crate::common::output::{Column, Output};
use crate::common::task::Task;
use crate::context::Context;

/// Most of a body that is read at once.
const PIECE: usize = 64 << 10;

/// What became of it.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) result: Result<(), Failure>,
    /// Where it has left standard output.
    pub(crate) column: Column,
}

/// Nothing is to be delivered.
pub(crate) fn none() -> Receiver<Delivered> {
    done(Ok(()))
}

/// Delivers the body behind this head, which goes first if the user wants it.
pub(crate) fn start(
    context: &Context<'_>,
    conn: &Conn,
    head: &Response<()>,
) -> Receiver<Delivered> {
    let file = context.options.output.clone();
    let mut output = match Output::to(file.as_deref()) {
        Ok(output) => output,
        Err(failure) => return done(Err(failure)),
    };
    if output.is_terminal() {
        context.progress.hide();
    }
    let head = context.options.include.then(|| head::response(head));
    let (conn, task) = (conn.clone(), context.task.clone());
    let (tell, delivered) = bounded(1);
    let started = spawn("put:answer", move || {
        let result = deliver(&conn, &task, &mut output, head.unwrap_or_default());
        let column = match file {
            Some(_) => Column::AtStart,
            None => output.column(),
        };
        let _ = tell.send(Delivered { result, column }); // Nobody may wait for it any more.
    });
    match started {
        Ok(()) => delivered,
        Err(failure) => done(Err(failure)),
    }
}

fn done(result: Result<(), Failure>) -> Receiver<Delivered> {
    let (tell, delivered) = bounded(1);
    let column = Column::AtStart;
    let _ = tell.send(Delivered { result, column }); // There is room for it.
    delivered
}

fn deliver(conn: &Conn, task: &Task, output: &mut Output, head: Bytes) -> Result<(), Failure> {
    output.start_at(0)?;
    write(output, &head)?;
    let mut aio = task.aio();
    loop {
        let (bytes, idle) = conn.read(aio, PIECE).reclaim();
        let bytes = bytes.map_err(|error| match Failure::of(&error, Phase::Receiving) {
            failure if failure.exit == Exit::Receive && has_closed(&error) => {
                Failure::new(Exit::Receive, "the answer is incomplete")
            }
            failure => failure,
        })?;
        if bytes.is_empty() {
            return Ok(());
        }
        write(output, &bytes)?;
        aio = idle;
    }
}

fn write(output: &mut Output, mut bytes: &[u8]) -> Result<(), Failure> {
    while !bytes.is_empty() {
        let count = output.write(bytes)?;
        bytes = &bytes[count..];
    }
    Ok(())
}

impl Delivered {
    pub(crate) fn failed(failure: Failure) -> Self {
        Self {
            result: Err(failure),
            column: Column::InMiddle,
        }
    }
}
