pub mod cpu;
pub mod load;
pub mod server;
