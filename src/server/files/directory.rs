//! The files below a folder, as a route.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};

use super::change::Change;
use super::confine::{Root, SymbolicLinks};
use super::lookup::Lookup;
use super::tree::{Hidden, Options, Slash, Tree, Variants, WithoutIndex};
use super::uploads::Uploads;
use crate::error::Error;
use crate::server::answer::{Answer, IntoAnswer, Reply, Unfit};
use crate::server::exchange::Exchange;
use crate::server::handler::{Route, get};
use crate::server::routing::Rest;

/// The files below a folder.
///
/// As the [`Route`] of a [`tree`](crate::Server::tree), or of a path that ends with `{*rest}`, it answers GET and HEAD
/// with the file that the rest of the path names. Each is sent as a [`File`](crate::File) is. A handler can return it,
/// too: one that looks who asks before.
///
/// Nothing outside of the folder is ever sent, whatever the path has in it, and whoever puts links in place while it is
/// looked up; [`symbolic_links`](Self::symbolic_links) says which links are followed. What has a name that begins with a
/// dot is not found, but for `.well-known`. The folder is opened once: if another one comes in its place, the
/// first one is served as before.
///
/// A path that ends with a slash stands for the [index](Self::index) of that folder. Without the slash, the client is
/// sent to the path with it (307), so that links in the index lead to where they should. Without an index there is
/// nothing (404), or a [listing](Self::listing) if that is wanted.
///
/// # Examples
///
/// ```
/// use http_aio::{Aio, Client, Directory, Exchange, Server, get};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::new();
/// server.tree("/examples", Directory::open("examples")?.listing())?;
///
/// let private = Directory::open("src")?;
/// let guarded = move |exchange: &mut Exchange| {
///     let is_allowed = exchange.headers().contains_key("authorization");
///     is_allowed.then(|| private.clone()) // None is 404.
/// };
/// server.tree("/src", get(guarded))?;
///
/// let url = format!("http://{}", server.bind("127.0.0.1:0")?);
/// let (client, aio) = (Client::new(), Aio::options());
/// let response = client.get(aio.another(), format!("{url}/examples/wait.rs")).wait()?;
/// assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
/// for path in ["examples/../Cargo.toml", "examples/%2e%2e%2fCargo.toml", "src/lib.rs"] {
///     let response = client.get(aio.another(), format!("{url}/{path}")).wait()?;
///     assert_eq!(response.status(), 404);
/// }
/// # Ok(())
/// # }
/// ```
#[doc(alias = "nng_http_handler_alloc_directory")]
#[derive(Clone)]
pub struct Directory {
    tree: Tree,
}

impl Directory {
    /// The folder at this path.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io) if it cannot be opened; [`NoMemory`](crate::ErrorKind::NoMemory) if there is no
    /// descriptor for it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let root = Root::open(path.as_ref()).map_err(std::io::Error::from)?;
        let tree = Tree {
            root: Arc::new(root),
            options: Arc::default(),
        };
        Ok(Self { tree })
    }

    /// The names of the files that stand for their folder, in the order in which they are looked for: by default
    /// `index.html` and `index.htm`.
    pub fn index<I>(self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let names = names.into_iter().map(Into::into).collect();
        self.with(|options| options.index = names)
    }

    /// Sends the index of a folder also for a path without the slash at its end, as nng does. Relative links in it
    /// then lead elsewhere.
    pub fn without_redirect(self) -> Self {
        self.with(|options| options.slash = Slash::Ignored)
    }

    /// Shows what is in a folder that has no index: a page for people, with names, sizes and dates, up to 10,000 of them.
    ///
    /// What is shown is what a request would find: no names that begin with a dot, unless they are
    /// [served](Self::hidden_files), and no links that are not followed. Folders come first; the heads of the columns
    /// sort by name, by size and by the time of the last change, as `?sort=size&order=desc` does in the URL (`name`,
    /// `size` or `changed`, `asc` or `desc`). A folder is changed when something is added to it, renamed or removed. The
    /// page loads nothing, from here or elsewhere, which its `Content-Security-Policy` makes sure of, and is complete
    /// where no script runs.
    pub fn listing(self) -> Self {
        self.with(|options| options.without_index = WithoutIndex::Listed)
    }

    /// Sends, and lists, also what has a name that begins with a dot.
    pub fn hidden_files(self) -> Self {
        self.with(|options| options.hidden = Hidden::Served)
    }

    /// Which symbolic links are followed.
    pub fn symbolic_links(self, links: SymbolicLinks) -> Self {
        self.with(|options| options.links = links)
    }

    /// Sends `name.br`, `name.zst` or `name.gz` in place of `name` to clients that accept that coding, if it is there
    /// and not older. Caches are told that answers depend on that.
    pub fn precompressed(self) -> Self {
        self.with(|options| options.variants = Variants::Sent)
    }

    /// Says of what type files with this suffix are: `"md"`, for example. The empty one is for names without.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for what cannot stand in a header field.
    pub fn content_type(self, suffix: &str, kind: &str) -> Result<Self, Error> {
        let suffix = suffix.trim_start_matches('.').to_ascii_lowercase();
        let kind = HeaderValue::try_from(kind)?;
        Ok(self.with(|options| drop(options.types.insert(suffix, kind))))
    }

    /// Sends a field with each file, in place of one of the same name: `Cache-Control` for example. Those that depend
    /// on the request are the server's.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|options| drop(options.headers.insert(name, value)))
    }

    /// Takes uploads: PUT makes and replaces files, DELETE removes them. By default clients change nothing.
    ///
    /// Whoever can reach the server can then do so, also from the page of a [listing](Self::listing). To look who asks before, answer from a handler, with
    /// [`answer`](Self::answer).
    pub fn uploads(self, uploads: Uploads) -> Self {
        self.with(|options| options.uploads = Some(uploads))
    }

    /// Answers a request of any method: for handlers that look who asks before. One that only sends files can just as
    /// well return the directory.
    ///
    /// # Examples
    ///
    /// ```
    /// use http_aio::http::StatusCode;
    /// use http_aio::{Answer, Directory, Exchange, IntoAnswer, Server, Uploads, get};
    ///
    /// fn guarded(directory: &Directory, exchange: &mut Exchange) -> Answer {
    ///     match exchange.headers().get("authorization") {
    ///         Some(value) if value == "Bearer secret" => directory.answer(exchange),
    ///         _ => exchange.error_response(StatusCode::FORBIDDEN).into_answer(),
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = std::env::temp_dir().join(format!("http-aio-guarded-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// let directory = Directory::open(&folder)?.uploads(Uploads::new());
    /// let handler = move |exchange: &mut Exchange| guarded(&directory, exchange);
    /// let server = Server::new();
    /// server.tree("/", get(handler.clone()).put(handler.clone()).delete(handler))?;
    /// # let url = format!("http://{}/a", server.bind("127.0.0.1:0")?);
    /// # let client = http_aio::Client::new();
    /// # assert_eq!(client.put(http_aio::Aio::new(), &url, "a").wait()?.status(), 403);
    /// # let request = http_aio::http::Request::put(&url).header("authorization", "Bearer secret");
    /// # let request = request.body(http_aio::bytes::Bytes::from("a"))?;
    /// # assert_eq!(client.transact(http_aio::Aio::new(), request).wait()?.status(), 201);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn answer(&self, exchange: &mut Exchange) -> Answer {
        let request = exchange.request();
        let change = Change::of(request.method(), request.headers());
        match (change, &self.tree.options.uploads) {
            (Some(change), Some(uploads)) => change.answer(&self.tree, uploads, exchange),
            _ => self.clone().into_answer(),
        }
    }

    /// What is said to a change where nobody makes it: it must not look as if it was made.
    fn missed(&self, request: &Request<()>) -> Option<Unfit> {
        let is_change = matches!(*request.method(), Method::PUT | Method::DELETE);
        (is_change && self.tree.options.uploads.is_some()).then(|| {
            let mut unfit = Unfit::from(StatusCode::INTERNAL_SERVER_ERROR);
            let text = "a handler that takes uploads answers with `Directory::answer`";
            unfit.failure = Some(text.to_owned());
            unfit
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.tree.options));
        self
    }
}

impl IntoAnswer for Directory {
    fn into_answer(self) -> Answer {
        let fit = move |request: &Request<()>, rest: Option<&Rest>| match self.missed(request) {
            Some(unfit) => Err(unfit),
            None => Lookup::new(&self.tree, request, rest).answer(),
        };
        Answer(Reply::Fitted("Answer(directory)", Box::new(fit)))
    }
}

/// GET and HEAD; also PUT and DELETE, if it takes [uploads](Directory::uploads).
impl From<Directory> for Route {
    fn from(directory: Directory) -> Self {
        let takes_uploads = directory.tree.options.uploads.is_some();
        let handler = move |exchange: &mut Exchange| directory.answer(exchange);
        match takes_uploads {
            true => get(handler.clone()).put(handler.clone()).delete(handler),
            false => get(handler),
        }
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("options", &self.tree.options)
            .finish_non_exhaustive()
    }
}
