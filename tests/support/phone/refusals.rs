//! What the tests' phone refuses. A phone that took everything would prove nothing.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::Phone;
use super::model::{Charset, Model};
use super::screen::{Screen, phone_can_dial};
use super::wire::Page;

const DECLARED: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";

fn read(body: &str) -> Result<Screen, String> {
    let body = format!("{DECLARED}{body}").into_bytes();
    let page = Page { headers: std::collections::HashMap::new(), body, charset: Charset::Utf8 };
    Screen::read(&page, Model::Cisco7965)
}

fn menu(inner: &str) -> Result<Screen, String> {
    read(&format!("<CiscoIPPhoneMenu><Title>A</Title><Prompt></Prompt>{inner}</CiscoIPPhoneMenu>"))
}

fn item(name: &str, url: &str) -> String {
    format!("<MenuItem><Name>{name}</Name><URL>{url}</URL></MenuItem>")
}

fn key(position: &str, url: &str) -> String {
    format!(
        "<SoftKeyItem><Name>K</Name><Position>{position}</Position><URL>{url}</URL></SoftKeyItem>"
    )
}

#[track_caller]
fn refuses(screen: Result<Screen, String>, word: &str) {
    let reason = screen.expect_err(word);
    assert!(reason.contains(word), "{reason}");
}

#[test]
fn the_phone_takes_a_screen_that_is_as_it_should_be() {
    let link = format!("http://a/{}", "x".repeat(247));
    let screen = menu(&format!(
        "\n{}{}{}",
        key("1", "SoftKey:Select"),
        key("8", "http://a/?b=c&amp;d=e"),
        item(&"ü".repeat(64), &link).repeat(100)
    ));
    let Screen::Menu { frame, items } = screen.unwrap() else { panic!() };
    assert_eq!((items.len(), items[99].url.len()), (100, 256));
    assert_eq!(frame.keys[1].url, "http://a/?b=c&d=e");
}

#[test]
fn the_phone_refuses_markup_that_it_does_not_know() {
    let good = item("Ada", "http://a/");
    refuses(menu(&format!("<!-- c -->{good}")), "Comment");
    refuses(menu(&item("<![CDATA[Ada]]>", "http://a/")), "]]>");
    refuses(menu(&item("Ada &nbsp;", "http://a/")), "entity");
    refuses(menu(&item("Ada &#1;", "http://a/")), "entity");
    refuses(menu(&good.replace("<Name>", "<Name lang=\"de\">")), "attributes");
    refuses(menu(&good.replace("Name>", "b:Name>")), "belongs");
    refuses(menu("<MenuItem/>"), "Empty");
    refuses(menu(&format!("{good}stray")), "text");
    refuses(read("<!DOCTYPE a><CiscoIPPhoneMenu></CiscoIPPhoneMenu>"), "DocType");
    refuses(read("<CiscoIPPhoneMenu>"), "too early");
    refuses(read("<CiscoIPPhoneText></CiscoIPPhoneMenu>"), "not XML");
    refuses(read("<html></html>"), "no screen");
    refuses(menu(&item("Ada\u{B}", "http://a/")), "U+000B");
    refuses(menu(&item("Ada\u{FFFE}", "http://a/")), "U+FFFE");
    refuses(menu(&item("Ada\nL", "http://a/")), "line break");
}

#[test]
fn the_phone_refuses_another_order_of_elements() {
    let good = item("Ada", "http://a/");
    refuses(menu(&format!("{good}{}", key("1", "SoftKey:Exit"))), "does not belong");
    refuses(menu("<MenuItem><URL>http://a/</URL><Name>A</Name></MenuItem>"), "where `Name`");
    refuses(
        read("<CiscoIPPhoneMenu><Prompt></Prompt><Title></Title></CiscoIPPhoneMenu>"),
        "`Title`",
    );
}

#[test]
fn the_phone_refuses_what_is_beyond_its_limits() {
    refuses(menu(&item("A", "http://a/").repeat(101)), "100 are allowed");
    refuses(menu(&item(&"ü".repeat(65), "http://a/")), "64 are allowed");
    refuses(menu(&item("", "http://a/")), "empty");
    refuses(menu(&item("A", &format!("http://a/{}", "x".repeat(248)))), "256 are allowed");
    refuses(menu(&item("A", "/directory")), "absolute");
    refuses(menu(&item("A", "http:///x")), "not an address");
    refuses(menu(&item("A", "http://a/b c")), "not an address");
    refuses(menu(&key("1", "SoftKey:Exit").repeat(2)), "places");
    refuses(menu(&key("9", "SoftKey:Exit")), "places");
    refuses(menu(&key("1", "SoftKey:Dial")), "Dial");
    let title = format!("<Title>{}</Title><Prompt></Prompt>", "x".repeat(33));
    refuses(read(&format!("<CiscoIPPhoneMenu>{title}</CiscoIPPhoneMenu>")), "32 are allowed");
    let text = format!("<Title></Title><Prompt></Prompt><Text>{}</Text>", "x".repeat(4001));
    refuses(read(&format!("<CiscoIPPhoneText>{text}</CiscoIPPhoneText>")), "4000 are allowed");
}

#[test]
fn the_phone_refuses_bytes_that_are_not_in_the_charset_that_they_claim() {
    let page = |body: &[u8], charset| Page {
        headers: std::collections::HashMap::new(),
        body: body.to_vec(),
        charset,
    };
    let text =
        b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><CiscoIPPhoneText><Title>\xEB</Title>\
        <Prompt></Prompt><Text></Text></CiscoIPPhoneText>";
    let latin = page(text, Charset::Latin1);
    assert_eq!(Screen::read(&latin, Model::Cisco7940).unwrap().frame().title, "ë");
    refuses(Screen::read(&page(text, Charset::Utf8), Model::Cisco7965), "not UTF-8");
    let plain = String::from_utf8_lossy(text).replace('\u{FFFD}', "e");
    let page = page(plain.as_bytes(), Charset::Utf8);
    refuses(Screen::read(&page, Model::Cisco7965), "does not begin");
    refuses(Screen::read(&page, Model::Cisco7940), "not asked for");
}

#[test]
fn the_phone_dials_digits_and_little_else() {
    for good in ["1", "+49301234567", "*31#0612345678", "0301234567,,12"] {
        phone_can_dial(good).unwrap();
    }
    for bad in ["", "+", "030 123", "1-800-FLOWERS", "12+3", "tel:1", "1;ext=2", "٠١٠", "*#"] {
        phone_can_dial(bad).unwrap_err();
    }
}

/// What a phone makes of these bytes of a server.
async fn answered(bytes: &str) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bytes = bytes.replace("HERE", &format!("http://{address}/"));
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(bytes.as_bytes()).await;
        }
    });
    let found = Phone::new(Model::Cisco8845, address).try_open(&format!("http://{address}/")).await;
    server.abort();
    found
}

#[tokio::test]
async fn the_phone_refuses_answers_that_are_no_screen() {
    let body = format!(
        "{DECLARED}<CiscoIPPhoneText><Title></Title><Prompt></Prompt><Text></Text></CiscoIPPhoneText>"
    );
    let length = body.len();
    let xml = "Content-Type: text/xml; charset=utf-8";
    let good = format!("HTTP/1.1 200 OK\r\n{xml}\r\nContent-Length: {length}\r\n\r\n{body}");
    answered(&good).await.unwrap();
    for (bad, word) in [
        (good.replace("200 OK", "404 Not Found"), "HTTP error"),
        (good.replace("200 OK", "302 Found\r\nLocation: HERE"), "more than 3 redirects"),
        (good.replace(&format!("Content-Length: {length}"), "A: b"), "no Content-Length"),
        (good.replace(&length.to_string(), "9999"), "9999 bytes came"),
        (good.replace("OK\r\n", "OK\r\nTransfer-Encoding: chunked\r\n"), "chunked"),
        (good.replace("OK\r\n", "OK\r\nContent-Encoding: gzip\r\n"), "gzip"),
        (good.replace("; charset=utf-8", ""), "Content-Type"),
        (good.replace("text/xml", "text/html"), "Content-Type"),
        (good.replace("OK\r\n", &format!("OK\r\n{xml}\r\n")), "twice"),
    ] {
        let reason = answered(&bad).await.expect_err(word);
        assert!(reason.contains(word), "{word}: {reason}");
    }
}
