//! Percent-encoding (RFC 3986 section 2.1).

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
}
