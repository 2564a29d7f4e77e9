//! What `make servers` runs: everything from other people's registries is there and starts.

use doubles::{Ca, install, storage::Azurite};
use std::{net::TcpStream, process::Command};

#[test]
fn azurite_starts_and_ends() {
    let azurite = Azurite::start(&Ca::new());
    let (blob, pid) = (azurite.blob_address(), azurite.pid());
    assert!(TcpStream::connect(azurite.queue_address()).is_ok());
    drop(azurite);
    assert!(TcpStream::connect(blob).is_err(), "process {pid} lives on");
}

#[test]
fn python_has_the_sdk() {
    let python = install::python();
    assert!(Command::new(python).args(["-c", "import azure.storage.blob"]).status().unwrap().success());
}
