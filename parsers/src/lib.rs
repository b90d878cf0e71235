//! Readers of captured diagnostics: bytes in, evidence and notes out.
//!
//! Nothing here reads a file, an environment or a clock, and nothing judges: a [`Format`] turns bytes into
//! [`evidence`], with the line number of each piece and a [`evidence::Note`] for whatever was odd. Parsing never fails.

pub mod clock_tie;
pub mod container;
pub mod evidence;
pub mod inferno;
pub mod lines;
pub mod tables;
pub mod time;

pub mod signals;

mod async_profiler;
mod bpftrace;
mod cgroup_io;
mod cgroup_memory;
mod cmdline;
mod columns;
mod cpp_name;
mod cpuprofile;
mod csv_metrics;
mod demangle;
mod docker_inspect;
mod docker_stats;
mod environ;
mod fd_listing;
pub mod folded;
mod free;
mod ftrace;
mod go_gctrace;
mod go_goroutines;
mod go_memstats;
mod go_profile_text;
mod go_race;
mod go_schedtrace;
mod hs_err;
mod interned;
mod java_dump_file;
mod java_dump_json;
mod java_oom;
mod java_thread_info;
mod java_threads;
mod jdk8_gc_log;
mod jmap_histo;
mod json;
mod jstat;
mod jvm_gc_log;
mod jvm_heap_info;
mod jvm_nmt;
mod kernel_log;
mod kernel_oom;
mod kubectl_describe;
mod kubectl_table;
mod kubernetes;
mod meminfo;
mod native_abort;
mod native_threads;
mod node_report;
mod numa_maps;
mod number_file;
mod off_cpu;
mod openj9_javacore;
pub mod over_time;
mod padded;
mod perf_frames;
mod perf_report;
mod perf_script;
mod perf_trace;
mod pmap;
mod pprof;
mod proc_cgroup;
mod proc_io;
mod proc_limits;
mod proc_maps;
mod proc_stat;
mod proc_status;
mod proc_task;
mod prometheus;
mod ps;
mod psi;
mod pyspy_json;
mod python_threads;
mod python_traceback;
mod rust_panic;
mod sampling;
mod sanitizer;
mod series;
mod smaps;
mod socket_summary;
mod socket_table;
mod speedscope;
mod strace;
mod systemd_oomd;
mod top;
mod tree;
mod vmstat;

use evidence::{Parsed, When};
use lines::Lines;

/// What is known of a stretch of text besides its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hint<'a> {
    /// Path of the file that the text shows: the artifact's, or that of the section (`$ cat /proc/1/status`).
    /// A label to recognise value-only files by, never opened.
    pub name: &'a str,
    /// Path of the artifact within the bundle.
    pub artifact: &'a str,
    /// Command that printed it (`ps -T -p 1`), when the capture says so.
    pub command: &'a str,
    /// When it was captured, from the section, the path or the file name.
    pub when: When,
    /// The text goes on from an earlier block of the same section.
    pub continues: bool,
    /// First line of the section, for a block that continues a table.
    pub heading: &'a [u8],
}

impl Hint<'_> {
    /// The last component of [`Hint::name`].
    pub fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }
}

/// How sure a format is that a text is its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sniff {
    /// It is not.
    #[default]
    No,
    /// It could be, if nobody is surer.
    Maybe,
    /// It is.
    Yes,
}

/// How a format stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It fills its section; long ones may be cut at a blank line or, where there is none, at any line end.
    Document,
    /// It fills its section and must be seen in one piece.
    Whole,
    /// Its records stand among the lines of a log: [`Format::opens`] says where one begins and
    /// [`Format::parse`] stops at the first line that is not its own.
    Embedded,
}

/// A format: one file of this package. It never judges.
pub trait Format: Sync + Send {
    /// Name in reports: lower case, words joined by `-`.
    fn id(&self) -> &'static str;

    /// How it stands in a text.
    fn shape(&self) -> Shape;

    /// Whether `head`, the beginning of a section (64 KiB at most), is this format. Looks at content; at the
    /// name only where the content cannot tell.
    fn sniff(&self, head: &[u8], hint: &Hint<'_>) -> Sniff;

    /// For embedded formats: whether a record begins at this line.
    fn opens(&self, _line: &[u8]) -> bool {
        false
    }

    /// Reads on from the cursor. Documents read to the end; embedded formats stop where their record does, and
    /// take at least one line.
    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed);
}

/// All formats, surest first.
pub static FORMATS: &[&dyn Format] = &[
    &go_goroutines::GoGoroutines,
    &go_race::GoRace,
    &sanitizer::Sanitizer,
    &rust_panic::RustPanic,
    &native_abort::NativeAbort,
    &go_profile_text::GoProfileText,
    &java_threads::JavaThreads,
    &java_thread_info::JavaThreadInfo,
    &openj9_javacore::OpenJ9Javacore,
    &python_threads::PythonThreads,
    &python_traceback::PythonTraceback,
    &native_threads::NativeThreads,
    &go_gctrace::GoGcTrace,
    &jvm_gc_log::JvmGcLog,
    &jdk8_gc_log::Jdk8GcLog,
    &java_oom::JavaOutOfMemory,
    &hs_err::HsErr,
    &go_schedtrace::GoSchedTrace,
    &kernel_log::KernelLog,
    &systemd_oomd::SystemdOomd,
    &pprof::Pprof,
    &pyspy_json::PySpyJson,
    &node_report::NodeReport,
    &java_dump_json::JavaDumpJson,
    &java_dump_file::JavaDumpFile,
    &ftrace::Ftrace,
    &speedscope::Speedscope,
    &cpuprofile::CpuProfile,
    &perf_report::PerfReport,
    &perf_script::PerfScript,
    &perf_trace::PerfTrace,
    &bpftrace::BpfTrace,
    &strace::Strace,
    &cgroup_memory::CgroupMemory,
    &cgroup_io::CgroupIo,
    &go_memstats::GoMemStats,
    &jstat::Jstat,
    &jmap_histo::JmapHisto,
    &jvm_nmt::JvmNmt,
    &jvm_heap_info::JvmHeapInfo,
    &kubectl_describe::KubectlDescribe,
    &kubernetes::Kubernetes,
    &kubectl_table::KubectlTable,
    &docker_inspect::DockerInspect,
    &docker_stats::DockerStats,
    &psi::Psi,
    &proc_task::ProcTask,
    &proc_status::ProcStatus,
    &proc_stat::ProcStat,
    &smaps::Smaps,
    &proc_maps::ProcMaps,
    &proc_limits::ProcLimits,
    &proc_io::ProcIo,
    &numa_maps::NumaMaps,
    &proc_cgroup::ProcCgroup,
    &meminfo::Meminfo,
    &top::Top,
    &ps::Ps,
    &pmap::Pmap,
    &free::Free,
    &vmstat::Vmstat,
    &socket_table::SocketTable,
    &socket_summary::SocketSummary,
    &prometheus::Prometheus,
    &csv_metrics::CsvMetrics,
    &fd_listing::FdListing,
    &async_profiler::AsyncProfiler,
    &folded::Folded,
    &environ::Environ,
    &cmdline::Cmdline,
    &number_file::NumberFile,
];

/// The document format of a section, if it is one.
pub fn detect(head: &[u8], hint: &Hint<'_>) -> Option<&'static dyn Format> {
    let mut best: Option<(&'static dyn Format, Sniff)> = None;
    for format in FORMATS.iter().filter(|format| format.shape() != Shape::Embedded) {
        let sniff = format.sniff(head, hint);
        if sniff > best.map_or(Sniff::No, |(_, sniff)| sniff) {
            best = Some((*format, sniff));
        }
    }
    best.map(|(format, _)| format)
}

/// The embedded format that a record of begins at this line.
pub fn opened_by(line: &[u8]) -> Option<&'static dyn Format> {
    if line.is_empty() {
        return None;
    }
    FORMATS.iter().copied().filter(|format| format.shape() == Shape::Embedded).find(|format| format.opens(line))
}

/// [`Format::sniff`] of an embedded format: whether one of the first lines opens a record.
pub fn sniff_embedded(format: &dyn Format, head: &[u8]) -> Sniff {
    let text = lines::Text::new(head, 1);
    if text.lines().take(400).any(|line| !line.is_empty() && format.opens(line)) { Sniff::Yes } else { Sniff::No }
}
