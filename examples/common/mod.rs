//! What the tools `put` and `get` share.

pub(crate) mod access;
pub(crate) mod background;
pub(crate) mod cancel;
pub(crate) mod deadline;
pub(crate) mod ending;
pub(crate) mod loopback;
pub(crate) mod pattern;
pub(crate) mod progress;
pub(crate) mod sentence;
pub(crate) mod target;
pub(crate) mod trust;
