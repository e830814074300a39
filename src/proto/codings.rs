//! What `Accept-Encoding` says of the codings of content (RFC 9110 section 12.5.3).

use http::{HeaderMap, header};

/// A coding of content that is made beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Zstandard,
    Gzip,
}

impl Coding {
    /// The smallest result first.
    const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// As it is called in fields.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    fn is_called(self, name: &str) -> bool {
        let is_old_name = self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip");
        name.eq_ignore_ascii_case(self.name()) || is_old_name
    }
}

/// The codings that a client wants at least as much as none, best first, and the smallest first of those that it
/// wants equally.
pub(crate) fn wanted(headers: &HeaderMap) -> Vec<Coding> {
    let accepted = Accepted::of(headers);
    let plain = accepted.weight(|name| name.eq_ignore_ascii_case("identity"));
    let mut wanted: Vec<(u16, Coding)> = Coding::ALL
        .into_iter()
        .map(|coding| {
            let weight = accepted.weight(|name| coding.is_called(name));
            (weight.unwrap_or(0), coding)
        })
        .filter(|&(weight, _)| weight > 0 && weight >= plain.unwrap_or(0))
        .collect();
    wanted.sort_by_key(|&(weight, _)| std::cmp::Reverse(weight)); // It is stable.
    wanted.into_iter().map(|(_, coding)| coding).collect()
}

/// Names and their weights, in thousandths.
struct Accepted<'a>(Vec<(&'a str, u16)>);

impl<'a> Accepted<'a> {
    /// Without what is not understood.
    fn of(headers: &'a HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
        let elements = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        Self(elements.filter_map(element).collect())
    }

    /// The weight of the coding that is called so, or else that of all that are not named.
    fn weight(&self, is_called: impl Fn(&str) -> bool) -> Option<u16> {
        let find = |fits: &dyn Fn(&str) -> bool| {
            let found = self.0.iter().find(|(name, _)| fits(name));
            found.map(|&(_, weight)| weight)
        };
        find(&is_called).or_else(|| find(&|name| name == "*"))
    }
}

fn element(text: &str) -> Option<(&str, u16)> {
    let (name, weight) = match text.split_once(';') {
        None => (text, 1000),
        Some((name, parameter)) => (name, weight(parameter.trim())?),
    };
    let name = name.trim();
    (!name.is_empty()).then_some((name, weight))
}

/// `weight` (section 12.4.2), in thousandths.
fn weight(parameter: &str) -> Option<u16> {
    let value = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::Coding::*;
    use super::*;

    fn wants(field: &str) -> Vec<Coding> {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::try_from(field).unwrap();
        headers.insert(header::ACCEPT_ENCODING, value);
        wanted(&headers)
    }

    #[test]
    fn what_is_wanted_most_comes_first() {
        assert_eq!(wanted(&HeaderMap::new()), []);
        for (field, codings) in [
            ("", &[][..]),
            ("gzip", &[Gzip]),
            ("x-gzip", &[Gzip]),
            ("GZIP , Br", &[Brotli, Gzip]),
            ("gzip, deflate, br, zstd", &[Brotli, Zstandard, Gzip]),
            ("br;q=0.5, gzip;q=0.8", &[Gzip, Brotli]),
            ("br;q=0.001, gzip; q=0.01", &[Gzip, Brotli]),
            ("gzip;q=0", &[]),
            ("gzip;q=0.000, *", &[Brotli, Zstandard]),
            ("*;q=0", &[]),
            ("*", &[Brotli, Zstandard, Gzip]),
            ("identity", &[]),
            ("identity, gzip;q=0.9", &[]),
            ("identity;q=0.5, gzip;q=0.5, br;q=0.4", &[Gzip]),
            ("identity;q=0, gzip;q=0.1", &[Gzip]),
            ("deflate", &[]),
        ] {
            assert_eq!(wants(field), codings, "{field}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_wanted() {
        for field in [
            "gzip;q=1.001",
            "gzip;q=2",
            "gzip;q=",
            "gzip;q=.5",
            "gzip;q=0.0001",
            "gzip;q=-1",
            "gzip;w=1",
            ";q=1",
            "gzip br",
        ] {
            assert_eq!(wants(field), [], "{field}");
        }
        assert_eq!(wants("br;q=x, gzip;q=1.000"), [Gzip]);
    }
}
