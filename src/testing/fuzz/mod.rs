//! What holds for the code that reads what a peer sent, whatever it sent. The fuzz targets in
//! `tests/fuzz` call these functions with what they think up, the tests with what is kept in
//! `tests/fuzz/corpus`. Outside the semver promise.

mod chunked;
mod conversation;
mod exchange;
mod framing;
mod head;
mod limits;
mod proxies;
mod random;

pub use self::chunked::chunked;
pub use self::conversation::conversation;
pub use self::exchange::exchange;
pub use self::framing::framing;
pub use self::head::head;
pub use self::proxies::proxies;
