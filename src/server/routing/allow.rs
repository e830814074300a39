//! The value of the field `Allow` (RFC 9110 section 10.2.1).

use std::fmt;

use http::Method;

use super::methods::Accepts;

/// The methods that every server knows, in the order in which they are listed.
pub(super) const STANDARD: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// The methods that something allows. Displayed as the value of the field `Allow`.
///
/// OPTIONS is always among them, because the server answers it where no handler does. HEAD is where GET is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allow(Vec<Method>);

impl Allow {
    pub(super) fn new() -> Self {
        Self(vec![Method::OPTIONS])
    }

    /// The methods: the standard ones first, then the others by their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Method> {
        self.0.iter()
    }

    pub(super) fn extend(&mut self, accepts: &Accepts) {
        match accepts {
            Accepts::Any => STANDARD.iter().for_each(|method| self.insert(method)),
            Accepts::Only(method) => {
                self.insert(method);
                if *method == Method::GET {
                    self.insert(&Method::HEAD);
                }
            }
        }
    }

    fn insert(&mut self, method: &Method) {
        if let Err(at) = self
            .0
            .binary_search_by(|own| order(own).cmp(&order(method)))
        {
            self.0.insert(at, method.clone());
        }
    }
}

fn order(method: &Method) -> (usize, &str) {
    let standard = STANDARD.iter().position(|own| own == method);
    (standard.unwrap_or(STANDARD.len()), method.as_str())
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, method) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            f.write_str(method.as_str())?;
        }
        Ok(())
    }
}
