//! A real browser without a window: Chromium, by chromedriver and its protocol (W3C WebDriver).

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_aio::http::{Method, Request};
use http_aio::{Aio, Client};
use serde_json::{Value, json};

use super::{PATIENCE, settle, skip, spawn, wait_until};

/// Browsers need much of a machine: one after the other leaves some to other tests.
static ONE: Mutex<()> = Mutex::new(());

/// A browser with one page. It ends when it is dropped.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    /// The URL of the driver, and of the session.
    url: String,
    /// For what they leave behind.
    scrap: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

/// How a page is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) width: u32,
    /// Which scheme of colours is preferred: `light` or `dark`.
    pub(crate) colors: &'static str,
}

impl Browser {
    /// None, and the test is skipped, if it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let scrap = std::env::temp_dir().join(format!("http-aio-browser-{}", std::process::id()));
        std::fs::create_dir_all(&scrap).expect("a folder");
        let mut command = Command::new("chromedriver");
        command.env("TMPDIR", &scrap);
        // Away from UTC, in summer and in winter.
        command.arg("--port=0").env("TZ", "Asia/Tokyo");
        let Some(mut driver) = spawn(&mut command) else {
            skip("no chromedriver");
            let _ = std::fs::remove_dir(scrap);
            return None;
        };
        let output = driver.stdout.take().expect("piped");
        let lines = BufReader::new(output).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.expect("chromedriver says where it is");
        let mut browser = Self {
            client: Client::new(),
            driver,
            url: format!("http://127.0.0.1:{port}/session"),
            scrap,
            _turn: turn,
        };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--lang=en-US",
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        match browser.request(Method::POST, "", &wanted) {
            Ok(session) => {
                let id = session["sessionId"].as_str().expect("an id");
                browser.url = format!("{}/{id}", browser.url);
                Some(browser)
            }
            Err(error) if error.contains("cannot find") => {
                skip("no chromium");
                None
            }
            Err(error) => panic!("no browser: {error}"),
        }
    }

    fn request(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let body = match method {
            Method::POST => body.to_string(),
            _ => String::new(),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body)
            .expect("a request");
        let aio = Aio::new().timeout(PATIENCE);
        let response = settle(self.client.transact(aio, request)).expect("an answer");
        let mut answer: Value = serde_json::from_slice(response.body()).expect("JSON");
        match response.status().is_success() {
            true => Ok(answer["value"].take()),
            false => Err(answer["value"]["message"].to_string()),
        }
    }

    #[track_caller]
    fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        match self.request(method, path, body) {
            Ok(value) => value,
            Err(error) => panic!("{path}: {error}"),
        }
    }

    #[track_caller]
    fn command(&self, name: &str, parameters: Value) -> Value {
        let command = json!({ "cmd": name, "params": parameters });
        self.ask(Method::POST, "/goog/cdp/execute", &command)
    }

    /// Opens a page, and waits until it is there.
    #[track_caller]
    pub(crate) fn open(&self, url: &str) {
        self.ask(Method::POST, "/url", &json!({ "url": url }));
    }

    /// Runs the body of a function on the page, and returns what it returns, or what a promise becomes.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.run_with(script, &json!([]))
    }

    #[track_caller]
    pub(crate) fn run_with(&self, script: &str, arguments: &Value) -> Value {
        let script = json!({ "script": script, "args": arguments });
        self.ask(Method::POST, "/execute/sync", &script)
    }

    #[track_caller]
    pub(crate) fn wait_until(&self, script: &str) {
        wait_until(script, || self.run(script) == true);
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.ask(Method::POST, "/element", &wanted);
        let found = found.as_object().expect("an element");
        let id = found.values().next().and_then(Value::as_str);
        format!("/element/{}", id.expect("an id"))
    }

    /// Clicks on the first element that fits.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let path = format!("{}/click", self.element(selector));
        self.ask(Method::POST, &path, &json!({}));
    }

    /// Types into an element, or chooses a file there.
    #[track_caller]
    pub(crate) fn type_into(&self, selector: &str, text: &str) {
        let path = format!("{}/value", self.element(selector));
        self.ask(Method::POST, &path, &json!({ "text": text }));
    }

    /// Answers a question of the page with yes.
    #[track_caller]
    pub(crate) fn confirm(&self, question: &str) {
        wait_until(question, || {
            let asked = self.request(Method::GET, "/alert/text", &json!({}));
            asked.is_ok_and(|asked| asked == question)
        });
        self.ask(Method::POST, "/alert/accept", &json!({}));
    }

    #[track_caller]
    pub(crate) fn look(&self, look: Look) {
        let Look { width, colors } = look;
        let metrics =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.command("Emulation.setDeviceMetricsOverride", metrics);
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": colors }] });
        self.command("Emulation.setEmulatedMedia", media);
    }

    /// From now on, no page has scripts.
    #[track_caller]
    pub(crate) fn disable_scripts(&self) {
        self.command(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": true }),
        );
    }

    /// What the page looks like, as PNG.
    #[track_caller]
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        let image = self.ask(Method::GET, "/screenshot", &json!({}));
        let image = image.as_str().expect("an image");
        BASE64_STANDARD.decode(image).expect("base64")
    }

    /// What the console says since it was asked last.
    #[track_caller]
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.ask(Method::POST, "/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().expect("a list").iter();
        entries.map(|entry| entry["message"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is the driver's child.
        let _ = self.request(Method::DELETE, "", &json!({}));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = std::fs::remove_dir_all(&self.scrap);
    }
}
