#![allow(dead_code, reason = "a stand-in")]
use http::{HeaderValue, Method, Uri};
use crate::error::Error;

#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);
impl Params { pub(crate) fn get(&self, name: &str) -> Option<&str> { self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()) } }
pub(crate) struct Path(String);
impl Path { pub(crate) fn of(uri: &Uri, _: &Method) -> Result<Self, Error> { Ok(Self(uri.path().to_owned())) } }
#[derive(Clone)]
pub(crate) struct Methods<H>(Vec<(Option<Method>, H)>);
impl<H> Default for Methods<H> { fn default() -> Self { Self(Vec::new()) } }
impl<H> Methods<H> {
    pub(crate) fn on(mut self, m: Method, h: H) -> Self { self.0.push((Some(m), h)); self }
    pub(crate) fn any(mut self, h: H) -> Self { self.0.push((None, h)); self }
}
pub(crate) enum Found<H> { Handler { handler: H, params: Params }, NotFound, MethodNotAllowed { allow: HeaderValue }, Options { allow: HeaderValue }, NotImplemented }
#[derive(Clone)]
pub(crate) struct Router<H>(Vec<(String, H)>);
impl<H> Default for Router<H> { fn default() -> Self { Self(Vec::new()) } }
impl<H: Clone> Router<H> {
    pub(crate) fn route(&mut self, path: &str, methods: Methods<H>) -> Result<(), Error> { for (_, h) in methods.0 { self.0.push((path.to_owned(), h)); } Ok(()) }
    pub(crate) fn tree(&mut self, path: &str, methods: Methods<H>) -> Result<(), Error> { self.route(path, methods) }
    pub(crate) fn find(&self, _: &Method, _: &str, path: &Path) -> Found<H> {
        match self.0.iter().find(|(p, _)| *p == path.0) { Some((_, h)) => Found::Handler { handler: h.clone(), params: Params::default() }, None => Found::NotFound }
    }
}
