//! The `Date` of responses (RFC 9110 section 6.6.1), made once a second for each thread.

use std::cell::RefCell;
use std::time::SystemTime;

use http::HeaderValue;

struct Cached {
    second: u64,
    value: HeaderValue,
}

thread_local! {
    static LAST: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

/// Now, as a date. None if the clock stands at a time that has none.
pub(crate) fn now() -> Option<HeaderValue> {
    let now = SystemTime::now();
    let second = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    LAST.with_borrow_mut(|last| match last {
        Some(cached) if cached.second == second => Some(cached.value.clone()),
        _ => {
            let value = format(second, now)?;
            *last = Some(Cached {
                second,
                value: value.clone(),
            });
            Some(value)
        }
    })
}

fn format(second: u64, time: SystemTime) -> Option<HeaderValue> {
    /// The last second of the year 9999, beyond which there is no date.
    const LAST: u64 = 253_402_300_799;
    if second > LAST {
        return None;
    }
    HeaderValue::try_from(httpdate::fmt_http_date(time)).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn is_a_date_of_now() {
        let date = now().unwrap();
        let parsed = httpdate::parse_http_date(date.to_str().unwrap()).unwrap();
        assert!(SystemTime::now().duration_since(parsed).unwrap() < Duration::from_secs(2));
        assert_eq!(now().unwrap().len(), 29);
    }

    #[test]
    fn a_year_beyond_9999_has_none() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        assert!(format(253_402_300_800, time).is_none());
    }
}
