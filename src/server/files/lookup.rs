//! What a request gets of the files below a folder.
//!
//! ```text
//! path ──is it a name that may be known?──▶ without slash: a file ──▶ it, or a compressed one beside it
//!                                            │             a folder ──▶ 307 to the slash
//!                                            └▶ with slash: the index ──▶ as a file
//!                                                           none      ──▶ 404, or a listing
//! ```

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use rustix::io::Errno;

use super::confine::SymbolicLinks;
use super::listing::Listing;
use super::name::{below, path_of};
use super::order::Order;
use super::page::{self, UploadForm};
use super::place::Place;
use super::respond::Described;
use super::stored::{Opened, StoredFile};
use super::tree::{Slash, Tree, Variants, WithoutIndex};
use super::trouble::{ABSENT, is_absent, unfit};
use crate::proto::codings::{self, Coding};
use crate::proto::percent;
use crate::server::answer::{Content, Unfit};
use crate::server::redirect::redirection;
use crate::server::routing::Rest;

/// A request for something below a folder.
pub(super) struct Lookup<'a> {
    tree: &'a Tree,
    request: &'a Request<()>,
    /// Below the folder, without slashes at its ends. None: nothing can be called so.
    path: Option<String>,
    form: Form,
}

/// How a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Name,
    /// With a slash, or with all that the route has.
    Folder,
}

type Found = Result<Response<Content>, Unfit>;

impl<'a> Lookup<'a> {
    pub(super) fn new(tree: &'a Tree, request: &'a Request<()>, rest: Option<&Rest>) -> Self {
        let form = match rest {
            Some(rest) if !rest.ends_with_slash() => Form::Name,
            _ => Form::Folder,
        };
        Self {
            path: path_of(rest, tree.options.hidden),
            tree,
            request,
            form,
        }
    }

    pub(super) fn answer(&self) -> Found {
        let answer = match &self.path {
            Some(path) => self.find(path),
            None => Err(unfit(ABSENT)),
        };
        self.varying(answer)
    }

    /// Whatever is said may be another thing to another client (RFC 9110 section 12.5.5).
    fn varying(&self, answer: Found) -> Found {
        if self.tree.options.variants == Variants::Ignored {
            return answer;
        }
        let vary = (header::VARY, HeaderValue::from_static("Accept-Encoding"));
        match answer {
            Ok(mut response) => {
                response.headers_mut().extend([vary]); // Beside what there is.
                Ok(response)
            }
            Err(mut unfit) => {
                unfit.fields.push(vary);
                Err(unfit)
            }
        }
    }

    fn find(&self, path: &str) -> Found {
        if self.form == Form::Folder {
            return self.index(path);
        }
        // The folder itself needs no look.
        if path.is_empty() {
            return self.folder(path);
        }
        match self.open(path) {
            Ok(Opened::File(stored)) => self.send(path, stored),
            Ok(Opened::Folder { .. }) => self.folder(path),
            Err(errno) => Err(unfit(errno)),
        }
    }

    /// What is said of a folder that is asked for without its slash.
    fn folder(&self, path: &str) -> Found {
        match self.tree.options.slash {
            Slash::Added => Ok(self.to_slash()),
            Slash::Ignored => self.index(path),
        }
    }

    fn open(&self, path: &str) -> Result<Opened, Errno> {
        self.tree.root.find(path, self.links())
    }

    fn links(&self) -> SymbolicLinks {
        self.tree.options.links
    }

    /// What stands for a folder.
    fn index(&self, folder: &str) -> Found {
        for name in &self.tree.options.index {
            let path = below(folder, name);
            match self.open(&path) {
                Ok(Opened::File(stored)) => return self.send(&path, stored),
                Ok(Opened::Folder { .. }) => {}
                Err(errno) if is_absent(errno) => {}
                Err(errno) => return Err(unfit(errno)),
            }
        }
        match (self.tree.options.without_index, self.form) {
            (WithoutIndex::NotFound, _) => Err(unfit(ABSENT)),
            (WithoutIndex::Listed, Form::Folder) => self.list(folder),
            // The links in a listing are relative.
            (WithoutIndex::Listed, Form::Name) => Ok(self.to_slash()),
        }
    }

    fn list(&self, folder: &str) -> Found {
        let uri = self.request.uri();
        let order = Order::of(uri.query());
        let listing = Listing::read(self.tree, folder, order).map_err(unfit)?;
        let depth = folder.split('/').filter(|name| !name.is_empty()).count();
        let place = Place::new(uri.path(), depth);
        let form = match self.tree.options.uploads {
            Some(_) => UploadForm::Shown,
            None => UploadForm::Hidden,
        };
        let page = page::of(&place, &listing, order, form);
        Ok(page.map(Content::Whole))
    }

    fn send(&self, path: &str, stored: StoredFile) -> Found {
        let headers = self.tree.options.describe(path);
        let (stored, coding) = match self.variant(path, &stored) {
            Some((variant, coding)) => (variant, Some(coding)),
            None => (stored, None),
        };
        let described = Described {
            stored,
            coding,
            headers,
        };
        described.respond(self.request)
    }

    /// The compressed file to send in place of one. What cannot be opened is not there.
    fn variant(&self, path: &str, plain: &StoredFile) -> Option<(StoredFile, Coding)> {
        if self.tree.options.variants == Variants::Ignored {
            return None;
        }
        let wanted = codings::wanted(self.request.headers());
        wanted.into_iter().find_map(|coding| {
            let path = format!("{path}{}", suffix_of(coding));
            match self.open(&path) {
                Ok(Opened::File(stored)) if stored.is_as_new_as(plain) => Some((stored, coding)),
                _ => None,
            }
        })
    }

    /// Sends the client to the path with a slash: relative, so that nobody is led to another host.
    fn to_slash(&self) -> Response<Content> {
        let uri = self.request.uri();
        let name = uri.path().rsplit('/').next().unwrap_or_default();
        let mut location = format!("./{}/", percent::encode_query(name.as_bytes()));
        if let Some(query) = uri.query() {
            location.push('?');
            location.push_str(&percent::encode_query(query.as_bytes()));
        }
        let redirection: Response<Bytes> = redirection(StatusCode::TEMPORARY_REDIRECT, location);
        redirection.map(Content::Whole)
    }
}

fn suffix_of(coding: Coding) -> &'static str {
    match coding {
        Coding::Brotli => ".br",
        Coding::Zstandard => ".zst",
        Coding::Gzip => ".gz",
    }
}
