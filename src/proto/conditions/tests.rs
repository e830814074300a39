//! Every condition and every range, on a representation of ten bytes.

use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue};

use super::Selection::*;
use super::*;

const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const GARBAGE: [&str; 4] = ["", "yesterday", "Mon, 06 Nov 1994 08:49:37 GMT", "\"tag\""];

fn validators(etag: &str, is_strong: bool) -> Validators {
    let at = HttpDate::parse(OLD.as_bytes()).unwrap();
    Validators {
        etag: EntityTag::parse(etag.as_bytes()),
        modified: Some(Modified { at, is_strong }),
    }
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let fields = fields.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    });
    fields.fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    })
}

/// What is selected of ten bytes with the tag `"tag"`, modified at `OLD`.
fn check(method: Method, fields: &[(&str, &str)]) -> Selection {
    select(&method, &headers(fields), &validators("\"tag\"", true), 10)
}

fn get(fields: &[(&str, &str)]) -> Selection {
    check(Method::GET, fields)
}

fn part(first: u64, last: u64) -> Selection {
    Parts(vec![ByteRange { first, last }])
}

fn range(value: &str) -> Selection {
    get(&[("range", value)])
}

#[test]
fn tags_are_parsed_strictly() {
    let is_tag = |text: &[u8]| EntityTag::parse(text).is_some();
    for good in [
        &b"\"\""[..],
        b"\"a\"",
        b"W/\"a\"",
        b"\"a,b\"",
        b"\"\xe9\"",
        b"\"!#\\\"",
    ] {
        assert!(is_tag(good), "{good:?}");
    }
    for bad in [
        &b""[..],
        b"a",
        b"\"",
        b"\"a",
        b"a\"",
        b"w/\"a\"",
        b"W/a",
        b"\"a b\"",
        b"\"a\"b",
        b"\"a\" ",
    ] {
        assert!(!is_tag(bad), "{bad:?}");
    }
}

#[test]
fn if_none_match_compares_weakly() {
    let hits = [
        "*",
        "\"tag\"",
        "W/\"tag\"",
        "\"a\", \"tag\"",
        "\"a,b\",\"tag\"",
        ", ,\"x\" ,\t\"tag\",",
    ];
    for value in hits {
        let fields = [("if-none-match", value)];
        assert_eq!(get(&fields), NotModified, "{value}");
        assert_eq!(check(Method::HEAD, &fields), NotModified, "{value}");
        for method in [Method::PUT, Method::POST, Method::DELETE] {
            assert_eq!(check(method, &fields), PreconditionFailed, "{value}");
        }
    }
    for value in [
        "\"other\"",
        "",
        "tag",
        "\"a\" \"tag\"",
        "garbage, \"tag\"",
        "*, \"a\"",
        "\"TAG\"",
    ] {
        assert_eq!(get(&[("if-none-match", value)]), Whole, "{value}");
    }
    let two = [("if-none-match", "\"a\""), ("if-none-match", "\"tag\"")];
    assert_eq!(get(&two), NotModified);
    let weak = validators("W/\"tag\"", true);
    for value in ["\"tag\"", "W/\"tag\""] {
        let headers = headers(&[("if-none-match", value)]);
        assert_eq!(select(&Method::GET, &headers, &weak, 10), NotModified);
    }
    // Without a tag of its own there is still something.
    let bare = Validators::default();
    for (value, selection) in [("*", NotModified), ("\"\"", Whole)] {
        let headers = headers(&[("if-none-match", value)]);
        assert_eq!(select(&Method::GET, &headers, &bare, 10), selection);
    }
}

#[test]
fn if_match_compares_strongly() {
    for value in ["*", "\"tag\"", "\"a\", \"tag\""] {
        for method in [Method::GET, Method::HEAD, Method::PUT] {
            assert_eq!(check(method, &[("if-match", value)]), Whole, "{value}");
        }
    }
    for value in ["\"other\"", "W/\"tag\"", "", "tag"] {
        for method in [Method::GET, Method::HEAD, Method::PUT] {
            let selection = check(method, &[("if-match", value)]);
            assert_eq!(selection, PreconditionFailed, "{value}");
        }
    }
    let weak = validators("W/\"tag\"", true);
    let headers = headers(&[("if-match", "W/\"tag\"")]);
    assert_eq!(
        select(&Method::GET, &headers, &weak, 10),
        PreconditionFailed
    );
}

#[test]
fn dates_are_compared_in_whole_seconds() {
    for (date, modified, unmodified) in [
        (BEFORE, Whole, PreconditionFailed),
        (OLD, NotModified, Whole),
        (AFTER, NotModified, Whole),
        ("Sunday, 06-Nov-94 08:49:37 GMT", NotModified, Whole),
        ("Sun Nov  6 08:49:37 1994", NotModified, Whole),
    ] {
        assert_eq!(get(&[("if-modified-since", date)]), modified, "{date}");
        assert_eq!(get(&[("if-unmodified-since", date)]), unmodified, "{date}");
        // Where something is to be changed, the first of them means nothing.
        assert_eq!(check(Method::PUT, &[("if-modified-since", date)]), Whole);
        assert_eq!(
            check(Method::PUT, &[("if-unmodified-since", date)]),
            unmodified
        );
    }
    for garbage in GARBAGE {
        assert_eq!(get(&[("if-modified-since", garbage)]), Whole);
        assert_eq!(get(&[("if-unmodified-since", garbage)]), Whole);
    }
    let twice = [("if-modified-since", OLD), ("if-modified-since", OLD)];
    assert_eq!(get(&twice), Whole);
    let undated = Validators::default();
    let both = headers(&[
        ("if-modified-since", AFTER),
        ("if-unmodified-since", BEFORE),
    ]);
    assert_eq!(select(&Method::GET, &both, &undated, 10), Whole);
}

#[test]
fn tags_go_before_dates_and_conditions_before_ranges() {
    assert_eq!(
        get(&[("if-none-match", "\"x\""), ("if-modified-since", AFTER)]),
        Whole
    );
    assert_eq!(
        get(&[("if-match", "\"tag\""), ("if-unmodified-since", BEFORE)]),
        Whole
    );
    let all = |first: &str, none: &str| {
        get(&[
            ("if-match", first),
            ("if-none-match", none),
            ("range", "bytes=0-0"),
        ])
    };
    assert_eq!(all("\"x\"", "\"tag\""), PreconditionFailed);
    assert_eq!(all("\"tag\"", "\"tag\""), NotModified);
    assert_eq!(all("\"tag\"", "\"x\""), part(0, 0));
    assert_eq!(
        get(&[("if-none-match", "*"), ("range", "bytes=99-")]),
        NotModified
    );
}

#[test]
fn if_range_wants_the_same_state_for_sure() {
    let with = |condition: &str, validators: &Validators| {
        let fields = headers(&[("range", "bytes=0-4"), ("if-range", condition)]);
        select(&Method::GET, &fields, validators, 10)
    };
    let strong = validators("\"tag\"", true);
    assert_eq!(with("\"tag\"", &strong), part(0, 4));
    assert_eq!(with(OLD, &strong), part(0, 4));
    for condition in ["\"other\"", "W/\"tag\"", BEFORE, AFTER, "garbage", ""] {
        assert_eq!(with(condition, &strong), Whole, "{condition}");
    }
    let weak = validators("W/\"tag\"", false);
    for condition in ["\"tag\"", "W/\"tag\"", OLD] {
        assert_eq!(with(condition, &weak), Whole, "{condition}");
    }
    assert_eq!(with("\"\"", &Validators::default()), Whole);
    let twice = [
        ("range", "bytes=0-4"),
        ("if-range", "\"tag\""),
        ("if-range", "\"tag\""),
    ];
    assert_eq!(get(&twice), Whole);
    // What does not hold is not said to be unsatisfiable.
    assert_eq!(get(&[("range", "bytes=99-"), ("if-range", "\"x\"")]), Whole);
}

#[test]
fn one_range() {
    for (value, first, last) in [
        ("bytes=0-4", 0, 4),
        ("bytes=5-", 5, 9),
        ("bytes=-3", 7, 9),
        ("bytes=-99", 0, 9),
        ("bytes=8-99", 8, 9),
        ("bytes=9-9", 9, 9),
        ("BYTES=0-0", 0, 0),
        ("bytes= 0-0 ,", 0, 0),
        ("bytes=0-99999999999999999999", 0, 9),
        ("bytes=007-7", 7, 7),
    ] {
        assert_eq!(range(value), part(first, last), "{value}");
        assert_eq!(check(Method::HEAD, &[("range", value)]), Whole);
        assert_eq!(check(Method::PUT, &[("range", value)]), Whole);
    }
    for value in [
        "bytes=10-",
        "bytes=-0",
        "bytes=99999999999999999999-",
        "bytes=10-11, 12-",
    ] {
        assert_eq!(range(value), Unsatisfiable, "{value}");
    }
    for value in [
        "bytes=4-2",
        "bytes=a-b",
        "bytes=",
        "bytes=,",
        "items=0-1",
        "bytes=+1-2",
        "bytes=1-+2",
        "bytes",
        "bytes=-",
        "bytes=1",
        "bytes=1--2",
        "bytes=0-0;",
        "bytes =0-0",
        "bytes=0x0-1",
        "bytes=0-1,x",
        "",
    ] {
        assert_eq!(range(value), Whole, "{value}");
    }
    assert_eq!(
        get(&[("range", "bytes=0-0"), ("range", "bytes=1-1")]),
        Whole
    );
}

#[test]
fn of_nothing_no_range_can_be_had() {
    for value in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"] {
        let headers = headers(&[("range", value)]);
        let selection = select(&Method::GET, &headers, &Validators::default(), 0);
        assert_eq!(selection, Unsatisfiable, "{value}");
    }
}

#[test]
fn several_ranges() {
    let parts = |ranges: &[(u64, u64)]| {
        let ranges = ranges.iter();
        Parts(
            ranges
                .map(|&(first, last)| ByteRange { first, last })
                .collect(),
        )
    };
    for (value, expected) in [
        ("bytes=0-1,8-9", parts(&[(0, 1), (8, 9)])),
        ("bytes=8-9,0-1", parts(&[(8, 9), (0, 1)])),
        ("bytes=0-1,20-30,8-9", parts(&[(0, 1), (8, 9)])),
        ("bytes=0-4,3-6", part(0, 6)),
        ("bytes=3-6,0-4", part(0, 6)),
        ("bytes=0-1,2-3", part(0, 3)),
        ("bytes=8-9,0-1,2-3", parts(&[(8, 9), (0, 3)])),
        ("bytes=0-1,4-5,2-3", part(0, 5)),
        ("bytes=4-5,0-1,8-9,5-8", parts(&[(4, 9), (0, 1)])),
        ("bytes=0-3,3-6,6-9", part(0, 9)),
        // All of them overlap with each other, which nobody needs.
        ("bytes=0-5,1-6,2-7", Whole),
        ("bytes=0-,0-,0-", Whole),
    ] {
        assert_eq!(range(value), expected, "{value}");
    }
    let many = |count: usize| {
        let ranges: Vec<_> = (0..count).map(|at| format!("{}-{0}", 2 * at)).collect();
        let headers = headers(&[("range", &format!("bytes={}", ranges.join(",")))]);
        select(&Method::GET, &headers, &Validators::default(), 10_000)
    };
    assert!(matches!(many(16), Parts(parts) if parts.len() == 16));
    assert_eq!(many(17), Whole);
    assert_eq!(many(1000), Whole);
}

#[test]
fn the_length_of_a_range_goes_beyond_32_bits() {
    let size = 5 << 30;
    let headers = headers(&[("range", "bytes=5368709115-")]);
    let Parts(parts) = select(&Method::GET, &headers, &Validators::default(), size) else {
        panic!("a part");
    };
    assert_eq!(
        (parts[0].first, parts[0].last, parts[0].length()),
        (5_368_709_115, size - 1, 5)
    );
}

#[test]
fn dates_that_cannot_be_written_are_none() {
    let epoch = SystemTime::UNIX_EPOCH;
    assert!(HttpDate::new(epoch - Duration::from_secs(1)).is_none());
    assert!(HttpDate::new(epoch + Duration::from_secs(253_402_300_800)).is_none());
    for seconds in [0, 784_111_777, 253_402_300_799] {
        let date = HttpDate::new(epoch + Duration::from_millis(1000 * seconds + 999)).unwrap();
        let text = date.text().unwrap();
        assert_eq!(HttpDate::parse(&text), Some(date));
    }
    let date = HttpDate::parse(OLD.as_bytes()).unwrap();
    assert_eq!(date.text().unwrap(), OLD.as_bytes());
}
