//! The `Date` of responses (RFC 9110 section 6.6.1), made once a second for each thread.

use std::cell::Cell;
use std::time::SystemTime;

use crate::proto::encode::Date;

thread_local! {
    /// The last second for which there was one.
    static LAST: Cell<Option<(u64, Date)>> = const { Cell::new(None) };
}

/// Now, as a date. None if the clock stands at a time that has none.
pub(crate) fn now() -> Option<Date> {
    let now = SystemTime::now();
    let second = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    match LAST.get() {
        Some((last, date)) if last == second => Some(date),
        _ => {
            let date = format(second, now)?;
            LAST.set(Some((second, date)));
            Some(date)
        }
    }
}

fn format(second: u64, time: SystemTime) -> Option<Date> {
    /// The last second of the year 9999, beyond which there is no date.
    const LAST: u64 = 253_402_300_799;
    if second > LAST {
        return None;
    }
    httpdate::fmt_http_date(time).as_bytes().try_into().ok()
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

    #[test]
    fn a_year_beyond_9999_has_none() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        assert!(format(253_402_300_800, time).is_none());
    }
}
