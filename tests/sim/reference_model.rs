//! A PostgreSQL on which histories take place, as the history and the watcher use it.
//!
//! Its clock shows the time of the history. The watcher, who reads SQLite, gets a copy of all rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio_postgres::SimpleQueryMessage;

use crate::check::TABLES;
use crate::history::BEGINNING;

/// The store asks for `clock_timestamp()`. It finds this one, since `pg_catalog` is only the first place
/// to look in when the path does not name it. A sequence is read without regard to transactions.
const CLOCK: &str = "
    create schema sim;
    create sequence sim.time;
    create function sim.clock_timestamp() returns timestamptz language sql volatile
        as $$ select timestamptz 'epoch' + last_value * interval '1 microsecond' from sim.time $$;
    do $$ begin
        execute format('alter database %I set search_path = sim, pg_catalog, public',
            current_database());
    end $$;
    set search_path = sim, pg_catalog, public";

/// A row as it was read: a text for each column.
type Line = Vec<Option<String>>;
type Answer = Vec<Vec<Line>>;

/// A connection of our own, on a thread of its own: the history asks from within a runtime.
pub(crate) struct Original {
    ask: Option<Sender<String>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    /// What was copied, table by table.
    copied: Vec<Vec<Line>>,
    version: u64,
    resets: u32,
}

impl Original {
    /// Gets a new database ready, before anybody else connects to it.
    pub(crate) fn connect(url: &str) -> Original {
        let (ask, asked) = channel::<String>();
        let (reply, answers) = channel();
        let url = url.to_owned();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let client = runtime.block_on(async {
                let (client, connection) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client
            });
            for sql in asked {
                let answer = runtime.block_on(client.simple_query(&sql)).unwrap();
                if reply.send(by_statement(answer)).is_err() {
                    return;
                }
            }
        });
        let original = Original {
            ask: Some(ask),
            answers,
            thread: Some(thread),
            copied: Vec::new(),
            version: 0,
            resets: 0,
        };
        original.ask(CLOCK);
        original.set_time(BEGINNING);
        original
    }

    fn ask(&self, sql: &str) -> Answer {
        let sent = self.ask.as_ref().map(|it| it.send(sql.to_owned()));
        assert!(matches!(sent, Some(Ok(()))), "the thread that talks to PostgreSQL is gone");
        self.answers.recv().expect("PostgreSQL answers")
    }

    pub(crate) fn set_time(&self, now: i64) {
        self.ask(&format!("select setval('sim.time', {now})"));
    }

    /// Leaves no row behind.
    pub(crate) fn reset(&mut self) {
        self.resets += 1;
        // To delete few rows is faster, but they leave room behind that is read in vain.
        let sql = if self.resets.is_multiple_of(20) {
            format!("truncate {}", TABLES.join(", "))
        } else {
            TABLES.map(|it| format!("delete from {it}")).join("; ")
        };
        self.ask(&format!("{sql}; update install set accounts_issued = 0"));
        self.set_time(BEGINNING);
        self.copied.iter_mut().for_each(Vec::clear);
        self.version = 0;
    }

    /// An empty SQLite with the same tables.
    pub(crate) fn prepare_copy(&self) -> rusqlite::Result<Connection> {
        const COLUMNS: &str = "select table_name, column_name,
                case data_type when 'bigint' then 'integer' else 'text' end
            from information_schema.columns where table_schema = 'sim' order by ordinal_position";
        let copy = Connection::open_in_memory()?;
        copy.set_prepared_statement_cache_capacity(128);
        let columns = self.ask(COLUMNS).swap_remove(0);
        for table in TABLES {
            let mine = columns.iter().filter(|it| it[0].as_deref() == Some(table));
            let mine: Vec<String> = mine
                .map(|it| format!("{} {}", it[1].as_deref().unwrap(), it[2].as_deref().unwrap()))
                .collect();
            copy.execute_batch(&format!("create table {table} ({})", mine.join(", ")))?;
        }
        Ok(copy)
    }

    /// Brings a copy up to date. The number that is returned grows when there was anything to do.
    pub(crate) fn copy_to(&mut self, copy: &Connection) -> u64 {
        let now = self.ask(&TABLES.map(|it| format!("select * from {it}")).join("; "));
        self.copied.resize(TABLES.len(), Vec::new());
        let mut changed = false;
        for (at, table) in TABLES.iter().enumerate() {
            if self.copied[at] != now[at] {
                changed = true;
                write(copy, table, &now[at]).expect("a table in memory can be written");
            }
        }
        self.copied = now;
        self.version += u64::from(changed);
        self.version
    }

    /// The name of the lease's holder, and until when it holds.
    pub(crate) fn holder(&self) -> (Option<String>, i64) {
        let answer = self.ask("select holder, expires_at from lease");
        let Some(row) = answer[0].first() else { return (None, 0) };
        let expires_at = row[1].as_ref().and_then(|it| it.parse().ok());
        (row[0].clone(), expires_at.unwrap_or(0))
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn by_statement(answer: Vec<SimpleQueryMessage>) -> Answer {
    let mut statements = vec![Vec::new()];
    for message in answer {
        match message {
            SimpleQueryMessage::Row(row) => {
                let row = (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect();
                statements.last_mut().unwrap().push(row);
            }
            SimpleQueryMessage::CommandComplete(_) => statements.push(Vec::new()),
            _ => {}
        }
    }
    statements
}

fn write(copy: &Connection, table: &str, rows: &[Line]) -> rusqlite::Result<()> {
    copy.execute_batch("begin")?;
    copy.prepare_cached(&format!("delete from {table}"))?.execute([])?;
    if let Some(first) = rows.first() {
        let marks = vec!["?"; first.len()].join(", ");
        let mut insert = copy.prepare_cached(&format!("insert into {table} values ({marks})"))?;
        for row in rows {
            insert.execute(rusqlite::params_from_iter(row))?;
        }
    }
    copy.execute_batch("commit")
}

/// All rows of a database, as texts.
#[derive(Default)]
pub(crate) struct Rows {
    version: u64,
    tables: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Rows {
    /// Reads them anew, and says which are other ones.
    pub(crate) fn renew(&mut self, db: &Connection, version: u64) -> Vec<String> {
        let mut news = Vec::new();
        if std::mem::replace(&mut self.version, version) == version {
            return news;
        }
        for table in TABLES {
            let now = read(db, table).expect("the tables can be read");
            let before = self.tables.entry(table).or_default();
            news.extend(before.difference(&now).map(|it| format!("  - {table} {it}")));
            news.extend(now.difference(before).map(|it| format!("  + {table} {it}")));
            *before = now;
        }
        news
    }
}

fn read(db: &Connection, table: &str) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = db.prepare_cached(&format!("select * from {table}"))?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut read = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let mut text = String::new();
        for (at, name) in names.iter().enumerate() {
            // Each process start has another name.
            if (table, name.as_str()) == ("lease", "holder") {
                continue;
            }
            let _ = match row.get_ref(at)? {
                ValueRef::Null => Ok(()),
                ValueRef::Integer(it) => write!(text, " {name}={it}"),
                ValueRef::Real(it) => write!(text, " {name}={it}"),
                ValueRef::Text(it) => write!(text, " {name}={}", String::from_utf8_lossy(it)),
                ValueRef::Blob(it) => {
                    let hex: String = it.iter().map(|byte| format!("{byte:02x}")).collect();
                    write!(text, " {name}=\\x{hex}")
                }
            };
        }
        read.insert(text);
    }
    Ok(read)
}
