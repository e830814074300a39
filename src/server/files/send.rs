//! Writing an answer that has a file.

use bytes::{Bytes, BytesMut};
use http::{Response, header};

use super::content::FileContent;
use super::pieces::Pieces;
use crate::blocking;
use crate::error::{Error, ErrorKind};
use crate::server::delivery::{Delivery, conclude, cut_off, fail_with, write_whole};
use crate::server::exchange::Exchange;
use crate::server::shared::Shared;
use crate::server::writer::ResponseWriter;

/// Writes the head with the first piece, and then one piece after the other.
pub(in crate::server) fn write_stored(
    shared: &Shared,
    exchange: &mut Exchange,
    mut head: Response<()>,
    mut content: FileContent,
) -> Delivery {
    let (status, pieces) = (head.status(), &shared.pieces);
    let length = content.left();
    let first = match read(&mut content, pieces.take(length)) {
        Ok(piece) => piece,
        Err(error) => return fail_with(shared, exchange, error),
    };
    if content.left() == 0 {
        let delivery = write_whole(shared, exchange, head.map(|()| first.content()));
        pieces.put_back(first.buffer);
        return delivery;
    }
    head.headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    let mut writer = match exchange.begin(head, first.content()) {
        Ok(writer) => writer,
        Err(error) => return conclude(shared, exchange, status, Err(error)),
    };
    let copied = copy(content, first, &mut writer, pieces);
    match copied.and_then(|()| writer.finish()) {
        Ok(_) => Delivery::Done(status),
        Err(error) => cut_off(shared, exchange, status, error),
    }
}

/// A buffer, and how much of it is content.
struct Piece {
    buffer: Bytes,
    count: usize,
}

impl Piece {
    fn content(&self) -> Bytes {
        self.buffer.slice(..self.count)
    }

    /// The buffer for the next one: this one again, unless somebody still has it.
    fn into_buffer(self, pieces: &Pieces, left: u64) -> BytesMut {
        let buffer = self.buffer.try_into_mut();
        buffer.unwrap_or_else(|_| pieces.take(left))
    }
}

fn copy(
    mut content: FileContent,
    first: Piece,
    writer: &mut ResponseWriter,
    pieces: &Pieces,
) -> Result<(), Error> {
    // Whoever waits for this thread would wait for all of the file, even if no write has to.
    blocking::announce();
    let mut last = first;
    while content.left() > 0 {
        let buffer = last.into_buffer(pieces, content.left());
        let piece = read(&mut content, buffer)?;
        writer.write_all([piece.content()])?;
        last = piece;
    }
    pieces.put_back(last.buffer);
    Ok(())
}

fn read(content: &mut FileContent, mut buffer: BytesMut) -> Result<Piece, Error> {
    match content.fill(&mut buffer) {
        Ok(count) => Ok(Piece {
            buffer: buffer.freeze(),
            count,
        }),
        Err(error) => Err(Error::new(ErrorKind::Io)
            .with_detail("the file cannot be read")
            .with_cause(error)),
    }
}
