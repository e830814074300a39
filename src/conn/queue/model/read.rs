//! The jobs of the model: reads that yield their number.

use crate::aio::Completer;
use crate::background::UserCode;
use crate::conn::queue::Job;
use crate::deadline::Deadline;
use crate::error::Error;

pub(super) struct Read(pub(super) Completer<u32>);

impl Job for Read {
    fn id(&self) -> usize {
        self.0.id()
    }

    fn deadline(&self) -> Deadline {
        Deadline::Never
    }

    fn set_place(&self, place: u64) {
        self.0.set_place(place);
    }

    fn set_held(&self, held: bool) {
        self.0.set_held(held);
    }

    fn is_wanted(&self) -> bool {
        self.0.is_wanted()
    }

    fn is_cut(&self) -> bool {
        false
    }

    fn fail(self, error: Error) -> Option<UserCode> {
        self.0.finish(Err(error)).into_call()
    }
}
