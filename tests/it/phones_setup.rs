//! What people paste into phones and PBXs: the pieces that the program prints, and the pages that show them.

use std::path::{Path, PathBuf};

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::support::program::{Ended, Program};

const SERVER: &str = "http://ringbook.example:8000";
const FAMILIES: &[&str] = &["enterprise", "cucm", "mpp", "9800", "spa"];

async fn run(settings: &[(&str, &str)], args: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let settings: Vec<(String, String)> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let ended = Program::start(folder.path(), &settings, args).ended().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "asking leaves no trace");
    ended
}

async fn snippet(family: &str, url: &str, more: &[&str]) -> Ended {
    let mut args = vec!["phones", "snippet", "--family", family, "--url", url];
    args.extend(more);
    run(&[], &args).await
}

/// What each element holds, with the names of its parents; panics where a parser would stumble.
fn elements(xml: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_comments = true;
    let (mut path, mut found): (Vec<String>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    let mut roots = 0;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} in {xml}")) {
            Event::Start(tag) => {
                roots += usize::from(path.is_empty());
                for attribute in tag.attributes() {
                    attribute.unwrap();
                }
                path.push(tag.name().as_ref().to_owned());
                found.push((path.join("/"), String::new()));
            }
            Event::End(_) => drop(path.pop()),
            Event::Text(text) if path.is_empty() => {
                assert!(text.trim_ascii().is_empty(), "text outside of everything in {xml}");
            }
            Event::Text(text) => add(&mut found, &path, &text),
            Event::GeneralRef(entity) => {
                let entity = format!("&{};", &*entity);
                add(&mut found, &path, &quick_xml::escape::unescape(&entity).unwrap());
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((roots, path.len()), (1, 0), "one root, and everything closed: {xml}");
    found
}

fn add(found: &mut [(String, String)], path: &[String], text: &str) {
    let path = path.join("/");
    let element = found.iter_mut().rev().find(|(known, _)| *known == path).unwrap();
    element.1.push_str(text);
}

fn held<'a>(found: &'a [(String, String)], path: &str) -> Vec<&'a str> {
    found.iter().filter(|(known, _)| known == path).map(|(_, text)| text.as_str()).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_family_gets_a_piece_that_parses_and_holds_the_url() {
    let url = format!("{SERVER}/directory");
    for family in FAMILIES {
        let ended = snippet(family, SERVER, &[]).await;
        ended.assert(0, &[&url]);
        let twins = match *family {
            "enterprise" => vec![
                "device/directoryURL",
                "device/phoneServices/phoneService/url",
                "device/sipProfile/sipLines/line/serviceURI",
            ],
            "cucm" => {
                assert!(ended.out.lines().any(|it| it.starts_with("Service URL ")
                    && it.split_whitespace().last() == Some(url.as_str())));
                continue;
            }
            "9800" => vec![
                "flat-profile/XML_Directory_Service_URL",
                "flat-profile/XML_Application_Service_URL",
            ],
            _ => vec!["flat-profile/XML_Directory_Service_URL"],
        };
        let found = elements(&ended.out);
        for path in twins {
            assert_eq!(held(&found, path).first(), Some(&url.as_str()), "{path} of {family}");
        }
        let secure = held(&found, "device/secureDirectoryURL");
        assert!(secure.iter().all(|it| it.is_empty()), "phones would choose it: {secure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_letters_in_a_url_or_a_name_break_no_file() {
    let name = "DIRECTORY_TITLE=Möller & <Söhne> {{url}}";
    for family in FAMILIES.iter().filter(|it| **it != "cucm") {
        let ended =
            snippet(family, "http://a--b.example/x&y'z", &["--set", name, "--mac", "0011AABBCCDD"])
                .await;
        let found = elements(&ended.assert(0, &[]).out);
        let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
        assert!(texts.contains(&"http://a--b.example/x&y'z/directory"), "{texts:?}");
        assert!(texts.contains(&"Möller & <Söhne> {{url}}"), "{texts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_is_too_long_for_a_phone_is_refused_with_the_reason() {
    let base = |length: usize| {
        let begin = "http://ringbook.example/";
        format!("{begin}{}", "x".repeat(length - begin.len() - "/directory".len()))
    };
    for family in FAMILIES {
        let ended = snippet(family, &base(256), &[]).await;
        ended.assert(2, &["256 characters", "no more than 255", "PUBLIC_URL"]);
        assert_eq!(ended.out, "", "half a piece is worse than none");
        let ended = snippet(family, &base(255), &[]).await;
        ended.assert(0, &["255 characters long", "a shorter one is safer"]);
    }
    let refused = snippet("mpp", &base(300), &["--json"]).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("255"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_url_it_takes_the_setting_or_guesses_and_says_so() {
    let args = ["phones", "snippet", "--family", "spa"];
    let set = [("PUBLIC_URL", "http://phones.example/"), ("HOST", "0.0.0.0")];
    let ended = run(&set, &args).await;
    ended.assert(0, &[">http://phones.example/directory<"]);
    assert_eq!(ended.err, "", "there is nothing to add");

    let ended = run(&[("HOST", "10.0.0.5"), ("PORT", "8080")], &args).await;
    ended.assert(0, &[">http://10.0.0.5:8080/directory<"]);
    assert!(ended.err.contains("guess") && !ended.out.contains("guess"), "{ended:?}");

    let ended = run(&[], &args).await;
    ended
        .assert(2, &["127.0.0.1", "no phone can reach it", "PHONES_LISTEN", "PUBLIC_URL", "--url"]);
    let ended = run(&[("HOST", "0.0.0.0")], &args).await;
    ended.assert(2, &["0.0.0.0", "PUBLIC_URL", "--url"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_no_phone_could_use_is_refused() {
    for (url, word) in [
        ("ringbook.example:8000", "http://"),
        ("http://localhost:8000", "to itself"),
        ("http://127.0.0.1:8000", "to itself"),
        ("http://ringbook.example/?key=1", "query"),
    ] {
        snippet("mpp", url, &[]).await.assert(2, &[word]);
    }
    let again = snippet("mpp", "http://ringbook.example:8000/directory/", &[]).await;
    again.assert(0, &[">http://ringbook.example:8000/directory<"]);
    snippet("spa", "https://ringbook.example", &[]).await.assert(0, &["use plain HTTP"]);
    let https = snippet("enterprise", "https://ringbook.example", &[]).await;
    let found = elements(&https.assert(0, &["trust list"]).out);
    assert_eq!(held(&found, "device/secureDirectoryURL"), ["https://ringbook.example/directory"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_named_after_the_phone() {
    let ended = snippet("enterprise", SERVER, &["--mac", "00:11:22:aa:bb:cc"]).await;
    assert!(ended.out.lines().next().unwrap().contains(" SEP001122AABBCC.cnf.xml"), "{ended:?}");
    snippet("enterprise", SERVER, &["--mac", "SEP123"]).await.assert(2, &["`SEP123`", "twelve"]);
    snippet("mpp", SERVER, &["--mac", "SEP001122334455"]).await.assert(0, &["only used with"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_family_the_families_are_listed() {
    let ended = run(&[], &["phones", "snippet"]).await;
    ended.assert(0, &["--family FAMILY"]);
    let named: Vec<&str> =
        ended.out.lines().skip(1).map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(named, FAMILIES);
    assert!(ended.out.lines().all(|line| line.split('\t').nth(1).is_some_and(|it| it.len() > 5)));
    let listed = run(&[], &["phones", "snippet", "--json"]).await.json();
    assert_eq!(listed["families"][3]["family"], "9800");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_holds_the_same_piece() {
    let told = snippet("9800", SERVER, &["--json", "--set", "HOST=0.0.0.0"]).await.json();
    let plain = snippet("9800", SERVER, &[]).await;
    assert_eq!(told["family"], "9800");
    assert_eq!(told["snippet"].as_str().unwrap().trim_end(), plain.out.trim_end());
    assert_eq!(told["directory_url"], format!("{SERVER}/directory"));
    assert_eq!(told["notes"].as_array().unwrap().len(), 0);
}

/// Whoever changes a template changes the page: its block is what the command prints.
#[tokio::test(flavor = "multi_thread")]
async fn each_page_shows_what_the_command_prints() {
    for family in FAMILIES {
        let page = root().join(format!("docs/phones/{family}.md"));
        let page = std::fs::read_to_string(page).unwrap();
        let command = format!("ringbook phones snippet --family {family} --url {SERVER}");
        assert!(page.contains(&command), "docs/phones/{family}.md does not say `{command}`");
        let printed = snippet(family, SERVER, &[]).await.out;
        let fence = if *family == "cucm" { "text" } else { "xml" };
        let block = format!("```{fence}\n{printed}```\n");
        assert!(
            page.contains(&block),
            "docs/phones/{family}.md shows something else; its block should be\n{block}"
        );
    }
}

#[test]
fn what_the_pages_show_is_well_formed_and_their_links_lead_somewhere() {
    let docs = root().join("docs");
    let mut pages: Vec<PathBuf> =
        std::fs::read_dir(docs.join("phones")).unwrap().map(|it| it.unwrap().path()).collect();
    pages.extend([docs.join("caller-id.md"), root().join("README.md")]);
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in text.split("```xml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            // Two actions of a dialplan are no document; within their parent they are.
            elements(&format!("<all>{block}</all>"));
        }
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            let outside = link.contains("://") || file.is_empty();
            let target = page.parent().unwrap_or(Path::new("/")).join(file);
            assert!(outside || target.exists(), "{}: {link} leads nowhere", page.display());
        }
    }
}
