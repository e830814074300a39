//! Files and folders as answers.
//!
//! `file` and `directory` are what programs see; a directory is a `tree`: a folder, and how what is below it is found
//! and sent. `lookup` finds what a path means, by what its parts can `name`, and `confine` opens it, and nothing
//! that is not below. What is open is a `stored` file, which `respond` makes an answer of, for the
//! conditions and ranges of the request: `content` that is read while `send` writes it, in `pieces`, several ranges as
//! `multipart`.
//! `media_type` knows what names say, `trouble` what is said where nothing can be sent, `listing` which `entry`
//! is in a folder, in which `order`; `page` shows that in a `readable` form, and at which `place` it is.
//!
//! What a client may change (`uploads`) is a `change`: of a `destination`, for which an upload (`receive`) is written to a
//! `part`, which has an `upload_tag` if it can be continued and a `lock`, and which `sweep` removes if nobody does.
//!
//! Files are read on the connection's thread (`reading`). Mostly they are in memory; where the disk must be asked, that is
//! announced as any other call that blocks. For an open that takes its time, the monitor of a watch finds another thread,
//! as for any handler.

mod change;
mod confine;
pub(super) mod content;
mod destination;
mod directory;
mod entry;
mod file;
mod listing;
mod lock;
mod lookup;
mod media_type;
mod multipart;
mod name;
mod order;
mod page;
mod part;
pub(super) mod pieces;
mod place;
mod readable;
mod reading;
mod receive;
mod respond;
pub(super) mod send;
mod stored;
mod sweep;
mod tree;
mod trouble;
mod upload_tag;
mod uploads;

pub use self::confine::SymbolicLinks;
pub use self::directory::Directory;
pub use self::file::File;
pub use self::uploads::Uploads;
