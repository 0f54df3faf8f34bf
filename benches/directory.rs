//! Measures what phones, switchboards and searches wait for, at 100,000 contacts, on the release binary:
//!
//! ```text
//! cargo bench --bench directory               everything (about a minute)
//! cargo bench --bench directory -- 10000      with so many contacts
//! ```
//!
//! Sixteen connections ask as fast as they are answered, from one thread of the same machine; so each
//! figure holds the wait behind fifteen others. nginx (from Debian) serves the same bytes as static files
//! to the same client, for comparison. A slow machine is not an error, and nothing fails for it; an answer
//! that is no answer, or finds nothing, does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may stop at a surprise")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the time")]

mod shared;

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use shared::{Did, Google, Server, line, ms};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 16;
const FOR: Duration = Duration::from_secs(3);

/// What came of asking for a while.
struct Load {
    times: Vec<Duration>,
    per_second: f64,
}

impl Load {
    fn p(&self, percent: usize) -> f64 {
        ms(self.times[(self.times.len() - 1) * percent / 100])
    }
}

/// Asks one server for these paths in turn, over `connections` that stay open.
async fn load(address: &str, paths: &[String], connections: usize, length: Duration) -> Load {
    let begun = Instant::now();
    let mut askers = tokio::task::JoinSet::new();
    for number in 0..connections {
        let (address, paths) = (address.to_owned(), paths.to_vec());
        askers.spawn_local(async move {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut buffer = vec![0; 64 << 10];
            let mut times = Vec::new();
            let mut next = number * paths.len() / connections;
            while begun.elapsed() < length {
                let path = &paths[next % paths.len()];
                next += 1;
                let asked = Instant::now();
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept-Charset: utf-8\r\n\
                     x-CiscoIPPhoneModelName: CP-8845\r\n\r\n"
                );
                stream.write_all(request.as_bytes()).await.unwrap();
                let (status, body) = answer(&mut stream, &mut buffer).await;
                times.push(asked.elapsed());
                assert!(status == 200 && !body.is_empty(), "{status} for {path}");
            }
            times
        });
    }
    let mut times = Vec::new();
    while let Some(part) = askers.join_next().await {
        times.extend(part.unwrap());
    }
    let per_second = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort();
    Load { times, per_second }
}

/// Reads one answer to its end, and nothing of the next.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> (u16, Vec<u8>) {
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server hung up");
        filled += read;
        let Some(head) = buffer[..filled].windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).unwrap();
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        let status = text[9..12].parse().unwrap();
        let end = head + 4 + length.unwrap();
        if filled >= end {
            return (status, buffer[head + 4..end].to_vec());
        }
    }
}

async fn get(address: &str, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nx-CiscoIPPhoneModelName: CP-8845\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (status, body) = answer(&mut stream, &mut vec![0; 64 << 10]).await;
    assert_eq!(status, 200, "{path}");
    body
}

/// How many things an answer holds: entries of a screen, results of a search, names of a caller.
fn entries(path: &str, body: &[u8]) -> usize {
    let text = String::from_utf8_lossy(body);
    if path.starts_with("/api/") {
        let answer: Value = serde_json::from_str(&text).unwrap();
        return answer["results"].as_array().unwrap().len();
    }
    if path.starts_with("/lookup") {
        return usize::from(!text.trim().is_empty());
    }
    // `Help` is a text, the other screens are lists.
    ["<MenuItem>", "<DirectoryEntry>", "<Text>"].iter().map(|it| text.matches(it).count()).sum()
}

/// Each of these finds something; so none of the figures is that of an empty answer. Returns how much all
/// of them find.
async fn assert_found(address: &str, kind: &str, paths: &[String]) -> usize {
    assert!(paths.len() >= 50, "{kind}: only {} paths", paths.len());
    let mut found = 0;
    for path in paths {
        let here = entries(path, &get(address, path).await);
        assert!(here > 0, "{kind}: nothing is found at {path}");
        found += here;
    }
    found
}

/// What is asked for, by kind.
struct Asked {
    screens: Vec<String>,
    contacts: Vec<String>,
    numbers: Vec<String>,
    words: Vec<String>,
    digits: Vec<String>,
    keys: Vec<String>,
    within: Vec<String>,
}

async fn what_to_ask(server: &Server) -> Asked {
    let mut screens = vec!["/directory".to_owned(), "/directory/help".to_owned()];
    for group in ["2ABC", "3DEF", "4GHI", "5JKL", "6MNO", "7PQRS", "8TUV", "9WXYZ"] {
        screens.extend((1..12).map(|page| format!("/directory/groups/{group}?page={page}")));
    }
    let (mut contacts, mut numbers, mut words, mut digits) = (vec![], vec![], vec![], vec![]);
    let (mut keys, mut within) = (vec![], vec![]);
    for part in 0..8 {
        let url = format!("{}/api/contacts?limit=100&offset={}", server.base, part * 900);
        let page: Value = server.http.get(url).send().await.unwrap().json().await.unwrap();
        for contact in page["contacts"].as_array().unwrap() {
            let id = contact["id"].as_str().unwrap();
            contacts.push(format!("/directory/contacts/{id}"));
            let name = contact["display_name"].as_str().unwrap();
            let is_long = |it: &&str| it.len() >= 6 && it.bytes().all(|b| b.is_ascii_alphabetic());
            let word = name.split(' ').find(is_long).map(str::to_ascii_lowercase);
            if let Some(word) = &word {
                words.push(format!("/api/search?q={}", &word[..4]));
                within.push(format!("/api/search?q={}", &word[1..5]));
            }
            let Some(number) = contact["phone_numbers"][0]["value"].as_str() else { continue };
            let plain: String = number.chars().filter(char::is_ascii_digit).collect();
            // A number of E.164; some texts of the address book are none.
            if (9..=15).contains(&plain.len()) {
                numbers.push(format!("/lookup?number=%2B{plain}"));
                digits.push(format!("/api/search?q={}", &plain[3..9]));
                // Only contacts with a number are on phones.
                let spelled = word.iter().map(|it| it.bytes().take(4).map(key_of).collect());
                keys.extend(spelled.map(|it: String| format!("/directory/search?keys={it}")));
            }
        }
    }
    Asked { screens, contacts, numbers, words, digits, keys, within }
}

fn key_of(letter: u8) -> char {
    let keys = b"22233344455566677778889999";
    char::from(keys[usize::from(letter - b'a')])
}

struct Nginx {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// nginx with these bodies as files, if it is installed.
fn nginx(bodies: &[Vec<u8>]) -> Option<Nginx> {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let root = folder.path().display().to_string();
    for (number, body) in bodies.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number}.xml")), body).unwrap();
    }
    let config = folder.path().join("nginx.conf");
    let mut file = std::fs::File::create(&config).unwrap();
    let user = if root_user() { "user root;" } else { "" };
    write!(
        file,
        "daemon off; {user} worker_processes 2; pid {root}/pid; error_log stderr crit;
         events {{ worker_connections 256; }}
         http {{
             access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
             open_file_cache max=1000; default_type text/xml;
             server {{ listen 127.0.0.1:{port}; root {root}; }}
         }}"
    )
    .unwrap();
    let child = Command::new("nginx").arg("-c").arg(&config).stderr(Stdio::null()).spawn().ok()?;
    let address = format!("127.0.0.1:{port}");
    while std::net::TcpStream::connect(&address).is_err() {
        std::thread::yield_now();
    }
    Some(Nginx { child, address, _folder: folder })
}

fn root_user() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

async fn measure(contacts: usize) {
    let google = Google::start(contacts, 0);
    let server = Server::afresh(&google).await;
    let all_new = Did { created: contacts, ..Did::full(contacts) };
    server.sync("/api/sync/full", all_new).await;
    // Its follow-up is over when another sync may begin.
    server.sync("/api/sync/incremental", Did::NOTHING).await;
    let server = server.again(&google).await;
    let address = server.base.trim_start_matches("http://").to_owned();
    let before = server.memory_mib("VmRSS");
    let begun = Instant::now();
    let menu = get(&address, "/directory").await;
    let first = ms(begun.elapsed());
    assert!(entries("/directory", &menu) >= 8, "the menu has the keypad's groups");
    let asked = what_to_ask(&server).await;
    println!("{contacts} contacts, {CONNECTIONS} connections");
    line("the first screen after a start", format!("{first:.0} ms"), None, 0.0);

    let kinds: [(&str, &[String], Option<f64>); 7] = [
        ("directory screens", &asked.screens, Some(2.0)),
        ("contact screens", &asked.contacts, Some(2.0)),
        ("/lookup", &asked.numbers, Some(1.0)),
        ("search by the beginning of a word", &asked.words, Some(5.0)),
        ("search by a part of a number", &asked.digits, Some(5.0)),
        ("search by keys", &asked.keys, Some(5.0)),
        ("search within words", &asked.within, Some(50.0)),
    ];
    let mut quiet = Vec::new();
    for (kind, paths, limit) in &kinds {
        let found = assert_found(&address, kind, paths).await;
        let each = found as f64 / paths.len() as f64;
        println!("{kind}: {} different ones, {each:.1} entries in each", paths.len());
        let alone = load(&address, paths, 1, FOR / 6).await;
        let full = load(&address, paths, CONNECTIONS, FOR).await;
        let note = format!("{:.0} a second, alone p50 {:.3} ms", full.per_second, alone.p(50));
        line(&format!("{kind}: {note}"), format!("p99 {:.2} ms", full.p(99)), *limit, full.p(99));
        quiet.push(full.p(99));
    }
    let after = server.memory_mib("VmRSS");
    line("memory before and after", format!("{before:.0}, {after:.0} MiB"), None, 0.0);

    let mut bodies = Vec::new();
    for path in &asked.screens {
        bodies.push(get(&address, path).await);
    }
    match nginx(&bodies) {
        None => println!(
            "nginx is not installed (apt-get install nginx-light): nothing to compare with"
        ),
        Some(nginx) => {
            let files: Vec<String> = (0..bodies.len()).map(|it| format!("/{it}.xml")).collect();
            for (file, body) in files.iter().zip(&bodies) {
                assert_eq!(&get(&nginx.address, file).await, body, "nginx serves the same bytes");
            }
            let mut ratios = Vec::new();
            for _ in 0..3 {
                let theirs = load(&nginx.address, &files, CONNECTIONS, FOR).await.per_second;
                let ours = load(&address, &asked.screens, CONNECTIONS, FOR).await.per_second;
                ratios.push((ours / theirs, ours, theirs));
            }
            ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (ratio, ours, theirs) = ratios[1];
            let note = format!("screens {ours:.0} a second, nginx {theirs:.0}");
            line(&note, format!("{ratio:.2}"), Some(0.5), ratio);
        }
    }

    for ((kind, paths, _), quiet) in kinds.iter().zip(&quiet) {
        // The follow-up of the sync before is over when another sync may begin.
        server.sync("/api/sync/incremental", Did::NOTHING).await;
        make_all_look_changed(&server);
        let all_written = Did { updated: contacts, ..Did::full(contacts) };
        let length = Duration::from_millis(contacts as u64 * 15 / 1000);
        let (took, meanwhile) = tokio::join!(
            server.sync("/api/sync/full", all_written),
            load(&address, paths, CONNECTIONS, length)
        );
        assert!(took >= length, "the sync was over after {took:?}, before the asking was");
        let ratio = meanwhile.p(99) / quiet;
        let note = format!("{kind}, while a full sync writes: p99 {:.2} ms", meanwhile.p(99));
        line(&note, format!("{ratio:.2} times"), Some(3.0), ratio);
    }
    let peak = server.memory_mib("VmHWM");
    line("peak memory of all this", format!("{peak:.0} MiB"), None, 0.0);
}

/// The next full sync then writes every contact.
fn make_all_look_changed(server: &Server) {
    let path = server.folder.path().join("ringbook.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    database.execute("update contact set fingerprint = zeroblob(16)", []).unwrap();
}

fn main() {
    let contacts = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, measure(contacts));
}
