//! What a run did when: a line for each phase it entered, and for each time it waited.

use jiff::Timestamp;

use crate::db::{DbError, Row, Tx};
use crate::{Store, Wait};
use ringbook_core::sync::{Delay, Phase, RunId};

/// A phase that a run entered. It ends where the next one begins, or with the run.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseRow {
    pub phase: Phase,
    pub began_at: Timestamp,
    /// What was waited for, in [`Phase::Waiting`].
    pub wait: Option<Wait>,
}

/// So many lines are kept of one run. One that waits more often than that has told enough.
const LINES_MAX: i64 = 500;

impl Store {
    /// The phases of a run, in order. Empty for runs of before they were kept.
    pub async fn phases(&self, run: RunId) -> Result<Vec<PhaseRow>, DbError> {
        const PHASES: &str = "
            select phase, began_at, wait_until, wait_reason, wait_message
            from run_phase where run = $1 order by seq";
        let rows = self.db.rows(PHASES, &[run.0.into()]).await?;
        rows.iter().map(phase).collect()
    }
}

fn phase(row: &Row) -> Result<PhaseRow, DbError> {
    let wait = match (row.opt_time(2)?, row.opt_word(3)?) {
        (Some(until), Some(delay)) => {
            let message = row.opt_text(4)?.unwrap_or_default().to_owned();
            Some(Wait { until, delay, message })
        }
        _ => None,
    };
    Ok(PhaseRow { phase: row.word(0)?, began_at: row.time(1)?, wait })
}

/// Notes that a run enters a phase, unless it is in it already; each wait counts anew. The pauses between two
/// pages are part of the listing.
pub(crate) async fn enter(
    tx: &Tx,
    run: RunId,
    phase: Phase,
    wait: Option<&Wait>,
    now: Timestamp,
) -> Result<(), DbError> {
    const ENTER: &str = "
        insert into run_phase (run, seq, phase, began_at, wait_until, wait_reason, wait_message)
        select cast($1 as bigint), coalesce((select max(seq) from run_phase where run = $1), 0) + 1,
            cast($2 as text), cast($3 as bigint), cast($4 as bigint), cast($5 as text), cast($6 as text)
        where (select count(*) from run_phase where run = $1) < $7
            and (cast($4 as bigint) is not null or $2 <> coalesce(
                (select phase from run_phase where run = $1 order by seq desc limit 1), ''))";
    if wait.is_some_and(|it| it.delay == Delay::Pause) {
        return Ok(());
    }
    let args = [
        run.0.into(),
        phase.as_str().into(),
        now.into(),
        wait.map(|it| it.until).into(),
        wait.map(|it| it.delay.as_str()).into(),
        wait.map(|it| it.message.as_str()).into(),
        LINES_MAX.into(),
    ];
    tx.exec(ENTER, &args).await.map(|_| ())
}
