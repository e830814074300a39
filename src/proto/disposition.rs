//! `Content-Disposition` (RFC 6266): the name under which a client is to store what it gets.

use http::HeaderValue;

use super::percent;

/// To be stored under this name, whatever it is. What is not plain ASCII is written twice: for those who know RFC 8187,
/// and without what they could misread for the others.
pub(crate) fn attachment(name: &str) -> HeaderValue {
    let is_plain = |character: char| {
        character == ' ' || character.is_ascii_graphic() && !"\"\\/%".contains(character)
    };
    let plain = name.replace(|character| !is_plain(character), "_");
    let mut text = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        text.push_str("; filename*=UTF-8''");
        text.push_str(&percent::encode_parameter(name));
    }
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_can_be_written() {
        for (name, value) in [
            ("report.pdf", "attachment; filename=\"report.pdf\""),
            ("a b;c'.txt", "attachment; filename=\"a b;c'.txt\""),
            (
                "\u{20ac} 5.txt",
                "attachment; filename=\"_ 5.txt\"; filename*=UTF-8''%E2%82%AC%205.txt",
            ),
            (
                "a\"b\\c",
                "attachment; filename=\"a_b_c\"; filename*=UTF-8''a%22b%5Cc",
            ),
            (
                "50%41",
                "attachment; filename=\"50_41\"; filename*=UTF-8''50%2541",
            ),
            (
                "a\r\nb: c",
                "attachment; filename=\"a__b: c\"; filename*=UTF-8''a%0D%0Ab%3A%20c",
            ),
        ] {
            assert_eq!(attachment(name), value, "{name}");
        }
    }
}
