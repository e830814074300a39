//! Writing the answer of a handler, whatever form it has.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use http::{Response, StatusCode};

use super::answer::{Answer, Reply, Unfit};
use super::delivery::{Delivery, cut_off, fail, tell_failure, write_page, write_text, write_whole};
use super::exchange::{Exchange, Given};
use super::files::send::write_stored;
use super::from_reader::write_reader;
use super::late::{Coming, Late, Promise};
use super::shared::Shared;
use crate::aio::Written;
use crate::error::{Error, ErrorKind};

/// Writes an answer. Its content is code of the handler's, too, which may panic when it is read or dropped.
pub(super) fn deliver(shared: &Shared, exchange: &mut Exchange, answer: Answer) -> Delivery {
    let delivered = catch_unwind(AssertUnwindSafe(|| give(shared, exchange, answer)));
    delivered.unwrap_or_else(|payload| {
        let text = text_of(payload);
        tell_failure(shared, exchange, &text);
        let status = match exchange.given {
            Given::Head(status, _) | Given::Hijacked(status) => status,
            Given::Nothing | Given::Later(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let error =
            Error::new(ErrorKind::Abandoned).with_detail("the content of the answer panicked");
        cut_off(shared, exchange, status, error)
    })
}

/// What a panic says.
pub(super) fn text_of(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    // Dropping it may panic again.
    std::mem::forget(payload);
    text.unwrap_or_else(|| "the handler panicked".to_owned())
}

fn give(shared: &Shared, exchange: &mut Exchange, answer: Answer) -> Delivery {
    match (exchange.given.clone(), answer.0) {
        (Given::Hijacked(status), reply) => {
            if let Reply::Failed(text) = reply {
                tell_failure(shared, exchange, &text);
            }
            Delivery::Hijacked(status)
        }
        (Given::Head(status, is_finished), reply) => {
            if let Reply::Failed(text) = reply {
                tell_failure(shared, exchange, &text);
            }
            if is_finished.load(Ordering::Acquire) {
                return Delivery::Done(status);
            }
            let detail = "the handler has not finished its answer";
            let error = Error::new(ErrorKind::Abandoned).with_detail(detail);
            cut_off(shared, exchange, status, error)
        }
        (Given::Later(late), reply) => {
            exchange.given = Given::Nothing;
            match reply {
                Reply::Failed(text) => {
                    late.give_up();
                    exchange.is_last = true;
                    tell_failure(shared, exchange, &text);
                    write_page(shared, exchange, StatusCode::INTERNAL_SERVER_ERROR)
                }
                _ => give_later(shared, exchange, &late),
            }
        }
        (Given::Nothing, Reply::Whole(response)) => write_whole(shared, exchange, response),
        (Given::Nothing, Reply::Text(status, text)) => {
            let mut response = Response::new(text);
            *response.status_mut() = status;
            write_text(shared, exchange, response)
        }
        (Given::Nothing, Reply::Reader(head, content, length)) => {
            write_reader(shared, exchange, head, content, length)
        }
        (Given::Nothing, Reply::Stored(head, content)) => {
            write_stored(shared, exchange, head, *content)
        }
        (Given::Nothing, reply @ Reply::Fitted(..)) => {
            let answer = Answer(reply).fitted(&exchange.request, exchange.matched.rest.as_ref());
            give(shared, exchange, answer)
        }
        (Given::Nothing, Reply::Unfit(unfit)) => write_unfit(shared, exchange, unfit),
        (Given::Nothing, Reply::Failed(text)) => {
            if exchange.fault.is_none() {
                exchange.is_last = true;
                tell_failure(shared, exchange, &text);
            }
            let status = exchange.fault;
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            write_page(shared, exchange, status)
        }
        (Given::Nothing, Reply::Given) => fail(shared, exchange, "the answer was another's"),
    }
}

fn write_unfit(shared: &Shared, exchange: &mut Exchange, unfit: Unfit) -> Delivery {
    if let Some(text) = &unfit.failure {
        tell_failure(shared, exchange, text);
    }
    let mut page = shared.pages.page(unfit.status, Some(exchange.request()));
    page.headers_mut().extend(unfit.fields);
    write_whole(shared, exchange, page)
}

/// Waits for a late answer, and writes it.
fn give_later(shared: &Shared, exchange: &mut Exchange, late: &Late) -> Delivery {
    shared.counters.late.add(1);
    let coming = late.wait(&exchange.conn);
    shared.counters.late.sub(1);
    match coming {
        Coming::Answer(promise) if promise.is_void() => {
            promise.refuse(ErrorKind::TimedOut);
            fail(shared, exchange, "the late answer was given up")
        }
        Coming::Answer(promise) => write_late(shared, exchange, late, *promise),
        Coming::Nothing(reason) => fail(shared, exchange, reason),
        Coming::Lost(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            cut_off(shared, exchange, status, error)
        }
    }
}

/// Writes a late answer, and tells whoever has given it.
fn write_late(shared: &Shared, exchange: &mut Exchange, late: &Late, promise: Promise) -> Delivery {
    exchange.options = late.options(&promise);
    let (answer, fulfilment) = promise.into_parts();
    let delivery = give(shared, exchange, answer);
    let count = exchange.meter.lock().bytes();
    fulfilment.tell(match exchange.trouble.take() {
        Some(error) => Err(error),
        None => Ok(Written::new(count)),
    });
    delivery
}
