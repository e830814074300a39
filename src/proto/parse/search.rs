//! When it is worth while to parse the head that an input begins with.

use http::HeaderMap;

use super::lines::is_line_end;
use crate::error::{Error, Limit};
use crate::proto::limits::Limits;

/// A kind of head.
pub(crate) trait Head: Default + Send + 'static {
    /// Becomes the message that the input begins with, without its body, and returns the size of its head.
    ///
    /// # Errors
    ///
    /// `Protocol` or `TooLarge`; then it is of no use.
    fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, Error>;

    fn headers(&self) -> &HeaderMap;
}

/// Finds out when parsing is worth while, remembering what it has looked at.
#[derive(Debug, Default)]
pub(crate) struct HeadSearch {
    /// Line ends before the head.
    blank: usize,
    searched: usize,
    tried: usize,
}

impl HeadSearch {
    /// Parses `input`, which is what the last call had and more, if there is a reason to, into a message that exists:
    /// it is too large to be moved for nothing.
    ///
    /// # Errors
    ///
    /// `Protocol` or `TooLarge`. The input is as it was.
    pub(crate) fn parse_into<H: Head>(
        &mut self,
        head: &mut H,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, Error> {
        if input.is_empty() {
            return Ok(None);
        }
        let too_large = input.len() > limits.head_bytes;
        // The first time there is nothing to be spared: most heads come whole.
        let is_first = self.tried == 0;
        let has_grown = input.len() >= self.tried.saturating_mul(2);
        if !(is_first || self.finds_end(input) || too_large || has_grown) {
            return Ok(None);
        }
        self.tried = input.len();
        match head.parse(input, limits)? {
            Some(size) if size > limits.head_bytes => {
                Err(Limit::HeadBytes(limits.head_bytes).into())
            }
            None if too_large => Err(Limit::HeadBytes(limits.head_bytes).into()),
            size => Ok(size),
        }
    }

    /// As `parse_into`, with the message that it makes.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn parse<H: Head>(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(H, usize)>, Error> {
        let mut head = H::default();
        let size = self.parse_into(&mut head, input, limits)?;
        Ok(size.map(|size| (head, size)))
    }

    /// Whether a blank line ends something; the blank lines before a head do not.
    fn finds_end(&mut self, input: &[u8]) -> bool {
        if self.blank == self.searched {
            let blank = input[self.blank..].iter().take_while(|b| is_line_end(b));
            self.blank += blank.count();
        }
        let from = self.searched.saturating_sub(2).max(self.blank);
        self.searched = input.len();
        let rest = &input[from..];
        rest.windows(2).any(|two| two == b"\n\n") || rest.windows(3).any(|three| three == b"\n\r\n")
    }
}
