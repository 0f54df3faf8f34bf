//! Settings that somebody mistyped, or that are not settings at all.
#![allow(clippy::expect_used, reason = "a test may fail loudly")]

use std::path::Path;

use crate::parts;
use ringbook_app::config::layers::Layers;
use ringbook_app::config::{Config, Flags, resolve};

/// What no message and no report may repeat.
const SECRET: &str = "hush-4711";

/// A `.env` file, a TOML file and flags, one a line, parted by the character RS.
pub(crate) fn settings(bytes: &[u8]) {
    let [dotenv, toml, flags] = parts(bytes, 0x1e).map(String::from_utf8_lossy);
    let said = dotenv.len() + toml.len() + flags.len();
    let mut layers = Layers::default();
    if [&dotenv, &toml, &flags].iter().any(|text| text.contains(SECRET))
        // A secret that is put into another setting by its name is wanted there.
        || dotenv.contains("${GOOGLE_CLIENT_SECRET")
    {
        return;
    }
    layers.dotenv_text(&format!("GOOGLE_CLIENT_SECRET={SECRET}\n{dotenv}"));
    layers.toml_text(Path::new("ringbook.toml"), &toml);
    layers.toml_text(
        Path::new("ringbook.toml"),
        &format!("{toml}\ngoogle_client_secret = \"{SECRET}"),
    );
    let set = flags.lines().map(str::to_owned).collect();
    layers.flags(&Flags { set, ..Flags::default() });
    match resolve(layers) {
        Ok(config) => check(&config),
        Err(errors) => {
            for error in &errors.0 {
                let text = error.to_string();
                assert!(text.len() <= 2 * said + 2000, "{} bytes", text.len());
                assert!(!text.contains(SECRET), "{text}");
            }
        }
    }
    // Without the spoiled file, so that good settings get through more often.
    let mut layers = Layers::default();
    layers.toml_text(Path::new("ringbook.toml"), &toml);
    layers.errors.clear();
    if let Ok(config) = resolve(layers) {
        check(&config);
    }
}

/// What is in force can be written down and gives the same again.
fn check(config: &Config) {
    let report = config.report();
    assert!(report.iter().all(|line| !line.value.contains(SECRET)), "{report:?}");
    assert!(!format!("{config:?}").contains(SECRET));
    let values: Vec<(&str, &str)> = report
        .iter()
        .filter(|line| line.source != "default" && !line.value.contains("***"))
        .map(|line| (line.key, line.value.as_str()))
        .collect();
    let again = Config::of(&values).expect("what was shown is taken");
    for (line, other) in report.iter().zip(again.report()) {
        assert!(
            line.value == other.value || line.value.contains("***"),
            "{line:?} became {other:?}"
        );
    }
}
