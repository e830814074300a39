//! Writing an answer that has a file.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{Response, header};

use super::content::FileContent;
use super::pieces::{LARGE_PIECE, PIECE, Pieces};
use crate::blocking;
use crate::error::{Error, ErrorKind};
use crate::server::delivery::{Delivery, conclude, cut_off, fail_with, write_whole};
use crate::server::exchange::Exchange;
use crate::server::shared::Shared;
use crate::server::writer::ResponseWriter;

/// A client that takes a piece in less than this gets larger ones: a large call costs less for each byte. It could have a
/// piece in memory for long if it stopped, but the kernel has as much for it in the buffers that make it seem quick.
const SOON: Duration = Duration::from_millis(1);

/// Writes the head with the first piece, and then one piece after the other.
pub(in crate::server) fn write_stored(
    shared: &Shared,
    exchange: &mut Exchange,
    mut head: Response<()>,
    mut content: FileContent,
) -> Delivery {
    let (status, pieces) = (head.status(), &shared.pieces);
    let length = content.left();
    let mut is_quick = exchange.meter.lock().is_quick();
    let size = size_of(length, most_of(is_quick));
    let first = match read(&mut content, pieces.take(size), size) {
        Ok(piece) => piece,
        Err(error) => return fail_with(shared, exchange, error),
    };
    if content.left() == 0 {
        let since = Instant::now();
        let delivery = write_whole(shared, exchange, head.map(|()| first.content()));
        if is_quick && since.elapsed() >= SOON {
            exchange.meter.lock().set_quick(false);
        }
        pieces.put_back(first.buffer);
        return delivery;
    }
    head.headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    let mut writer = match exchange.begin(head, first.content()) {
        Ok(writer) => writer,
        Err(error) => return conclude(shared, exchange, status, Err(error)),
    };
    let copied = copy(content, first, &mut writer, pieces, &mut is_quick);
    exchange.meter.lock().set_quick(is_quick);
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

    /// The buffer for the next one: this one again, unless it is too small, or somebody still has it.
    fn into_buffer(self, pieces: &Pieces, size: usize) -> BytesMut {
        match self.buffer.try_into_mut() {
            Ok(buffer) if buffer.len() >= size => buffer,
            _ => pieces.take(size),
        }
    }
}

fn copy(
    mut content: FileContent,
    first: Piece,
    writer: &mut ResponseWriter,
    pieces: &Pieces,
    is_quick: &mut bool,
) -> Result<(), Error> {
    // Whoever waits for this thread would wait for all of the file, even if no write has to.
    blocking::announce();
    let mut last = first;
    while content.left() > 0 {
        let size = size_of(content.left(), most_of(*is_quick));
        let buffer = last.into_buffer(pieces, size);
        let piece = read(&mut content, buffer, size)?;
        let since = Instant::now();
        writer.write_all([piece.content()])?;
        *is_quick = since.elapsed() < SOON;
        last = piece;
    }
    pieces.put_back(last.buffer);
    Ok(())
}

/// Most bytes of a piece for such a client.
fn most_of(is_quick: bool) -> usize {
    match is_quick {
        true => LARGE_PIECE,
        false => PIECE,
    }
}

/// Of the next piece, if it is not to be larger than `most`.
fn size_of(left: u64, most: usize) -> usize {
    usize::try_from(left).map_or(most, |left| left.min(most))
}

/// Reads a piece of this size into a buffer that may be longer.
fn read(content: &mut FileContent, mut buffer: BytesMut, size: usize) -> Result<Piece, Error> {
    match content.fill(&mut buffer[..size]) {
        Ok(count) => Ok(Piece {
            buffer: buffer.freeze(),
            count,
        }),
        Err(error) => Err(Error::new(ErrorKind::Io)
            .with_detail("the file cannot be read")
            .with_cause(error)),
    }
}
