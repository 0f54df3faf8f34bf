//! What stands between here and Google: proxies, certificates, names and networks; told by the real program as
//! its user sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, KeyPair};
use ringbook_core::sync::diagnosis::Diagnosis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::program::Program;
use crate::support::world::{Database, World};

/// Answers each connection with these bytes. Gives its port.
async fn answering(bytes: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(bytes.as_bytes()).await;
            });
        }
    });
    port
}

/// A SOCKS 5 proxy (RFC 1928) that leads everywhere to this machine. Gives its port, and counts what it connected.
async fn socks() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connected = Arc::new(AtomicUsize::new(0));
    let count = connected.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let (mut greeting, mut request) = ([0; 2], [0; 4]);
                near.read_exact(&mut greeting).await?;
                near.read_exact(&mut vec![0; usize::from(greeting[1])]).await?;
                near.write_all(&[5, 0]).await?;
                near.read_exact(&mut request).await?;
                let host = match request[3] {
                    1 => 4,
                    3 => usize::from(near.read_u8().await?),
                    _ => 16,
                };
                near.read_exact(&mut vec![0; host]).await?;
                let mut far = TcpStream::connect(("127.0.0.1", near.read_u16().await?)).await?;
                near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
                count.fetch_add(1, Ordering::SeqCst);
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    (port, connected)
}

/// A port that nothing listens at.
async fn closed() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// A server with a certificate of its own for `localhost`, valid in these years. Gives its port and the
/// certificate.
async fn with_certificate(name: &str, years: (i32, i32)) -> (u16, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], der)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 4096]).await;
                let answer = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (port, certificate.pem())
}

struct Row {
    api: String,
    environment: Vec<(&'static str, String)>,
    cause: &'static str,
    says: Vec<String>,
}

fn row(api: &str, environment: &[(&'static str, &str)], cause: &'static str, says: &[&str]) -> Row {
    Row {
        api: api.to_owned(),
        environment: environment.iter().map(|(name, it)| (*name, (*it).to_owned())).collect(),
        cause,
        says: says.iter().map(|it| (*it).to_owned()).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_way_to_google_is_named_and_its_password_is_not() {
    const GOOGLE: &str = "https://people.googleapis.com";
    let wants_sign_in = answering(
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n",
    )
    .await;
    let forbids =
        answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let hangs_up = answering("").await;
    let plain = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let nobody = closed().await;
    let (untrusted, _) = with_certificate("localhost", (2020, 2100)).await;
    let (expired, expired_pem) = with_certificate("localhost", (2001, 2002)).await;
    let (early, early_pem) = with_certificate("localhost", (2090, 2091)).await;
    let (other, other_pem) = with_certificate("login.hotel.example", (2020, 2100)).await;
    let (good, good_pem) = with_certificate("localhost", (2020, 2100)).await;
    let (socks, connected) = socks().await;
    let (here, there) =
        (format!("socks5://127.0.0.1:{socks}"), format!("socks5h://127.0.0.1:{socks}"));
    let proxy = |port: u16| format!("http://ada:s3cret-word@127.0.0.1:{port}");
    let at = |port: u16| format!("https://localhost:{port}");
    let named = |port: u16| format!("the proxy 127.0.0.1:{port} (HTTPS_PROXY)");

    let world = World::new(Database::Sqlite, 3).await;
    let folder = world.folder.path();
    let file = |name: &str, pem: &str| {
        let path = folder.join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let (expired_pem, early_pem) =
        (file("expired.pem", &expired_pem), file("early.pem", &early_pem));
    let (other_pem, good_pem) = (file("other.pem", &other_pem), file("good.pem", &good_pem));
    let rows = [
        row(
            GOOGLE,
            &[("HTTPS_PROXY", &proxy(wants_sign_in))],
            "proxy_sign_in",
            &[&named(wants_sign_in), "407", "HTTPS_PROXY=http://NAME:PASSWORD@127.0.0.1"],
        ),
        row(GOOGLE, &[("https_proxy", &proxy(wants_sign_in))], "proxy_sign_in", &["(https_proxy)"]),
        row(
            GOOGLE,
            &[("ALL_PROXY", &proxy(forbids))],
            "proxy_refused",
            &["(ALL_PROXY)", "refuses to connect to people.googleapis.com", "NO_PROXY"],
        ),
        row(
            GOOGLE,
            &[("HTTPS_PROXY", &proxy(forbids))],
            "proxy_refused",
            &[&named(forbids), "port 443"],
        ),
        row(GOOGLE, &[("HTTPS_PROXY", &proxy(hangs_up))], "proxy_refused", &[&named(hangs_up)]),
        row(
            GOOGLE,
            &[("HTTPS_PROXY", &proxy(nobody))],
            "proxy_unreachable",
            &[&named(nobody), "refuses the connection", "correct or remove HTTPS_PROXY"],
        ),
        row(
            GOOGLE,
            &[("HTTPS_PROXY", "http://ada:s3cret-word@proxy.invalid:3128")],
            "proxy_unreachable",
            &["proxy.invalid:3128 (HTTPS_PROXY)", "its name cannot be resolved"],
        ),
        row(
            "http://127.0.0.1:1",
            &[("HTTP_PROXY", &proxy(wants_sign_in))],
            "proxy_sign_in",
            &["(HTTP_PROXY)"],
        ),
        row("https://google.invalid", &[], "name_unresolved", &["google.invalid", "DNS"]),
        row(
            &at(nobody),
            &[],
            "unreachable",
            &["localhost refuses the connection", "GOOGLE_API_BASE_URL"],
        ),
        // A proxy that is set is not blamed where it is not used.
        row(
            &at(nobody),
            &[("HTTPS_PROXY", &proxy(forbids)), ("NO_PROXY", "localhost")],
            "unreachable",
            &["localhost refuses"],
        ),
        row(&at(untrusted), &[], "tls_untrusted", &["SSL_CERT_FILE", "opens TLS"]),
        row(
            &at(expired),
            &[("SSL_CERT_FILE", &expired_pem)],
            "clock_wrong",
            &["has expired by this machine's clock", "NTP"],
        ),
        row(
            &at(early),
            &[("SSL_CERT_FILE", &early_pem)],
            "clock_wrong",
            &["is not valid yet", "NTP"],
        ),
        row(
            &at(other),
            &[("SSL_CERT_FILE", &other_pem)],
            "tls_failed",
            &["its certificate is for another name", "sign-in page"],
        ),
        row(&at(plain), &[], "tls_failed", &["TLS"]),
        row(
            &at(good),
            &[("ALL_PROXY", &here), ("SSL_CERT_FILE", &good_pem)],
            "google_failing",
            &["503"],
        ),
        row(
            &at(good),
            &[("HTTPS_PROXY", &there), ("SSL_CERT_FILE", &good_pem)],
            "google_failing",
            &["503"],
        ),
        // The proxy is not blamed for a name that it was not asked for.
        row(
            "https://google.invalid",
            &[("ALL_PROXY", &here)],
            "name_unresolved",
            &["google.invalid"],
        ),
        // The way out that is named is one.
        row(&at(good), &[("SSL_CERT_FILE", &good_pem)], "google_failing", &["503"]),
    ];
    for Row { api, environment, cause, says } in rows {
        let mut settings = world.settings.clone();
        settings.retain(|(key, _)| key != "GOOGLE_API_BASE_URL" && key != "SYNC_RETRY_ATTEMPTS");
        settings.push(("GOOGLE_API_BASE_URL".to_owned(), api.clone()));
        settings.push(("SYNC_RETRY_ATTEMPTS".to_owned(), "1".to_owned()));
        settings.extend(environment.into_iter().map(|(name, it)| (name.to_owned(), it)));
        let ended = Program::start(folder, &settings, &["sync"]).ended().await;
        let run = world.app.store.latest_run(world.account).await.unwrap().unwrap();
        let message = run.error_message.unwrap_or_else(|| panic!("{api}: {ended:?}"));
        let found = Diagnosis::read(&message).unwrap_or_else(|| panic!("{api}: {message}"));
        assert_eq!(found.cause.as_str(), cause, "{api}: {message}");
        for words in says {
            assert!(message.contains(&words), "{api}: lacks `{words}`: {message}");
        }
        let doctor = Program::start(folder, &settings, &["doctor"]).ended().await;
        // The doctor asks for itself, and says the same; that Google has trouble it does not see.
        if cause != "google_failing" {
            let whole = doctor.out.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(whole.contains(cause), "{api}: {doctor:?}");
        }
        for text in [&ended.out, &ended.err, &doctor.out, &doctor.err, &message] {
            assert!(!text.contains("s3cret-word"), "{api}: {text}");
        }
    }
    assert!(connected.load(Ordering::SeqCst) >= 2, "the SOCKS proxy was gone round");
}
