//! What goes over the wire, whole or harmed.

use super::*;

/// Status line and headers, and the bytes after them, of one request on a new connection.
async fn raw(google: &Google, query: &[(&str, &str)], headers: &str) -> (String, Vec<u8>) {
    let url = google.url("/v1/people/me/connections", query);
    let mut stream = TcpStream::connect(google.simulator.addr()).await.unwrap();
    let request = format!(
        "GET {}?{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{headers}\r\n",
        url.path(),
        url.query().unwrap_or_default(),
        google.token,
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset is reported by tests that expect one; here it only ends the bytes.
    let _ = stream.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    (head, bytes[(end + 4).min(bytes.len())..].to_vec())
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    body
}

fn gunzipped(bytes: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).map(|_| text)
}

const TAKES_GZIP: &str = "Accept-Encoding: gzip\r\nUser-Agent: raw (gzip)\r\n";

#[tokio::test]
async fn answers_come_in_chunks_without_a_length_and_indented_unless_told_otherwise() {
    let google = Google::of(3).await;
    let (head, body) = raw(&google, FULL, "").await;
    assert!(head.contains("content-type: application/json; charset=utf-8"), "{head}");
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"));
    assert!(unchunked(&body).starts_with(b"{\"connections\":[{\"resourceName\""));
    assert!(body.ends_with(b"0\r\n\r\n"));
    let (_, body) = raw(&google, &FULL[..4], "").await;
    assert!(unchunked(&body).starts_with(b"{\n  \"connections\": [\n    {\n"));
}

#[tokio::test]
async fn only_who_asks_twice_gets_gzip_and_errors_come_in_it_too() {
    let google = Google::of(3).await;
    for half in ["Accept-Encoding: gzip\r\n", "User-Agent: raw (gzip)\r\n"] {
        assert!(!raw(&google, FULL, half).await.0.contains("content-encoding"));
    }
    let (head, body) = raw(&google, FULL, TAKES_GZIP).await;
    assert!(head.contains("content-encoding: gzip"));
    assert!(gunzipped(&unchunked(&body)).unwrap().contains("nextSyncToken"));
    google.simulator.control().change_settings(|settings| settings.gzip = false);
    assert!(!raw(&google, FULL, TAKES_GZIP).await.0.contains("content-encoding"));
    let (head, body) = raw(&google, &[("pageSize", "5")], TAKES_GZIP).await;
    assert!(head.starts_with("http/1.1 400") && head.contains("content-encoding: gzip"));
    assert!(gunzipped(&unchunked(&body)).unwrap().contains("personFields mask is required"));
}

#[tokio::test]
async fn a_truncated_body_has_no_last_chunk_and_a_truncated_gzip_no_trailer() {
    let google = Google::of(30).await;
    google.strike(Fault::new(Action::TruncatedBody));
    let (head, body) = raw(&google, FULL, "").await;
    assert!(head.starts_with("http/1.1 200") && body.len() > 1000);
    assert!(!body.ends_with(b"0\r\n\r\n"));
    google.strike(Fault::new(Action::TruncatedBody));
    let answer = google.send("/v1/people/me/connections", FULL).await.unwrap();
    assert!(answer.text().await.is_err());

    google.strike(Fault::new(Action::TruncatedGzip));
    let (head, body) = raw(&google, FULL, "").await;
    assert!(head.contains("content-encoding: gzip") && body.ends_with(b"0\r\n\r\n"));
    assert!(gunzipped(&unchunked(&body)).is_err());
}

#[tokio::test]
async fn gzip_can_come_without_saying_so_and_json_as_something_else() {
    let google = Google::of(3).await;
    google.strike(Fault::new(Action::GzipWithoutHeader { answer: Some(Canned::Forbidden) }));
    let (head, body) = raw(&google, FULL, TAKES_GZIP).await;
    assert!(head.starts_with("http/1.1 403") && !head.contains("content-encoding"));
    assert!(gunzipped(&unchunked(&body)).unwrap().contains("PERMISSION_DENIED"));
    google.strike(Fault::new(Action::WrongContentType));
    let (head, body) = raw(&google, FULL, "").await;
    assert!(head.contains("content-type: text/plain") && body.len() > 100);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let google = Google::of(3).await;
    google.strike(Fault::new(Action::Reset));
    let mut stream = TcpStream::connect(google.simulator.addr()).await.unwrap();
    let request = "GET /v1/people/me HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(google.full_but(&[]).await.status, 200);
}

#[tokio::test]
async fn what_hangs_hangs_until_the_client_goes_or_the_simulator_stops() {
    let google = Google::of(3).await;
    google.strike(Fault::new(Action::Hang).forever());
    let control = google.simulator.control();
    let hangs = async || {
        while control.counted(Endpoint::List).in_flight == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = google.send("/v1/people/me/connections", FULL) => panic!("{answer:?}"),
        () = hangs() => {}
    }
    while control.counted(Endpoint::List).in_flight > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(control.log()[0].status, None);
    let url = google.url("/v1/people/me/connections", FULL);
    let client = google.client.clone();
    let hanging = tokio::spawn(async move { client.get(url).send().await });
    hangs().await;
    google.simulator.shutdown().await;
    assert!(hanging.await.unwrap().is_err());
}

#[tokio::test]
async fn a_body_can_drip_and_a_body_can_have_no_end() {
    let google = Google::of(1).await;
    google.strike(Fault::new(Action::Drip { bytes: 200, pause_ms: 1 }));
    assert_eq!(google.full_but(&[]).await.people().len(), 1);
    google.strike(Fault::new(Action::Endless));
    let mut answer = google.send("/v1/people/me/connections", FULL).await.unwrap();
    let mut bytes = 0;
    while bytes < 40 << 20 {
        bytes += answer.chunk().await.unwrap().expect("it has no end").len();
    }
}
