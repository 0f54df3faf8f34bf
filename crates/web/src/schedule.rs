//! When accounts are synced by themselves.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::Web;
use crate::input::{Body, Query};
use crate::problem::Problem;
use ringbook_app::read;
use ringbook_app::services::{Caller, ScheduleChange, Timing};
use ringbook_app::wire::{ProblemBody, Schedules};
use ringbook_core::sync::schedule::{MINUTES_MAX, MINUTES_MIN};
use ringbook_store::StartError;

/// When accounts are synced by themselves
#[utoipa::path(
    get, path = "/api/sync/schedule", tag = "sync", operation_id = "get_schedule",
    params(("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named")),
    responses((status = 200, body = Schedules), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn get(State(web): State<Web>, query: Query) -> Result<Json<Schedules>, Problem> {
    let whom = web.whom(&query).await?;
    Ok(Json(read::schedules(&web.app, &web.out, &whom.accounts)))
}

/// Change when accounts are synced by themselves
#[utoipa::path(
    put, path = "/api/sync/schedule", tag = "sync", operation_id = "put_schedule",
    params(("account" = Option<String>, Query, min_length = 1, description = "Id or name; all unless named")),
    request_body = NewSchedule,
    responses(
        (status = 200, body = Schedules),
        (status = 401, body = ProblemBody, description = "No account is connected"),
        (status = 404, body = ProblemBody),
    ),
)]
pub(crate) async fn put(
    State(web): State<Web>,
    caller: Caller,
    query: Query,
    Body(body): Body,
) -> Result<Json<Schedules>, Problem> {
    let change = read_schedule(&body)?;
    let accounts = web.whom(&query).await?.accounts;
    if accounts.is_empty() {
        return Err(Problem::refusal(&web.out, StartError::NotConnected));
    }
    let accounts = web.app.change_schedules(&caller, &accounts, change).await?;
    Ok(Json(read::schedules(&web.app, &web.out, &accounts)))
}

/// A schedule to be. What `GET` answers may be sent back.
// Only the document uses these: serde's words for what does not fit name no field.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "read by hand, and described here")]
pub(crate) enum NewSchedule {
    Interval(EveryMinutes),
    Cron(ByCron),
    Config(AsConfigured),
}

/// Every so many minutes.
#[derive(Serialize, ToSchema)]
pub(crate) struct EveryMinutes {
    /// Need not be said.
    #[schema(inline, required = false)]
    mode: IntervalWord,
    #[schema(minimum = 5, maximum = 1440)]
    interval_minutes: u16,
    #[schema(default = false)]
    paused: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by hand, and described here")]
pub(crate) enum IntervalWord {
    Interval,
}

/// Whenever a cron expression comes true.
#[derive(Serialize, ToSchema)]
pub(crate) struct ByCron {
    /// Need not be said.
    #[schema(inline, required = false)]
    mode: CronWord,
    /// Minute, hour, day, month, weekday; also with seconds that are 0 in front, `@daily` and its like, or
    /// `@every 15m`, which is an interval.
    #[schema(
        max_length = 100,
        pattern = r"^\s*(@\S+(\s+\S+)*|\S+(\s+\S+){4,6})\s*$",
        example = "*/15 7-19 * * 1-5"
    )]
    cron: String,
    /// The configured zone unless given.
    time_zone: Option<String>,
    #[schema(default = false)]
    paused: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by hand, and described here")]
pub(crate) enum CronWord {
    Cron,
}

/// As the configuration says.
#[derive(Serialize, ToSchema)]
pub(crate) struct AsConfigured {
    #[schema(value_type = Value, schema_with = null)]
    mode: (),
    #[schema(default = false)]
    paused: Option<bool>,
}

fn null() -> utoipa::openapi::schema::Object {
    utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::Null).build()
}

const MODES: &str = "\"interval\", \"cron\" or null";

/// Reads what the API is sent. Whether it can be a schedule is for the service to say.
fn read_schedule(body: &Value) -> Result<ScheduleChange, Problem> {
    let Some(body) = body.as_object() else {
        return Err(Problem::value("body", &body.to_string(), "a JSON object"));
    };
    let paused = match field(body, "paused") {
        None => false,
        Some(Value::Bool(paused)) => *paused,
        Some(other) => return Err(Problem::value("paused", &other.to_string(), "true or false")),
    };
    // What is said tells the mode.
    let said = (field(body, "interval_minutes").is_some(), field(body, "cron").is_some());
    let inferred = match said {
        (true, false) => Some(Value::from("interval")),
        (false, true) => Some(Value::from("cron")),
        _ => None,
    };
    let timing = match body.get("mode").or(inferred.as_ref()) {
        Some(Value::String(mode)) if mode == "interval" => {
            let minutes = field(body, "interval_minutes");
            let wrong = || {
                let allowed = format!("a whole number from {MINUTES_MIN} to {MINUTES_MAX}");
                let found = minutes.map_or("nothing".to_owned(), Value::to_string);
                Problem::value("interval_minutes", &found, &allowed)
            };
            Timing::Interval { minutes: minutes.and_then(whole).ok_or_else(wrong)? }
        }
        Some(Value::String(mode)) if mode == "cron" => {
            let allowed = "a cron expression of five fields, @daily and its like, or @every 15m";
            let expression = text(body, "cron")?;
            let expression =
                expression.ok_or_else(|| Problem::value("cron", "nothing", allowed))?;
            let zone = text(body, "time_zone")?.map(str::to_owned);
            Timing::Cron { expression: expression.to_owned(), zone }
        }
        Some(Value::Null) => Timing::Configured,
        Some(other) => return Err(Problem::value("mode", &other.to_string(), MODES)),
        None => return Err(Problem::value("mode", "nothing", MODES)),
    };
    Ok(ScheduleChange { timing: Some(timing), paused: Some(paused) })
}

/// A field; null is as good as none.
fn field<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

fn text<'a>(body: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, Problem> {
    match field(body, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Problem::value(name, &other.to_string(), "a text")),
    }
}

/// JSON knows one kind of number: 5.0 is 5.
fn whole(value: &Value) -> Option<i64> {
    let float = || value.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < 1e6);
    value.as_i64().or_else(|| float().map(|it| it as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringbook_store::ScheduleRow;
    use serde_json::json;

    /// The schedule that a request leads to.
    fn row(body: &Value) -> Result<ScheduleRow, Problem> {
        Ok(read_schedule(body)?.applied_to(&ScheduleRow::default(), "UTC")?)
    }

    #[test]
    fn what_is_wrong_with_a_schedule_is_named() {
        for (body, name) in [
            (json!([]), "`body`"),
            (json!({}), "`mode`"),
            (json!({"paused": true}), "`mode`"),
            (json!({"cron": "0 0 * * *", "interval_minutes": 15}), "`mode`"),
            (json!({"cron": "30 0 0 * * *"}), "`cron`"),
            (json!({"cron": "@every 2m"}), "`cron`"),
            (json!({"cron": "@reboot"}), "`cron`"),
            (json!({"interval_minutes": 2}), "`interval_minutes`"),
            (json!({"mode": "weekly"}), "`mode`"),
            (json!({"mode": "interval"}), "`interval_minutes`"),
            (json!({"mode": "interval", "interval_minutes": 4}), "`interval_minutes`"),
            (json!({"mode": "interval", "interval_minutes": 5.5}), "`interval_minutes`"),
            (json!({"mode": "interval", "interval_minutes": "5"}), "`interval_minutes`"),
            (json!({"mode": "cron"}), "`cron`"),
            (json!({"mode": "cron", "cron": "* * * *"}), "`cron`"),
            (json!({"mode": "cron", "cron": "0 0 31 2 *"}), "`cron`"),
            (json!({"mode": "cron", "cron": "0 0 * * *", "time_zone": "Mars"}), "`time_zone`"),
            (json!({"mode": null, "paused": "no"}), "`paused`"),
        ] {
            let problem = row(&body).unwrap_err();
            assert!(problem.detail.starts_with(name), "{body}: {}", problem.detail);
        }
    }

    #[test]
    fn what_is_right_is_taken_as_it_is() {
        let row = |body| row(&body).unwrap();
        assert_eq!(row(json!({"mode": "interval", "interval_minutes": 5.0})).minutes, Some(5));
        let cron =
            row(json!({"mode": "cron", "cron": "0 7 * * 1-5", "time_zone": "Europe/Berlin"}));
        assert_eq!(cron.zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!(row(json!({"mode": null})), ScheduleRow::default());
        // The mode follows from what is said.
        assert_eq!(row(json!({"interval_minutes": 30})).minutes, Some(30));
        assert_eq!(row(json!({"interval_minutes": 30, "cron": null})).minutes, Some(30));
        for cron in ["0 7 * * *", "@daily", "@every 15m", "0 0 7 * * *"] {
            assert_eq!(row(json!({"cron": cron})).cron.as_deref(), Some(cron));
        }
        assert!(row(json!({"mode": null, "cron": null, "paused": true})).paused);
    }
}
