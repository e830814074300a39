//! A regular file that is open, and what was known of it then.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::trouble::ABSENT;
use crate::proto::codings::Coding;
use crate::proto::conditions::{EntityTag, HttpDate, Modified, Validators};

/// Clocks of file systems are coarse: within this time a file can change again and look the same.
pub(super) const FRESH: Duration = Duration::from_secs(2);

/// With three numbers and a coding.
const LONGEST_TAG: usize = 64;

/// A regular file that is open. What is found out later, such as another size, changes nothing here.
#[derive(Debug)]
pub(super) struct StoredFile {
    pub(super) file: Arc<File>,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
}

/// As file systems have it, where anybody can have set it to anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timestamp {
    seconds: i64,
    nanos: i64,
}

/// What an open descriptor turned out to be.
#[derive(Debug)]
pub(super) enum Opened {
    File(StoredFile),
    Folder {
        /// When something was added to it, or removed.
        modified: Timestamp,
    },
}

impl Opened {
    /// # Errors
    ///
    /// It is neither of the two: then there is nothing.
    pub(super) fn new(file: impl Into<Arc<File>>) -> Result<Self, Errno> {
        let file = file.into();
        let metadata = file.metadata().map_err(|error| errno_of(&error))?;
        let modified = Timestamp {
            seconds: metadata.mtime(),
            nanos: metadata.mtime_nsec(),
        };
        if metadata.is_dir() {
            return Ok(Self::Folder { modified });
        }
        if !metadata.is_file() {
            return Err(ABSENT);
        }
        Ok(Self::File(StoredFile {
            file,
            size: metadata.len(),
            modified,
        }))
    }
}

/// What the system said.
pub(super) fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

impl Timestamp {
    /// None where the clock of this program cannot stand.
    pub(super) fn time(self) -> Option<SystemTime> {
        let whole = Duration::from_secs(self.seconds.unsigned_abs());
        let nanos = Duration::from_nanos(self.nanos.unsigned_abs());
        let whole = match self.seconds {
            0.. => SystemTime::UNIX_EPOCH.checked_add(whole),
            _ => SystemTime::UNIX_EPOCH.checked_sub(whole),
        };
        whole?.checked_add(nanos)
    }
}

impl StoredFile {
    /// What tells this state of the file from others, if it is sent at `now`, in this coding.
    pub(super) fn validators(&self, now: SystemTime, coding: Option<Coding>) -> Validators {
        Validators {
            etag: self.tag(now, coding),
            modified: self.modified(now),
        }
    }

    /// No hash, which would cost reading all of it, and no inode, which differs from machine to machine.
    fn tag(&self, now: SystemTime, coding: Option<Coding>) -> Option<EntityTag> {
        let Timestamp { seconds, nanos } = self.modified;
        let time = self.modified.time();
        let age = time.and_then(|time| now.duration_since(time).ok());
        let mut tag = Vec::with_capacity(LONGEST_TAG);
        tag.extend_from_slice(match age {
            Some(age) if age >= FRESH => b"\"",
            // Long ago, as far as anybody can tell.
            None if seconds < 0 => b"\"",
            _ => b"W/\"",
        });
        for number in [seconds as u64, nanos as u64, self.size] {
            put_hex(&mut tag, number);
            tag.push(b'-');
        }
        match coding {
            Some(coding) => tag.extend_from_slice(coding.name().as_bytes()),
            None => drop(tag.pop()),
        }
        tag.push(b'"');
        EntityTag::parse(&tag)
    }

    /// Never later than the answer itself (RFC 9110 section 8.8.2.1), and nothing where there is no such date.
    fn modified(&self, now: SystemTime) -> Option<Modified> {
        let time = self.modified.time().filter(|_| self.modified.seconds > 0)?;
        let date = HttpDate::new(time)?;
        let today = HttpDate::new(now)?;
        Some(Modified {
            at: date.min(today),
            is_strong: date < today,
        })
    }

    /// Whether it is at least as new as another.
    pub(super) fn is_as_new_as(&self, other: &Self) -> bool {
        self.modified >= other.modified
    }
}

/// As `{:x}` has them, without its machinery: there are three in each tag.
fn put_hex(text: &mut Vec<u8>, number: u64) {
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = number >> (4 * place) & 0xf;
        text.push(b"0123456789abcdef"[digit as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(seconds: i64, nanos: i64) -> StoredFile {
        StoredFile {
            file: File::open("/dev/null").unwrap().into(),
            size: 0x10,
            modified: Timestamp { seconds, nanos },
        }
    }

    fn tag(stored: &StoredFile, now: SystemTime, coding: Option<Coding>) -> String {
        let tag = stored.tag(now, coding).unwrap();
        tag.value().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_tag_is_strong_once_the_file_cannot_change_unseen() {
        let stored = stored(1000, 5);
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(tag(&stored, at(1_001_999), None), "W/\"3e8-5-10\"");
        assert_eq!(tag(&stored, at(1_002_001), None), "\"3e8-5-10\"");
        assert_eq!(tag(&stored, at(999_000), None), "W/\"3e8-5-10\"");
        let gzip = tag(&stored, at(2_000_000), Some(Coding::Gzip));
        assert_eq!(gzip, "\"3e8-5-10-gzip\"");
    }

    #[test]
    fn numbers_are_in_hex() {
        for number in [0, 1, 15, 16, 0xfff, 0x1000, 0x2ebc_98a1, u64::MAX] {
            let mut text = Vec::new();
            put_hex(&mut text, number);
            assert_eq!(text, format!("{number:x}").as_bytes());
        }
    }

    #[test]
    fn a_date_is_never_in_the_future_and_strong_after_its_second() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let stored = stored(1000, 900_000_000);
        for (now, date, is_strong) in [
            (900_500, 900_000, false),
            (1_000_950, 1_000_000, false),
            (1_001_000, 1_000_000, true),
        ] {
            let modified = stored.modified(at(now)).unwrap();
            assert_eq!(modified.at, HttpDate::new(at(date)).unwrap());
            assert_eq!(modified.is_strong, is_strong, "{now}");
        }
    }

    #[test]
    fn times_that_are_no_dates_do_no_harm() {
        let now = SystemTime::now();
        for (seconds, nanos) in [
            (0, 0),
            (-1, 999_999_999),
            (-315_619_200, 1),
            (253_402_300_800, 0),
            (i64::MAX, 999_999_999),
            (i64::MIN, -1),
            (i64::MIN, i64::MIN),
        ] {
            let stored = stored(seconds, nanos);
            assert!(stored.modified(now).is_none(), "{seconds}");
            assert!(stored.tag(now, None).is_some(), "{seconds}");
        }
    }
}
