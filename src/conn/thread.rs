//! The threads of a connection: named, and aware of whose they are.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Builder;

use crate::transport::Addr;

/// Tells the threads of one connection from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(u64);

thread_local! {
    static CURRENT: Cell<Owner> = const { Cell::new(Owner(0)) };
}

/// The current thread works for an owner until this is dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    before: Owner,
}

impl Owner {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn owns_current_thread(self) -> bool {
        // It is gone while the thread's other locals are dropped.
        CURRENT
            .try_with(Cell::get)
            .is_ok_and(|current| current == self)
    }

    /// Whether the caller is a thread of any connection.
    pub(crate) fn is_any() -> bool {
        let current = CURRENT.try_with(Cell::get);
        current.is_ok_and(|current| current != Self(0))
    }

    /// Makes the current thread work for this owner for a while.
    pub(crate) fn enter(self) -> Entered {
        let before = CURRENT.try_with(|current| current.replace(self));
        Entered {
            before: before.unwrap_or(Self(0)),
        }
    }

    /// Starts a thread of this owner, for its connection to `peer`.
    ///
    /// # Errors
    ///
    /// The operating system has none to give.
    pub(crate) fn spawn(
        self,
        role: &str,
        peer: &Addr,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        self.spawn_named(name(role, peer), run)
    }

    /// Starts a thread of this owner.
    ///
    /// # Errors
    ///
    /// The operating system has none to give.
    pub(crate) fn spawn_named(
        self,
        name: String,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let run = move || {
            CURRENT.set(self);
            run();
        };
        Builder::new().name(name).spawn(run).map(drop)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.set(self.before));
    }
}

/// The kernel shows 15 bytes of a name, so what tells most comes first: the role, the port, the host.
pub(super) fn name(role: &str, peer: &Addr) -> String {
    match peer {
        Addr::Ip(peer) => format!("{role}:{} {}", peer.port(), peer.ip()),
        Addr::Unix(Some(path)) => {
            let name = path.file_name().unwrap_or(path.as_os_str());
            // A path may hold a NUL byte, which a name must not.
            format!("{role}:{}", name.to_string_lossy().replace('\0', "@"))
        }
        Addr::Unix(None) => format!("{role}:unix"),
        Addr::Unknown => format!("{role}:unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_visible_in_what_the_kernel_shows() {
        let shown = |peer: &str| {
            let peer = Addr::Ip(peer.parse().expect("an address"));
            name("rd", &peer).chars().take(15).collect::<String>()
        };
        assert_eq!(shown("10.0.0.1:54321"), "rd:54321 10.0.0");
        assert_eq!(shown("[2001:db8::1]:443"), "rd:443 2001:db8");
        assert_eq!(
            name("wr", &Addr::Unix(Some("/run/a.sock".into()))),
            "wr:a.sock"
        );
        assert_eq!(name("wr", &Addr::Unix(Some("a\0b".into()))), "wr:a@b");
    }

    #[test]
    fn a_thread_is_entered_and_left() {
        let (outer, inner) = (Owner::new(), Owner::new());
        assert!(!outer.owns_current_thread());
        let first = outer.enter();
        let second = inner.enter();
        assert!(inner.owns_current_thread() && !outer.owns_current_thread());
        drop(second);
        assert!(outer.owns_current_thread());
        drop(first);
        assert!(!Owner::is_any());
    }
}
