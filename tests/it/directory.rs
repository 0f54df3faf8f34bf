//! The directory in memory follows the mirror, whatever becomes of the contacts and whoever syncs them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringbook_app::App;
use ringbook_app::directory::{Scope, View};
use ringbook_core::sync::Kind;
use ringbook_simulator::{Contact, Name, PhoneNumber};

use crate::support::both::on_both;
use crate::support::world::World;

fn person(given: &str, family: &str, number: &str) -> Contact {
    Contact {
        name: Some(Name { given: given.to_owned(), family: family.to_owned(), ..Name::default() }),
        phone_numbers: vec![PhoneNumber {
            value: number.to_owned(),
            canonical: Some(number.to_owned()),
            ..PhoneNumber::default()
        }],
        ..Contact::default()
    }
}

/// Everything that a directory says, so that two of them can be compared.
#[derive(Debug, PartialEq)]
struct Told {
    list: Vec<(i64, String, bool)>,
    labels: BTreeMap<String, Vec<i64>>,
}

fn told(view: &View) -> Told {
    let contacts = &view.contacts;
    let places = 0..contacts.len() as u32;
    let list = places
        .map(|at| (contacts.id(at), contacts.name(at).to_owned(), contacts.is_on_phones(at)))
        .collect();
    let labels = contacts.labels().map(|(account, resource, places)| {
        let name = view.labels.iter().find(|((of, it), _)| of.0 == account && it == resource);
        let ids = places.iter().map(|place| contacts.id(*place)).collect();
        (format!("{resource} {:?}", name.map(|it| it.1)), ids)
    });
    Told { list, labels: labels.collect() }
}

async fn names_found(app: &App, asked: &str) -> Vec<String> {
    let view = app.directory.view().await.unwrap();
    let hits = app.directory.rules().search(&view.contacts, asked, Scope::Everything);
    hits.iter().map(|(_, place)| view.contacts.name(*place).to_owned()).collect()
}

/// The directory that was there all the time says what one says that is made now.
async fn assert_follows(world: &World) -> Arc<View> {
    let followed = world.app.directory.view().await.unwrap();
    let afresh = world.other_process().await.directory.view().await.unwrap();
    assert_eq!(told(&followed), told(&afresh));
    assert_eq!(followed.contacts.len() as u64, world.status().await.counts.live);
    followed
}

on_both! {
    async fn the_directory_follows_every_kind_of_change(database) {
        let world = World::new(database, 35).await;
        assert_follows(&world).await;
        world.converge(None).await;
        assert_follows(&world).await;
        let ada = world.google.add(person("Adalgisa", "Vlăduță", "+442079460001"));
        let zoe = world.google.add(person("Zoë", "Ťažký", "+46812345678"));
        world.converge(Some(Kind::Incremental)).await;
        assert_follows(&world).await;
        assert_eq!(names_found(&world.app, "tazky").await, ["Zoë Ťažký"]);
        world.google.edit(&zoe, |it| it.name = person("Aron", "Berg", "").name).unwrap();
        world.google.change_at_random(20);
        world.converge(Some(Kind::Incremental)).await;
        assert_follows(&world).await;
        assert_eq!(names_found(&world.app, "tazky").await, [""; 0]);
        world.google.delete(&ada).unwrap();
        world.converge(Some(Kind::Incremental)).await;
        assert_follows(&world).await;
        assert_eq!(names_found(&world.app, "vladuta adal").await, [""; 0]);
        world.google.restore(&ada).unwrap();
        world.converge(Some(Kind::Full)).await;
        assert_follows(&world).await;
        assert_eq!(names_found(&world.app, "+44 20 7946 0001").await, ["Adalgisa Vlăduță"]);
        // Here a row is taken away without a tombstone.
        let ada = world.google.rename(&ada).unwrap();
        world.converge(Some(Kind::Full)).await;
        let view = assert_follows(&world).await;
        assert_eq!(names_found(&world.app, "vladuta").await, ["Adalgisa Vlăduță"]);
        let group = world.google.add_group("Plumbers");
        world.google.edit(&ada, |it| it.groups.push(group.clone())).unwrap();
        world.converge(Some(Kind::Full)).await;
        world.google.rename_group(&group, "Pipes").unwrap();
        world.converge(Some(Kind::Full)).await;
        let after = assert_follows(&world).await;
        assert!(after.number > view.number);
        assert!(told(&after).labels.keys().any(|it| it.contains("Pipes")));
    }

    async fn what_another_process_syncs_shows_at_once(database) {
        let world = World::new(database, 12).await;
        world.converge(None).await;
        world.app.directory.view().await.unwrap();
        let other = world.other_process().await;
        world.google.add(person("Adalgisa", "Vlăduță", "+442079460001"));
        let started = other.supervisor.start(&world.wish(None)).await.unwrap();
        started.finished().await;
        // The database is asked anew a few milliseconds after it was asked last.
        while names_found(&world.app, "vladuta").await.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(names_found(&world.app, "vladuta").await, ["Adalgisa Vlăduță"]);
    }
}
