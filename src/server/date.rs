//! The `Date` of responses (RFC 9110 section 6.6.1), made once a second for each thread.

use std::cell::Cell;
use std::time::SystemTime;

use crate::proto::conditions::HttpDate;
use crate::proto::encode::Date;

thread_local! {
    /// The last second for which there was one.
    static LAST: Cell<Option<(HttpDate, Date)>> = const { Cell::new(None) };
}

/// Now, as a date. None if the clock stands at a time that has none.
pub(crate) fn now() -> Option<Date> {
    let now = HttpDate::new(SystemTime::now())?;
    match LAST.get() {
        Some((last, date)) if last == now => Some(date),
        _ => {
            let date = now.text()?;
            LAST.set(Some((now, date)));
            Some(date)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn is_a_date_of_now() {
        let date = now().unwrap();
        let parsed = httpdate::parse_http_date(std::str::from_utf8(&date).unwrap()).unwrap();
        assert!(SystemTime::now().duration_since(parsed).unwrap() < Duration::from_secs(2));
        assert_eq!(now().unwrap()[25..], *b" GMT");
    }
}
