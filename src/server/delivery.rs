//! Writing an answer of one piece, and what becomes of an answer that cannot be written.

use bytes::Bytes;
use http::header;
use http::{Method, Response, StatusCode};

use super::event::ServerEvent;
use super::exchange::Exchange;
use super::limits::GivenUp;
use super::shared::Shared;
use crate::aio::{Options, Written};
use crate::error::{Error, ErrorKind};
use crate::proto::encode::Additions;

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

pub(super) fn write_page(shared: &Shared, exchange: &mut Exchange, status: StatusCode) -> Delivery {
    let page = shared.pages.page(status, Some(exchange.request()));
    write_whole(shared, exchange, page)
}

pub(super) fn write_whole(
    shared: &Shared,
    exchange: &mut Exchange,
    response: Response<Bytes>,
) -> Delivery {
    write(shared, exchange, response, Content::AsItSays)
}

/// As `write_whole`, for text, which the response does not say yet.
pub(super) fn write_text(
    shared: &Shared,
    exchange: &mut Exchange,
    response: Response<Bytes>,
) -> Delivery {
    write(shared, exchange, response, Content::Text)
}

/// What the content of an answer is.
#[derive(PartialEq, Eq)]
enum Content {
    AsItSays,
    Text,
}

fn write(
    shared: &Shared,
    exchange: &mut Exchange,
    mut response: Response<Bytes>,
    content: Content,
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
    let additions = Additions {
        is_text: content == Content::Text,
        ..exchange.additions(status, response.headers())
    };
    let result = exchange.conn.write_response_inline(
        &mut response,
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
pub(super) fn fail(shared: &Shared, exchange: &mut Exchange, text: &'static str) -> Delivery {
    let error = Error::new(ErrorKind::InvalidInput).with_detail(text);
    fail_with(shared, exchange, error)
}

/// As `fail`.
pub(super) fn fail_with(shared: &Shared, exchange: &mut Exchange, error: Error) -> Delivery {
    tell_failure(shared, exchange, &error.to_string());
    exchange.trouble = Some(error);
    exchange.is_last = true;
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let mut page = shared.pages.page(status, Some(exchange.request()));
    let additions = exchange.additions(status, page.headers());
    let result =
        exchange
            .conn
            .write_response_inline(&mut page, &additions, &Options::NONE, &exchange.meter);
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

pub(super) fn tell_failure(shared: &Shared, exchange: &Exchange, text: &str) {
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
