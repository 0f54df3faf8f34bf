//! The promises of the configuration.

use std::path::Path;

use expect_test::expect;
use secrecy::ExposeSecret;

use super::*;

fn env(pairs: &[(&str, &str)]) -> Layers {
    let values = pairs
        .iter()
        .map(|(key, value)| Raw {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            source: Source::Environment,
        })
        .collect();
    Layers { values, errors: Vec::new() }
}

fn errors(layers: Layers) -> String {
    resolve(layers).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_a_working_configuration() {
    let config = Config::of(&[]).unwrap();
    assert!(config.report().iter().all(|line| line.source == "default"));
    expect![[r#"
        HOST                            127.0.0.1                                         default  address to listen on
        PORT                            8000                                              default  port to listen on
        DATABASE_URL                    sqlite:///./data/ringbook.db                      default  where the directory is kept
    "#]]
    .assert_eq(&ConfigTable(&config.report()).to_string().split_inclusive('\n').take(3).collect::<String>());
    assert_eq!(config.google_redirect_uri, "http://localhost:8000/auth/callback");
    assert_eq!(config.sync_batch_size, 1000);
    assert!(config.google_client_secret.is_none());
}

#[test]
fn each_source_outranks_the_ones_before_it() {
    let all = |skip: usize| {
        let mut layers = env(&[("PORT", "1"), ("HOST", "10.0.0.1")]);
        if skip < 3 {
            layers.dotenv_text("PORT=2\n");
        }
        if skip < 2 {
            layers.toml_text(Path::new("ringbook.toml"), "port = 3\n");
        }
        if skip < 1 {
            layers.flags(&Flags { port: Some("4".to_owned()), ..Flags::default() });
        }
        let config = resolve(layers).unwrap();
        assert_eq!(config.host.to_string(), "10.0.0.1");
        (config.port, config.report()[1].source.clone())
    };
    assert_eq!(all(3), (1, "environment".to_owned()));
    assert_eq!(all(2), (2, ".env".to_owned()));
    assert_eq!(all(1), (3, "ringbook.toml".to_owned()));
    assert_eq!(all(0), (4, "flag --port".to_owned()));
}

#[test]
fn an_empty_value_is_no_value() {
    let mut layers = env(&[("PORT", "81")]);
    layers.dotenv_text("PORT=\nGOOGLE_CLIENT_ID=\"\"\n");
    let config = resolve(layers).unwrap();
    assert_eq!(config.port, 81);
    assert_eq!(config.google_client_id, None);
}

#[test]
fn everything_wrong_is_told_at_once_and_secrets_stay_hidden() {
    let mut layers = env(&[
        ("PORT", "0"),
        ("SYNC_INTERVAL", "15"),
        ("GOOGLE_CLIENT_SECRET", "two words"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x"),
        ("HOSTNAME", "fine"),
        ("TIMEZONE", "Mars/Olympus"),
    ]);
    layers.dotenv_text("SYNC_DELAY_SECONDS=-1\nthis is no assignment\n");
    layers.toml_text(
        Path::new("ringbook.toml"),
        "prot = 8000\nsync_batch_size = 1001\n[google]\nx = 1\n",
    );
    layers.flags(&Flags {
        host: Some("example".to_owned()),
        set: vec!["hunter2".to_owned(), "nonsense=1".to_owned()],
        ..Flags::default()
    });
    let told = errors(layers);
    assert!(!told.contains("hunter2") && !told.contains("two words"), "{told}");
    expect![[r#"
        the configuration cannot be used:
          .env: line 2 cannot be read; allowed is KEY=value, with quotes around spaces
          google (ringbook.toml): is not a setting; did you mean google_client_id?
          prot (ringbook.toml): is not a setting; did you mean port?
          flag --set: allowed is KEY=VALUE, such as --set SYNC_INTERVAL_MINUTES=15
          SYNC_INTERVAL (environment): is not a setting; did you mean SYNC_INTERVAL_MINUTES?
          NONSENSE (flag --set NONSENSE): is not a setting; `ringbook config` lists them
          PORT (environment): found `0`; allowed is a whole number from 1 to 65535
          HOST (flag --host): found `example`; allowed is an IP address, such as 127.0.0.1, or 0.0.0.0 for every interface
          DATABASE_URL (environment): found `mysql://root:***@db/x`; allowed is sqlite:///file, sqlite:////absolute/file, or postgres://user:password@host/database
          TIMEZONE (environment): found `Mars/Olympus`; allowed is a time zone by its IANA name, such as Europe/Berlin
          GOOGLE_CLIENT_SECRET (environment): found a hidden value; allowed is a text without spaces
          SYNC_BATCH_SIZE (ringbook.toml): found `1001`; allowed is a whole number from 1 to 1000
          SYNC_DELAY_SECONDS (.env): found `-1`; allowed is a number of seconds from 0 to 60, such as 0.5"#]].assert_eq(&told);
}

#[test]
fn a_database_in_memory_is_refused_with_the_way_out() {
    expect![[r#"
        the configuration cannot be used:
          DATABASE_URL (environment): found `sqlite://:memory:`; allowed is sqlite:///file, sqlite:////absolute/file, or postgres://user:password@host/database (a database in memory is gone with its process, and no other command could see it; name a file, such as sqlite:///./data/ringbook.db, or try Ringbook out with `ringbook demo`)"#]].assert_eq(&errors(env(&[("DATABASE_URL", "sqlite://:memory:")])));
}

#[test]
fn a_broken_toml_file_is_told_without_its_contents() {
    let mut layers = Layers::default();
    layers.toml_text(Path::new("ringbook.toml"), "port = 8000\ngoogle_client_secret = hunter2\n");
    let told = errors(layers);
    assert!(!told.contains("hunter2"), "{told}");
    assert!(told.contains("ringbook.toml: line 2 is not TOML"), "{told}");
}

#[test]
fn the_report_masks_what_is_secret() {
    let config = Config::of(&[
        ("GOOGLE_CLIENT_SECRET", "hunter2"),
        ("DATABASE_URL", "postgres://u:hunter2@db/x"),
        ("ALERT_WEBHOOK_URL", "https://hooks.example/hunter2"),
    ])
    .unwrap();
    let table = ConfigTable(&config.report()).to_string();
    assert!(!table.contains("hunter2"), "{table}");
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(table.contains("postgres://u:***@db/x"), "{table}");
    assert_eq!(config.google_client_secret.unwrap().expose_secret(), "hunter2");
}

#[test]
fn defaults_follow_the_settings_they_depend_on() {
    let config = Config::of(&[("PORT", "9000"), ("SYNC_INTERVAL_MINUTES", "1440")]).unwrap();
    assert_eq!(config.google_redirect_uri, "http://localhost:9000/auth/callback");
    assert_eq!(config.alert_after, Duration::from_secs(48 * 3600));
    let lines = config.report();
    let line = lines.iter().find(|line| line.key == "ALERT_AFTER_HOURS").unwrap();
    assert_eq!((line.value.as_str(), line.source.as_str()), ("48", "default"));

    let config =
        Config::of(&[("SYNC_INTERVAL_MINUTES", "1440"), ("ALERT_AFTER_HOURS", "25")]).unwrap();
    assert_eq!(config.alert_after, Duration::from_secs(25 * 3600));
}

#[test]
fn every_bound_is_where_the_table_says() {
    for setting in SETTINGS {
        let Rule::Whole(min, max) = setting.rule else { continue };
        for good in [min, max] {
            assert!(
                Config::of(&[(setting.key, &good.to_string())]).is_ok(),
                "{} {good}",
                setting.key
            );
        }
        for bad in [
            (max + 1).to_string(),
            "-1".to_owned(),
            "+5".to_owned(),
            "1.5".to_owned(),
            "x".to_owned(),
        ] {
            assert!(Config::of(&[(setting.key, &bad)]).is_err(), "{} {bad}", setting.key);
        }
        if min > 0 {
            assert!(
                Config::of(&[(setting.key, &(min - 1).to_string())]).is_err(),
                "{}",
                setting.key
            );
        }
    }
}

#[test]
fn switches_zones_and_lists_are_read_as_people_write_them() {
    for (word, on) in
        [("true", true), ("Yes", true), ("1", true), ("ON", true), ("no", false), ("0", false)]
    {
        let config = Config::of(&[("SYNC_SCHEDULER_ENABLED", word)]).unwrap();
        assert_eq!(config.sync_scheduler_enabled, on, "{word}");
    }
    let mut layers = Layers::default();
    layers.toml_text(
        Path::new("x.toml"),
        "timezone = 'Europe/Berlin'\ntrusted_proxies = ['10.0.0.1', 'fd00::/8']\nsync_delay_seconds = 0.5\n",
    );
    let config = resolve(layers).unwrap();
    assert_eq!(config.timezone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!(config.sync_delay, Duration::from_millis(500));
}

#[test]
fn flags_are_taken_before_and_after_the_command() {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        flags: Flags,
        #[command(subcommand)]
        command: Command,
    }
    #[derive(clap::Subcommand)]
    enum Command {
        Serve,
    }
    let cli = <Cli as clap::Parser>::try_parse_from([
        "ringbook", "--port", "81", "serve", "--set", "a=b", "--set", "c=d",
    ])
    .unwrap();
    assert_eq!(cli.flags.port.as_deref(), Some("81"));
    assert_eq!(cli.flags.set, ["a=b", "c=d"]);
    assert!(matches!(cli.command, Command::Serve));
}

#[test]
fn the_international_prefix_is_that_of_the_country_unless_it_is_set() {
    let shown = |values: &[(&str, &str)]| {
        let report = Config::of(values).unwrap().report();
        report.into_iter().find(|line| line.key == "DIAL_INTERNATIONAL_PREFIX").unwrap().value
    };
    assert_eq!(shown(&[]), "");
    assert_eq!(shown(&[("DIAL_REGION", "us")]), "011");
    assert_eq!(shown(&[("DIAL_REGION", "BR")]), "", "the caller chooses a carrier");
    assert_eq!(shown(&[("DIAL_REGION", "US"), ("DIAL_INTERNATIONAL_PREFIX", "00")]), "00");
}

#[test]
fn dial_rules_that_contradict_each_other_are_told_with_the_way_out() {
    let told = |values: &[(&str, &str)]| {
        let errors = Config::of(values).unwrap_err();
        let errors: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
        errors.join("\n")
    };
    expect![[r#"
        DIAL_OUTSIDE_PREFIX (flag --set DIAL_OUTSIDE_PREFIX): found `0`; allowed is nothing while DIAL_PLUS is keep, because a `+` can only stand in front; set DIAL_PLUS to prefix or drop"#]]
    .assert_eq(&told(&[("DIAL_OUTSIDE_PREFIX", "0")]));
    expect![[r#"
        DIAL_PLUS (flag --set DIAL_PLUS): found `prefix`; allowed is keep or drop, or set DIAL_INTERNATIONAL_PREFIX, or DIAL_REGION to know it by"#]]
    .assert_eq(&told(&[("DIAL_PLUS", "prefix")]));
    expect![[r#"
        DIAL_PLUS (flag --set DIAL_PLUS): found `prefix`; allowed is keep or drop, or set DIAL_INTERNATIONAL_PREFIX: BR has more than one"#]]
    .assert_eq(&told(&[("DIAL_PLUS", "prefix"), ("DIAL_REGION", "BR")]));
    expect![[r#"
        DIAL_NATIONAL (flag --set DIAL_NATIONAL): found `bare`; allowed is international, or set DIAL_REGION to the country that the phones are in"#]]
    .assert_eq(&told(&[("DIAL_NATIONAL", "bare")]));
    expect![[r#"
        DIAL_REGION (flag --set DIAL_REGION): found `UK`; allowed is a country by its two letters, such as DE or GB (ISO 3166)"#]]
    .assert_eq(&told(&[("DIAL_REGION", "UK"), ("DIAL_NATIONAL", "national")]));
    for (key, bad) in [
        ("DIAL_INTERNATIONAL_PREFIX", "+"),
        ("DIAL_OUTSIDE_PREFIX", ",0"),
        ("DIAL_OUTSIDE_PREFIX", "01234567890"),
        ("DIAL_PAUSES", "no"),
        ("DIAL_REGOIN", "DE"),
    ] {
        assert!(Config::of(&[(key, bad), ("DIAL_PLUS", "drop")]).is_err(), "{key} {bad}");
    }
}

#[test]
fn the_dial_rules_in_force_are_those_that_were_set() {
    let config = Config::of(&[
        ("DIAL_REGION", "DE"),
        ("DIAL_PLUS", "prefix"),
        ("DIAL_NATIONAL", "national"),
        ("DIAL_OUTSIDE_PREFIX", "0,"),
        ("DIAL_EXTENSION_DIGITS", "3"),
        ("DIAL_PAUSES", "cut"),
    ])
    .unwrap();
    let dial = |value: &str| {
        let number = config.dial.read(value, None);
        config.dial.dial(&number).string.map(|it| it.to_string()).unwrap_or_default()
    };
    assert_eq!(dial("+49 30 1234567 x12"), "0,0301234567");
    assert_eq!(dial("+44 20 7946 0958"), "0,00442079460958");
    assert_eq!((dial("101"), dial("1010")), ("101".to_owned(), "0,1010".to_owned()));
}
