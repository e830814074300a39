//! What a directory takes of its clients.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long a part waits for its rest, unless somebody says otherwise.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often parts that were given up are looked for.
const SWEEPS: Duration = Duration::from_secs(60);

/// What a [`Directory`](crate::Directory) that takes uploads does with them; for
/// [`Directory::uploads`](crate::Directory::uploads).
///
/// PUT makes a file, or replaces it. What arrives is written to a hidden file in the same folder (its name begins with
/// `.http-aio-part.`, and is never served or listed) and takes the place of the file once it is whole: so
/// whoever reads sees the one or the other, whatever fails, and of several uploads at once the last that is finished
/// stays. DELETE removes a file.
///
/// Neither changes anything through a symbolic link, whatever
/// [`symbolic_links`](crate::Directory::symbolic_links) says, in place of a folder, a pipe or a device, or under a name
/// that would not be served. Folders are neither made nor removed.
///
/// Conditions (`If-Match`, `If-None-Match`, `If-Unmodified-Since`) are looked at before the body is asked for,
/// and again when the file takes its place: of two clients that change the same state of a file, one gets a 412
/// (Precondition Failed).
///
/// # Uploads that are continued
///
/// A client that may have to continue its upload names what it uploads, in the field `Upload-Tag`: 1 to 64
/// letters, digits, `-` and `_`, chosen so that other content has another tag. What has arrived of such an upload is
/// kept if it breaks off.
///
/// | request | answer |
/// |---|---|
/// | `HEAD`, `Upload-Tag: TAG` | 204 with the same `Upload-Tag`, and `Upload-Offset: COUNT`, the bytes that are there |
/// | `PUT`, `Upload-Tag: TAG` | as without the tag; begins anew |
/// | and `Content-Range: bytes COUNT-LAST/TOTAL` | the same, if `LAST` is the last of `TOTAL`; otherwise 202 with `Upload-Offset` |
/// | and `Content-Range: bytes */TOTAL`, without content | finishes one of which all is there |
/// | where another count is there | 409 with the right `Upload-Offset` |
/// | while another request writes to it, for more than 2 seconds | 423 with `Retry-After` |
///
/// This is the partial PUT of RFC 9110 section 14.5, which is for those who have agreed on it: a server that has not
/// may take the part for the whole. The answer to HEAD is the agreement, so a client sends a part only after an answer
/// that has its tag. The tag is a part of the name under which a part is kept, so parts of different content never
/// mix. The IETF's draft about resumable uploads needs a URL for each upload that the client has to remember; here the
/// file and its URL are all that it needs, also after it was killed.
///
/// A name of a file that leaves no room for the tag within the 255 bytes of most file systems can be uploaded, but
/// not continued.
///
/// # Examples
///
/// ```
/// use http_aio::{Aio, Client, Directory, Server, Uploads};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("http-aio-uploads-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let server = Server::new();
/// let uploads = Uploads::new().largest(1 << 30).sync();
/// server.tree("/", Directory::open(&folder)?.uploads(uploads))?;
///
/// let url = format!("http://{}/hello.txt", server.bind("127.0.0.1:0")?);
/// let (client, aio) = (Client::new(), Aio::options());
/// assert_eq!(client.put(aio.another(), &url, "hello").wait()?.status(), 201);
/// assert_eq!(client.put(aio.another(), &url, "hello again").wait()?.status(), 204);
/// assert_eq!(client.get(aio.another(), &url).wait()?.body(), "hello again");
/// assert_eq!(client.delete(aio.another(), &url).wait()?.status(), 204);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a directory takes them with `Directory::uploads`"]
pub struct Uploads {
    pub(super) largest: u64,
    pub(super) kept: Duration,
    pub(super) durability: Durability,
    /// When parts that were given up were last looked for.
    swept: Arc<Mutex<Option<Instant>>>,
}

/// What is certain when an upload is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// The kernel has it.
    Memory,
    /// The disk has it.
    Disk,
}

impl Uploads {
    /// Of any size; what breaks off is kept for a day; and files are written to the disk when the system sees fit.
    pub fn new() -> Self {
        Self {
            largest: u64::MAX,
            kept: DAY,
            durability: Durability::Memory,
            swept: Arc::default(),
        }
    }

    /// The most bytes that a file may have. Larger ones are answered with 413 (Content Too Large): before their body is
    /// asked for, if they say how long it is.
    pub fn largest(mut self, bytes: u64) -> Self {
        self.largest = bytes;
        self
    }

    /// How long a part is kept at least, if nobody continues it. Older ones are removed when something else is uploaded
    /// to the same folder; that is looked for once a minute at most. With [`Duration::ZERO`] no part is kept, and no
    /// upload can be continued.
    pub fn keep_parts(mut self, time: Duration) -> Self {
        self.kept = time;
        self
    }

    /// Has each file on the disk, and its name in the folder, before the answer says that it is there. Without
    /// this, a machine that dies within the next seconds may lose it, or have an empty file in its place.
    pub fn sync(mut self) -> Self {
        self.durability = Durability::Disk;
        self
    }

    /// Whether it is time to look for parts that were given up. Then it is not for a while.
    pub(super) fn is_time_to_sweep(&self) -> bool {
        let now = Instant::now();
        let mut swept = self.swept.lock();
        let is_time = swept.is_none_or(|last| now.duration_since(last) >= SWEEPS);
        if is_time {
            *swept = Some(now);
        }
        is_time
    }
}

impl Default for Uploads {
    fn default() -> Self {
        Self::new()
    }
}
