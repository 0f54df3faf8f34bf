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
    Layers { values, ..Layers::default() }
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
    assert_eq!(all(2), (2, ".env line 1".to_owned()));
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
          .env line 2: is no assignment; allowed is KEY=value
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
          SYNC_DELAY_SECONDS (.env line 1): found `-1`; allowed is a number of seconds from 0 to 60, such as 0.5"#]].assert_eq(&told);
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
        ("DIAL_AREA", "+49"),
        ("DIAL_AREA", "0221"),
        ("DIAL_OWN_NUMBERS", "2345"),
        ("DIAL_OUTSIDE_NUMBERS", "1733,"),
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
        let dialled = config.dial.dial_all(value).remove(0);
        dialled.dial.string.map(|it| it.to_string()).unwrap_or_default()
    };
    assert_eq!(dial("+49 30 1234567 x12"), "0,0301234567");
    assert_eq!(dial("+44 20 7946 0958"), "0,00442079460958");
    assert_eq!((dial("101"), dial("1010")), ("101".to_owned(), "0,1010".to_owned()));
}

#[test]
fn numbers_of_the_installation_are_those_that_were_set() {
    let config = Config::of(&[
        ("DIAL_REGION", "AT"),
        ("DIAL_PLUS", "prefix"),
        ("DIAL_NATIONAL", "national"),
        ("DIAL_OUTSIDE_PREFIX", "0"),
        ("DIAL_AREA", "01"),
        ("DIAL_OWN_NUMBERS", "+43 1 2345-0..99, +43 1 99999-100..199"),
        ("DIAL_OUTSIDE_NUMBERS", "39 39, 17XX, *2700"),
    ])
    .unwrap();
    for (value, wanted) in [
        ("+43 1 2345-17", "17"),
        ("01 2345 0", "0"),
        ("+43 1 99999 123", "123"),
        ("+43 1 99999 200", "00199999200"),
        ("5550177", "0015550177"),
        ("17", "17"),
        ("39 39", "03939"),
        ("1733", "01733"),
        ("*2700", "0*2700"),
        ("*97", "*97"),
        ("4040", "4040"),
    ] {
        let dialled = config.dial.dial_all(value).remove(0);
        assert_eq!(dialled.dial.string.unwrap().to_string(), wanted, "{value}");
    }
}

fn dotenv(text: &str) -> Layers {
    let mut layers = env(&[]);
    layers.dotenv_text(text);
    layers
}

fn notes(layers: Layers) -> String {
    let config = resolve(layers).unwrap();
    config.notes().iter().map(|it| format!("{}\n", it.text)).collect()
}

#[test]
fn names_in_a_dotenv_file_stand_for_earlier_lines_and_the_environment() {
    let mut layers = env(&[("DATA", "/srv"), ("COMPANY", "Other"), ("LATER", "no")]);
    layers.dotenv_text(
        "COMPANY=Acme\nDIRECTORY_TITLE=\"${COMPANY} phones\"\nDATABASE_URL=sqlite:///${DATA}/x.db\n\
         TIMEZONE=${ZONE:-Europe/Berlin}\nGOOGLE_CLIENT_SECRET='pa${COMPANY}'\nPUBLIC_URL=http://a${MISSING}b\n\
         ALERT_WEBHOOK_URL=https://h.example/${TITLE}\nTITLE=x\n",
    );
    let config = resolve(layers).unwrap();
    assert_eq!(config.directory_title, "Acme phones");
    assert_eq!(config.google_client_secret.as_ref().unwrap().expose_secret(), "pa${COMPANY}");
    assert_eq!(config.public_url.as_deref(), Some("http://ab"));
    assert_eq!(config.timezone.iana_name(), Some("Europe/Berlin"));
    let line = config.report().into_iter().find(|it| it.key == "DATABASE_URL").unwrap();
    assert_eq!(line.value, "sqlite:////srv/x.db");
    let told: Vec<&str> = config.notes().iter().map(|it| it.text.as_str()).collect();
    for (key, words) in [
        ("PUBLIC_URL", ".env line 6: PUBLIC_URL names ${MISSING}"),
        ("ALERT_WEBHOOK_URL", ".env line 7: ALERT_WEBHOOK_URL names ${…}"),
        ("GOOGLE_CLIENT_SECRET", "GOOGLE_CLIENT_SECRET has ${…} in single quotes"),
    ] {
        let of = |it: &&ConfigNote| it.key == key && it.text.contains(words);
        assert_eq!(config.notes().iter().filter(of).count(), 1, "{key}: {told:?}");
    }
}

#[test]
fn a_small_dotenv_file_does_not_fill_the_memory() {
    let doubling: String =
        (1..64).map(|at| format!("A{at}=${{A{}}}${{A{}}}\n", at - 1, at - 1)).collect();
    let many: String = (0..200).map(|at| format!("B{at}=${{LARGE}}\n")).collect();
    let large = "x".repeat(10 << 10);
    for text in [format!("A0=xx\n{doubling}"), format!("LARGE={large}\n{many}")] {
        assert!(errors(dotenv(&text)).contains("far too long once the names in it are replaced"));
    }
}

#[test]
fn a_name_alone_in_a_dotenv_file_stops_nothing_unless_it_is_ours() {
    assert_eq!(
        notes(dotenv("DEBUG\nexport FLASK_ENV # old\nPORT=9000\n")),
        ".env: not used, since Ringbook has no such settings: DEBUG (line 1), FLASK_ENV (line 2)\n"
    );
    for (text, key) in [("PORT", "PORT"), ("timezone", "TIMEZONE"), ("SYNC_INTERVAL_MINUTE", "")] {
        let told = errors(dotenv(text));
        assert!(told.contains(key) && told.contains(".env line 1): is a name without"), "{told}");
    }
}

#[test]
fn what_is_more_than_can_be_used_is_cut_and_told() {
    let long = "The telephones of Example & Daughters";
    for (key, value, used) in [
        ("DIRECTORY_TITLE", long, "The telephones of Example & Daug"),
        (
            "DIRECTORY_TITLE",
            "Telephones of the whole company  & more",
            "Telephones of the whole company",
        ),
        // Not half of a letter.
        (
            "DIRECTORY_TITLE",
            "1234567890123456789012345678901e\u{301}x",
            "1234567890123456789012345678901",
        ),
        ("SEARCH_RESULTS_LIMIT", "1000", "500"),
        ("DIRECTORY_MAX_ENTRIES_PER_PAGE", "64", "32"),
    ] {
        let config = resolve(env(&[(key, value)])).unwrap();
        let line = config.report().into_iter().find(|it| it.key == key).unwrap();
        assert_eq!(line.value, used, "{key}");
        let told = format!("{key} (environment): ");
        assert!(line.note.unwrap().starts_with(&told), "{key}");
        match key {
            "DIRECTORY_TITLE" => assert_eq!(config.directory_title, used),
            "SEARCH_RESULTS_LIMIT" => assert_eq!(config.search_results_limit, 500),
            _ => assert_eq!(config.directory_max_entries_per_page, 32),
        }
    }
    for (key, value) in [("SEARCH_RESULTS_LIMIT", "0"), ("SEARCH_RESULTS_LIMIT", "many")] {
        assert!(errors(env(&[(key, value)])).contains("above 500 it counts as 500"), "{value}");
    }
    assert!(errors(env(&[("DIRECTORY_TITLE", "a\u{7}b")])).contains("DIRECTORY_TITLE"));
    let exact = resolve(env(&[("DIRECTORY_TITLE", &long[..32])])).unwrap();
    assert!(exact.notes().is_empty());
}

#[test]
fn mistakes_in_a_dotenv_file_are_named_by_line_and_key() {
    let told = errors(dotenv(
        "\u{feff}# an old file\r\nPORT=0\r\nexport TIMEZONE=Mars\r\nGOOGLE_CLIENT_SECRET='hunter2\r\n",
    ));
    assert!(!told.contains("hunter2"), "{told}");
    expect![[r#"
        the configuration cannot be used:
          GOOGLE_CLIENT_SECRET (.env line 4): the quote is never closed
          PORT (.env line 2): found `0`; allowed is a whole number from 1 to 65535
          TIMEZONE (.env line 3): found `Mars`; allowed is a time zone by its IANA name, such as Europe/Berlin"#]]
    .assert_eq(&told);
}

#[test]
fn an_env_file_of_the_installed_base_works_as_it_is_and_says_what_became_of_it() {
    let mut layers = env(&[("PORT", "8000"), ("HOST", "10.0.0.1"), ("LOG_LEVEL", "info")]);
    layers.dotenv_text(
        "port=9000\nHOST=10.0.0.1\nDIRECTORY_TITLE=Our phones\nTRUSTED_PROXIES=[\"10.0.0.1\", \"*\"]\n\
         DIRECTORY_MAX_ENTRIES_PER_PAGE=64\nDIRECTORY_CACHE_TTL=5\nDEBUG=true\nEMPTY=\n\
         LOG_LEVEL=debug\nLOG_LEVEL=error\nGOOGLE_CLIENT_SECRET=pa$$word\n",
    );
    let config = resolve(layers).unwrap();
    assert_eq!((config.port, config.host.to_string()), (9000, "10.0.0.1".to_owned()));
    assert_eq!(config.directory_title, "Our phones");
    assert_eq!(config.directory_max_entries_per_page, 32);
    assert_eq!(config.google_client_secret.as_ref().unwrap().expose_secret(), "pa$$word");
    assert_eq!(config.log_level, "error");
    assert!(config.trusted_proxies.iter().any(Network::is_everybody));
    let told: String = config.notes().iter().map(|it| format!("{}\n", it.text)).collect();
    expect![[r#"
        .env line 3: DIRECTORY_TITLE has blanks and no quotes; all of the line is taken. Write DIRECTORY_TITLE="…"
        .env: not used, since Ringbook has no such settings: DIRECTORY_CACHE_TTL (line 6), DEBUG (line 7)
        LOG_LEVEL: .env line 10 overrules the environment and .env line 9 (of environment, .env, ringbook.toml and flags, a later one wins)
        PORT: .env line 1 overrules the environment (of environment, .env, ringbook.toml and flags, a later one wins)
        TRUSTED_PROXIES believes everybody: whoever reaches this server without the proxy can claim any address. Set it to the proxy's address
        DIRECTORY_MAX_ENTRIES_PER_PAGE (.env line 5): 64 is more than a screen of a phone takes; 32 is used
    "#]]
    .assert_eq(&told);
    let lines = config.report();
    let line = lines.iter().find(|it| it.key == "DIRECTORY_MAX_ENTRIES_PER_PAGE").unwrap();
    assert_eq!((line.value.as_str(), line.source.as_str()), ("32", ".env line 5"));
    assert!(line.note.as_ref().unwrap().contains("64"));
    assert!(Config::of(&[("DIRECTORY_MAX_ENTRIES_PER_PAGE", "0")]).is_err());
}

#[test]
fn what_a_flag_says_is_overruled_by_nothing() {
    let mut layers = env(&[("PORT", "1")]);
    layers.dotenv_text("PORT=2\n");
    layers.flags(&Flags { port: Some("3".to_owned()), ..Flags::default() });
    assert_eq!(notes(layers), "");
    let mut layers = env(&[("PORT", "1")]);
    layers.toml_text(Path::new("ringbook.toml"), "port = 3\n");
    assert!(notes(layers).contains("ringbook.toml overrules the environment"));
    assert_eq!(notes(env(&[("PORT", "1")])), "");
}

#[test]
fn names_that_are_nearly_ours_stop_the_start_and_other_ones_do_not() {
    for slip in
        ["SYNC_INTERVAL", "DATABSE_URL", "GOOGLE_CLIENT_IDD", "TIMEZONE_FILE", "sync_interval"]
    {
        let told = errors(dotenv(&format!("{slip}=x\n")));
        assert!(
            told.contains(".env line 1") && told.contains("is not a setting"),
            "{slip}: {told}"
        );
    }
    for other in ["SYNC_FANCINESS", "DEBUG", "TZ", "CORS_ORIGINS", "HOME"] {
        let told = notes(dotenv(&format!("{other}=x\n")));
        assert!(told.contains(other) && told.contains("line 1"), "{other}: {told}");
    }
    assert!(notes(env(&[("SYNC_FANCINESS", "x")])).contains("SYNC_FANCINESS (environment)"));
    assert_eq!(notes(env(&[("DEBUG", "x"), ("HOME", "/root")])), "");
}

#[test]
fn secrets_are_read_from_the_files_that_variables_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let url = file("url", "postgres://u:hunter2@db/x\n");
    let id = file("id", "me\r\n");
    let hook = file("hook", "https://hooks.example/hunter2");
    let secret = file("secret", "pa$$ word".replace(' ', "").as_str());
    let named = |pairs: &[(&str, &str)]| {
        let mut layers = env(pairs);
        layers.named_files();
        layers
    };
    let config = resolve(named(&[
        ("DATABASE_URL_FILE", &url),
        ("GOOGLE_CLIENT_ID_FILE", &id),
        ("GOOGLE_CLIENT_SECRET_FILE", &secret),
        ("ALERT_WEBHOOK_URL_FILE", &hook),
    ]))
    .unwrap();
    assert!(matches!(config.database_url, DatabaseUrl::Postgres { .. }));
    assert_eq!(config.google_client_id.as_deref(), Some("me"));
    assert_eq!(config.google_client_secret.as_ref().unwrap().expose_secret(), "pa$$word");
    let lines = config.report();
    let line = lines.iter().find(|it| it.key == "DATABASE_URL").unwrap();
    assert_eq!(line.source, format!("{url} (DATABASE_URL_FILE, environment)"));
    assert!(!ConfigTable(&lines).to_string().contains("hunter2"));

    let (empty, none) = (file("empty", "\n"), format!("{}/none", folder.path().display()));
    let here = folder.path().display().to_string();
    for (pairs, word) in [
        (vec![("DATABASE_URL_FILE", url.as_str()), ("DATABASE_URL", "postgres://h/d")], "not both"),
        (
            vec![("ALERT_WEBHOOK_URL", "https://a"), ("ALERT_WEBHOOK_URL_FILE", hook.as_str())],
            "not both",
        ),
        (vec![("DATABASE_URL_FILE", none.as_str())], "none does not exist"),
        (vec![("DATABASE_URL_FILE", empty.as_str())], "is empty"),
        (vec![("GOOGLE_CLIENT_SECRET_FILE", here.as_str())], "is a folder"),
    ] {
        let told = errors(named(&pairs));
        assert!(told.contains(word) && told.contains(pairs[0].0), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    // Set and empty is not set, as everywhere.
    assert!(resolve(named(&[("DATABASE_URL_FILE", &url), ("DATABASE_URL", " ")])).is_ok());
    assert!(resolve(named(&[("DATABASE_URL_FILE", "")])).is_ok());
    // What is said on the command line counts.
    let mut layers = env(&[("DATABASE_URL_FILE", &url)]);
    layers.flags(&Flags { database_url: Some("sqlite:///x.db".to_owned()), ..Flags::default() });
    layers.named_files();
    assert!(matches!(resolve(layers).unwrap().database_url, DatabaseUrl::Sqlite { .. }));
}

#[test]
fn every_secret_can_be_in_a_file() {
    for setting in SETTINGS.iter().filter(|it| it.rule.is_secret()) {
        let key = format!("{}_FILE", setting.key);
        let is_read = table::read_from_file(&key).is_some() || table::find(&key).is_some();
        assert!(is_read, "{key}");
    }
}

#[test]
fn the_base_path_is_that_of_the_public_url_unless_it_is_set() {
    let of = |values: &[(&str, &str)]| {
        let config = Config::of(values).unwrap();
        (config.base_path.clone(), config.google_redirect_uri.clone())
    };
    let local = |path: &str| format!("http://localhost:8000{path}/auth/callback");
    for (values, base, redirect) in [
        (vec![], "", local("")),
        (vec![("BASE_PATH", "ringbook/")], "/ringbook", local("/ringbook")),
        (vec![("PUBLIC_URL", "http://10.0.0.5:8000/a/b/")], "/a/b", local("/a/b")),
        (
            vec![("PUBLIC_URL", "https://nas.example.com/rb")],
            "/rb",
            "https://nas.example.com/rb/auth/callback".to_owned(),
        ),
        (
            vec![("PUBLIC_URL", "https://nas.example.com:8443"), ("BASE_PATH", "/rb")],
            "/rb",
            "https://nas.example.com:8443/rb/auth/callback".to_owned(),
        ),
        (vec![("PUBLIC_URL", "https://nas.lan")], "", local("")),
        (vec![("PUBLIC_URL", "https://10.0.0.5")], "", local("")),
    ] {
        assert_eq!(of(&values), (base.to_owned(), redirect), "{values:?}");
    }
    assert!(Config::of(&[("BASE_PATH", "/api")]).is_err());
    let told = Config::of(&[("PUBLIC_URL", "http://10.0.0.5/contacts")]).unwrap_err().to_string();
    assert!(told.contains("PUBLIC_URL") && told.contains("/ringbook"), "{told}");
}

#[test]
fn the_first_administrator_has_a_name_and_one_proof() {
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaA";
    let config = Config::of(&[("ADMIN_NAME", "ada"), ("ADMIN_PASSWORD_HASH", hash)]).unwrap();
    assert!(!format!("{config:?} {}", ConfigTable(&config.report())).contains("aGFzaA"));
    assert!(matches!(config.first_admin.unwrap().proof, FirstProof::Hash(_)));
    assert!(Config::of(&[("ADMIN_NAME", "ada"), ("ADMIN_PASSWORD", "correct horse")]).is_ok());
    for (values, word) in [
        (vec![("ADMIN_NAME", "ada")], "needs a password"),
        (vec![("ADMIN_PASSWORD", "correct horse")], "needs ADMIN_NAME; set both"),
        (
            vec![("ADMIN_NAME", "ada"), ("ADMIN_PASSWORD_HASH", "argon2id$x")],
            "ringbook admins hash",
        ),
        (
            vec![("ADMIN_NAME", "ada"), ("ADMIN_PASSWORD_HASH", hash), ("ADMIN_PASSWORD", "x")],
            "set one of them",
        ),
    ] {
        let told = Config::of(&values).unwrap_err().to_string();
        assert!(told.contains(word) && !told.contains("correct horse"), "{told}");
    }
}

#[test]
fn a_language_that_is_not_known_is_refused() {
    for good in [
        "en",
        "de",
        "sv-FI",
        "nl-BE",
        "de-u-co-phonebk",
        "fil",
        "zh-Hant-u-co-stroke",
        "DE",
        "sr-Latn-RS",
    ] {
        assert!(Config::of(&[("DIRECTORY_LOCALE", good)]).is_ok(), "{good}");
    }
    for bad in [
        "tlh",
        "xx",
        "german",
        "deutsch",
        "de-u-co-phonebook",
        "und",
        "de_DE.UTF-8",
        "C",
        "de-u-co-klingon",
    ] {
        let found = errors(env(&[("DIRECTORY_LOCALE", bad)]));
        assert!(found.contains("DIRECTORY_LOCALE") && found.contains("ISO 639"), "{bad}: {found}");
    }
}

/// A private network is as full of phones and PCs as any other: who is in it can send the header, too.
#[test]
fn a_proxy_that_signs_people_in_is_an_address_and_not_a_large_network() {
    let with =
        |proxies| Config::of(&[("AUTH_PROXY_HEADER", "Remote-User"), ("TRUSTED_PROXIES", proxies)]);
    for wide in ["10.0.0.0/8", "172.16.0.0/12", "10.0.0.1, 192.168.0.0/15", "fd00::/8", "*"] {
        let problem = with(wide).unwrap_err().to_string();
        assert!(problem.contains("could say that they are an administrator"), "{wide}: {problem}");
    }
    for (proxies, is_noted) in [
        ("192.168.0.0/16", true),
        ("172.18.0.0/16", true),
        ("10.0.0.1, 10.1.2.0/23", true),
        ("fd00:1:2:3::/64", true),
        ("10.1.2.0/24", false),
        ("10.0.0.2", false),
        ("127.0.0.0/8, ::1", false),
    ] {
        let notes = with(proxies).unwrap().notes().to_vec();
        let told = notes.iter().filter(|it| it.text.contains("every machine in it"));
        assert_eq!(
            told.filter(|it| it.key == "TRUSTED_PROXIES").count() > 0,
            is_noted,
            "{notes:?}"
        );
        // Without the header they may only say where a request comes from.
        assert!(Config::of(&[("TRUSTED_PROXIES", proxies)]).unwrap().notes().is_empty());
    }
    assert!(Config::of(&[("TRUSTED_PROXIES", "10.0.0.0/8")]).unwrap().notes().is_empty());
}

#[test]
fn what_would_give_strangers_a_right_or_a_secret_is_refused() {
    for (set, words) in [
        (
            vec![("AUTH_PROXY_HEADER", "Remote-User"), ("TRUSTED_PROXIES", "0.0.0.0/0")],
            "could say that they are an administrator",
        ),
        (
            vec![("AUTH_PROXY_HEADER", "Remote-User"), ("TRUSTED_PROXIES", "127.0.0.1, ::/0")],
            "could say that they are an administrator",
        ),
        (vec![("GOOGLE_TOKEN_URL", "http://oauth2.googleapis.com/token")], "begins with https://"),
        (vec![("GOOGLE_API_BASE_URL", "http://10.0.0.5:9000")], "begins with https://"),
        (vec![("GOOGLE_REVOKE_URL", "http://google.example/revoke")], "begins with https://"),
        (vec![("ALLOWED_HOSTS", "*")], "not `*` alone"),
    ] {
        let problem = Config::of(&set).unwrap_err().to_string();
        assert!(problem.contains(set[0].0) && problem.contains(words), "{problem}");
    }
    Config::of(&[("GOOGLE_TOKEN_URL", "http://127.0.0.1:9000/token")]).unwrap();
}

#[test]
fn a_wildcard_below_a_public_end_of_names_is_noted() {
    for (hosts, noted) in [
        ("*.com", true),
        ("phones.example.com, *.dev", true),
        ("*.lan", false),
        ("*.localhost", false),
        ("*.office.example.com", false),
    ] {
        let config = Config::of(&[("ALLOWED_HOSTS", hosts)]).unwrap();
        let found = config.notes().iter().any(|it| it.key == "ALLOWED_HOSTS");
        assert_eq!(found, noted, "{hosts}");
    }
}
