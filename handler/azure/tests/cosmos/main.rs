//! Records and the directory against the driver's own emulator, over HTTP.

mod law;
mod support;
