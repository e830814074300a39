//! Percent-encoding (RFC 3986 section 2.1).

use std::fmt::Write;

/// What the text stands for. `None` if a percent sign in it begins no escape.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte => byte,
        });
    }
    Some(decoded)
}

/// As it can stand in a segment of a path, whatever it is.
pub(crate) fn encode_segment(segment: &str) -> String {
    encode(segment.as_bytes(), |_, byte| is_pchar(byte))
}

/// As it can stand in an extended parameter of a field (RFC 8187 section 3.2.1).
pub(crate) fn encode_parameter(value: &str) -> String {
    encode(value.as_bytes(), |_, byte| {
        byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte)
    })
}

/// As it can stand in a query, or in a path of any number of segments: escapes that are there already stay.
pub(crate) fn encode_query(query: &[u8]) -> String {
    encode(query, |rest, byte| match byte {
        b'%' => is_escape(rest),
        byte => is_pchar(byte) || b"/?".contains(&byte),
    })
}

/// Escapes what does not stay, of which `stays` sees all that follows, too.
fn encode(bytes: &[u8], stays: impl Fn(&[u8], u8) -> bool) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        if stays(&bytes[at..], byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Whether there is an escape at the front.
pub(crate) fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// `pchar` (RFC 3986 appendix A), but for escapes.
pub(crate) fn is_pchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_in_either_case_and_nothing_else() {
        for (text, decoded) in [
            ("a%2Fb%2fc", Some(&b"a/b/c"[..])),
            ("%00%ff", Some(b"\0\xff")),
            ("%2525", Some(b"%25")),
            ("a+b", Some(b"a+b")),
            ("%", None),
            ("%4", None),
            ("%4g", None),
            ("%+4", None),
            ("%\u{e9}", None),
        ] {
            assert_eq!(decode(text).as_deref(), decoded, "{text:?}");
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        for segment in [
            "",
            "a b",
            "a/b",
            "100%",
            "\r\n",
            "\\evil",
            "<\"'&>",
            "\u{e9}",
            "a:@b;c=1,~",
        ] {
            let encoded = encode_segment(segment);
            assert!(
                encoded.bytes().all(|b| is_pchar(b) || b == b'%'),
                "{encoded}"
            );
            assert_eq!(decode(&encoded).unwrap(), segment.as_bytes());
        }
        assert_eq!(encode_segment("a:@b;c=1,~"), "a:@b;c=1,~");
        assert_eq!(
            encode_query(b"a=%20&b=/?%zz\"<\\|"),
            "a=%20&b=/?%25zz%22%3C%5C%7C"
        );
    }
}
