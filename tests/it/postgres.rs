//! The PostgreSQL that tests are given.

use crate::support::postgres;

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn postgres_databases_are_empty_and_each_ones_own() {
    let (one, other) = (postgres::fresh_database(), postgres::fresh_database());
    assert_ne!(one, other);
    let client = connect(&one).await;
    client.batch_execute("create table t (x text); insert into t values ('ü')").await.unwrap();
    let found = connect(&other).await.query_one("select to_regclass('t') is null", &[]).await;
    assert!(found.unwrap().get::<_, bool>(0));
    let config = ringbook_app::config::Config::of(&[("DATABASE_URL", &one)]);
    assert!(matches!(
        config.unwrap().database_url,
        ringbook_app::config::DatabaseUrl::Postgres { .. }
    ));
}

#[tokio::test]
async fn postgres_compares_bytes_and_keeps_to_utf8() {
    let client = connect(&postgres::fresh_database()).await;
    let row = client
        .query_one(
            "select 'Z' < 'a', current_setting('server_encoding'), current_setting('fsync')",
            &[],
        )
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
    assert_eq!((row.get::<_, &str>(1), row.get::<_, &str>(2)), ("UTF8", "off"));
}

#[test]
fn postgres_is_one_server_for_all_tests() {
    let url = postgres::fresh_database();
    assert!(url.contains(postgres::folder().to_str().unwrap()), "{url}");
}
