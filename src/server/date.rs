//! The `Date` of responses (RFC 9110 section 6.6.1), made once a second for each thread.

use std::cell::RefCell;
use std::time::SystemTime;

use http::HeaderValue;

use crate::proto::conditions::HttpDate;

struct Cached {
    date: HttpDate,
    value: HeaderValue,
}

thread_local! {
    static LAST: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

/// Now, as a date. None if the clock stands at a time that has none.
pub(crate) fn now() -> Option<HeaderValue> {
    let date = HttpDate::new(SystemTime::now())?;
    LAST.with_borrow_mut(|last| match last {
        Some(cached) if cached.date == date => Some(cached.value.clone()),
        _ => {
            let value = date.to_value()?;
            *last = Some(Cached {
                date,
                value: value.clone(),
            });
            Some(value)
        }
    })
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
}
