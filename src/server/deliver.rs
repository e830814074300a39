//! Writing the answer of a handler, whatever form it has.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header;
use http::{Method, Response, StatusCode};

use super::answer::{Answer, Reply};
use super::event::ServerEvent;
use super::exchange::{Exchange, Given};
use super::from_reader::write_reader;
use super::late::{Coming, Late, Promise};
use super::limits::GivenUp;
use super::shared::Shared;
use crate::aio::{Options, Written};
use crate::error::{Error, ErrorKind};

/// What became of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    /// It is out whole.
    Done(StatusCode),
    /// It is not whole, and the connection has ended with it.
    CutOff(StatusCode),
    /// The connection is its handler's.
    Hijacked(StatusCode),
}

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
        (Given::Nothing, Reply::Reader(head, content, length)) => {
            write_reader(shared, exchange, head, content, length)
        }
        (Given::Nothing, Reply::Static(content)) => {
            let length = content.unsatisfied();
            let response = content.answer(exchange).unwrap_or_else(|status| {
                let mut page = shared.pages.page(status, Some(exchange.request()));
                let length = length.filter(|_| status == StatusCode::RANGE_NOT_SATISFIABLE);
                let length = length.map(|length| (header::CONTENT_RANGE, length));
                page.headers_mut().extend(length);
                page
            });
            write_whole(shared, exchange, response)
        }
        (Given::Nothing, Reply::Redirect(redirect)) => {
            let response = redirect.answer(exchange);
            write_whole(shared, exchange, response)
        }
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

fn write_page(shared: &Shared, exchange: &mut Exchange, status: StatusCode) -> Delivery {
    let page = shared.pages.page(status, Some(exchange.request()));
    write_whole(shared, exchange, page)
}

pub(super) fn write_whole(
    shared: &Shared,
    exchange: &mut Exchange,
    mut response: Response<Bytes>,
) -> Delivery {
    let status = response.status();
    if status.is_informational() {
        return fail(shared, exchange, "the answer has an interim status");
    }
    if !may_have_body(status) && !response.body().is_empty() {
        tell_failure(shared, exchange, "an answer of this status has no body");
        *response.body_mut() = Bytes::new();
    }
    if lacks_content(exchange, &response) {
        let text = "the answer declares content that it does not have";
        return fail(shared, exchange, text);
    }
    let additions = exchange.additions(status, response.headers());
    let result = exchange.conn.write_response_inline(
        response,
        &additions,
        &exchange.options,
        &exchange.meter,
    );
    conclude(shared, exchange, status, result)
}

/// Whether a head promises what does not come. To HEAD, and with a 304, it does not promise anything.
fn lacks_content(exchange: &Exchange, response: &Response<Bytes>) -> bool {
    if !response.body().is_empty() {
        return false;
    }
    let headers = response.headers();
    let declares = headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length != "0");
    let may_lack =
        *exchange.method() == Method::HEAD || response.status() == StatusCode::NOT_MODIFIED;
    declares && !may_lack
}

/// The end of an answer of one write. A head that must not be written becomes a 500.
pub(super) fn conclude(
    shared: &Shared,
    exchange: &mut Exchange,
    status: StatusCode,
    result: Result<Written, Error>,
) -> Delivery {
    match result {
        Ok(_) => Delivery::Done(status),
        Err(error) if error.kind() == ErrorKind::InvalidInput && error.count() == 0 => {
            fail_with(shared, exchange, error)
        }
        Err(error) => cut_off(shared, exchange, status, error),
    }
}

/// Says 500, because nothing was said yet.
fn fail(shared: &Shared, exchange: &mut Exchange, text: &'static str) -> Delivery {
    let error = Error::new(ErrorKind::InvalidInput).with_detail(text);
    fail_with(shared, exchange, error)
}

/// As `fail`.
fn fail_with(shared: &Shared, exchange: &mut Exchange, error: Error) -> Delivery {
    tell_failure(shared, exchange, &error.to_string());
    exchange.trouble = Some(error);
    exchange.is_last = true;
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let page = shared.pages.page(status, Some(exchange.request()));
    let additions = exchange.additions(status, page.headers());
    let result =
        exchange
            .conn
            .write_response_inline(page, &additions, &Options::NONE, &exchange.meter);
    match result {
        Ok(_) => Delivery::Done(status),
        Err(error) => cut_off(shared, exchange, status, error),
    }
}

pub(super) fn cut_off(
    shared: &Shared,
    exchange: &mut Exchange,
    status: StatusCode,
    error: Error,
) -> Delivery {
    let uri = exchange.uri();
    let error = error.with_count(exchange.meter.lock().bytes());
    shared
        .observer
        .tell(|| ServerEvent::AnswerFailed { uri, error: &error });
    if exchange.limits.given_up == GivenUp::Reset {
        exchange.conn.reset();
    }
    exchange.conn.abort();
    exchange.trouble.get_or_insert(error);
    Delivery::CutOff(status)
}

fn tell_failure(shared: &Shared, exchange: &Exchange, text: &str) {
    let uri = exchange.uri();
    shared
        .observer
        .tell(|| ServerEvent::HandlerFailed { uri, text });
}

pub(super) fn may_have_body(status: StatusCode) -> bool {
    use StatusCode as S;
    let has_none = matches!(status, S::NO_CONTENT | S::RESET_CONTENT | S::NOT_MODIFIED);
    !(status.is_informational() || has_none)
}
