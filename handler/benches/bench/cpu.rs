//! What the kernel books on a process.

/// Ticks of `/proc/<pid>/stat` a second; the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// CPU time in microseconds, user and system.
pub fn micros(pid: u32) -> Result<f64, crate::Fault> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').ok_or("an odd /proc")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / TICKS * 1e6)
}

/// Resident memory in megabytes.
pub fn rss_mb(pid: u32) -> Result<f64, crate::Fault> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("an odd /proc")?;
    Ok(line.split_whitespace().nth(1).ok_or("an odd /proc")?.parse::<f64>()? / 1024.0)
}
