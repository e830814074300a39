//! A stream in memory, for tests: two ends, small buffers, and faults at any call.
//!
//! It stands in for the kernel, so it is the one place besides the completion slot with a condvar.
//!
//! ```
//! use http_aio::testing::memory::{Faults, pair};
//! use http_aio::{Aio, Conn};
//!
//! # fn main() -> Result<(), http_aio::Error> {
//! let (near, far) = pair(1024, Faults::none());
//! let conn = Conn::from_transport(near);
//! let writing = conn.write_all(Aio::new().iov(["hello"]));
//! assert_eq!(writing.wait()?.count(), 5);
//! drop(conn);
//! assert_eq!(far.drain(), b"hello");
//! # Ok(())
//! # }
//! ```

mod faults;
mod pipe;
mod stream;

pub use self::faults::{Fault, Faults};
pub use self::stream::{MemoryStream, pair};
