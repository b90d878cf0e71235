//! Reports of the kernel's out-of-memory killer, of kernels 3.x to 6.x, from lines without their prefix. Source:
//! `mm/oom_kill.c` (dump_header, dump_tasks, oom_kill_process), `mm/memcontrol.c` (mem_cgroup_print_oom_*).
//!
//! A capture may begin in the middle of a report and end in the next one, so what is said of a victim is joined by its
//! process id.

use crate::evidence::{Claims, Parsed, Record, RecordKind, When};
use crate::lines::{LineNo, decimal, rsplit_once, split_once, trim, words};
use crate::tables::{FrameId, StackId};

/// Named details of a record.
pub(crate) type Attributes = Vec<(&'static str, String)>;

/// The tables of tasks count pages of this size on nearly all machines.
const PAGE: u64 = 4096;

/// Lines about one kill stand close together: so many kills back is it looked for.
pub(crate) const RECENT: usize = 256;

/// Sizes at or above are the kernel's way to print "no limit" (PAGE_COUNTER_MAX in kB).
const UNLIMITED_KB: u64 = 9_007_199_254_000_000;

/// Keys of the memory statistics that are sizes, as attributes. The counts of events among them are left out.
const STATISTICS: &[(&str, &str)] = &[
    ("active_anon", "stat.active_anon"),
    ("active_file", "stat.active_file"),
    ("anon", "stat.anon"),
    ("anon_thp", "stat.anon_thp"),
    ("cache", "stat.cache"),
    ("dirty", "stat.dirty"),
    ("file", "stat.file"),
    ("file_dirty", "stat.file_dirty"),
    ("file_mapped", "stat.file_mapped"),
    ("file_thp", "stat.file_thp"),
    ("file_writeback", "stat.file_writeback"),
    ("free", "stat.free"),
    ("hugetlb", "stat.hugetlb"),
    ("inactive_anon", "stat.inactive_anon"),
    ("inactive_file", "stat.inactive_file"),
    ("kernel", "stat.kernel"),
    ("kernel_stack", "stat.kernel_stack"),
    ("mapped", "stat.mapped"),
    ("mapped_file", "stat.mapped_file"),
    ("pagetables", "stat.pagetables"),
    ("percpu", "stat.percpu"),
    ("rss", "stat.rss"),
    ("rss_huge", "stat.rss_huge"),
    ("sec_pagetables", "stat.sec_pagetables"),
    ("shmem", "stat.shmem"),
    ("shmem_thp", "stat.shmem_thp"),
    ("slab", "stat.slab"),
    ("slab_reclaimable", "stat.slab_reclaimable"),
    ("slab_unreclaimable", "stat.slab_unreclaimable"),
    ("sock", "stat.sock"),
    ("swap", "stat.swap"),
    ("swapcached", "stat.swapcached"),
    ("total_active_anon", "stat.total_active_anon"),
    ("total_active_file", "stat.total_active_file"),
    ("total_cache", "stat.total_cache"),
    ("total_dirty", "stat.total_dirty"),
    ("total_inactive_anon", "stat.total_inactive_anon"),
    ("total_inactive_file", "stat.total_inactive_file"),
    ("total_mapped_file", "stat.total_mapped_file"),
    ("total_rss", "stat.total_rss"),
    ("total_rss_huge", "stat.total_rss_huge"),
    ("total_shmem", "stat.total_shmem"),
    ("total_swap", "stat.total_swap"),
    ("total_swapcached", "stat.total_swapcached"),
    ("total_unevictable", "stat.total_unevictable"),
    ("total_writeback", "stat.total_writeback"),
    ("unevictable", "stat.unevictable"),
    ("vmalloc", "stat.vmalloc"),
    ("writeback", "stat.writeback"),
    ("zswap", "stat.zswap"),
    ("zswapped", "stat.zswapped"),
];

/// Where and when a line stands.
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub line: LineNo,
    pub when: When,
}

/// The processes of a table of tasks.
#[derive(Default)]
struct Tasks {
    /// Numbers between the pid and the name, when the table's head was seen.
    numbers: Option<usize>,
    count: u64,
    largest: Option<(u64, u64, String)>,
}

/// The process that the kernel chose; it may kill a child of it instead.
struct Chosen {
    pid: u64,
    name: String,
    score: String,
    scope: Option<&'static str>,
    at: At,
    text: String,
}

/// One report: what is said before the victim is named.
struct Report {
    at: At,
    end: LineNo,
    text: String,
    attributes: Attributes,
    statistics: Vec<(&'static str, u64)>,
    frames: Vec<FrameId>,
    tasks: Tasks,
    chosen: Option<Chosen>,
    has_victim: bool,
}

/// A process that was killed.
struct Kill {
    record: Record,
    pid: u64,
    /// Its own line with the sizes was seen.
    is_done: bool,
}

/// Reads the lines of reports.
#[derive(Default)]
pub(crate) struct OomReader {
    report: Option<Report>,
    kills: Vec<Kill>,
    others: Vec<Record>,
}

/// Whether a line without prefix begins something that this reader knows.
pub(crate) fn opens(text: &[u8]) -> bool {
    victim_line(text).is_some()
        || text.starts_with(b"oom-kill:constraint=")
        || text.starts_with(b"oom_reaper: ")
        || invocation(text).is_some()
}

/// Name of the process and the rest of `NAME invoked oom-killer: gfp_mask=...`.
fn invocation(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mark = b" invoked oom-killer:";
    // Names have 15 bytes at most, and may hold blanks.
    let end = (1..text.len().min(32)).find(|&at| text[at] == b' ' && text[at..].starts_with(mark))?;
    Some((&text[..end], &text[end + mark.len()..]))
}

/// A line that names a victim: the scope, whether it is dead already, and what follows `process `.
fn victim_line(text: &[u8]) -> Option<(Option<&'static str>, bool, &[u8])> {
    if !matches!(text.first(), Some(b'K' | b'M' | b'O')) {
        return None;
    }
    let (scope, rest) = match split_once(text, b": Kill") {
        Some((scope, rest)) if scope.starts_with(b"Memory cgroup out of memory") => (Some("memcg"), rest),
        Some((scope, rest)) if scope.starts_with(b"Out of memory") => (Some("global"), rest),
        // Without its beginning the line is known by the sizes.
        _ => (None, text.strip_prefix(b"Kill").filter(|rest| split_once(rest, b" total-vm:").is_some())?),
    };
    match rest.strip_prefix(b"ed process ") {
        Some(rest) => Some((scope, true, rest)),
        // Only the two-line form of kernels before 5.1 has the score.
        None => rest.strip_prefix(b" process ").filter(|_| scope.is_some()).map(|rest| (scope, false, rest)),
    }
}

impl OomReader {
    /// Whether a report is being read, and so lines of its details are to be expected.
    pub(crate) fn is_open(&self) -> bool {
        self.report.is_some()
    }

    /// Takes a frame of the report's call trace.
    pub(crate) fn push_frame(&mut self, frame: FrameId, line: LineNo) {
        if let Some(report) = self.report.as_mut().filter(|report| !report.has_victim) {
            report.frames.push(frame);
            report.end = line.saturating_add(1);
        }
    }

    /// Reads a line; false when it is none of a report's.
    pub(crate) fn line(&mut self, text: &[u8], at: At, out: &mut Parsed) -> bool {
        if let Some((name, rest)) = invocation(text) {
            self.close_report(out);
            self.invoked(name, rest, text, at);
        } else if let Some(fields) = text.strip_prefix(b"oom-kill:") {
            self.constraint(fields, text, at, out);
        } else if let Some((scope, is_dead, rest)) = victim_line(text) {
            self.victim(scope, is_dead, rest, text, at, out);
        } else if let Some(rest) = text.strip_prefix(b"oom_reaper: ") {
            self.reaper(rest, text, at, out);
        } else if text.starts_with(b"Tasks in ") && text.ends_with(b"due to memory.oom.group set") {
            set(&mut self.report_of_victims(at, text).attributes, "oom_group", b"true");
        } else {
            return self.usage(text, at)
                || self.statistics_head(text, at)
                || self.statistic(text, at)
                || self.pages(text, at)
                || self.task(text, at)
                || self.context(text, at);
        }
        true
    }

    fn invoked(&mut self, name: &[u8], rest: &[u8], text: &[u8], at: At) {
        let report = self.begin(at, text);
        set(&mut report.attributes, "invoked_by", name);
        let fields: [(&[u8], _); 3] =
            [(b"gfp_mask=", "gfp_mask"), (b"order=", "order"), (b"oom_score_adj=", "invoker_oom_score_adj")];
        for (key, attribute) in fields {
            if let Some((_, value)) = split_once(rest, key) {
                let value = split_once(value, b", ").map_or(value, |(value, _)| value);
                set(&mut report.attributes, attribute, trim(value));
            }
        }
    }

    fn begin(&mut self, at: At, text: &[u8]) -> &mut Report {
        self.report.insert(Report {
            at,
            end: at.line.saturating_add(1),
            text: lossy(text),
            attributes: Vec::new(),
            statistics: Vec::new(),
            frames: Vec::new(),
            tasks: Tasks::default(),
            chosen: None,
            has_victim: false,
        })
    }

    /// The report whose victims are being named; a capture may begin in the middle of one.
    fn report_of_victims(&mut self, at: At, text: &[u8]) -> &mut Report {
        if self.report.is_none() {
            self.begin(at, text);
        }
        let report = self.report.as_mut().expect("just begun");
        report.end = at.line.saturating_add(1);
        report
    }

    /// The report that a detail belongs to: details behind a victim are those of the next.
    fn report_of_details(&mut self, at: At, text: &[u8]) -> &mut Report {
        if self.report.as_ref().is_some_and(|report| report.has_victim) {
            self.report = None;
        }
        self.report_of_victims(at, text)
    }

    /// The kill of this process whose own line is still to come, else a new one with all that the report says.
    fn kill_of(&mut self, pid: u64, name: &[u8], text: &[u8], at: At, out: &mut Parsed) -> &mut Kill {
        let recent = self.kills.len().saturating_sub(RECENT);
        let known = self.kills[recent..].iter().rposition(|kill| kill.pid == pid && !kill.is_done);
        let known = known.map(|index| recent + index);
        let index = known.unwrap_or_else(|| {
            let mut kill = new_kill(pid, name, text, at);
            if let Some(report) = &mut self.report {
                report.describe(&mut kill.record.attributes);
                kill.record.stack = out.tables.stack(&report.frames);
                report.has_victim = true;
            }
            self.kills.push(kill);
            self.kills.len() - 1
        });
        let kill = &mut self.kills[index];
        kill.record.end = at.line.saturating_add(1);
        kill
    }

    /// `constraint=CONSTRAINT_MEMCG,nodemask=(null),...,oom_memcg=/a,task_memcg=/a/b,task=charge,pid=16592,uid=0`.
    fn constraint(&mut self, fields: &[u8], text: &[u8], at: At, out: &mut Parsed) {
        let between = |key: &[u8], next: &[u8]| {
            let (_, value) = split_once(fields, key)?;
            Some(split_once(value, next).map_or(value, |(value, _)| value))
        };
        let name = between(b",task=", b",pid=").unwrap_or_default();
        let Some(pid) = between(b",pid=", b",").and_then(decimal) else {
            return out.note(at.line, "an oom-kill line without a process id");
        };
        self.report_of_victims(at, text);
        let kill = self.kill_of(pid, name, text, at, out);
        let attributes = &mut kill.record.attributes;
        for (attribute, value) in [
            ("constraint", between(b"constraint=", b",")),
            ("oom_memcg", between(b",oom_memcg=", b",task_memcg=")),
            ("task_memcg", between(b",task_memcg=", b",task=")),
            ("uid", between(b",uid=", b",")),
        ] {
            if let Some(value) = value {
                replace(attributes, attribute, lossy(value));
            }
        }
        if split_once(fields, b",global_oom").is_some() {
            set(attributes, "scope", b"global");
        }
    }

    /// `16592 (charge) total-vm:525732kB, anon-rss:523136kB, ...` or `14821 (java) score 1823 or sacrifice child`.
    fn victim(
        &mut self,
        scope: Option<&'static str>,
        is_dead: bool,
        rest: &[u8],
        text: &[u8],
        at: At,
        out: &mut Parsed,
    ) {
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let Some(pid) = decimal(&rest[..digits]) else {
            return out.note(at.line, "a killed process without an id");
        };
        let mark: &[u8] = if is_dead { b" total-vm:" } else { b" score " };
        let (head, details) = rsplit_once(rest, mark).unwrap_or((rest, b""));
        let name = head.iter().position(|byte| *byte == b'(').map_or(&head[..0], |open| &head[open + 1..]);
        let name = rsplit_once(name, b")").map_or(name, |(name, _)| name);
        if !is_dead {
            let score = words(details).next().map_or_else(String::new, lossy);
            let chosen = Chosen { pid, name: lossy(name), score, scope, at, text: lossy(text) };
            self.report_of_victims(at, text).chosen = Some(chosen);
            return;
        }
        self.report_of_victims(at, text);
        let chosen = self.report.as_mut().and_then(|report| report.chosen.take());
        let kill = self.kill_of(pid, name, text, at, out);
        kill.is_done = true;
        kill.record.text = lossy(text);
        kill.record.when = at.when;
        let attributes = &mut kill.record.attributes;
        if let Some(scope) = scope.or(chosen.as_ref().and_then(|chosen| chosen.scope)) {
            set(attributes, "scope", scope.as_bytes());
        }
        if let Some(chosen) = chosen {
            set(attributes, "score", chosen.score.as_bytes());
            if chosen.pid != pid {
                set(attributes, "chosen", chosen.name.as_bytes());
                set(attributes, "chosen_pid", chosen.pid.to_string().as_bytes());
            }
        }
        sizes(head, details, attributes);
    }

    /// `reaped process 1811 (stress-ng), now anon-rss:0kB, ...` or `unable to reap pid:1 (x)`.
    fn reaper(&mut self, rest: &[u8], text: &[u8], at: At, out: &mut Parsed) {
        let (reaped, rest) = match (rest.strip_prefix(b"reaped process "), rest.strip_prefix(b"unable to reap pid:")) {
            (Some(rest), _) => ("true", rest),
            (_, Some(rest)) => ("false", rest),
            _ => return out.note(at.line, "an oom_reaper line of another form"),
        };
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let Some(pid) = decimal(&rest[..digits]) else {
            return out.note(at.line, "an oom_reaper line without a process id");
        };
        let known = self.kills.iter_mut().rev().take(RECENT).find(|kill| kill.pid == pid);
        let name = split_once(rest, b"(").and_then(|(_, name)| rsplit_once(name, b")")).map_or(&b""[..], |(n, _)| n);
        let kill = match known {
            Some(kill) => kill,
            None => {
                // The capture begins behind the line that killed it.
                self.kills.push(new_kill(pid, name, text, at));
                self.kills.last_mut().expect("just pushed")
            }
        };
        kill.record.end = at.line.saturating_add(1);
        set(&mut kill.record.attributes, "reaped", reaped.as_bytes());
    }

    /// `memory: usage 524288kB, limit 524288kB, failcnt 54`, and the same of swap and kernel memory.
    fn usage(&mut self, text: &[u8], at: At) -> bool {
        let Some((what, rest)) = split_once(text, b": usage ") else { return false };
        let names = match what {
            b"memory" => ("usage_bytes", "limit_bytes", "failcnt"),
            b"memory+swap" => ("memsw_usage_bytes", "memsw_limit_bytes", "memsw_failcnt"),
            b"swap" => ("swap_usage_bytes", "swap_limit_bytes", "swap_failcnt"),
            b"kmem" => ("kmem_usage_bytes", "kmem_limit_bytes", "kmem_failcnt"),
            _ => return false,
        };
        let attributes = &mut self.report_of_details(at, text).attributes;
        let mut parts = rest.splitn(3, |byte| *byte == b',').map(trim);
        if let Some(bytes) = parts.next().and_then(kilobytes) {
            replace(attributes, names.0, bytes.to_string());
        }
        let limit = parts.next().and_then(|part| part.strip_prefix(b"limit "));
        if let Some(kb) = limit.and_then(|limit| limit.strip_suffix(b"kB")).and_then(decimal) {
            let unlimited = kb >= UNLIMITED_KB;
            let limit = if unlimited { "unlimited".to_owned() } else { (kb.saturating_mul(1024)).to_string() };
            replace(attributes, names.1, limit);
        }
        if let Some(count) = parts.next().and_then(|part| part.strip_prefix(b"failcnt ")).and_then(decimal) {
            replace(attributes, names.2, count.to_string());
        }
        true
    }

    /// `Memory cgroup stats for /path:` with one key per line below it, or all in kB behind it (before 5.3: one line
    /// for each group of the subtree), and `Task in /a killed as a result of limit of /b`.
    fn statistics_head(&mut self, text: &[u8], at: At) -> bool {
        if let Some((task, limit)) =
            text.strip_prefix(b"Task in ").and_then(|rest| split_once(rest, b" killed as a result of limit of "))
        {
            let attributes = &mut self.report_of_details(at, text).attributes;
            replace(attributes, "task_memcg", lossy(task));
            replace(attributes, "oom_memcg", lossy(limit));
            return true;
        }
        let Some(rest) = text.strip_prefix(b"Memory cgroup stats for ") else { return false };
        let report = self.report_of_details(at, text);
        let (path, inline) = split_once(rest, b":").unwrap_or((rest, b""));
        set(&mut report.attributes, "oom_memcg", path);
        for word in words(inline) {
            if let Some((key, value)) = split_once(word, b":")
                && let (Some(name), Some(bytes)) = (statistic_name(key), kilobytes(value))
            {
                report.add(name, bytes);
            }
        }
        true
    }

    /// `anon 66756608`: a line below `Memory cgroup stats`.
    fn statistic(&mut self, text: &[u8], at: At) -> bool {
        let Some((key, value)) = split_once(trim(text), b" ") else { return false };
        let Some(value) = decimal(trim(value)) else { return false };
        if !key.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_') {
            return false;
        }
        match statistic_name(key) {
            Some(name) => self.report_of_details(at, text).add(name, value),
            // A count of events (pgfault), or nothing of ours.
            None => return self.is_open(),
        }
        true
    }

    /// Memory of the machine in pages: `active_anon:12 inactive_anon:3 ...`, `2095568 pages RAM`, and the swap.
    fn pages(&mut self, text: &[u8], at: At) -> bool {
        let text = trim(text.strip_prefix(b"Mem-Info:").unwrap_or(text));
        let swap = [(&b"Free swap  = "[..], "free_swap_bytes"), (b"Total swap = ", "total_swap_bytes")];
        if let Some((bytes, name)) =
            swap.iter().find_map(|(prefix, name)| Some((text.strip_prefix(*prefix).and_then(kilobytes)?, *name)))
        {
            replace(&mut self.report_of_details(at, text).attributes, name, bytes.to_string());
            return true;
        }
        if let Some(pages) = text.strip_suffix(b" pages RAM").and_then(decimal) {
            let bytes = pages.saturating_mul(PAGE).to_string();
            replace(&mut self.report_of_details(at, text).attributes, "ram_bytes", bytes);
            return true;
        }
        let known = |word: &[u8]| {
            let (key, value) = split_once(word, b":")?;
            Some((statistic_name(key)?, decimal(value)?))
        };
        if words(text).next().and_then(known).is_none() {
            return false;
        }
        let report = self.report_of_details(at, text);
        for (name, pages) in words(text).filter_map(known) {
            report.add(name, pages.saturating_mul(PAGE));
        }
        true
    }

    /// A row or the head of the table of tasks: `[   1811]  1000  1811     5405        8   106496      643  1000 name`.
    fn task(&mut self, text: &[u8], at: At) -> bool {
        let Some((first, rest)) = text.strip_prefix(b"[").and_then(|inner| split_once(inner, b"]")) else {
            return text.starts_with(b"Tasks state (memory values in pages)");
        };
        if trim(first) == b"pid" {
            // All but the name are numbers.
            let numbers = words(rest).count().saturating_sub(1);
            self.report_of_details(at, text).tasks.numbers = Some(numbers);
            return true;
        }
        let Some(pid) = decimal(trim(first)) else { return false };
        let numbers = words(rest).take_while(|word| is_integer(word)).count();
        // uid tgid total_vm rss are the first four of 7 numbers, or of 10 since 6.8.
        let Some(rss) = words(rest).nth(3).filter(|_| numbers >= 7).and_then(decimal) else { return false };
        let tasks = &mut self.report_of_details(at, text).tasks;
        let numbers = tasks.numbers.unwrap_or(if numbers >= 10 { 10 } else { numbers.min(8) });
        tasks.count += 1;
        if tasks.largest.as_ref().is_none_or(|(largest, ..)| rss > *largest) {
            let name: Vec<&[u8]> = words(rest).skip(numbers).collect();
            tasks.largest = Some((rss, pid, lossy(&name.join(&b' '))));
        }
        true
    }

    /// `CPU: 0 UID: 0 PID: 16592 Comm: charge Not tainted 6.18.44 #1`: the process that asked for memory.
    fn context(&mut self, text: &[u8], at: At) -> bool {
        let Some(report) = self.report.as_mut().filter(|report| !report.has_victim) else { return false };
        if !text.starts_with(b"CPU: ") {
            return false;
        }
        let value = |key: &[u8]| split_once(text, key).and_then(|(_, rest)| words(rest).next());
        if let Some(pid) = value(b" PID: ") {
            set(&mut report.attributes, "invoked_by_pid", pid);
        }
        if let Some(version) = kernel_version(text) {
            set(&mut report.attributes, "kernel", version);
        }
        report.end = at.line.saturating_add(1);
        true
    }

    fn close_report(&mut self, out: &mut Parsed) {
        let Some(mut report) = self.report.take() else { return };
        if let Some(chosen) = report.chosen.take() {
            let mut kill = new_kill(chosen.pid, chosen.name.as_bytes(), chosen.text.as_bytes(), chosen.at);
            report.describe(&mut kill.record.attributes);
            set(&mut kill.record.attributes, "score", chosen.score.as_bytes());
            if let Some(scope) = chosen.scope {
                set(&mut kill.record.attributes, "scope", scope.as_bytes());
            }
            kill.record.stack = out.tables.stack(&report.frames);
            out.note(chosen.at.line, "a process was chosen to be killed; the line that says it was is missing");
            self.kills.push(kill);
        } else if !report.has_victim {
            let mut attributes = vec![("class", "oom-report".to_owned())];
            report.describe(&mut attributes);
            out.note(
                report.at.line,
                "an out-of-memory report without its victim: it begins or ends outside of the text",
            );
            self.others.push(Record {
                line: report.at.line,
                end: report.end,
                claims: Claims::default(),
                when: report.at.when,
                kind: RecordKind::Log,
                attributes,
                stack: out.tables.stack(&report.frames),
                text: report.text,
            });
        }
    }

    /// All records that were read.
    pub(crate) fn finish(&mut self, out: &mut Parsed) -> Vec<Record> {
        self.close_report(out);
        let kills = self.kills.drain(..).map(|mut kill| {
            name_killer(&mut kill.record);
            kill.record
        });
        kills.chain(self.others.drain(..)).collect()
    }
}

impl Report {
    fn add(&mut self, name: &'static str, bytes: u64) {
        match self.statistics.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum = sum.saturating_add(bytes),
            None => self.statistics.push((name, bytes)),
        }
    }

    /// Nothing was said before the victim was named.
    fn is_bare(&self) -> bool {
        self.attributes.is_empty() && self.statistics.is_empty() && self.tasks.count == 0
    }

    /// Adds all that the report says to the attributes of a victim.
    fn describe(&self, attributes: &mut Attributes) {
        if !self.is_bare() {
            attributes.push(("report_line", self.at.line.to_string()));
        }
        attributes.extend(self.attributes.iter().cloned());
        attributes.extend(self.statistics.iter().map(|(key, bytes)| (*key, bytes.to_string())));
        let Some((rss, pid, name)) = &self.tasks.largest else { return };
        attributes.push(("tasks", self.tasks.count.to_string()));
        attributes.push(("largest_task", name.clone()));
        attributes.push(("largest_task_pid", pid.to_string()));
        attributes.push(("largest_task_rss_bytes", rss.saturating_mul(PAGE).to_string()));
    }
}

fn new_kill(pid: u64, name: &[u8], text: &[u8], at: At) -> Kill {
    let name = lossy(name);
    let comm = (!name.is_empty()).then(|| name.clone());
    let record = Record {
        line: at.line,
        end: at.line.saturating_add(1),
        claims: Claims { pid: Some(pid), comm, ..Claims::default() },
        when: at.when,
        kind: RecordKind::Kill,
        attributes: vec![("victim", name), ("pid", pid.to_string())],
        stack: StackId::EMPTY,
        text: lossy(text),
    };
    Kill { record, pid, is_done: false }
}

/// Sizes of the line of the killed process, and its user id (before the name on RHEL 6).
fn sizes(head: &[u8], details: &[u8], attributes: &mut Attributes) {
    let names: [(&[u8], _); 4] = [
        (b"anon-rss:", "anon_rss_bytes"),
        (b"file-rss:", "file_rss_bytes"),
        (b"shmem-rss:", "shmem_rss_bytes"),
        (b"pgtables:", "pgtables_bytes"),
    ];
    let mut fields = details.split(|byte| matches!(byte, b' ' | b',')).filter(|field| !field.is_empty());
    if let Some(bytes) = fields.next().and_then(kilobytes) {
        replace(attributes, "total_vm_bytes", bytes.to_string());
    }
    for field in fields {
        if let Some(score) = field.strip_prefix(b"oom_score_adj:") {
            replace(attributes, "oom_score_adj", lossy(score));
        } else if let Some(uid) = field.strip_prefix(b"UID:") {
            replace(attributes, "uid", lossy(uid));
        } else if let Some((bytes, name)) =
            names.iter().find_map(|(prefix, name)| Some((field.strip_prefix(*prefix).and_then(kilobytes)?, *name)))
        {
            replace(attributes, name, bytes.to_string());
        }
    }
    if let Some((_, uid)) = split_once(head, b", UID ") {
        let digits = uid.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(uid.len());
        replace(attributes, "uid", lossy(&uid[..digits]));
    }
}

/// States who killed: the limit of the group itself, that of a group above it, or the machine.
fn name_killer(record: &mut Record) {
    let scope = record.attributes.iter().position(|(key, _)| *key == "scope");
    let scope = scope.map(|index| record.attributes.remove(index).1);
    let (task, owner) = (record.attribute("task_memcg"), record.attribute("oom_memcg"));
    let below = match (task, owner) {
        (Some(task), Some(owner)) => task != owner && task.starts_with(owner),
        _ => false,
    };
    let killer = match (record.attribute("constraint"), scope.as_deref()) {
        (Some("CONSTRAINT_MEMCG"), _) | (None, Some("memcg")) => {
            if below {
                "memcg-parent"
            } else {
                "memcg"
            }
        }
        (Some("CONSTRAINT_CPUSET"), _) => "cpuset",
        (Some("CONSTRAINT_MEMORY_POLICY"), _) => "memory-policy",
        (Some(_), _) | (None, Some(_)) => "global",
        (None, None) => "unknown",
    };
    record.claims.cgroup = task.map(str::to_owned);
    record.attributes.insert(0, ("killer", killer.to_owned()));
}

fn statistic_name(key: &[u8]) -> Option<&'static str> {
    let index = STATISTICS.binary_search_by(|(known, _)| known.as_bytes().cmp(key)).ok()?;
    Some(STATISTICS[index].1)
}

/// The version in `Comm: x Not tainted 6.1.0-56-amd64 #1` and `Tainted: G OE 4.18.0 #1`: the word before ` #`.
fn kernel_version(text: &[u8]) -> Option<&[u8]> {
    let (head, _) = split_once(text, b" #")?;
    let version = words(head).last()?;
    version.first()?.is_ascii_digit().then_some(version)
}

fn is_integer(word: &[u8]) -> bool {
    decimal(word.strip_prefix(b"-").unwrap_or(word)).is_some()
}

/// Bytes of `523136kB` or `188KB`.
fn kilobytes(text: &[u8]) -> Option<u64> {
    let digits = text.strip_suffix(b"kB").or_else(|| text.strip_suffix(b"KB"))?;
    Some(decimal(digits)?.saturating_mul(1024))
}

/// Adds an attribute unless it is there or empty.
fn set(attributes: &mut Attributes, name: &'static str, value: &[u8]) {
    if !value.is_empty() && !attributes.iter().any(|(known, _)| *known == name) {
        attributes.push((name, lossy(value)));
    }
}

/// Adds an attribute or changes its value.
fn replace(attributes: &mut Attributes, name: &'static str, value: String) {
    match attributes.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = value,
        None => attributes.push((name, value)),
    }
}

pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned()
}
