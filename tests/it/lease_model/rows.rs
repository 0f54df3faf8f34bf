//! The rows of a database, written and read past the store.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use ringbook_app::App;
use ringbook_app::config::DatabaseUrl;
use ringbook_core::clock::{Clock, after};
use ringbook_runtime::SystemClock;
use rusqlite::types::ValueRef;
use secrecy::ExposeSecret;

use super::case::Run;

pub(super) enum Rows {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

pub(super) struct LeaseRow {
    pub(super) fence: i64,
    pub(super) holder: Option<String>,
    pub(super) expires_at: i64,
}

/// All that the gate may change.
#[derive(PartialEq, Eq)]
pub(super) struct Everything(Vec<Line>);

type Line = Vec<Option<String>>;

impl Rows {
    pub(super) async fn open(app: &App) -> Rows {
        match &app.config.database_url {
            DatabaseUrl::Sqlite { path } => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.busy_timeout(Duration::from_secs(10)).unwrap();
                connection.execute_batch("pragma synchronous = off").unwrap();
                Rows::Sqlite(connection)
            }
            DatabaseUrl::Postgres { url } => {
                let url = url.expose_secret();
                let (client, connection) =
                    tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                Rows::Postgres(client)
            }
        }
    }

    /// Runs these statements, all or none.
    pub(super) async fn change(&self, sql: &str) {
        let sql = format!("begin; {sql}; commit");
        match self {
            Rows::Sqlite(connection) => connection.execute_batch(&sql).unwrap(),
            Rows::Postgres(client) => client.batch_execute(&sql).await.unwrap(),
        }
    }

    /// The rows that these queries find.
    async fn read(&self, queries: &[&str]) -> Vec<Line> {
        match self {
            Rows::Sqlite(connection) => {
                queries.iter().flat_map(|sql| sqlite_lines(connection, sql)).collect()
            }
            Rows::Postgres(client) => {
                // One round trip for all of them.
                let found = client.simple_query(&queries.join(";")).await.unwrap();
                let line = |row: &tokio_postgres::SimpleQueryRow| {
                    (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()
                };
                found
                    .iter()
                    .filter_map(|message| match message {
                        tokio_postgres::SimpleQueryMessage::Row(row) => Some(line(row)),
                        _ => None,
                    })
                    .collect()
            }
        }
    }

    /// Name and machine of the lease's holder.
    pub(super) async fn name_of_holder(&self) -> (String, String) {
        let mut lines = self.read(&["select holder, boot from lease"]).await;
        let mut line = lines.pop().unwrap().into_iter().flatten();
        (line.next().unwrap(), line.next().unwrap())
    }

    pub(super) async fn lease(&self) -> Option<LeaseRow> {
        let line = self.read(&["select fence, holder, expires_at from lease"]).await.pop()?;
        Some(LeaseRow {
            fence: number(&line[0]),
            holder: line[1].clone(),
            expires_at: number(&line[2]),
        })
    }

    pub(super) async fn runs(&self) -> BTreeMap<i64, Run> {
        const RUNS: &str =
            "select id, outcome, case when cancel_at is null then 0 else 1 end from run";
        let lines = self.read(&[RUNS]).await;
        let run = |line: &Line| Run {
            outcome: line[1].as_ref().map(|word| word.parse().unwrap()),
            asked: number(&line[2]) == 1,
        };
        lines.iter().map(|line| (number(&line[0]), run(line))).collect()
    }

    /// How many pages the runs have stored.
    pub(super) async fn pages(&self) -> i64 {
        number(&self.read(&[PAGES]).await[0][0])
    }

    /// The run on hold.
    pub(super) async fn hold(&self) -> Option<i64> {
        self.read(&["select run from hold"]).await.first().map(|line| number(&line[0]))
    }

    /// Whether a run later than this one has stored a page.
    pub(super) async fn has_pages_after(&self, run: i64) -> bool {
        let later = format!("select 1 from run where id > {run} and pages > 0 limit 1");
        !self.read(&[&later]).await.is_empty()
    }

    pub(super) async fn everything(&self) -> Everything {
        Everything(self.read(EVERYTHING).await)
    }
}

const PAGES: &str = "select coalesce(sum(pages), 0) from run";

const EVERYTHING: &[&str] = &[
    "select * from lease",
    "select * from run order by id",
    "select * from hold",
    "select * from held",
    "select * from account",
    "select * from doomed",
    "select * from seen",
    "select * from contact",
];

fn sqlite_lines(connection: &rusqlite::Connection, sql: &str) -> Vec<Line> {
    let mut statement = connection.prepare_cached(sql).unwrap();
    let columns = statement.column_count();
    let text = |value: ValueRef<'_>| match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        other => panic!("{other:?}"),
    };
    let lines = statement
        .query_map([], |row| (0..columns).map(|at| Ok(text(row.get_ref(at)?))).collect())
        .unwrap();
    lines.collect::<Result<_, _>>().unwrap()
}

fn number(text: &Option<String>) -> i64 {
    text.as_ref().unwrap().parse().unwrap()
}

/// A clock that leaps an hour each time somebody looks at it, from a certain moment on.
#[derive(Default)]
pub(super) struct Striding(Mutex<Option<Timestamp>>);

impl Striding {
    pub(super) fn stride(&self) {
        *self.0.lock().unwrap() = Some(SystemClock.now());
    }
}

impl Clock for Striding {
    fn now(&self) -> Timestamp {
        let mut next = self.0.lock().unwrap();
        let now = next.unwrap_or_else(|| SystemClock.now());
        *next = next.map(|_| after(now, Duration::from_secs(3600)));
        now
    }

    fn sleep_until(&self, _: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}
