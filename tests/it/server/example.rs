//! The example `hello_server`, run as its users run it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use http_aio::{Aio, Client};

use crate::examples::{binary, collect, interrupt};
use crate::support::*;

#[test]
fn hello_server_greets_until_it_is_interrupted() {
    let mut child = Command::new(binary("hello_server"))
        .args(["--bind", "127.0.0.1:0", "--max-connections", "4"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let stderr = collect(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it says where it is");
    let address = line.trim_end().strip_prefix("listening on ");
    let url = format!("http://{}", address.expect("an address"));

    let client = Client::new();
    let get = |path: &str| settle(client.get(Aio::new(), format!("{url}{path}"))).unwrap();
    assert_eq!(get("/").body(), "Hello, world!");
    assert_eq!(get("/hello/Ada%20L").body(), "Hello, Ada L!");
    assert_eq!(get("/sleep/soon").status(), 500);
    assert_eq!(get("/elsewhere").status(), 404);

    // What was begun is finished.
    let slow = client.get(Aio::new(), format!("{url}/sleep/200"));
    let begun = client.get(Aio::new(), format!("{url}/"));
    settle(begun).expect("it is answered, so the slow one is under way");
    interrupt(&child);
    assert_eq!(settle(slow).unwrap().body(), "That took its time.");
    wait_until("it ends", || child.try_wait().expect("a child").is_some());
    assert!(child.wait().expect("it has ended").success());
    assert!(receive_all(&stderr).is_empty());
}

fn receive_all(pipe: &std::sync::mpsc::Receiver<Vec<u8>>) -> Vec<u8> {
    pipe.recv_timeout(PATIENCE).expect("it has ended")
}
