//! Sizes and dates, for people.

use std::time::SystemTime;

use crate::proto::conditions::HttpDate;

/// In units of thousands, with two digits at least, and not more than three.
pub(super) fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut unit, mut prefixes) = (1000_u64, "kMGTPE".chars());
    let mut prefix = prefixes.next();
    while rounded(bytes, unit) >= 1000 {
        unit *= 1000;
        prefix = prefixes.next();
    }
    let prefix = prefix.unwrap_or_default();
    match rounded(bytes, unit / 10) {
        tenths @ 0..100 => format!("{}.{} {prefix}B", tenths / 10, tenths % 10),
        _ => format!("{} {prefix}B", rounded(bytes, unit)),
    }
}

fn rounded(bytes: u64, unit: u64) -> u64 {
    bytes / unit + u64::from(bytes % unit >= unit / 2)
}

/// The day and the time of the day, in UTC, as HTML has them in `datetime`: `1994-11-06` and `08:49:37`.
pub(super) fn date(time: SystemTime) -> Option<(String, String)> {
    let text = HttpDate::new(time)?.text()?; // Sun, 06 Nov 1994 08:49:37 GMT
    let text = std::str::from_utf8(&text).ok()?;
    let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(text.get(8..11)?)? / 3 + 1;
    let (day, year) = (text.get(5..7)?, text.get(12..16)?);
    let time = text.get(17..25)?.to_owned();
    Some((format!("{year}-{month:02}-{day}"), time))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sizes_have_two_or_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (1050, "1.1 kB"),
            (9949, "9.9 kB"),
            (9950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (12_345_678, "12 MB"),
            (5_368_709_125, "5.4 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn dates_are_in_the_form_of_html() {
        let after = |seconds| date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        for (seconds, day, time) in [
            (0, "1970-01-01", "00:00:00"),
            (784_111_777, "1994-11-06", "08:49:37"),
            (1_709_164_800, "2024-02-29", "00:00:00"),
            (253_402_300_799, "9999-12-31", "23:59:59"),
        ] {
            assert_eq!(after(seconds), Some((day.to_owned(), time.to_owned())));
        }
        assert_eq!(after(253_402_300_800), None);
        assert_eq!(date(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), None);
    }
}
