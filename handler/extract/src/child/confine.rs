//! Giving up what a reader of files does not need.

use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit, getpid, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::{Confined, Limits};

/// Most open files: the three standard streams and what is open already keep working, new ones hardly.
const FILES: u64 = 16;

/// Confines the calling process for good: memory, processor time, no files written, no core dump, and a
/// system-call filter that leaves computing and the pipes already open.
///
/// Best effort, since kernels and sandboxes differ; the answer says what is in force.
pub fn confine(limits: &Limits) -> Confined {
    let cpu = limits.cpu_seconds;
    let set = [
        limit(Resource::As, limits.memory, limits.memory),
        // At the first limit the kernel says why it kills (SIGXCPU); at the second it just kills.
        limit(Resource::Cpu, cpu, cpu + 1),
        limit(Resource::Fsize, 0, 0),
        limit(Resource::Nofile, FILES, FILES),
        limit(Resource::Core, 0, 0),
    ];
    Confined { limits: set.iter().all(|set| *set), filter: filter().is_some() }
}

/// Lowers a limit, never raising what the process was started under.
fn limit(resource: Resource, soft: u64, hard: u64) -> bool {
    let now = getrlimit(resource);
    let lower = |wanted: u64, now: Option<u64>| Some(now.map_or(wanted, |now| now.min(wanted)));
    let maximum = lower(hard, now.maximum);
    let current = lower(soft, now.current.or(now.maximum)).min(maximum);
    setrlimit(resource, Rlimit { current, maximum }).is_ok()
}

/// Installs the filter: a short list of what may be called, `EPERM` for all else. A list of what may not be
/// called would miss new calls and the x32 twins of old ones.
fn filter() -> Option<()> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    // Aborting is a signal to oneself; nobody else may be sent one.
    let itself = u64::try_from(getpid().as_raw_nonzero().get()).ok()?;
    let own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, itself).ok()?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own]).ok()?]);
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).ok()?);
    let arch = std::env::consts::ARCH.try_into().ok()?;
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch).ok()?;
    let program: BpfProgram = filter.try_into().ok()?;
    seccompiler::apply_filter_all_threads(&program).ok()
}

/// Memory, the open pipes, time, chance, and ending. No path, socket, process or thread can be named.
const ALLOWED: [i64; 29] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];
