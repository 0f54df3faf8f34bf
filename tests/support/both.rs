//! Tells each story on both databases.

/// Makes of each `async fn name(database) { … }` a test on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($database:ident) $body:block)+) => {
        $($(#[$doc])* async fn $name($database: $crate::support::world::Database) $body)+
        mod sqlite {
            use $crate::support::world::Database;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(Database::Sqlite).await })+
        }
        mod postgres {
            use $crate::support::world::Database;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(Database::Postgres).await })+
        }
    };
}
pub(crate) use on_both;
