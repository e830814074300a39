//! Dates of HTTP (RFC 9110 section 5.6.7): whole seconds.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName};

use crate::proto::encode::Date;

/// A date of HTTP, from 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HttpDate {
    /// Since 1970.
    seconds: u64,
}

impl HttpDate {
    /// The last second of the year 9999, beyond which there is no date.
    const LAST: u64 = 253_402_300_799;

    /// None where no date can be written.
    pub(crate) fn new(time: SystemTime) -> Option<Self> {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let seconds = since.as_secs();
        (seconds <= Self::LAST).then_some(Self { seconds })
    }

    /// In any of the three forms.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        Self::new(httpdate::parse_http_date(text).ok()?)
    }

    /// The date that a field gives. None if it gives none, or more than one.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value.as_bytes()),
            _ => None,
        }
    }

    /// As it is written.
    pub(crate) fn text(self) -> Option<Date> {
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.seconds))?;
        httpdate::fmt_http_date(time).as_bytes().try_into().ok()
    }
}
