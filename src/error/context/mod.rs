//! What an error knows besides what happened: what we were doing, and with whom.

mod action;
mod peer;

pub(crate) use self::action::Action;
pub(super) use self::action::Counted;
pub use self::peer::Peer;
