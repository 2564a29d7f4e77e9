//! The host as its users meet it: real sockets, a real worker process.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod blob;
#[cfg(test)]
mod http;
#[cfg(test)]
mod life;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod start;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod support;
#[cfg(test)]
mod timer;
