//! Of which type the content of a file is, by its name.

/// What is not known is bytes.
pub(super) const BYTES: &str = "application/octet-stream";

/// The type that belongs to the name of a file, by what is behind its last dot, in upper or lower case.
///
/// A table of our own, because those that there are as crates list a thousand types of which nobody has files, know no
/// charset, and take `.ts` for a video. Text says that it is UTF-8, where the type has a place for that.
pub(super) fn of_name(name: &str) -> &'static str {
    of_suffix(&suffix(name))
}

/// What is behind the last dot of a name, in lower case; nothing if it has none.
pub(super) fn suffix(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix);
    suffix.unwrap_or_default().to_ascii_lowercase()
}

/// The type that belongs to a suffix in lower case.
pub(super) fn of_suffix(suffix: &str) -> &'static str {
    match suffix {
        "html" | "htm" => "text/html; charset=utf-8",
        "xhtml" => "application/xhtml+xml",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" | "cjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "jsonld" => "application/ld+json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "xml" | "xsd" | "xsl" => "text/xml; charset=utf-8",
        "atom" => "application/atom+xml",
        "rss" => "application/rss+xml",

        "txt" | "text" | "log" | "conf" | "ini" => "text/plain; charset=utf-8",
        "c" | "h" | "cc" | "cpp" | "hpp" | "rs" | "go" | "py" | "sh" | "ts" | "tsx" | "toml" => {
            "text/plain; charset=utf-8"
        }
        "md" | "markdown" => "text/markdown; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "tsv" => "text/tab-separated-values; charset=utf-8",
        "vtt" => "text/vtt; charset=utf-8",
        "ics" => "text/calendar; charset=utf-8",
        "vcf" => "text/vcard; charset=utf-8",
        "yaml" | "yml" => "application/yaml",
        "rtf" => "application/rtf",
        "pdf" => "application/pdf",
        "ps" | "eps" | "ai" => "application/postscript",
        "epub" => "application/epub+zip",
        other => of_media(other),
    }
}

fn of_media(suffix: &str) -> &'static str {
    match suffix {
        "png" => "image/png",
        "apng" => "image/apng",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "heic" => "image/heic",
        "jxl" => "image/jxl",
        "ico" => "image/vnd.microsoft.icon",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",

        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "aac" => "audio/aac",
        "oga" | "ogg" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "weba" => "audio/webm",
        "mid" | "midi" => "audio/midi",
        "aif" | "aiff" | "aifc" => "audio/aiff",
        "au" | "snd" => "audio/basic",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "ogv" => "video/ogg",
        "mov" => "video/quicktime",
        "avi" => "video/x-msvideo",
        "mpeg" | "mpg" => "video/mpeg",
        "mkv" => "video/matroska",
        "m3u8" => "application/vnd.apple.mpegurl",

        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "eot" => "application/vnd.ms-fontobject",
        other => of_package(other),
    }
}

fn of_package(suffix: &str) -> &'static str {
    match suffix {
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "zst" => "application/zstd",
        "bz2" => "application/x-bzip2",
        "xz" => "application/x-xz",
        "7z" => "application/x-7z-compressed",
        "tar" => "application/x-tar",
        "jar" => "application/java-archive",
        "doc" => "application/msword",
        "xls" => "application/vnd.ms-excel",
        "ppt" => "application/vnd.ms-powerpoint",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        "odp" => "application/vnd.oasis.opendocument.presentation",
        _ => BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_suffix_decides_in_any_case() {
        for (name, kind) in [
            ("a.HTML", "text/html; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.tar.gz", "application/gzip"),
            ("b.c/README", BYTES),
            ("README", BYTES),
            ("a.", BYTES),
            ("", BYTES),
            ("a.Woff2", "font/woff2"),
            ("sub.d/a.odt", "application/vnd.oasis.opendocument.text"),
        ] {
            assert_eq!(of_name(name), kind, "{name}");
        }
    }
}
