use std::os::unix::fs::PermissionsExt;

use super::*;

const PLACE: &str = "oauth_grant/3/refresh_token";

fn secret() -> SecretString {
    "1//refresh".into()
}

fn given(key: u8) -> Vault {
    let keys = KeyRing::of(Key::new([key; 32]));
    Vault::open(KeySource::Given { by: "SECRET_KEY".to_owned(), keys }).unwrap()
}

fn of_file(path: &Path) -> Vault {
    let vault = Vault::open(KeySource::File(path.to_owned())).unwrap();
    vault.prepare().unwrap();
    vault
}

#[test]
fn what_is_sealed_opens_in_its_place_and_in_no_other() {
    let vault = given(1);
    let sealed = vault.seal(PLACE, &secret()).unwrap();
    assert_eq!(vault.open_sealed(PLACE, &sealed).unwrap().expose_secret(), "1//refresh");
    for other in ["oauth_grant/4/refresh_token", "oauth_grant/3/access_token", ""] {
        let moved = vault.open_sealed(other, &sealed).unwrap_err();
        assert_eq!(moved, VaultError::Damaged { place: other.to_owned() });
    }
}

#[test]
fn the_same_secret_never_looks_the_same_twice_and_never_like_itself() {
    let vault = given(1);
    let (one, two) = (vault.seal(PLACE, &secret()).unwrap(), vault.seal(PLACE, &secret()).unwrap());
    assert_ne!(one, two);
    assert!(is_sealed(&one) && !one.contains("refresh"));
    assert!(!is_sealed("1//refresh") && !is_sealed("ya29.a0.b.c") && !is_sealed("v1.a.b.c"));
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let vault = given(1);
    let sealed = vault.seal(PLACE, &secret()).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(vault.open_sealed(PLACE, &changed).is_err(), "{changed}");
    }
    assert!(vault.open_sealed(PLACE, &sealed[..sealed.len() - 4]).is_err());
}

#[test]
fn a_lost_key_is_named_with_what_is_lost_and_the_way_out() {
    let sealed = given(1).seal(PLACE, &secret()).unwrap();
    let error = given(2).open_sealed(PLACE, &sealed).unwrap_err();
    let key = Key::new([1; 32]);
    assert_eq!(
        error,
        VaultError::KeyMissing { key: key.id().to_string(), home: "SECRET_KEY".to_owned() }
    );
    let words = error.to_string();
    assert!(words.contains("connect the Google account again") && words.contains("not sealed"));
}

#[test]
fn a_key_file_is_made_once_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/ringbook.key");
    let sealed = of_file(&path).seal(PLACE, &secret()).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(of_file(&path).open_sealed(PLACE, &sealed).is_ok(), "after a restart, too");
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "no draft lies about");
}

#[test]
fn processes_that_start_at_once_agree_on_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringbook.key");
    let start = std::sync::Barrier::new(8);
    let ids: Vec<KeyId> = std::thread::scope(|scope| {
        let begin = || {
            start.wait();
            of_file(&path).keys().unwrap()[0].clone()
        };
        let all: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_key_file_that_others_may_read_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringbook.key");
    of_file(&path);
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = Vault::open(KeySource::File(path.clone())).err().unwrap();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_running_process_notices_a_key_that_another_one_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringbook.key");
    let (running, rotating) = (of_file(&path), of_file(&path));
    let old = running.seal(PLACE, &secret()).unwrap();
    rotating.add_key().unwrap();
    let new = rotating.seal(PLACE, &secret()).unwrap();
    assert_ne!(key_of(&old), key_of(&new));
    assert!(running.open_sealed(PLACE, &new).is_ok(), "it reads the file again");
    assert_eq!(key_of(&running.seal(PLACE, &secret()).unwrap()), key_of(&new));
    assert!(running.open_sealed(PLACE, &old).is_ok(), "the old key is still there");
    assert_eq!(rotating.retire(|_| false).unwrap(), 1);
    running.seal(PLACE, &secret()).unwrap();
    let gone = running.open_sealed(PLACE, &old).unwrap_err();
    assert!(matches!(gone, VaultError::KeyMissing { .. }), "{gone}");
}

#[test]
fn a_key_file_that_vanishes_while_running_is_not_replaced_and_opens_still() {
    let folder = tempfile::tempdir().unwrap();
    let (path, away) = (folder.path().join("ringbook.key"), folder.path().join("away"));
    let vault = of_file(&path);
    let sealed = vault.seal(PLACE, &secret()).unwrap();
    std::fs::rename(&path, &away).unwrap();
    assert_eq!(vault.open_sealed(PLACE, &sealed).unwrap().expose_secret(), "1//refresh");
    for refused in [vault.seal(PLACE, &secret()).map(|_| ()), vault.add_key()] {
        assert!(refused.unwrap_err().to_string().contains("is not there; put it back"));
    }
    assert!(!path.exists(), "another file would hide the true one");
    std::fs::rename(&away, &path).unwrap();
    vault.seal(PLACE, &secret()).unwrap();
    assert_eq!(vault.keys().unwrap().len(), 1);
}

#[test]
fn a_key_too_many_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringbook.key");
    let vault = of_file(&path);
    for _ in 1..KEYS_MAX {
        vault.add_key().unwrap();
    }
    let before = std::fs::read(&path).unwrap();
    assert!(vault.add_key().unwrap_err().to_string().contains("holds 16 keys"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    // The file is still one that can be read.
    assert_eq!(of_file(&path).keys().unwrap().len(), KEYS_MAX);
}

#[test]
fn keys_from_outside_are_not_ours_to_change() {
    assert!(given(1).add_key().unwrap_err().to_string().contains("openssl rand -base64 32"));
    let keys = KeyRing::parse(&format!("{},{}", "1".repeat(64), "2".repeat(64))).unwrap();
    let two = Vault::open(KeySource::Given { by: "SECRET_KEY".to_owned(), keys }).unwrap();
    two.add_key().unwrap();
}
