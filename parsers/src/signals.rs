//! The one table from the names that artifacts use to signal names, units and scales.
//!
//! Signals are named by OpenTelemetry's semantic conventions where one exists, else by the kernel's own key.
//! Sources: `proc(5)`, `Documentation/admin-guide/cgroup-v1/memory.rst` and `cgroup-v2.rst`, the Prometheus Go
//! client's collectors, cAdvisor's `metrics/prometheus.go`.

use crate::evidence::SeriesKind::{self, Counter, Gauge, Limit};
use crate::evidence::Unit::{self, Bytes, Count, Ratio, Seconds, Unknown};
use crate::evidence::{Amount, SeriesKind as Kind};
use std::borrow::Cow;

/// Which sort of artifact uses a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Fields of `/proc/PID/status`; values in kB where the field is a size.
    ProcStatus,
    /// Prometheus metric names.
    Metric,
    /// Columns of a CSV: fields of `/proc/PID/status`, metric names, cgroup files, or a name with a unit.
    Column,
    /// Names of cgroup files that hold one value.
    CgroupFile,
    /// Keys of `memory.stat` of cgroup v1, without `total_`.
    MemoryStatV1,
    /// Keys of `memory.stat` of cgroup v2.
    MemoryStatV2,
    /// Keys of `memory.events`.
    MemoryEvents,
    /// Keys of cgroup v1's `memory.oom_control`.
    OomControl,
    /// Keys of `cpu.stat`, v1 and v2.
    CpuStat,
    /// Rows of `/proc/PID/limits`.
    ProcLimits,
    /// Keys of `/proc/PID/io`.
    ProcIo,
    /// Keys of `/proc/meminfo`; values in kB.
    Meminfo,
    /// Fields of Go's `runtime.MemStats`.
    GoMemStats,
}

/// What a name of an artifact stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Name of the signal.
    pub name: Cow<'static, str>,
    /// Unit of its values after scaling.
    pub unit: Unit,
    /// Level, total or setting.
    pub kind: SeriesKind,
    /// What a value of the artifact is multiplied by.
    pub scale: f64,
    /// A label that the name stands for.
    pub label: Option<(&'static str, &'static str)>,
    /// The artifact writes 0 for "no limit".
    pub zero_is_unlimited: bool,
}

/// Limits above this mean none: LONG_MAX rounded to pages of any size, and what cAdvisor takes for it.
const UNLIMITED: f64 = (1u64 << 62) as f64;

impl Signal {
    /// A signal that no table has.
    pub fn own(name: impl Into<Cow<'static, str>>, unit: Unit, kind: Kind, scale: f64) -> Self {
        Signal { name: name.into(), unit, kind, scale, label: None, zero_is_unlimited: false }
    }

    /// How its printed numbers are read.
    pub fn reading(&self) -> Reading {
        // 0.07 / 1e6 is nearer to what is meant than 0.07 * 1e-6.
        let small = self.scale < 1.0;
        Reading {
            factor: if small { 1.0 } else { self.scale },
            divisor: if small { (1.0 / self.scale).round() } else { 1.0 },
            is_limit: self.kind == Limit,
            zero_is_unlimited: self.zero_is_unlimited,
        }
    }

    /// The value of a number that the artifact prints.
    pub fn amount(&self, printed: f64) -> Amount {
        self.reading().amount(printed)
    }
}

/// From the number that an artifact prints to the value of its signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    factor: f64,
    divisor: f64,
    is_limit: bool,
    zero_is_unlimited: bool,
}

impl Reading {
    /// The value of a printed number.
    pub fn amount(&self, printed: f64) -> Amount {
        let no_limit = !(0.0..UNLIMITED).contains(&printed) || (self.zero_is_unlimited && printed == 0.0);
        if self.is_limit && no_limit { Amount::Unlimited } else { Amount::Value(printed * self.factor / self.divisor) }
    }
}

/// A row of a table.
struct Row {
    key: &'static str,
    name: &'static str,
    unit: Unit,
    kind: Kind,
    scale: f64,
    label: Option<(&'static str, &'static str)>,
    zero_is_unlimited: bool,
}

const fn row(key: &'static str, name: &'static str, unit: Unit, kind: Kind) -> Row {
    Row { key, name, unit, kind, scale: 1.0, label: None, zero_is_unlimited: false }
}

impl Row {
    const fn times(mut self, scale: f64) -> Row {
        self.scale = scale;
        self
    }

    const fn labelled(mut self, name: &'static str, value: &'static str) -> Row {
        self.label = Some((name, value));
        self
    }

    const fn zero_is_unlimited(mut self) -> Row {
        self.zero_is_unlimited = true;
        self
    }

    fn signal(&self) -> Signal {
        Signal {
            name: Cow::Borrowed(self.name),
            unit: self.unit,
            kind: self.kind,
            scale: self.scale,
            label: self.label,
            zero_is_unlimited: self.zero_is_unlimited,
        }
    }
}

const KIB: f64 = 1024.0;
const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1_073_741_824.0;
const MICRO: f64 = 1e-6;
const NANO: f64 = 1e-9;

const fn kib(key: &'static str, name: &'static str) -> Row {
    row(key, name, Bytes, Gauge).times(KIB)
}

const PROC_STATUS: &[Row] = &[
    row("Threads", "process.thread.count", Count, Gauge),
    kib("VmSize", "process.memory.virtual"),
    kib("VmPeak", "process.memory.virtual_peak"),
    kib("VmRSS", "process.memory.usage"),
    kib("VmHWM", "process.memory.peak"),
    kib("RssAnon", "process.memory.rss_anon"),
    kib("RssFile", "process.memory.rss_file"),
    kib("RssShmem", "process.memory.rss_shmem"),
    kib("VmLck", "process.memory.locked"),
    kib("VmPin", "process.memory.pinned"),
    kib("VmData", "process.memory.data"),
    kib("VmStk", "process.memory.stack"),
    kib("VmExe", "process.memory.executable"),
    kib("VmLib", "process.memory.libraries"),
    kib("VmPTE", "process.memory.pagetables"),
    kib("VmPMD", "process.memory.pagetables_pmd"),
    kib("VmSwap", "process.memory.swap"),
    kib("HugetlbPages", "process.memory.hugetlb"),
    row("FDSize", "process.open_file_descriptor.table_size", Count, Gauge),
    row("voluntary_ctxt_switches", "process.context_switches", Count, Counter).labelled("type", "voluntary"),
    row("nonvoluntary_ctxt_switches", "process.context_switches", Count, Counter).labelled("type", "involuntary"),
];

/// Rows of `/proc/PID/limits`: the soft limits.
const PROC_LIMITS: &[Row] = &[
    row("Max open files", "process.open_file_descriptor.limit", Count, Limit),
    row("Max processes", "process.user_tasks.limit", Count, Limit),
    row("Max address space", "process.memory.virtual_limit", Bytes, Limit),
    row("Max data size", "process.memory.data.limit", Bytes, Limit),
    row("Max stack size", "process.memory.stack.limit", Bytes, Limit),
    row("Max locked memory", "process.memory.locked.limit", Bytes, Limit),
    row("Max resident set", "process.memory.usage.limit", Bytes, Limit),
    row("Max core file size", "process.core_size.limit", Bytes, Limit),
    row("Max file size", "process.file_size.limit", Bytes, Limit),
    row("Max cpu time", "process.cpu.time.limit", Seconds, Limit),
    row("Max file locks", "process.file_locks.limit", Count, Limit),
    row("Max pending signals", "process.pending_signals.limit", Count, Limit),
];

/// Keys of `/proc/PID/io`.
const PROC_IO: &[Row] = &[
    row("rchar", "process.io.transferred", Bytes, Counter).labelled("direction", "read"),
    row("wchar", "process.io.transferred", Bytes, Counter).labelled("direction", "write"),
    row("syscr", "process.io.calls", Count, Counter).labelled("direction", "read"),
    row("syscw", "process.io.calls", Count, Counter).labelled("direction", "write"),
    row("read_bytes", "process.disk.io", Bytes, Counter).labelled("direction", "read"),
    row("write_bytes", "process.disk.io", Bytes, Counter).labelled("direction", "write"),
    row("cancelled_write_bytes", "process.disk.io.cancelled", Bytes, Counter),
];

/// Keys of `/proc/meminfo` that have a name of their own; the others keep theirs.
const MEMINFO: &[Row] = &[
    kib("MemTotal", "system.memory.total"),
    kib("MemFree", "system.memory.free"),
    kib("MemAvailable", "system.memory.available"),
    kib("Buffers", "system.memory.buffers"),
    kib("Cached", "system.memory.cached"),
    kib("Shmem", "system.memory.shared"),
    kib("SwapTotal", "system.paging.total"),
    kib("SwapFree", "system.paging.free"),
];

const METRICS: &[Row] = &[
    row("go_goroutines", "go.goroutine.count", Count, Gauge),
    row("go_threads", "go.thread.count", Count, Gauge),
    row("go_memstats_heap_alloc_bytes", "go.memory.heap_alloc", Bytes, Gauge),
    row("go_memstats_heap_inuse_bytes", "go.memory.heap_inuse", Bytes, Gauge),
    row("go_memstats_heap_idle_bytes", "go.memory.heap_idle", Bytes, Gauge),
    row("go_memstats_heap_released_bytes", "go.memory.heap_released", Bytes, Gauge),
    row("go_memstats_heap_sys_bytes", "go.memory.heap_sys", Bytes, Gauge),
    row("go_memstats_sys_bytes", "go.memory.sys", Bytes, Gauge),
    row("go_memstats_stack_inuse_bytes", "go.memory.stack_inuse", Bytes, Gauge),
    row("go_memstats_next_gc_bytes", "go.memory.next_gc", Bytes, Gauge),
    row("go_memstats_heap_objects", "go.memory.heap_objects", Count, Gauge),
    row("go_memstats_alloc_bytes_total", "go.memory.allocated", Bytes, Counter),
    row("go_memstats_mallocs_total", "go.memory.allocations", Count, Counter),
    row("go_gc_gomemlimit_bytes", "go.memory.limit", Bytes, Limit),
    row("go_gc_gogc_percent", "go.config.gogc", Ratio, Limit).times(0.01),
    row("go_sched_gomaxprocs_threads", "go.processor.limit", Count, Limit),
    row("process_open_fds", "process.open_file_descriptor.count", Count, Gauge),
    row("process_max_fds", "process.open_file_descriptor.limit", Count, Limit),
    row("process_cpu_seconds_total", "process.cpu.time", Seconds, Counter),
    row("process_resident_memory_bytes", "process.memory.usage", Bytes, Gauge),
    row("process_virtual_memory_bytes", "process.memory.virtual", Bytes, Gauge),
    row("process_virtual_memory_max_bytes", "process.memory.virtual_limit", Bytes, Limit),
    row("process_start_time_seconds", "process.start_time", Seconds, Gauge),
    row("container_memory_usage_bytes", "cgroup.memory.current", Bytes, Gauge),
    row("container_memory_working_set_bytes", "cgroup.memory.working_set", Bytes, Gauge),
    row("container_memory_rss", "cgroup.memory.anon", Bytes, Gauge),
    row("container_memory_cache", "cgroup.memory.file", Bytes, Gauge),
    row("container_memory_mapped_file", "cgroup.memory.stat.mapped_file", Bytes, Gauge),
    row("container_memory_swap", "cgroup.memory.stat.swap", Bytes, Gauge),
    row("container_memory_max_usage_bytes", "cgroup.memory.peak", Bytes, Gauge),
    row("container_memory_failcnt", "cgroup.memory.failcnt", Count, Counter),
    row("container_memory_kernel_usage", "cgroup.memory.kernel", Bytes, Gauge),
    row("container_memory_total_active_file_bytes", "cgroup.memory.active_file", Bytes, Gauge),
    row("container_memory_total_inactive_file_bytes", "cgroup.memory.inactive_file", Bytes, Gauge),
    row("container_memory_file_dirty_bytes", "cgroup.memory.file_dirty", Bytes, Gauge),
    row("container_memory_file_writeback_bytes", "cgroup.memory.file_writeback", Bytes, Gauge),
    row("container_memory_pgscan_total", "cgroup.memory.pgscan", Count, Counter),
    row("container_memory_pgsteal_total", "cgroup.memory.pgsteal", Count, Counter),
    row("container_memory_workingset_refault_file_total", "cgroup.memory.workingset_refault_file", Count, Counter),
    row("container_memory_events_high_total", "cgroup.memory.events.high", Count, Counter),
    row("container_memory_events_max_total", "cgroup.memory.events.max", Count, Counter),
    row("container_spec_memory_limit_bytes", "cgroup.memory.limit", Bytes, Limit).zero_is_unlimited(),
    row("container_cpu_usage_seconds_total", "cgroup.cpu.time", Seconds, Counter),
    row("container_cpu_cfs_periods_total", "cgroup.cpu.periods", Count, Counter),
    row("container_cpu_cfs_throttled_periods_total", "cgroup.cpu.throttled_periods", Count, Counter),
    row("container_cpu_cfs_throttled_seconds_total", "cgroup.cpu.throttled_time", Seconds, Counter),
    row("container_spec_cpu_quota", "cgroup.cpu.cfs_quota", Seconds, Limit).times(MICRO),
    row("container_spec_cpu_period", "cgroup.cpu.cfs_period", Seconds, Limit).times(MICRO),
    row("container_threads", "cgroup.pids.current", Count, Gauge),
    row("container_threads_max", "cgroup.pids.limit", Count, Limit).zero_is_unlimited(),
    row("container_start_time_seconds", "container.start_time", Seconds, Gauge),
    row("container_pressure_memory_stalled_seconds_total", "pressure.memory.full.total", Seconds, Counter),
    row("container_pressure_memory_waiting_seconds_total", "pressure.memory.some.total", Seconds, Counter),
    row("container_pressure_cpu_stalled_seconds_total", "pressure.cpu.full.total", Seconds, Counter),
    row("container_pressure_cpu_waiting_seconds_total", "pressure.cpu.some.total", Seconds, Counter),
    row("container_pressure_io_stalled_seconds_total", "pressure.io.full.total", Seconds, Counter),
    row("container_pressure_io_waiting_seconds_total", "pressure.io.some.total", Seconds, Counter),
];

/// Names that people give to columns, without their unit: a size among them must carry one to be taken.
const PLAIN_COUNTS: &[Row] = &[
    row("fds", "process.open_file_descriptor.count", Count, Gauge),
    row("fd_count", "process.open_file_descriptor.count", Count, Gauge),
    row("open_fds", "process.open_file_descriptor.count", Count, Gauge),
    row("num_fds", "process.open_file_descriptor.count", Count, Gauge),
    row("threads", "process.thread.count", Count, Gauge),
    row("num_threads", "process.thread.count", Count, Gauge),
    row("goroutines", "go.goroutine.count", Count, Gauge),
];

const PLAIN_SIZES: &[Row] = &[
    row("rss", "process.memory.usage", Bytes, Gauge),
    row("vsz", "process.memory.virtual", Bytes, Gauge),
    row("vms", "process.memory.virtual", Bytes, Gauge),
];

const GO_MEM_STATS: &[Row] = &[
    row("Sys", "go.memory.sys", Bytes, Gauge),
    row("TotalAlloc", "go.memory.allocated", Bytes, Counter),
    row("Mallocs", "go.memory.allocations", Count, Counter),
    row("HeapAlloc", "go.memory.heap_alloc", Bytes, Gauge),
    row("HeapSys", "go.memory.heap_sys", Bytes, Gauge),
    row("HeapIdle", "go.memory.heap_idle", Bytes, Gauge),
    row("HeapInuse", "go.memory.heap_inuse", Bytes, Gauge),
    row("HeapReleased", "go.memory.heap_released", Bytes, Gauge),
    row("HeapObjects", "go.memory.heap_objects", Count, Gauge),
    row("StackInuse", "go.memory.stack_inuse", Bytes, Gauge),
    row("Stack", "go.memory.stack_inuse", Bytes, Gauge),
    row("NextGC", "go.memory.next_gc", Bytes, Gauge),
    row("NumGC", "go.gc.count", Count, Counter),
    row("NumForcedGC", "go.gc.forced", Count, Counter),
    row("PauseTotalNs", "go.gc.pause_total", Seconds, Counter).times(1e-9),
    row("GCCPUFraction", "go.gc.cpu_share", Ratio, Gauge),
    row("MaxRSS", "process.memory.peak", Bytes, Gauge),
];

const CGROUP_FILES: &[Row] = &[
    row("memory.current", "cgroup.memory.current", Bytes, Gauge),
    row("memory.usage_in_bytes", "cgroup.memory.current", Bytes, Gauge),
    row("memory.max", "cgroup.memory.limit", Bytes, Limit),
    row("memory.limit_in_bytes", "cgroup.memory.limit", Bytes, Limit),
    row("memory.soft_limit_in_bytes", "cgroup.memory.soft_limit", Bytes, Limit),
    row("memory.high", "cgroup.memory.high", Bytes, Limit),
    row("memory.low", "cgroup.memory.low", Bytes, Limit),
    row("memory.min", "cgroup.memory.min", Bytes, Limit),
    row("memory.peak", "cgroup.memory.peak", Bytes, Gauge),
    row("memory.max_usage_in_bytes", "cgroup.memory.peak", Bytes, Gauge),
    row("memory.failcnt", "cgroup.memory.failcnt", Count, Counter),
    row("memory.oom.group", "cgroup.memory.oom_group", Count, Limit),
    row("memory.swappiness", "cgroup.memory.swappiness", Count, Limit),
    row("memory.swap.current", "cgroup.memory.swap.current", Bytes, Gauge),
    row("memory.swap.max", "cgroup.memory.swap.limit", Bytes, Limit),
    row("memory.swap.high", "cgroup.memory.swap.high", Bytes, Limit),
    row("memory.swap.peak", "cgroup.memory.swap.peak", Bytes, Gauge),
    row("memory.zswap.current", "cgroup.memory.zswap.current", Bytes, Gauge),
    row("memory.zswap.max", "cgroup.memory.zswap.limit", Bytes, Limit),
    row("memory.memsw.usage_in_bytes", "cgroup.memory.memsw.current", Bytes, Gauge),
    row("memory.memsw.limit_in_bytes", "cgroup.memory.memsw.limit", Bytes, Limit),
    row("memory.memsw.max_usage_in_bytes", "cgroup.memory.memsw.peak", Bytes, Gauge),
    row("memory.memsw.failcnt", "cgroup.memory.memsw.failcnt", Count, Counter),
    row("memory.kmem.usage_in_bytes", "cgroup.memory.kernel", Bytes, Gauge),
    row("memory.kmem.limit_in_bytes", "cgroup.memory.kernel.limit", Bytes, Limit),
    row("memory.kmem.max_usage_in_bytes", "cgroup.memory.kernel.peak", Bytes, Gauge),
    row("memory.kmem.failcnt", "cgroup.memory.kernel.failcnt", Count, Counter),
    row("memory.kmem.tcp.usage_in_bytes", "cgroup.memory.sock", Bytes, Gauge),
    row("memory.kmem.tcp.limit_in_bytes", "cgroup.memory.sock.limit", Bytes, Limit),
    row("memory.kmem.tcp.max_usage_in_bytes", "cgroup.memory.sock.peak", Bytes, Gauge),
    row("memory.kmem.tcp.failcnt", "cgroup.memory.sock.failcnt", Count, Counter),
    row("pids.current", "cgroup.pids.current", Count, Gauge),
    row("pids.max", "cgroup.pids.limit", Count, Limit),
    row("pids.peak", "cgroup.pids.peak", Count, Gauge),
    row("cpu.cfs_quota_us", "cgroup.cpu.cfs_quota", Seconds, Limit).times(MICRO),
    row("cpu.cfs_period_us", "cgroup.cpu.cfs_period", Seconds, Limit).times(MICRO),
    row("cpu.cfs_burst_us", "cgroup.cpu.burst", Seconds, Limit).times(MICRO),
    row("cpu.max.burst", "cgroup.cpu.burst", Seconds, Limit).times(MICRO),
    row("cpu.idle", "cgroup.cpu.idle", Count, Limit),
    row("cpu.shares", "cgroup.cpu.shares", Count, Limit),
    row("cpu.weight", "cgroup.cpu.weight", Count, Limit),
    row("cpuacct.usage", "cgroup.cpu.time", Seconds, Counter).times(NANO),
];

const MEMORY_STAT_V1: &[Row] = &[
    row("rss", "cgroup.memory.anon", Bytes, Gauge),
    row("cache", "cgroup.memory.file", Bytes, Gauge),
    row("dirty", "cgroup.memory.file_dirty", Bytes, Gauge),
    row("writeback", "cgroup.memory.file_writeback", Bytes, Gauge),
    row("hierarchical_memory_limit", "cgroup.memory.hierarchical_limit", Bytes, Limit),
    row("hierarchical_memsw_limit", "cgroup.memory.memsw.hierarchical_limit", Bytes, Limit),
];

/// Keys that v1 and v2 share, or that only v2 has.
const MEMORY_STAT: &[Row] = &[
    row("anon", "cgroup.memory.anon", Bytes, Gauge),
    row("file", "cgroup.memory.file", Bytes, Gauge),
    row("shmem", "cgroup.memory.shmem", Bytes, Gauge),
    row("kernel", "cgroup.memory.kernel", Bytes, Gauge),
    row("slab", "cgroup.memory.slab", Bytes, Gauge),
    row("sock", "cgroup.memory.sock", Bytes, Gauge),
    row("kernel_stack", "cgroup.memory.kernel_stack", Bytes, Gauge),
    row("pagetables", "cgroup.memory.pagetables", Bytes, Gauge),
    row("unevictable", "cgroup.memory.unevictable", Bytes, Gauge),
    row("file_dirty", "cgroup.memory.file_dirty", Bytes, Gauge),
    row("file_writeback", "cgroup.memory.file_writeback", Bytes, Gauge),
    row("inactive_file", "cgroup.memory.inactive_file", Bytes, Gauge),
    row("active_file", "cgroup.memory.active_file", Bytes, Gauge),
    row("workingset_refault_file", "cgroup.memory.workingset_refault_file", Count, Counter),
    row("pgmajfault", "cgroup.memory.pgmajfault", Count, Counter),
    row("pgfault", "cgroup.memory.pgfault", Count, Counter),
    row("pgscan", "cgroup.memory.pgscan", Count, Counter),
    row("pgsteal", "cgroup.memory.pgsteal", Count, Counter),
];

/// How the keys of `memory.stat` begin that count pages or events; all others are bytes.
const STAT_COUNTERS: &[&str] =
    &["workingset_", "pg", "thp_", "zswpin", "zswpout", "zswpwb", "swpin", "swpout", "numa_"];

const OOM_CONTROL: &[Row] = &[
    row("oom_kill_disable", "cgroup.memory.oom_kill_disable", Count, Limit),
    row("under_oom", "cgroup.memory.under_oom", Count, Gauge),
    row("oom_kill", "cgroup.memory.events.oom_kill", Count, Counter),
];

const CPU_STAT: &[Row] = &[
    row("nr_periods", "cgroup.cpu.periods", Count, Counter),
    row("nr_throttled", "cgroup.cpu.throttled_periods", Count, Counter),
    row("throttled_time", "cgroup.cpu.throttled_time", Seconds, Counter).times(NANO),
    row("throttled_usec", "cgroup.cpu.throttled_time", Seconds, Counter).times(MICRO),
    row("nr_bursts", "cgroup.cpu.bursts", Count, Counter),
    row("burst_time", "cgroup.cpu.burst_time", Seconds, Counter).times(NANO),
    row("burst_usec", "cgroup.cpu.burst_time", Seconds, Counter).times(MICRO),
    row("wait_sum", "cgroup.cpu.wait_time", Seconds, Counter).times(NANO),
    row("usage_usec", "cgroup.cpu.time", Seconds, Counter).times(MICRO),
    row("user_usec", "cgroup.cpu.time.user", Seconds, Counter).times(MICRO),
    row("system_usec", "cgroup.cpu.time.system", Seconds, Counter).times(MICRO),
    row("nice_usec", "cgroup.cpu.time.nice", Seconds, Counter).times(MICRO),
];

fn find(table: &[Row], key: &str) -> Option<Signal> {
    table.iter().find(|row| row.key == key).map(Row::signal)
}

/// The signal that a name of an artifact stands for; `None` when the table does not know it.
pub fn lookup(source: Source, key: &str) -> Option<Signal> {
    match source {
        Source::ProcStatus => find(PROC_STATUS, key),
        Source::Metric => find(METRICS, key),
        Source::Column => column(key),
        Source::CgroupFile => find(CGROUP_FILES, key),
        Source::GoMemStats => find(GO_MEM_STATS, key),
        Source::MemoryStatV1 => find(MEMORY_STAT_V1, key).or_else(|| memory_stat(key)),
        Source::MemoryStatV2 => memory_stat(key),
        Source::MemoryEvents => {
            is_key(key).then(|| Signal::own(format!("cgroup.memory.events.{key}"), Count, Counter, 1.0))
        }
        Source::OomControl => find(OOM_CONTROL, key),
        Source::CpuStat => find(CPU_STAT, key).or_else(|| cpu_stat(key)),
        Source::ProcLimits => find(PROC_LIMITS, key),
        Source::ProcIo => find(PROC_IO, key),
        Source::Meminfo => find(MEMINFO, key),
    }
}

/// Whether a word can be the key of a kernel file.
pub fn is_key(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.')
}

fn memory_stat(key: &str) -> Option<Signal> {
    if let Some(signal) = find(MEMORY_STAT, key) {
        return Some(signal);
    }
    let counted = STAT_COUNTERS.iter().any(|prefix| key.starts_with(prefix));
    let (unit, kind) = if counted { (Count, Counter) } else { (Bytes, Gauge) };
    is_key(key).then(|| Signal::own(format!("cgroup.memory.stat.{key}"), unit, kind, 1.0))
}

/// Keys of newer kernels keep their name; `_usec` tells the unit.
fn cpu_stat(key: &str) -> Option<Signal> {
    let (unit, scale) = if key.ends_with("_usec") { (Seconds, MICRO) } else { (Count, 1.0) };
    is_key(key).then(|| Signal::own(format!("cgroup.cpu.stat.{key}"), unit, Counter, scale))
}

fn column(key: &str) -> Option<Signal> {
    let known = find(PROC_STATUS, key).or_else(|| find(METRICS, key)).or_else(|| find(CGROUP_FILES, key));
    known.or_else(|| find(PLAIN_COUNTS, key)).or_else(|| stat_column(key)).or_else(|| sized_column(key))
}

/// `stat.total_inactive_file`: a key of `memory.stat`.
fn stat_column(key: &str) -> Option<Signal> {
    let key = key.strip_prefix("memory.stat.").or_else(|| key.strip_prefix("stat."))?;
    lookup(Source::MemoryStatV1, key.strip_prefix("total_").unwrap_or(key))
}

/// `rss_kb`: a common short name whose unit is told.
fn sized_column(key: &str) -> Option<Signal> {
    let (stem, _, scale) = unit_suffix(key).filter(|(_, unit, _)| *unit == Bytes)?;
    let mut signal = PLAIN_SIZES.iter().find(|row| row.key.eq_ignore_ascii_case(stem))?.signal();
    signal.scale = scale;
    Some(signal)
}

/// Endings of names that tell a unit, and what turns it into the unit of the evidence.
const UNIT_SUFFIXES: &[(&str, Unit, f64)] = &[
    ("bytes", Bytes, 1.0),
    ("kb", Bytes, KIB),
    ("kib", Bytes, KIB),
    ("kilobytes", Bytes, KIB),
    ("mb", Bytes, MIB),
    ("mib", Bytes, MIB),
    ("megabytes", Bytes, MIB),
    ("gb", Bytes, GIB),
    ("gib", Bytes, GIB),
    ("seconds", Seconds, 1.0),
    ("sec", Seconds, 1.0),
    ("ms", Seconds, 1e-3),
    ("milliseconds", Seconds, 1e-3),
    ("us", Seconds, MICRO),
    ("usec", Seconds, MICRO),
    ("microseconds", Seconds, MICRO),
    ("ns", Seconds, NANO),
    ("nanoseconds", Seconds, NANO),
    ("ratio", Ratio, 1.0),
    ("percent", Ratio, 0.01),
    ("pct", Ratio, 0.01),
    ("%", Ratio, 0.01),
    ("count", Count, 1.0),
];

/// The name before its unit, the unit and the scale: `rss_kb`, `rss (kB)`, `rss[KiB]`.
fn unit_suffix(name: &str) -> Option<(&str, Unit, f64)> {
    let (stem, word) = match name.strip_suffix([')', ']']) {
        Some(open) => open.rsplit_once(['(', '['])?,
        None => name.rsplit_once(['_', '.', '-', ' '])?,
    };
    let (_, unit, scale) = UNIT_SUFFIXES.iter().find(|(suffix, _, _)| word.eq_ignore_ascii_case(suffix))?;
    Some((stem.trim_end(), *unit, *scale))
}

/// The signal of a name that no table knows: it keeps its name, and its ending tells unit and kind.
pub fn by_suffix(name: &str) -> Signal {
    let total = name.strip_suffix("_total");
    let stem = total.unwrap_or(name);
    let (unit, scale) = match unit_suffix(stem) {
        Some((_, unit, scale)) => (unit, scale),
        None if total.is_some() => (Count, 1.0),
        None => (Unknown, 1.0),
    };
    Signal::own(name.to_owned(), unit, if total.is_some() { Counter } else { Gauge }, scale)
}

/// The signal of a pressure stall value: `memory`, `some`, `avg10`. `None` for a field of another name.
pub fn pressure(resource: &str, share: &str, field: &str) -> Option<Signal> {
    let (unit, kind, scale) = match field {
        "total" => (Seconds, Counter, MICRO),
        _ if field.starts_with("avg") => (Ratio, Gauge, 0.01),
        _ => return None,
    };
    Some(Signal::own(format!("pressure.{resource}.{share}.{field}"), unit, kind, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: [&[Row]; 10] = [
        PROC_STATUS,
        METRICS,
        CGROUP_FILES,
        MEMORY_STAT_V1,
        MEMORY_STAT,
        OOM_CONTROL,
        CPU_STAT,
        PROC_LIMITS,
        PROC_IO,
        MEMINFO,
    ];

    #[test]
    fn no_table_has_a_key_twice() {
        for table in TABLES {
            for (index, row) in table.iter().enumerate() {
                assert!(table[..index].iter().all(|earlier| earlier.key != row.key), "{} twice", row.key);
            }
        }
    }

    #[test]
    fn one_signal_has_one_unit() {
        let rows: Vec<&Row> = TABLES.iter().flat_map(|table| table.iter()).collect();
        for row in &rows {
            let other =
                rows.iter().find(|other| other.name == row.name && (other.unit, other.kind) != (row.unit, row.kind));
            assert!(other.is_none(), "{} of {} differs from that of {}", row.name, row.key, other.unwrap().key);
        }
    }

    #[test]
    fn sizes_and_times_come_out_in_bytes_and_seconds() {
        let value = |source, key: &str, printed| lookup(source, key).unwrap().amount(printed);
        assert_eq!(value(Source::ProcStatus, "VmRSS", 8860.0), Amount::Value(9_072_640.0));
        assert_eq!(value(Source::CpuStat, "throttled_time", 1_500_000_000.0), Amount::Value(1.5));
        assert_eq!(value(Source::CpuStat, "throttled_usec", 1_500_000.0), Amount::Value(1.5));
        assert_eq!(value(Source::CpuStat, "core_sched.force_idle_usec", 2_000_000.0), Amount::Value(2.0));
        assert_eq!(value(Source::Column, "rss_kb", 10.0), Amount::Value(10_240.0));
        assert_eq!(lookup(Source::Column, "rss_kb").unwrap().name, "process.memory.usage");
        assert_eq!(lookup(Source::Column, "rss"), None, "a size without unit is not guessed");
    }

    #[test]
    fn every_way_to_say_no_limit() {
        let limit = lookup(Source::CgroupFile, "memory.limit_in_bytes").unwrap();
        for printed in [-1.0, 9_223_372_036_854_771_712.0, 9_223_372_036_854_710_272.0, 9.223372036854776e18] {
            assert_eq!(limit.amount(printed), Amount::Unlimited, "{printed}");
        }
        assert_eq!(limit.amount(0.0), Amount::Value(0.0));
        let spec = lookup(Source::Metric, "container_spec_memory_limit_bytes").unwrap();
        assert_eq!(spec.amount(0.0), Amount::Unlimited);
        let usage = lookup(Source::CgroupFile, "memory.current").unwrap();
        assert_eq!(usage.amount(0.0), Amount::Value(0.0));
    }

    #[test]
    fn unknown_names_stay_and_tell_their_unit() {
        let signal = by_suffix("app_queue_wait_ms");
        assert_eq!((&*signal.name, signal.unit, signal.scale), ("app_queue_wait_ms", Seconds, 1e-3));
        let signal = by_suffix("http_requests_total");
        assert_eq!((signal.unit, signal.kind), (Count, Counter));
        assert_eq!(by_suffix("app_io_bytes_total").unit, Bytes);
        assert_eq!(by_suffix("heap (MB)").scale, MIB);
        assert_eq!(by_suffix("lrucache_entries").unit, Unknown);
    }

    #[test]
    fn keys_of_memory_stat() {
        let v2 = |key| lookup(Source::MemoryStatV2, key).unwrap();
        assert_eq!(v2("anon_thp").name, "cgroup.memory.stat.anon_thp");
        assert_eq!((v2("pgscan_direct").unit, v2("pgscan_direct").kind), (Count, Counter));
        assert_eq!(lookup(Source::MemoryStatV1, "rss").unwrap().name, "cgroup.memory.anon");
        assert_eq!(lookup(Source::Column, "stat.total_inactive_file").unwrap().name, "cgroup.memory.inactive_file");
        assert_eq!(lookup(Source::MemoryStatV2, "no key"), None);
    }
}
