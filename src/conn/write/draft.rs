//! A response that is written from where its parts lie, and becomes a parcel only if it does not go out whole.

use std::io::IoSlice;

use bytes::Bytes;
use http::StatusCode;

use super::message::{Message, Role};
use super::parcel::Parcel;
use crate::proto::encode::Announced;

pub(crate) struct Draft<'a> {
    pub(super) message: Message,
    head: &'a [u8],
    body: &'a mut Bytes,
}

impl<'a> Draft<'a> {
    /// A response with the body that is attached to it, which is taken if it becomes a parcel.
    pub(crate) fn response(
        status: StatusCode,
        announced: Announced,
        head: &'a [u8],
        body: &'a mut Bytes,
    ) -> Self {
        let message = Message::new(Role::Response(status), announced);
        Self {
            message,
            head,
            body,
        }
    }

    /// The head, and as much of the body as goes out with it in one call of at most so many bytes.
    pub(super) fn slices(&self, most: usize) -> [IoSlice<'_>; 2] {
        let room = most.saturating_sub(self.head.len());
        let body = &self.body[..self.body.len().min(room)];
        [IoSlice::new(self.head), IoSlice::new(body)]
    }

    pub(super) fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    pub(super) fn into_parcel(self) -> Parcel {
        let head = Bytes::copy_from_slice(self.head);
        Parcel::of_message(self.message, head, std::mem::take(self.body))
    }
}
