//! What a process has, as the kernel sees it: threads, descriptors; and tests that are alone in theirs.

use std::process::{self, Command};
use std::thread;

use super::is_ours;

/// The names of the library's threads, but for the timer, as far as the kernel keeps them.
pub(crate) fn threads_of_ours() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| is_ours(name) && !name.starts_with("http-aio:timer"))
        .collect()
}

/// Runs `test` (the path of the calling test, as `cargo test` prints it) alone in a process of its
/// own, for what must not meet other tests: counting threads, losing the timer. Returns true in
/// that process, where the test is to go on; in the first one it has then passed.
#[track_caller]
pub(crate) fn alone(test: &str) -> bool {
    const MARK: &str = "HTTP_AIO_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    run_alone(test, &[(MARK, "1")]);
    false
}

/// The threads of this process whose names begin so. The kernel keeps 15 bytes of a name.
#[cfg(target_os = "linux")]
pub(crate) fn threads(prefix: &str) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
    let names = tasks.filter_map(|task| {
        // Gone already, if there is none.
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Sockets and wakers of this process.
#[cfg(target_os = "linux")]
pub(crate) fn sockets() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").expect("proc");
    let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let links = links.map(|link| link.to_string_lossy().into_owned());
    links
        .filter(|link| link.starts_with("socket:") || link.contains("eventfd"))
        .count()
}

/// The threads of this process: their numbers, and their names as the kernel has them.
#[cfg(target_os = "linux")]
pub(crate) fn tasks() -> Vec<(String, String)> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    tasks
        .filter_map(|task| {
            let task = task.ok()?;
            // Gone already, if there is none.
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let id = task.file_name().into_string().ok()?;
            Some((id, name.trim_end().to_owned()))
        })
        .collect()
}

/// Those that were not there `before`, but for those that stay as long as the process.
#[cfg(target_os = "linux")]
pub(crate) fn tasks_since(before: &[(String, String)]) -> Vec<(String, String)> {
    let mut tasks = tasks();
    tasks.retain(|(id, name)| {
        !LASTING.contains(&name.as_str()) && !before.iter().any(|(old, _)| old == id)
    });
    tasks
}

/// What is global: the timer, and whoever sees connections off.
const LASTING: [&str; 2] = [TIMER, "http-aio:linger"];

/// The name of the thread that looks after deadlines.
pub(crate) const TIMER: &str = "http-aio:timer";

/// The descriptors that this process has open.
#[cfg(target_os = "linux")]
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs").count()
}

/// Memory of this process that is resident.
#[cfg(target_os = "linux")]
pub(crate) fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// As `alone`, with threads that are so large that few of them fit under a limit of memory.
#[track_caller]
pub(crate) fn alone_with_large_threads(test: &str) -> bool {
    const MARK: &str = "HTTP_AIO_TEST_LARGE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let large = (256 << 20).to_string();
    run_alone(test, &[(MARK, "1"), ("RUST_MIN_STACK", &large)]);
    false
}

/// Runs `test` in a process of its own, where these variables are set.
#[track_caller]
fn run_alone(test: &str, variables: &[(&str, &str)]) {
    let itself = std::env::current_exe().expect("a test binary");
    let output = Command::new(itself)
        .args([test, "--exact", "--test-threads=1", "--nocapture"])
        .envs(variables.iter().copied())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{test} alone: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

fn limit_memory(bytes: &str) {
    let done = Command::new("prlimit")
        .arg(format!("--pid={}", process::id()))
        .arg(format!("--as={bytes}:"))
        .status();
    assert!(done.expect("util-linux").success());
}

/// From here on no thread can be started.
pub(crate) fn no_threads() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmSize")).unwrap();
    let used: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    // Less than a stack, and more than a heap of its own that a thread may still reserve.
    limit_memory(&((used << 10) + (224 << 20)).to_string());
    assert!(thread::Builder::new().spawn(|| ()).is_err());
}

pub(crate) fn threads_again() {
    limit_memory("unlimited");
    thread::spawn(|| ()).join().unwrap();
}
