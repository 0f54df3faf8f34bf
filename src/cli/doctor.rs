//! `doctor`: looks at everything that can be wrong, and says how to fix it.

use crate::cli::exit::{CommandError, Exit};
use crate::cli::screen::Screen;
use crate::cli::{Context, no_database};
use ringbook_app::App;
use ringbook_app::config::Config;
use ringbook_app::doctor;
use ringbook_app::doctor::{Finding, Findings, Verdict, bad, ok, warn};
use ringbook_app::telemetry;
use ringbook_core::humanize;

/// Prints findings as they come, so that a slow one does not hide the others.
struct Report {
    screen: Screen,
    findings: Findings,
}

impl Report {
    fn add(&mut self, finding: Finding) -> Result<(), CommandError> {
        let paint = self.screen.paint;
        let mark = match finding.verdict {
            Verdict::Ok => paint.good("ok  "),
            Verdict::Warn => paint.warn("warn"),
            Verdict::Bad => paint.bad("bad "),
        };
        let check = paint.bold(&format!("{:13}", finding.check));
        self.screen.say(format!("{mark}  {check}  {}", finding.message))?;
        if let Some(way_out) = &finding.way_out {
            self.screen.say(format!("{:21}{} {way_out}", "", paint.dim("→")))?;
        }
        let Findings { verdict, checks } = &mut self.findings;
        *verdict = finding.verdict.max(*verdict);
        checks.push(finding);
        Ok(())
    }

    fn end(self) -> Result<Exit, CommandError> {
        let (warnings, faults) =
            (self.findings.count(Verdict::Warn), self.findings.count(Verdict::Bad));
        if self.screen.json {
            self.screen.json(&self.findings)?;
        }
        self.screen.say("")?;
        self.screen.say(match (faults, warnings) {
            (0, 0) => "All is well.".to_owned(),
            (0, _) => format!("It works; {} to look at.", humanize::many(warnings, "thing")),
            _ => format!("{} to fix.", humanize::many(faults, "thing")),
        })?;
        Ok(if faults > 0 { Exit::Failed } else { Exit::Ok })
    }
}

pub(crate) async fn doctor(desk: Context) -> Result<Exit, CommandError> {
    let mut report = Report { screen: desk.screen, findings: Findings::of(Vec::new()) };
    let config = match Config::load(&desk.flags) {
        Ok(config) => config,
        Err(errors) => {
            for error in &errors.0 {
                let way_out = "correct it there; `ringbook config` shows every setting";
                report.add(bad("configuration", error.to_string(), way_out))?;
            }
            return report.end();
        }
    };
    let set = config.report().iter().filter(|line| line.source != "default").count() as u64;
    let set = if set == 0 { "all defaults".to_owned() } else { humanize::many(set, "setting") };
    report.add(ok("configuration", format!("{set}; `ringbook config` shows them")))?;
    for note in config.notes().iter().filter(|it| !it.key.is_empty()) {
        report.add(warn("configuration", note.text.as_str(), "`ringbook config` shows it"))?;
    }
    telemetry::start("off", &telemetry::LogStyle::of(&config))?;
    if let Some(finding) = doctor::disk(&config).await {
        report.add(finding)?;
    }
    match no_database(&config).await {
        Ok(None) => {}
        Ok(Some(why)) => {
            report.add(bad("database", why, "ringbook serve, or ringbook auth"))?;
            return report.end();
        }
        Err(trouble) => {
            report.add(bad(
                "database",
                trouble.message,
                "see DATABASE_URL in `ringbook config`",
            ))?;
            return report.end();
        }
    }
    let app = match App::open(config).await {
        Ok(app) => app,
        Err(error) => {
            report.add(bad(
                "database",
                error.to_string(),
                "see DATABASE_URL and SECRET_KEY_FILE in `ringbook config`",
            ))?;
            return report.end();
        }
    };
    for finding in doctor::look(&app).await? {
        report.add(finding)?;
    }
    report.add(doctor::reach(&app).await)?;
    report.end()
}
