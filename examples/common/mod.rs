//! What the tools `put` and `get` share.
//!
//! `usage` and the groups of options (`access`, `verbosity` in `console`, `request`) read the command line;
//! `task` is what ends everything before its time. `target` is a URL, `trust` whom to trust behind it,
//! `head` shows the heads of messages, `output` is where bodies go. `ending`, `failure` and `exit` say how it
//! ended, `retry` whether it is worth another attempt. `loopback` and `pattern` are for the demonstrations.

#![allow(dead_code, reason = "each tool uses a part of it")]

pub(crate) mod access;
pub(crate) mod background;
pub(crate) mod console;
pub(crate) mod ending;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod head;
pub(crate) mod loopback;
pub(crate) mod output;
pub(crate) mod pattern;
pub(crate) mod request;
pub(crate) mod retry;
pub(crate) mod target;
pub(crate) mod task;
pub(crate) mod trust;
pub(crate) mod usage;
