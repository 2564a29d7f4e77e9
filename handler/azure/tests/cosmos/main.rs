//! Records and the directory against the driver's own emulator, over HTTP.

mod faults;
mod law;
mod lies;
mod operations;
mod support;
