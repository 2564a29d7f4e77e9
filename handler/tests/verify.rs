//! `handler verify` against a good deployment, and against deployments that are each broken in one way: a check that
//! cannot fail checks nothing.

#[cfg(test)]
#[path = "verify/cases.rs"]
mod cases;
#[cfg(test)]
#[path = "verify/dev.rs"]
mod dev;
#[cfg(test)]
#[path = "verify/faults.rs"]
mod faults;
#[cfg(test)]
#[path = "verify/proxy.rs"]
mod proxy;
#[cfg(test)]
#[path = "verify/xml.rs"]
mod xml;
