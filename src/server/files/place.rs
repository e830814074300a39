//! Where a folder is, and the way to it.

use crate::proto::percent;

/// Where a folder is.
#[derive(Debug)]
pub(super) struct Place {
    /// From the top, above which nothing is shown.
    pub(super) steps: Vec<Step>,
}

/// A folder on the way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    /// Relative to the page.
    pub(super) link: String,
}

impl Place {
    /// What a client asks for with `path`, which is so many folders below the top.
    pub(super) fn new(path: &str, depth: usize) -> Self {
        let mut segments = path.strip_suffix('/').unwrap_or(path).rsplit('/');
        let (mut steps, mut link) = (Vec::new(), String::new());
        while steps.len() < depth {
            let Some(segment) = segments.next() else {
                break;
            };
            // Slashes that follow each other are one to the server. To a browser there is nothing between them.
            if !segment.is_empty() {
                steps.push(Step::new(decoded(segment), &link));
            }
            link.push_str("../");
        }
        let mut top = String::from("/");
        for segment in segments.rev().filter(|segment| !segment.is_empty()) {
            top.push_str(&decoded(segment));
            top.push('/');
        }
        steps.push(Step::new(top, &link));
        steps.reverse();
        Self { steps }
    }

    pub(super) fn title(&self) -> String {
        let mut title = String::from("Index of ");
        for (depth, step) in self.steps.iter().enumerate() {
            title.push_str(&step.name);
            title.push_str(if depth == 0 { "" } else { "/" });
        }
        title
    }
}

impl Step {
    fn new(name: String, link: &str) -> Self {
        let link = if link.is_empty() { "./" } else { link }.to_owned();
        Self { name, link }
    }
}

fn decoded(segment: &str) -> String {
    let bytes = percent::decode(segment).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(path: &str, depth: usize) -> Vec<(String, String)> {
        let steps = Place::new(path, depth).steps.into_iter();
        steps.map(|Step { name, link }| (name, link)).collect()
    }

    #[test]
    fn the_way_to_a_folder_has_a_link_for_each_step() {
        for (path, depth, expected) in [
            ("/", 0, &[("/", "./")][..]),
            ("/docs/", 0, &[("/docs/", "./")]),
            ("/docs", 0, &[("/docs/", "./")]),
            ("/a%20b/", 1, &[("/", "../"), ("a b", "./")]),
            (
                "/x/docs/a%2b/%C3%A4/",
                2,
                &[("/x/docs/", "../../"), ("a+", "../"), ("\u{e4}", "./")],
            ),
            // A browser goes up from one slash to the next.
            (
                "//docs//a///b//",
                2,
                &[
                    ("/docs/", "../../../../../"),
                    ("a", "../../../../"),
                    ("b", "../"),
                ],
            ),
            // What is impossible does no harm.
            ("/a/", 5, &[("/", "../../"), ("a", "./")]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|&(name, link)| (name.to_owned(), link.to_owned()))
                .collect();
            assert_eq!(steps(path, depth), expected, "{path}");
        }
        assert_eq!(
            Place::new("/x/docs/a/b/", 2).title(),
            "Index of /x/docs/a/b/"
        );
        assert_eq!(Place::new("/", 0).title(), "Index of /");
    }
}
