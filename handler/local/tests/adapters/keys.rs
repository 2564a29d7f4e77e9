//! The key file: private, made once, the same for all.

use local::{Error, Keys, OsEntropy};
use std::{
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicUsize, Ordering},
};

#[test]
fn an_exposed_file_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("keys.json");
    let seal = Keys::open(&path, &OsEntropy).unwrap().seal().1;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o644, 0o640, 0o604, 0o601, 0o620, 0o666] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let refused = Keys::open(&path, &OsEntropy).unwrap_err();
        assert!(matches!(refused, Error::Exposed { .. }));
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
    for mode in [0o600, 0o400] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(Keys::open(&path, &OsEntropy).unwrap().seal().1, seal);
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    for bad in [
        "",
        "{}",
        "null",
        r#"{"version":1,"seal":{"current":"k","keys":{"k":"AA=="}},"names":"","links":""}"#,
    ] {
        std::fs::write(&path, bad).unwrap();
        assert!(matches!(Keys::open(&path, &OsEntropy), Err(Error::Keys { .. })), "{bad}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), bad, "a bad file is left as it is");
    }
}

#[test]
fn many_at_once_make_one_set() {
    for _ in 0..20 {
        let root = tempfile::tempdir().unwrap();
        let (path, made) = (root.path().join("keys.json"), AtomicUsize::new(0));
        let one = || {
            let keys = Keys::open(&path, &OsEntropy).unwrap();
            let pem = keys.get_or_create("issuer", || {
                format!("pem {}", made.fetch_add(1, Ordering::SeqCst)).into_bytes()
            });
            (keys.seal().1, keys.names(), keys.links(), pem.unwrap())
        };
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.iter().all(|keys| *keys == all[0]));
        assert_eq!(made.load(Ordering::SeqCst), 1);
        assert_eq!(one(), all[0], "and it is stored");
        let left: Vec<_> = std::fs::read_dir(root.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "keys.json and its lock: {left:?}");
    }
}
