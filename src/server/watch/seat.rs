//! The place of a connection in its watch, while somebody serves it.

use std::sync::Arc;
use std::time::Instant;

use super::phase::Phase;
use super::state::{Key, Summons, Token};
use super::{Loss, Watch, Watched, Watching};

/// The place of a connection in its watch, for whoever serves it. Unless the connection is put back, it is no
/// longer the watch's when this is dropped.
pub(in crate::server) struct Seat<'w, C: Watched> {
    watch: &'w Arc<Watch<C>>,
    key: Key,
    /// Of the thread that holds the watch, or has held it when it took the connection.
    token: Token,
    is_back: bool,
}

impl<'w, C: Watched> Seat<'w, C> {
    /// Of a connection that a thread has just taken with this token.
    pub(super) fn new(watch: &'w Arc<Watch<C>>, key: Key, token: Token) -> Self {
        Self {
            watch,
            key,
            token,
            is_back: false,
        }
    }

    /// What asks for the connection when it is back.
    pub(in crate::server) fn asks(&self) -> (Arc<dyn Watching>, Key) {
        let watch: Arc<Watch<C>> = Arc::clone(self.watch);
        (watch, self.key)
    }

    /// Whether the thread still holds the watch, so that others wait for it.
    pub(in crate::server) fn holds_watch(&self) -> bool {
        self.watch.is_held_by(self.token)
    }

    /// Gives the watch to another thread, because what comes takes its time.
    pub(in crate::server) fn give_up_watch(&self) {
        self.watch.give_up(self.token, Loss::Slow);
    }

    /// Has the connection wait again, since then. `summons` has it looked at again when others have had their
    /// turn.
    ///
    /// # Errors
    ///
    /// The connection, if it cannot be polled. It is no longer the watch's.
    pub(in crate::server) fn put_back(
        mut self,
        connection: C,
        phase: Phase,
        since: Instant,
        summons: Option<Summons>,
    ) -> Result<(), C> {
        let watch = self.watch;
        let mut state = watch.state.lock();
        if let Some(descriptor) = state.enter_set(self.key) {
            if watch.set.add(self.key, (*descriptor).as_fd()).is_err() {
                drop(state);
                return Err(connection);
            }
        }
        state.put_back(self.key, connection, phase, since);
        if let Some(summons) = summons {
            state.summon(self.key, summons);
        }
        // Of a head that began a while ago, the deadline may be the next.
        let must_wake = state.must_wake() || (phase == Phase::Head && state.waits());
        drop(state);
        if must_wake {
            watch.set.wake();
        }
        self.is_back = true;
        Ok(())
    }
}

impl<C: Watched> Drop for Seat<'_, C> {
    fn drop(&mut self) {
        if self.is_back {
            return;
        }
        let mut state = self.watch.state.lock();
        if let Some(descriptor) = state.remove(self.key) {
            self.watch.set.remove((*descriptor).as_fd());
        }
    }
}
