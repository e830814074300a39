//! Which fields of a head matter to HTTP itself.

use http::HeaderMap;
use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, EXPECT, HeaderName, TRANSFER_ENCODING, UPGRADE,
};

/// Which fields that say something about the message or the connection are among those of a head. Mostly it is few
/// of them: one pass over the names costs less than a look-up of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mentioned {
    pub(crate) length: bool,
    pub(crate) coding: bool,
    pub(crate) connection: bool,
    pub(crate) date: bool,
    pub(crate) expect: bool,
    pub(crate) upgrade: bool,
}

impl Mentioned {
    pub(crate) fn among(headers: &HeaderMap) -> Self {
        let mut mentioned = Self::default();
        headers.keys().for_each(|name| mentioned.see(name));
        mentioned
    }

    fn see(&mut self, name: &HeaderName) {
        match *name {
            CONTENT_LENGTH => self.length = true,
            TRANSFER_ENCODING => self.coding = true,
            CONNECTION => self.connection = true,
            DATE => self.date = true,
            EXPECT => self.expect = true,
            UPGRADE => self.upgrade = true,
            _ => {}
        }
    }

    pub(crate) fn declares_body(self) -> bool {
        self.length || self.coding
    }
}
