//! Listings, and files, in a real browser. Skipped where there is none.

use std::sync::atomic::{AtomicBool, Ordering};

use http_aio::http::header::{CONTENT_TYPE, HeaderValue};
use http_aio::http::{Response, StatusCode};
use http_aio::{Exchange, File, IntoAnswer, Uploads, get};
use serde_json::{Value, json};

use super::*;

/// Text without anything special, which is as long as a name can be.
fn long_name() -> String {
    "n".repeat(255)
}

const ODD_NAMES: [&str; 33] = [
    "plain",
    "<b>bold",
    "<script>alert(1)",
    "\"quoted\"",
    "it's",
    "100%",
    "%41%2F",
    "a#b",
    "a?b=c",
    "a&b;c=d",
    "&amp;&lt;",
    "a b",
    " in front",
    "behind ",
    "  ",
    "line\nfeed",
    "carriage\rreturn",
    "tab\tstop",
    "\u{1b}[31m",
    "\u{85}",
    "\u{e4}\u{20ac}",
    "a\u{308}",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
    "\u{202e}txt.exe",
    "\u{1f600}",
    "javascript:alert(1)",
    "http:x",
    "c:",
    "...",
    ".hidden",
    "~",
    "<!--",
    "{{a}}${b}",
];

#[track_caller]
fn strings(value: &Value) -> Vec<String> {
    let values = value.as_array().expect("a list").iter();
    let strings = values.map(|value| value.as_str().expect("text").to_owned());
    strings.collect()
}

impl Host {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// The names as they are shown.
#[track_caller]
fn names(browser: &Browser) -> Vec<String> {
    let names = "return [...document.querySelectorAll('tbody tr:not([hidden]) bdi')].map(name => name.textContent)";
    strings(&browser.run(names))
}

#[test]
fn every_link_leads_to_what_it_names() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (folder, long) = (Folder::new(), long_name());
    let mut files: Vec<&str> = ODD_NAMES.into();
    files.push(&long);
    for name in &files {
        folder.write(
            &format!("<i>& %41?#/{name}"),
            format!("content of {name:?}"),
        );
    }
    folder.write("<i>& %41?#/ sub \u{5d0}/x", "x");
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    let host = folder.host(|directory| {
        let directory = directory.listing().hidden_files();
        directory.header(CONTENT_TYPE, text)
    });
    browser.open(&host.url("/docs/"));
    browser.click("tbody a");
    browser.wait_until("return document.title === 'Index of /docs/<i>& %41?#/'");
    let links = "return [...document.querySelectorAll('tbody a')].map(link => [link.textContent, link.href])";
    let links = browser.run(links);
    let links = links.as_array().unwrap();
    assert_eq!(links.len(), files.len() + 1);
    for link in &links[1..] {
        let link = strings(link);
        // HTML has no carriage returns.
        let named = files
            .iter()
            .find(|name| name.replace('\r', "\n") == link[0]);
        let name = named.unwrap_or_else(|| panic!("{:?} is no name", link[0]));
        browser.open(&link[1]);
        let content = browser.run("return document.body.textContent");
        assert_eq!(content, format!("content of {name:?}"));
    }
    let is_icon = |text: &String| text.contains("favicon.ico"); // Of text there is none.
    let complaints = browser.complaints();
    assert!(complaints.iter().all(is_icon), "{complaints:?}");
    // Down by a click, up by the way that is shown above.
    browser.open(&host.url("/docs//%3Ci%3E&%20%2541%3F%23/"));
    browser.click("tbody a");
    browser.wait_until("return document.querySelector('h1').textContent === ' sub \u{5d0}'");
    browser.click("nav a:nth-child(2)");
    browser.wait_until("return document.querySelector('h1').textContent === '<i>& %41?#'");
    browser.click("nav a");
    browser.wait_until("return document.querySelector('h1').textContent === '/docs/'");
    assert_eq!(browser.complaints(), [""; 0]);
    drop(browser);
    host.stop();
}

#[test]
fn a_listing_is_sorted_by_clicks_and_filtered_by_keys() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = Folder::new();
    for (name, size) in [
        ("file10", 1),
        ("File2", 3),
        ("b", 2),
        ("d/x", 1),
        ("c/x", 1),
    ] {
        folder.write(name, &DIGITS[..size]);
    }
    let later = |seconds| old() + Duration::from_secs(seconds);
    folder.touch("b", later(3600));
    folder.touch("c", later(0));
    folder.touch("d", later(60));
    folder.touch("File2", later(7200));
    let host = folder.host(Directory::listing);
    browser.open(&host.url("/docs/"));
    let asked = |event: &Event| matches!(event, Event::Answered(..));
    host.told.wait_for("the page", asked);
    let click = |column: u32| browser.click(&format!("thead th:nth-child({column}) a"));
    for (column, sorted, state) in [
        (1, "d c file10 File2 b", "descending"),
        (1, "c d b File2 file10", "ascending"),
        (2, "c d File2 b file10", "descending"),
        (2, "c d file10 b File2", "ascending"),
        (3, "d c File2 b file10", "descending"),
        (3, "c d file10 b File2", "ascending"),
    ] {
        click(column);
        assert_eq!(names(&browser).join(" "), sorted, "{column} {state}");
        let states = "return [...document.querySelectorAll('th[scope=col]')].map(head => head.ariaSort ?? '')";
        let states = strings(&browser.run(states));
        let column = usize::try_from(column).unwrap();
        assert_eq!(states[column - 1], state);
        assert_eq!(states.concat(), state, "only one column");
        // The server has the same order for the URL that there is now.
        let fetched = browser.run("return location.pathname + location.search");
        let page = host.get(fetched.as_str().unwrap());
        let rows = page.text().split("<bdi>").skip(2);
        let rows: Vec<_> = rows.map(|row| row.split('<').next().unwrap()).collect();
        assert_eq!(rows.join(" "), sorted, "{fetched}");
    }
    wait_until("the server has told of all", || host.told.count(asked) >= 7);
    assert_eq!(host.told.count(asked), 7, "the page does not ask again");

    let date = "const time = document.querySelector('time'); return [time.textContent, time.title]";
    let date = strings(&browser.run(date));
    assert_eq!(
        date[0].replace('\u{202f}', " "),
        "Nov 6, 1994, 5:49 PM",
        "Tokyo"
    );
    assert_eq!(date[1], "1994-11-06 08:49 UTC");

    // From the keyboard.
    browser.type_into("body", "\u{e004}"); // Tab
    let focus = "const style = getComputedStyle(document.activeElement); return style.outlineStyle + style.outlineWidth";
    assert_eq!(browser.run(focus), "solid2px");
    browser.type_into("body", "/");
    assert_eq!(browser.run("return document.activeElement.type"), "search");
    browser.type_into("input[type=search]", "FILE");
    assert_eq!(names(&browser).join(" "), "file10 File2");
    browser.type_into("input[type=search]", "\u{e00c}"); // Escape
    assert_eq!(names(&browser).len(), 5);
    browser.type_into("input[type=search]", "d\u{e007}"); // Enter
    browser.wait_until("return document.title === 'Index of /docs/d/'");
    // Without scripts the server sorts.
    browser.disable_scripts();
    browser.open(&host.url("/docs/"));
    browser.click("thead th:nth-child(2) a");
    let sorted = "GET /docs/?sort=size&order=desc";
    host.told.wait_for(
        sorted,
        |event| matches!(event, Event::Answered(asked, 200, _) if asked == sorted),
    );
    assert_eq!(browser.complaints(), [""; 0]);
    drop(browser);
    host.stop();
}

/// The least contrast of any text on the page with what is behind it (WCAG 2).
const CONTRAST: &str = "
    const luminance = color => {
        const [r, g, b] = color.match(/[\\d.]+/g).map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrasts = [...document.querySelectorAll('a, td, p, h1')].map(element => {
        let behind = element;
        while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
        const pair = [luminance(getComputedStyle(element).color), luminance(getComputedStyle(behind).backgroundColor)];
        return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    });
    return Math.min(...contrasts)";

#[test]
fn a_listing_fits_a_phone_and_the_night() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (folder, long) = (Folder::new(), long_name());
    for name in ["a/b", "c d e f g h i", &long] {
        folder.write(&format!("{long}/{name}"), DIGITS);
    }
    let host = folder.host(Directory::listing);
    let mut seen = Vec::new();
    for width in [320, 360, 700, 1200] {
        for colors in ["light", "dark"] {
            browser.look(Look { width, colors });
            browser.open(&host.url(&format!("/docs/{long}/")));
            let overflow = "return document.documentElement.scrollWidth > innerWidth";
            assert_eq!(browser.run(overflow), false, "{width}");
            assert_eq!(browser.run("return innerWidth"), width);
            let clipped = "return [...document.querySelectorAll('bdi, time')].filter(
                part => part.getBoundingClientRect().right > innerWidth).length";
            assert_eq!(browser.run(clipped), 0, "{width}");
            let heights = "return Math.min(...[...document.querySelectorAll('a, input')].map(
                link => (link.closest('tbody tr') ?? link).getBoundingClientRect().height))";
            let least = browser.run(heights).as_f64().unwrap();
            assert!(least >= 44.0, "{least}");
            let contrast = browser.run(CONTRAST).as_f64().unwrap();
            assert!(contrast >= 4.5, "{contrast} {colors}");
            seen.push(browser.screenshot());
        }
    }
    let background = browser.run("return getComputedStyle(document.body).backgroundColor");
    assert_eq!(background, "rgb(21, 24, 28)");
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "each looks different");
    assert_eq!(browser.complaints(), [""; 0]);
    drop(browser);
    host.stop();
}

/// A server of a folder that takes uploads, but of `refused`. It does not look at the first one until somebody lets it.
fn taking_uploads(folder: &Folder, gate: crossbeam_channel::Receiver<()>) -> Host {
    let directory = folder.directory().listing().uploads(Uploads::new());
    let shown = directory.clone();
    let is_first = AtomicBool::new(true);
    let take = move |x: &mut Exchange| {
        if is_first.swap(false, Ordering::SeqCst) {
            receive(&gate);
        }
        let is_refused = x.rest().next().as_deref() == Some("refused");
        match is_refused {
            true => StatusCode::FORBIDDEN.into_answer(),
            false => directory.answer(x),
        }
    };
    Host::new(|server| {
        server
            .tree("/docs", get(move |x| shown.answer(x)).put(take))
            .unwrap();
    })
}

/// Drops files with these names and contents.
const DROP: &str = "
    const dropped = new DataTransfer();
    for (const [name, text] of arguments[0]) dropped.items.add(new File([text], name));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true }))";

/// Names and outcomes of the uploads.
const OUTCOMES: &str =
    "return [...document.querySelectorAll('#upload li')].map(line => line.textContent).join('; ')";

#[test]
fn files_are_uploaded_by_a_button_and_by_dropping_them() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    folder.write("old", "old");
    let large = elsewhere.write("large file", pattern(0, 16 << 20));
    let (go_on, gate) = gate_of();
    let host = taking_uploads(&folder, gate);
    browser.look(Look {
        width: 360,
        colors: "light",
    });
    browser.open(&host.url("/docs/?sort=size"));

    browser.type_into("input[type=file]", large.to_str().unwrap());
    browser.wait_until("return document.querySelector('progress').value > 100000");
    let odd = "100% <b>#1?&\u{e4} ";
    let dropped = json!([[["canceled", "text"], [odd, "dropped"], ["refused", "text"]]]);
    browser.run_with(DROP, &dropped);
    browser.click("#upload li:nth-child(2) button");
    go_on.send(()).unwrap();
    browser.wait_until("return document.querySelectorAll('tbody tr').length === 3");
    let outcomes = browser.run(OUTCOMES);
    assert_eq!(
        outcomes,
        format!("large fileUploaded.; canceledCanceled.; {odd}Uploaded.; refused403 Forbidden")
    );
    assert_eq!(names(&browser), ["old", odd, "large file"]);
    assert_eq!(
        fs::read(folder.path("large file")).unwrap(),
        fs::read(&large).unwrap()
    );
    assert_eq!(fs::read_to_string(folder.path(odd)).unwrap(), "dropped");
    let overflow = "return document.documentElement.scrollWidth > innerWidth";
    assert_eq!(browser.run(overflow), false);

    // What is there stays, unless that is not wanted.
    browser.run_with(DROP, &json!([[["old", "quite new"]]]));
    browser.confirm("old is there already. Replace it?");
    browser.wait_until("return document.querySelector('[title=\"9 bytes\"]') !== null");
    assert_eq!(fs::read_to_string(folder.path("old")).unwrap(), "quite new");

    // The browser itself mentions what was refused.
    let refused = |text: &String| text.contains("status of 403") || text.contains("status of 412");
    let complaints = browser.complaints();
    assert!(complaints.iter().all(refused), "{complaints:?}");
    drop(browser);
    host.stop();
}

/// A sound of 1000 seconds, which are 8,000 bytes each.
fn silence() -> Vec<u8> {
    const SIZE: u32 = 8_000_000;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((SIZE + 36).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(8000_u32.to_le_bytes()); // Samples, and bytes, of a second.
    wav.extend(8000_u32.to_le_bytes());
    wav.extend(b"\x01\0\x08\0data");
    wav.extend(SIZE.to_le_bytes());
    wav.resize(wav.len() + SIZE as usize, 0x80);
    wav
}

#[test]
fn a_player_seeks_in_a_file_by_ranges() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = Folder::new();
    let sound = File::new(folder.write("sound.wav", silence()));
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let theirs = Arc::clone(&asked);
    let play = move |x: &mut Exchange| {
        let range = x.headers().get("range");
        let range = range.map_or("", |range| range.to_str().unwrap());
        theirs.lock().unwrap().push(range.to_owned());
        sound.clone()
    };
    let host = Host::new(|server| {
        server.route("/sound.wav", get(play)).unwrap();
        server.route("/", get(|_| player())).unwrap();
    });
    browser.open(&host.url("/"));
    browser.wait_until("return sound.readyState >= 1");
    assert_eq!(
        browser.run("return [sound.duration, sound.seekable.end(0)]"),
        json!([1000, 1000])
    );
    browser.run("sound.currentTime = 900; return new Promise(resolve => sound.onseeked = resolve)");
    assert_eq!(
        browser.run("return [sound.currentTime, sound.error]"),
        json!([900, null])
    );
    let starts: Vec<_> = asked.lock().unwrap().clone();
    let starts = starts.iter().filter_map(|range| {
        let start = range.strip_prefix("bytes=")?.split('-').next()?;
        start.parse::<u64>().ok()
    });
    let starts: Vec<_> = starts.collect();
    assert_eq!(starts.first(), Some(&0), "{starts:?}");
    assert!(starts.iter().any(|&start| start > 6_000_000), "{starts:?}");
    let fetched = browser.run(
        "return fetch('/sound.wav', { headers: { Range: 'bytes=8-11' } })
            .then(async answer => [answer.status, await answer.text(), answer.headers.get('content-range')])",
    );
    assert_eq!(fetched, json!([206, "WAVE", "bytes 8-11/8000044"]));
    assert_eq!(browser.complaints(), [""; 0]);
    drop(browser);
    host.stop();
}

fn player() -> Response<&'static str> {
    let text = "<!DOCTYPE html><link rel=icon href=data:,><audio id=sound src=sound.wav preload=metadata></audio>";
    let mut page = Response::new(text);
    let kind = HeaderValue::from_static("text/html");
    page.headers_mut().insert(CONTENT_TYPE, kind);
    page
}
