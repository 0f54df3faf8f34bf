//! `ringbook phone`: the directory in a terminal, as a person or a script walks through it.

use expect_test::expect;
use ringbook_core::sync::Kind;
use ringbook_simulator::Contact;

use crate::support::app::TestApp;
use crate::support::program::{Ended, Program};
use crate::support::world::{Database, World};

async fn world() -> World {
    let world = World::with(Database::Sqlite, 0, &[]).await;
    world.google.add(Contact::named("Åsa", "Ångström", "+46812345678"));
    world.google.add(Contact::named("José", "Muñoz", "+34911234567"));
    world.converge(Some(Kind::Full)).await;
    world
}

async fn types(world: &World, args: &[&str], typed: &str) -> Ended {
    Program::reading(world.folder.path(), &world.settings, args, typed).ended().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_what_a_phone_shows() {
    let world = world().await;
    let ended = types(&world, &["phone"], "1\n1\n1\nq\n").await;
    ended.assert(0, &[]);
    expect![[r#"
        ╭──────────────────────────────────────────────────────────────────────╮
        │ Ringbook                                                             │
        ├──────────────────────────────────────────────────────────────────────┤
        │   1  2 ABC (1)                                                       │
        │   2  5 JKL (1)                                                       │
        │   3  Search                                                          │
        │   4  Help                                                            │
        │                                                                      │
        │ 2 contacts                                                           │
        ├──────────────────────────────────────────────────────────────────────┤
        │ 1 Exit   2 Select   5 Search                                         │
        ╰──────────────────────────────────────────────────────────────────────╯
        ╭──────────────────────────────────────────────────────────────────────╮
        │ 2 ABC                                                                │
        ├──────────────────────────────────────────────────────────────────────┤
        │   1  Åsa Ångström                                                    │
        │                                                                      │
        │ 1 entry                                                              │
        ├──────────────────────────────────────────────────────────────────────┤
        │ 1 Exit   2 Select   5 Search                                         │
        ╰──────────────────────────────────────────────────────────────────────╯
        ╭──────────────────────────────────────────────────────────────────────╮
        │ Åsa Ångström                                                         │
        ├──────────────────────────────────────────────────────────────────────┤
        │   1  Mobile                            +46812345678                  │
        │                                                                      │
        │ Select a number                                                      │
        ├──────────────────────────────────────────────────────────────────────┤
        │ 1 Exit   2 Dial   3 EditDial   4 Details                             │
        ╰──────────────────────────────────────────────────────────────────────╯
        Dialling +46812345678
    "#]]
    .assert_eq(&ended.out);
    assert!(ended.out.lines().all(|line| line.chars().count() < 80));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_pressed_by_name_and_a_slash_searches() {
    let world = world().await;
    let ended =
        types(&world, &["phone"], "/munoz\n1\ndetails\nback\nb\nexit\n?\nnonsense\n#9\nq\n1\n")
            .await;
    ended.assert(
        0,
        &["José Muñoz", "Mobile: +34911234567", "There is no key `nonsense`", "searches"],
    );
    assert!(!ended.out.contains("Åsa"), "after q nothing is read any more");
    types(&world, &["phone"], "search\n2=5673\n").await.assert(0, &["José Muñoz"]);
    types(&world, &["phone"], "search\n1=nobody\nb\n")
        .await
        .assert(0, &["Nobody was found", "______"]);
    types(&world, &["phone"], "77\n").await.assert(0, &["There is no line 77"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_model_shows_it_in_its_own_way() {
    let world = world().await;
    let old = types(&world, &["phone", "--model", "7940"], "1\n").await;
    old.assert(0, &["Åsa Ångström", "1 Select"]);
    let new = types(&world, &["phone", "--model", "8845"], "").await;
    new.assert(0, &["1 Exit   2 Select"]);
    let spa = types(&world, &["phone", "--model", "spa504"], "/asa\n1\nnext\n").await;
    spa.assert(0, &["1 Next", "Mobile: +46812345678"]);
    assert!(!spa.out.contains("Exit"));
    types(&world, &["phone", "--model", "3310"], "").await.assert(2, &["3310", "8845"]);
    let json = types(&world, &["phone", "--json"], "").await.json();
    assert_eq!(json["choices"]["menu"][0]["name"], "2 ABC (1)");
    assert_eq!(json["keys"][0]["name"], "Exit");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machines_directory_is_walked_over_http() {
    let app = TestApp::with(0, &[]).await;
    app.world.google.add(Contact::named("Ada", "Lovelace", "+442079460018"));
    app.world.converge(None).await;
    let folder = tempfile::tempdir().unwrap();
    let walk = async |url: &str, typed: &str| {
        Program::reading(folder.path(), &[], &["phone", "--url", url], typed).ended().await
    };
    walk(&app.url(""), "1\n1\n1\n").await.assert(0, &["Ada Lovelace", "Dialling +442079460018"]);
    walk(&app.url("/directory/"), "/ada\n").await.assert(0, &["1  Ada Lovelace"]);
    walk("ringbook.example", "").await.assert(2, &["--url", "ringbook.example"]);
    walk(&app.url("/elsewhere"), "").await.assert(1, &["404"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is opened here");
}
