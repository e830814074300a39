//! Reading at a place of a file, with a word to whoever waits for this thread if the disk is to be waited for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::blocking;

/// Reads what is there, one byte at least unless the file ends before.
pub(super) fn read_at(file: &File, room: &mut [u8], at: u64) -> io::Result<usize> {
    if let Some(count) = read_from_memory(file, room, at) {
        return Ok(count);
    }
    loop {
        match file.read_at(room, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// What the kernel has in memory. If it must ask the disk first, the thread is about to block. None: the file is to be
/// read as any other.
#[cfg(target_os = "linux")]
fn read_from_memory(file: &File, room: &mut [u8], at: u64) -> Option<usize> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    let mut rooms = [io::IoSliceMut::new(room)];
    match preadv2(file, &mut rooms, at, ReadWriteFlags::NOWAIT) {
        Ok(count) => Some(count),
        Err(Errno::AGAIN) => {
            blocking::announce();
            None
        }
        // Not every file system can tell. Its errors are told by the other call.
        Err(_) => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn read_from_memory(_: &File, _: &mut [u8], _: u64) -> Option<usize> {
    // Nobody can tell: it is as if it were about to block.
    blocking::announce();
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::cell::Cell;
    use std::io::Write;
    use std::rc::Rc;

    use rustix::fs::{Advice, fadvise};
    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    use super::*;

    #[test]
    fn whoever_waits_is_told_of_the_disk() {
        let name = format!("http-aio-reading-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut file = File::create_new(&path).unwrap();
        file.write_all(&[b'x'; 64 << 10]).unwrap();
        file.sync_all().unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        let calls = Rc::new(Cell::new(0));
        let counter = Rc::clone(&calls);
        let _hook = blocking::before_blocking(Rc::new(move || counter.set(counter.get() + 1)));

        let mut room = vec![0; 64 << 10];
        assert_eq!(read_at(&file, &mut room, 0).unwrap(), room.len());
        assert_eq!(calls.get(), 0);
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        let mut rooms = [io::IoSliceMut::new(&mut room)];
        let at_once = preadv2(&file, &mut rooms, 0, ReadWriteFlags::NOWAIT);
        let is_on_disk = at_once == Err(Errno::AGAIN);
        assert!(read_at(&file, &mut room, 0).unwrap() > 0);
        assert_eq!(calls.get(), u32::from(is_on_disk));
        assert_eq!(read_at(&file, &mut room, 1 << 20).unwrap(), 0);
    }
}
