//! One answer for syncs of several accounts. That of a single account is the account's own.

use jiff::Timestamp;

use crate::wire::aggregate::{AttemptResult, added, deciding};
use crate::wire::{
    AccountAnswer, AccountRun, ApiEncoder, Run, RunStatistics, SyncAnswer, SyncResult,
};
use ringbook_core::sync::FailureCode;
use ringbook_core::sync::Outcome;
use ringbook_store::{Account, RunRow};

/// What became of one account.
pub struct SyncAttempt {
    pub account: Account,
    pub fate: AttemptResult,
    /// The run, if one could start.
    pub row: Option<RunRow>,
    /// Why it is not a success.
    pub problem: Option<String>,
}

/// What became of all.
pub enum SyncResponse {
    Good {
        fate: AttemptResult,
        result: Box<SyncResult>,
    },
    /// Which attempt decides, and what to say of all.
    Bad {
        decides: usize,
        detail: String,
        told: Vec<AccountRun>,
    },
}

impl SyncResponse {
    /// `None` where nothing was tried.
    pub fn of(out: &ApiEncoder, attempts: &[SyncAttempt], now: Timestamp) -> Option<SyncResponse> {
        let mut told: Vec<AccountRun> = attempts.iter().map(|it| it.told(out, now)).collect();
        let fates: Vec<AttemptResult> = attempts.iter().map(|it| it.fate).collect();
        let decides = deciding(&fates)?;
        let (fate, several) = (fates[decides], attempts.len() > 1);
        let row = attempts[decides].row.as_ref();
        let (None, Some(row)) = (&attempts[decides].problem, row) else {
            let detail = match several {
                true => failures(&told, fate == AttemptResult::Busy),
                false => told.first().map(|it| it.message.clone()).unwrap_or_default(),
            };
            return Some(SyncResponse::Bad { decides, detail, told });
        };
        let mut result = SyncResult::of(out, row, now);
        if several {
            let rows: Vec<&RunRow> = attempts.iter().filter_map(|it| it.row.as_ref()).collect();
            if let Some(sum) = added(&rows, now) {
                result.statistics = sum;
            }
            let mut held = attempts.iter().filter_map(|it| it.row.as_ref());
            if let Some(row) = held.find(|row| row.outcome == Some(Outcome::Held)) {
                // What waits for a person's word is what the answer leads to.
                let of_held = SyncResult::of(out, row, now);
                result = SyncResult { statistics: result.statistics, ..of_held };
            }
            result.message = successes(&told, result.status);
        }
        result.accounts = std::mem::take(&mut told);
        Some(SyncResponse::Good { fate, result: Box::new(result) })
    }
}

impl SyncAttempt {
    fn told(&self, out: &ApiEncoder, now: Timestamp) -> AccountRun {
        let row = self.row.as_ref();
        let good = row.filter(|_| self.problem.is_none());
        let result = good.map(|row| SyncResult::of(out, row, now));
        let status = match (&result, self.fate) {
            (Some(result), _) => match result.status {
                SyncAnswer::Success => AccountAnswer::Success,
                SyncAnswer::Held => AccountAnswer::Held,
                SyncAnswer::Accepted => AccountAnswer::Accepted,
            },
            (None, AttemptResult::Busy) => AccountAnswer::Skipped,
            (None, _) => AccountAnswer::Error,
        };
        let problem = self.problem.clone();
        AccountRun {
            id: out.account(self.account.id),
            name: self.account.name.clone(),
            status,
            code: self.fate.code(),
            message: result.map(|it| it.message).or(problem).unwrap_or_default(),
            statistics: row.map(|row| RunStatistics::of(row, now)),
            run: row.map(|row| Run::of(out, row, now)),
        }
    }
}

/// What a run that ended is to be told as, and why it is no success if it is none.
pub fn fate_of(row: &RunRow) -> (AttemptResult, Option<String>) {
    let failed = |code, detail: String| (AttemptResult::Failed(code), Some(detail));
    match row.outcome {
        Some(Outcome::Succeeded | Outcome::Partial) => (AttemptResult::Done, None),
        Some(Outcome::Held) => (AttemptResult::Accepted, None),
        Some(Outcome::Failed) => {
            let detail = row.error_message.clone().unwrap_or_else(|| "the sync failed".to_owned());
            match row.error_code.unwrap_or(FailureCode::Unavailable) {
                FailureCode::NeedsReauth
                | FailureCode::NotPermitted
                | FailureCode::DifferentAccount => failed(401, detail),
                FailureCode::Misconfigured
                | FailureCode::Malformed
                | FailureCode::NoSyncToken
                | FailureCode::IncompleteListing => failed(502, detail),
                FailureCode::Unavailable
                | FailureCode::Unauthorized
                | FailureCode::RateLimited
                | FailureCode::Storage => failed(503, detail),
            }
        }
        Some(Outcome::Cancelled) => {
            let by = row.cancel_by.as_deref().unwrap_or("somebody");
            failed(409, format!("the sync was cancelled by {by}"))
        }
        Some(Outcome::Rejected) => failed(409, "the sync's deletions were rejected".to_owned()),
        Some(Outcome::Interrupted) | None => {
            failed(503, "the sync was interrupted; the next one goes on".to_owned())
        }
    }
}

/// Why several accounts together are no success.
fn failures(told: &[AccountRun], busy: bool) -> String {
    if busy {
        return format!("a sync is already in progress in each of the {} accounts", told.len());
    }
    let failed: Vec<String> = told
        .iter()
        .filter(|it| it.status == AccountAnswer::Error)
        .map(|it| format!("`{}`: {}", it.name, it.message))
        .collect();
    let (count, all, failed) = (failed.len(), told.len(), failed.join("; "));
    format!("{count} of {all} accounts could not be synced. {failed}")
}

fn successes(told: &[AccountRun], status: SyncAnswer) -> String {
    let count = |status| told.iter().filter(|it| it.status == status).count();
    let (held, skipped) = (count(AccountAnswer::Held), count(AccountAnswer::Skipped));
    let (begun, all) = (told.len() - skipped, told.len());
    let mut message = match status {
        SyncAnswer::Accepted => format!("Sync of {begun} of {all} accounts started"),
        SyncAnswer::Success => format!("{begun} of {all} accounts synced successfully"),
        SyncAnswer::Held => format!("{} of {all} accounts synced successfully", begun - held),
    };
    if held > 0 {
        message.push_str(&format!(
            "; {held} would delete suspiciously much, so none was deleted there: approve or reject it"
        ));
    }
    if skipped > 0 {
        message.push_str(&format!("; in {skipped} a sync was in progress already"));
    }
    message
}
