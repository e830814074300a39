//! Writing an answer whose content comes from a reader.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use http::{Method, Response, header};

use super::delivery::{Delivery, conclude, cut_off, may_have_body, write_whole};
use super::exchange::Exchange;
use super::shared::Shared;
use crate::error::{Error, ErrorKind};

/// Most bytes of a reader that are in memory.
const PIECE: usize = 256 << 10;

pub(super) fn write_reader(
    shared: &Shared,
    exchange: &mut Exchange,
    mut head: Response<()>,
    mut content: Box<dyn Read + Send>,
    length: Option<u64>,
) -> Delivery {
    let status = head.status();
    if !may_have_body(status) || length == Some(0) {
        return write_whole(shared, exchange, head.map(|()| Bytes::new()));
    }
    if let Some(length) = length {
        head.headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
    }
    let mut writer = match exchange.stream(head) {
        Ok(writer) => writer,
        Err(error) => return conclude(shared, exchange, status, Err(error)),
    };
    let copied = match *exchange.method() == Method::HEAD {
        true => Ok(()),
        false => copy(&mut *content, |piece| writer.write_all([piece]).map(drop)),
    };
    match copied.and_then(|()| writer.finish()) {
        Ok(_) => Delivery::Done(status),
        Err(error) => cut_off(shared, exchange, status, error),
    }
}

fn copy(
    content: &mut (dyn Read + Send),
    mut write: impl FnMut(Bytes) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.resize(PIECE, 0);
        let count = match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let unreadable = Error::new(ErrorKind::Io)
                    .with_detail("the content of the answer cannot be read")
                    .with_cause(error);
                return Err(unreadable);
            }
        };
        write(buffer.split_to(count.min(PIECE)).freeze())?;
    }
}
