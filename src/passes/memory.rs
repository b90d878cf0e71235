//! Who holds the bytes. Each whole is split into parts that sum up to it; what no reading tells of is a part of its
//! own: nothing is left out silently.

use super::fact::{Cite, Fact, Facts};
use super::measures::{heap_limit, memory_limit};
use crate::case::{Case, Place, Signal, SubjectId};
use crate::report::model::Site;
use crate::report::units;
use postmortem_parsers::evidence::{EventKind, Runtime};
use std::ops::{Add, Sub};

/// An amount at the first and the last sample while the subject lived.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Amount {
    first: f64,
    last: f64,
    /// Samples of the reading that leads it.
    n: usize,
    /// Share of steps that do not fall, of what was read as it stands.
    rising: Option<f64>,
    place: Place,
}

impl Amount {
    fn grew(&self) -> f64 {
        self.last - self.first
    }

    fn at_least(self, floor: f64) -> Amount {
        Amount { first: self.first.max(floor), last: self.last.max(floor), ..self }
    }

    fn at_most(self, other: Amount) -> Amount {
        Amount { first: self.first.min(other.first), last: self.last.min(other.last), ..self }
    }
}

impl Add for Amount {
    type Output = Amount;
    fn add(self, other: Amount) -> Amount {
        Amount { first: self.first + other.first, last: self.last + other.last, rising: None, ..self }
    }
}

impl Sub for Amount {
    type Output = Amount;
    fn sub(self, other: Amount) -> Amount {
        Amount { first: self.first - other.first, last: self.last - other.last, rising: None, ..self }
    }
}

/// A part by its name.
type Part = (&'static str, Amount);

/// What other processes of a group hold is told from this share of the whole on.
const OTHERS: f64 = 0.05;

/// A managed runtime reserves address space for its heap: Go and the JVM at least this much more than they touch.
const RESERVED: f64 = 256.0 * 1_048_576.0;

/// Interpreters whose objects are allocated as those of native programs are, and are no leak of native memory.
const INTERPRETERS: &[&str] = &["python", "ruby", "perl", "php", "lua", "beam"];

/// States the parts of a subject's memory.
pub fn state(case: &Case, subject: SubjectId, facts: &mut Facts) {
    let limit = memory_limit(case, subject).map(|(limit, _)| limit);
    let mut split = Split { case, subject, limit, facts };
    let private = split.process();
    let anon = split.group();
    let Some((whole, name)) = anon.map(|anon| (anon, "anon")).or(private) else {
        return split.runtime(None);
    };
    split.runtime(Some((name, whole, private.map(|(private, _)| private))));
}

struct Split<'a> {
    case: &'a Case,
    subject: SubjectId,
    limit: Option<f64>,
    facts: &'a mut Facts,
}

impl Split<'_> {
    fn read(&self, name: &str) -> Option<Amount> {
        amount(self.case.signal(self.subject, name)?)
    }

    /// The sum of a signal over all of its labels that fit.
    fn sum(&self, name: &str, fits: impl Fn(&str) -> bool) -> Option<Amount> {
        let own = self.case.labelled(self.subject, name).into_iter();
        let fitting = own.filter(|signal| signal.labels.first().is_some_and(|(_, value)| fits(value)));
        fitting.filter_map(|signal| self.since_baseline(signal)).reduce(|a, b| a + b)
    }

    /// One reading with its change since a baseline is two.
    fn since_baseline(&self, signal: &Signal) -> Option<Amount> {
        let now = amount(signal)?;
        let name = format!("{}_change", signal.name);
        let changes = self.case.labelled(self.subject, &name);
        let change = changes.into_iter().find(|other| other.labels == signal.labels);
        match change.and_then(Signal::last) {
            Some(change) if now.n == 1 => Some(Amount { first: now.last - change.value, n: 2, ..now }),
            _ => Some(now),
        }
    }

    /// The resident memory of the process and, of it, what no file backs.
    fn process(&mut self) -> Option<(Amount, &'static str)> {
        let rss = self.read("process.memory.usage")?;
        let files = self.read("process.memory.rss_file");
        let shmem = self.read("process.memory.rss_shmem");
        let private = [files, shmem].into_iter().flatten().fold(rss, Sub::sub);
        if self.case.signal(self.subject, "cgroup.memory.current").is_some() {
            // The kernel's count of the group is the whole then.
            return Some((private, "anon"));
        }
        self.part("rss", "", rss, rss);
        let Some(files) = files else { return Some((rss, "rss")) };
        let mut parts = vec![("anon", private), ("mapped-files", files)];
        parts.extend(shmem.map(|shmem| ("shmem", shmem)));
        self.parts("rss", rss, &parts, "unexplained");
        Some((private, "anon"))
    }

    /// The kernel's count of a control group; gives its anonymous memory.
    fn group(&mut self) -> Option<Amount> {
        let anon = self.read("cgroup.memory.anon");
        let file = self.read("cgroup.memory.file");
        let shmem = self.read("cgroup.memory.shmem");
        let stacks = self.read("cgroup.memory.kernel_stack");
        let detail: Vec<Part> = [
            ("kernel-stacks", stacks),
            ("pagetables", self.read("cgroup.memory.pagetables")),
            ("slab", self.read("cgroup.memory.slab")),
            ("percpu", self.read("cgroup.memory.stat.percpu")),
        ]
        .into_iter()
        .filter_map(|(name, amount)| Some((name, amount?)))
        .collect();
        // Before Linux 5.18 cgroup v2 has the parts only.
        let kernel =
            self.read("cgroup.memory.kernel").or_else(|| detail.iter().map(|(_, amount)| *amount).reduce(|a, b| a + b));
        // In v1 this counter stands beside the others, not among them.
        let sock = stacks.and(self.read("cgroup.memory.sock"));
        let cache = file.map(|file| shmem.map_or(file, |shmem| file - shmem));
        let parts: Vec<Part> = [("anon", anon), ("file", cache), ("shmem", shmem), ("kernel", kernel), ("sock", sock)]
            .into_iter()
            .filter_map(|(name, amount)| Some((name, amount?)))
            .collect();
        if parts.is_empty() {
            return None;
        }
        match self.read("cgroup.memory.current") {
            Some(used) => {
                self.part("used", "", used, used);
                self.parts("used", used, &parts, "unexplained");
            }
            None => {
                let all = parts.iter().map(|(_, amount)| *amount).reduce(|a, b| a + b)?;
                parts.iter().for_each(|(name, amount)| self.part(name, "used", *amount, all));
            }
        }
        if let Some(kernel) = kernel.filter(|_| !detail.is_empty()) {
            self.parts("kernel", kernel, &detail, "kernel-other");
        }
        anon
    }

    /// What the language runtime says of the memory that no file backs: `of` is its name, its amount, and that of the
    /// process alone.
    fn runtime(&mut self, of: Option<(&'static str, Amount, Option<Amount>)>) {
        let live = self.read("go.memory.live_after_gc");
        let go = self.go(live);
        let jvm = self.jvm();
        if go.is_none()
            && let Some(live) = live
        {
            let whole = of.map_or(live, |(_, whole, _)| whole);
            self.part("go-live", of.map_or("", |(name, ..)| name), live, whole);
        }
        for (name, held, rest, parts) in go.iter().chain(&jvm).cloned() {
            if let Some((within, whole, process)) = of {
                let mut beside = vec![(name, held)];
                // Files of the group and of the process are read one after the other: a little is no other process.
                let others = process.map(|process| whole - process);
                let others = others.filter(|it| it.first > 0.0 && it.last > OTHERS * whole.last);
                beside.extend(others.map(|others| ("other-processes", others)));
                self.parts(within, whole, &beside, "native");
            } else {
                self.part(name, "", held, held);
            }
            self.parts(name, held, &parts, rest);
        }
        let Some((within, whole, process)) = of.filter(|_| go.is_none() && jvm.is_none() && live.is_none()) else {
            return;
        };
        let own = process.unwrap_or(whole);
        if let Some(heap) = self.java_heap() {
            // A heap that is committed need not have been touched yet.
            self.part("beyond-heap", within, (own - heap).at_least(0.0), whole);
        } else if self.is_unmanaged() {
            self.part("unmanaged", within, own, whole);
        }
    }

    /// What a JVM without native memory tracking has committed for its heap: as its heap summaries or its log say,
    /// else the largest that it may have.
    fn java_heap(&self) -> Option<Amount> {
        if self.case.subjects[self.subject as usize].runtime != Runtime::Java {
            return None;
        }
        // Class space is a part of the metaspace.
        let summaries = self.sum("jvm.memory.committed", |pool| pool != "class space").filter(|heap| heap.n > 1);
        summaries.or_else(|| self.logged_heap()).or_else(|| {
            let (most, place) = heap_limit(self.case, self.subject)?;
            Some(Amount { first: most, last: most, n: 1, rising: None, place })
        })
    }

    /// The capacity of the heap at the first and the last collection.
    fn logged_heap(&self) -> Option<Amount> {
        let of_subject = self.case.events.iter().filter(|placed| placed.subject == self.subject);
        let log = of_subject.into_iter().find(|placed| placed.what.kind == EventKind::JvmGc)?;
        let column = log.what.column("heap_capacity_bytes")?;
        let all = || (0..log.what.rows.len()).map(|row| (log.what.row(row)[column], log.what.rows[row].1));
        let mut told = all().filter(|(bytes, _)| bytes.is_finite());
        let (first, (last, line)) = (told.next()?.0, told.next_back()?);
        let place = Place { artifact: log.artifact, line };
        Some(Amount { first, last, n: log.what.rows.len(), rising: None, place })
    }

    /// The program allocates for itself: nothing of a runtime with a collector is mapped into it, or, where that is
    /// not known, its address space has no room for one.
    fn is_unmanaged(&self) -> bool {
        let subject = &self.case.subjects[self.subject as usize];
        let of_subject = self.case.records.iter().filter(|placed| placed.subject == self.subject);
        let is_other = of_subject.into_iter().any(|placed| placed.what.attribute("mapped_runtime") == Some("other"));
        if is_other || INTERPRETERS.iter().any(|name| subject.name.starts_with(name)) {
            return false;
        }
        match subject.runtime {
            Runtime::Native => true,
            Runtime::Unknown => {
                let sizes = self.read("process.memory.virtual").zip(self.read("process.memory.usage"));
                sizes.is_some_and(|(space, rss)| space.first - rss.first < RESERVED)
            }
            _ => false,
        }
    }

    /// What Go's runtime holds from the system, and its parts.
    fn go(&self, live: Option<Amount>) -> Option<Held> {
        let sys = self.read("go.memory.sys")?;
        let released = self.read("go.memory.heap_released");
        let held = released.map_or(sys, |released| sys - released);
        let mut parts = Vec::new();
        if let Some(allocated) = self.read("go.memory.heap_alloc") {
            match live.map(|live| live.at_most(allocated)) {
                Some(live) => parts.extend([("go-live", live), ("go-garbage", allocated - live)]),
                None => parts.push(("go-objects", allocated)),
            }
            parts.extend(self.read("go.memory.heap_inuse").map(|inuse| ("go-fragmentation", inuse - allocated)));
        }
        if let (Some(idle), Some(released)) = (self.read("go.memory.heap_idle"), released) {
            parts.push(("go-idle", idle - released));
        }
        parts.extend(self.read("go.memory.stack_inuse").map(|stacks| ("go-stacks", stacks)));
        Some(("go", held, "go-runtime", parts))
    }

    /// What the JVM has committed by its own account, and its parts.
    fn jvm(&self) -> Option<Held> {
        let of = |names: &'static [&'static str]| self.sum("jvm.nmt.committed", |name| names.contains(&name));
        let total = self.since_baseline(self.case.signal(self.subject, "jvm.nmt.total_committed")?)?;
        let parts = [
            ("java-heap", of(&["Java Heap"])),
            ("metaspace", of(&["Class", "Metaspace"])),
            ("thread-stacks", of(&["Thread"])),
            ("code-cache", of(&["Code"])),
            ("gc-structures", of(&["GC"])),
            // Direct buffers are malloc'ed by the category that has no better name.
            ("direct", of(&["Other"])),
        ];
        let parts = parts.into_iter().filter_map(|(name, amount)| Some((name, amount?))).collect();
        Some(("jvm", total, "jvm-other", parts))
    }

    /// States parts and what they leave: `rest` is the name of a remainder; where the parts are more than the whole,
    /// they hold pages that were never touched.
    fn parts(&mut self, within: &'static str, whole: Amount, parts: &[Part], rest: &'static str) {
        let left = parts.iter().fold(whole, |left, (_, amount)| left - *amount);
        let rest = if left.last < 0.0 && rest == "native" { "not-touched" } else { rest };
        let growth = parts.iter().map(|(_, amount)| amount.grew().max(0.0)).sum::<f64>() + left.grew().max(0.0);
        let whole = Amount { first: 0.0, last: growth, ..whole };
        for (name, amount) in parts.iter().chain((left.last != 0.0).then_some(&(rest, left))) {
            self.part(name, within, *amount, whole);
        }
    }

    /// States a part; `whole` is what its growth is a share of.
    fn part(&mut self, name: &'static str, within: &'static str, amount: Amount, whole: Amount) {
        let mut fact = Fact::new("memory.part", self.subject);
        fact.set("part", name).set("within", within).set("bytes", amount.last);
        fact.set("grew_bytes", amount.grew()).set("n", amount.n).set_known("rising", amount.rising);
        if amount.n > 1 && whole.grew() > 0.0 {
            fact.set("share_of_growth", amount.grew() / whole.grew());
        }
        fact.set_known("share_of_limit", self.limit.map(|limit| amount.last / limit));
        let of_limit = self.limit.map_or(String::new(), |limit| {
            format!(", {} of the limit of {}", units::share(amount.last / limit), units::bytes(limit))
        });
        let says = format!(
            "{name} memory is {}{of_limit}; {} {} than at the first sample",
            units::bytes(amount.last),
            units::bytes(amount.grew().abs()),
            if amount.grew() < 0.0 { "less" } else { "more" }
        );
        fact.cites.push(Cite { place: amount.place, says });
        let owner = match name {
            "direct" => "Other".to_owned(),
            "metaspace" => "Metaspace".to_owned(),
            _ => self.case.subjects[self.subject as usize].name.clone(),
        };
        fact.sites.push(Site { function: owner, file: None, line: None, role: "blocked".into() });
        self.facts.push(fact);
    }
}

/// A runtime's name, what it holds, the name of what its parts leave, and its parts.
type Held = (&'static str, Amount, &'static str, Vec<Part>);

fn amount(signal: &Signal) -> Option<Amount> {
    let alive = signal.while_alive();
    let (first, last) = (alive.first()?, alive.last()?);
    let rises = alive.windows(2).filter(|pair| pair[1].value >= pair[0].value).count();
    Some(Amount {
        first: first.value,
        last: last.value,
        n: alive.len(),
        rising: (alive.len() > 1).then(|| rises as f64 / (alive.len() - 1) as f64),
        place: last.place,
    })
}
