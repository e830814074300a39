//! What a thread does before it blocks in a call of ours.
//!
//! A thread may have something that others wait for, such as a watch over connections. It leaves a word here about
//! how to give that away, and every place of the library that is about to block, be it for the network or for
//! another thread, calls [`announce`] first.

use std::cell::RefCell;
use std::rc::Rc;

use crate::sync::thread_local;

thread_local! {
    static GIVE_AWAY: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// The current thread is about to block.
pub(crate) fn announce() {
    // Taken for the time of the call: what is called may come here again.
    let give_away = GIVE_AWAY.with(RefCell::take);
    if let Some(give_away) = give_away {
        give_away();
        restore(give_away);
    }
}

fn restore(give_away: Rc<dyn Fn()>) {
    GIVE_AWAY.with(|now| {
        now.borrow_mut().get_or_insert(give_away);
    });
}

/// Has the current thread call `give_away` before it blocks, until what is returned is dropped.
pub(crate) fn before_blocking(give_away: Rc<dyn Fn()>) -> Hook {
    Hook(GIVE_AWAY.with(|now| now.replace(Some(give_away))))
}

/// Undoes `before_blocking`.
pub(crate) struct Hook(Option<Rc<dyn Fn()>>);

impl Drop for Hook {
    fn drop(&mut self) {
        let last = self.0.take();
        let ours = GIVE_AWAY.with(|now| now.replace(last));
        drop(ours);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn it_is_called_each_time_until_it_is_undone() {
        let calls = Rc::new(Cell::new(0));
        let counter = Rc::clone(&calls);
        let hook = before_blocking(Rc::new(move || {
            counter.set(counter.get() + 1);
            announce(); // Not again.
        }));
        announce();
        announce();
        drop(hook);
        announce();
        assert_eq!(calls.get(), 2);
    }

    #[test]
    fn the_one_before_comes_back() {
        let calls = Rc::new(Cell::new(0));
        let counter = Rc::clone(&calls);
        let _outer = before_blocking(Rc::new(move || counter.set(counter.get() + 1)));
        let inner = before_blocking(Rc::new(|| ()));
        announce();
        assert_eq!(calls.get(), 0);
        drop(inner);
        announce();
        assert_eq!(calls.get(), 1);
    }
}
