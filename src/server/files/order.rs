//! In what order the entries of a folder are listed.

use std::cmp::Ordering;
use std::fmt::Write;

use super::entry::{Entry, Kind};

/// By what column, and from where. Folders are always first, in the same order among themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) column: Column,
    pub(super) direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Size,
    Changed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

impl Column {
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Size, Self::Changed];

    /// In a query.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Changed => "changed",
        }
    }
}

impl Direction {
    /// In a query.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }
}

impl Order {
    const BY_NAME: Self = Self {
        column: Column::Name,
        direction: Direction::Ascending,
    };

    /// What a query asks for: `sort=size&order=desc`. Whatever else it says means nothing.
    pub(super) fn of(query: Option<&str>) -> Self {
        let mut order = Self::BY_NAME;
        for pair in query.unwrap_or_default().split('&') {
            match pair.split_once('=') {
                Some(("sort", name)) => {
                    let known = Column::ALL.into_iter().find(|column| column.name() == name);
                    order.column = known.unwrap_or(order.column);
                }
                Some(("order", "asc")) => order.direction = Direction::Ascending,
                Some(("order", "desc")) => order.direction = Direction::Descending,
                _ => {}
            }
        }
        order
    }

    /// What comes of choosing a column where this is the order: the other end first if it is the one already.
    pub(super) fn choosing(self, column: Column) -> Self {
        let direction = match (column, self.direction) {
            (same, Direction::Ascending) if same == self.column => Direction::Descending,
            (same, Direction::Descending) if same == self.column => Direction::Ascending,
            (Column::Name, _) => Direction::Ascending,
            // The largest and the newest are looked for most.
            (Column::Size | Column::Changed, _) => Direction::Descending,
        };
        Self { column, direction }
    }

    pub(super) fn sort(self, entries: &mut [Entry]) {
        entries.sort_by_cached_key(|entry| (natural(&entry.name), entry.name.clone()));
        if (self.column, self.direction) == (Column::Name, Direction::Descending) {
            entries.reverse();
        }
        // Equal ones stay in their order.
        entries.sort_by(|a, b| {
            let by_column = match self.direction {
                Direction::Ascending => self.compare(&a.kind, &b.kind),
                Direction::Descending => self.compare(&b.kind, &a.kind),
            };
            a.kind.is_file().cmp(&b.kind.is_file()).then(by_column)
        });
    }

    /// As they are by this column, where by the name they are in order already.
    fn compare(self, a: &Kind, b: &Kind) -> Ordering {
        match self.column {
            Column::Name => Ordering::Equal,
            Column::Size => a.size().cmp(&b.size()),
            Column::Changed => a.modified().cmp(&b.modified()),
        }
    }
}

/// What sorts names as people do: without a difference of case, and `file2` before `file10`.
fn natural(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 4);
    let mut rest = name;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (text, behind) = rest.split_at(start);
        let end = behind.find(|c: char| !c.is_ascii_digit());
        let (digits, behind) = behind.split_at(end.unwrap_or(behind.len()));
        let digits = digits.trim_start_matches('0');
        key.extend(text.chars().flat_map(char::to_lowercase));
        // Longer numbers are larger. Writing to a string cannot fail.
        let _ = write!(key, "0{:03}{digits}", digits.len());
        rest = behind;
    }
    key.extend(rest.chars().flat_map(char::to_lowercase));
    key
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn before(age: &str) -> Option<SystemTime> {
        let age = Duration::from_secs(age.parse().unwrap());
        SystemTime::UNIX_EPOCH.checked_sub(age)
    }

    /// A file of a size, which is its age, too (`a=7`), or a folder, which may have an age (`a@7`).
    fn entry(name: &str) -> Entry {
        let (name, kind) = match name.split_once(['=', '@']) {
            None => (name, Kind::Folder(None)),
            Some((folder, age)) if name.contains('@') => (folder, Kind::Folder(before(age))),
            Some((file, size)) => {
                let (size, modified) = (size.parse().unwrap(), before(size));
                (file, Kind::File { size, modified })
            }
        };
        Entry {
            name: name.to_owned(),
            kind,
        }
    }

    #[track_caller]
    fn sorted(query: &str, names: &[&str]) -> String {
        let mut entries: Vec<_> = names.iter().map(|name| entry(name)).collect();
        Order::of(Some(query)).sort(&mut entries);
        let names: Vec<_> = entries.iter().map(|entry| &*entry.name).collect();
        names.join(" ")
    }

    #[test]
    fn folders_are_first_whatever_the_order() {
        let names = ["b=3", "z", "a=7", "y", "c=3"];
        for (query, order) in [
            ("", "y z a b c"),
            ("order=desc", "z y c b a"),
            ("sort=size", "y z b c a"),
            ("sort=size&order=desc", "y z a b c"),
            ("sort=changed", "y z a b c"),
            ("order=desc&sort=changed", "y z b c a"),
            ("sort=none&order=&x&=&sort", "y z a b c"),
        ] {
            assert_eq!(sorted(query, &names), order, "{query}");
        }
    }

    #[test]
    fn folders_are_in_the_order_of_their_changes_among_themselves() {
        let names = ["b@3", "file=2", "a@3", "unknown", "new@1", "old@9"];
        for (query, order) in [
            ("sort=changed", "unknown old a b new file"),
            ("sort=changed&order=desc", "new a b old unknown file"),
            ("sort=size&order=desc", "a b new old unknown file"),
            ("order=desc", "unknown old new b a file"),
        ] {
            assert_eq!(sorted(query, &names), order, "{query}");
        }
    }

    #[test]
    fn names_are_in_the_order_of_people() {
        let names = [
            "file10",
            "File2",
            "b",
            "file1",
            "A",
            "file02",
            "a",
            "file",
            "\u{c4}",
            "\u{e4}a",
            "99999999999999999999999",
            "100000000000000000000000",
            "1.10",
            "1.9",
        ];
        assert_eq!(
            sorted("", &names),
            "1.9 1.10 99999999999999999999999 100000000000000000000000 A a b file file1 File2 file02 \
             file10 \u{c4} \u{e4}a"
        );
    }

    #[test]
    fn a_column_that_is_chosen_again_is_turned_around() {
        let order = Order::of(None);
        let order = order.choosing(Column::Name);
        assert_eq!(order.direction, Direction::Descending);
        let order = order.choosing(Column::Size);
        assert_eq!(
            (order.column, order.direction),
            (Column::Size, Direction::Descending)
        );
        assert_eq!(order.choosing(Column::Size).direction, Direction::Ascending);
        assert_eq!(order.choosing(Column::Name).direction, Direction::Ascending);
    }
}
