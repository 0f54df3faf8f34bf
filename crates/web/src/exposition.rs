//! In which of Prometheus's two text formats the numbers are told: the one that the scraper asked for. Pure.

use std::collections::BTreeSet;

pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(crate) const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether `Accept` prefers OpenMetrics. Who does not name it gets the older format, which everybody reads.
pub(crate) fn wants_open_metrics(accept: &str) -> bool {
    let weight = |wanted: &str| {
        let of = |range: &str| {
            let mut parts = range.split(';').map(str::trim);
            let is_wanted = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(wanted));
            let said = parts.find_map(|it| it.strip_prefix("q=").or(it.strip_prefix("Q=")));
            let said = said.map_or(Some(1.0), |it| it.trim().parse::<f64>().ok());
            said.filter(|it| is_wanted && (0.0..=1.0).contains(it))
        };
        accept.split(',').filter_map(of).fold(0.0, f64::max)
    };
    let open = weight("application/openmetrics-text");
    open > 0.0 && open >= weight("text/plain")
}

/// OpenMetrics text in the format 0.0.4. There a counter is called as its values are, and there is no info.
pub(crate) fn plain(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    let kinds: Vec<(&str, &str)> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.rsplit_once(' '))
        .collect();
    let names = |wanted: &str| -> BTreeSet<&str> {
        kinds.iter().filter(|(_, kind)| *kind == wanted).map(|(name, _)| *name).collect()
    };
    let (counters, infos) = (names("counter"), names("info"));
    let renamed = |name: &str| match (counters.contains(name), infos.contains(name)) {
        (true, _) => format!("{name}_total"),
        (_, true) => format!("{name}_info"),
        _ => name.to_owned(),
    };
    for line in open_metrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what @ ("HELP" | "TYPE")), Some(name), Some(text)) => {
                let text = match text {
                    "info" if what == "TYPE" => "gauge",
                    "unknown" if what == "TYPE" => "untyped",
                    text => text,
                };
                out.push_str(&format!("# {what} {} {text}\n", renamed(name)));
            }
            (Some("#"), ..) => {}
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_the_format_that_it_asked_for() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, is_open) in [
            (prometheus, true),
            ("application/openmetrics-text", true),
            ("Application/OpenMetrics-Text; version=1.0.0", true),
            ("application/openmetrics-text;q=0.2, text/plain;q=0.8", false),
            ("application/openmetrics-text;q=0", false),
            ("text/plain;version=0.0.4", false),
            ("text/html,*/*;q=0.8", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(wants_open_metrics(accept), is_open, "{accept}");
        }
    }

    #[test]
    fn counters_and_infos_are_named_as_the_older_format_names_them() {
        let open = "# HELP r_runs Runs.\n# TYPE r_runs counter\nr_runs_total{a=\"1\"} 2\n\
            # HELP r_build What.\n# TYPE r_build info\nr_build_info{version=\"1\"} 1\n\
            # HELP r_run_seconds Took.\n# TYPE r_run_seconds histogram\n# UNIT r_run_seconds seconds\n\
            r_run_seconds_sum 1.0\nr_run_seconds_count 1\nr_run_seconds_bucket{le=\"+Inf\"} 1\n# EOF\n";
        let wanted = "# HELP r_runs_total Runs.\n# TYPE r_runs_total counter\nr_runs_total{a=\"1\"} 2\n\
            # HELP r_build_info What.\n# TYPE r_build_info gauge\nr_build_info{version=\"1\"} 1\n\
            # HELP r_run_seconds Took.\n# TYPE r_run_seconds histogram\n\
            r_run_seconds_sum 1.0\nr_run_seconds_count 1\nr_run_seconds_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(plain(open), wanted);
    }
}
