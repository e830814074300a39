//! Parts of a benchmark in processes of their own, so that the processor's time is known for each side alone.

#![allow(dead_code, reason = "not every benchmark needs all of it")]

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

const ROLE: &str = "--role=";

/// Another process of this program, which ends with its input, and so with this one.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    remark: String,
}

impl Process {
    pub(crate) fn start(role: &str) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(as_role(role))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = &mut child.stdout {
            BufReader::new(output).read_line(&mut line)?;
        }
        let (address, remark) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        Ok(Self {
            child,
            address: address.parse().map_err(io::Error::other)?,
            remark: remark.to_owned(),
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What else it has said.
    pub(crate) fn remark(&self) -> &str {
        &self.remark
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The argument that tells a process what it is there for.
pub(crate) fn as_role(role: &str) -> String {
    format!("{ROLE}{role}")
}

/// What this process is there for, if it is not the first one.
pub(crate) fn role() -> Option<String> {
    std::env::args().find_map(|arg| arg.strip_prefix(ROLE).map(str::to_owned))
}

/// Tells the first process where this one listens, and stays until that ends.
pub(crate) fn stay(address: SocketAddr, remark: &str) -> io::Result<()> {
    println!("{address} {remark}");
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
