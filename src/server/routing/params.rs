//! The parameters of a path.

use std::sync::Arc;

use super::path::plain_text;

/// The parameters of a path, decoded, in the order of the route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(Arc<str>, String)>);

impl Params {
    pub(super) fn new(names: &[Arc<str>], values: &[&str]) -> Self {
        if names.is_empty() {
            return Self::default();
        }
        let pairs = names.iter().zip(values);
        Self(
            pairs
                .map(|(name, value)| (name.clone(), plain_text(value).into_owned()))
                .collect(),
        )
    }

    /// The value of the parameter of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}
