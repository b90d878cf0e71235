//! Who is who: claims are joined only where they agree, and what names nobody goes to the only process that fits.

use super::joins::{Joins, Victim};
use super::timeline::{Clock, Moment, Resolver};
use super::{ArtifactId, Subject, SubjectId};
use postmortem_parsers::evidence::{Claims, EventKind, Evidence, ProfileKind, RecordKind, Runtime, Scope};
use postmortem_parsers::tables::Tables;
use std::collections::BTreeMap;

/// Subjects, and the subject of each piece of evidence.
pub struct Identified {
    pub subjects: Vec<Subject>,
    pub of: Vec<SubjectId>,
}

/// The runtime that a piece of evidence belongs to, if it tells.
fn runtime_of(evidence: &Evidence) -> Runtime {
    match evidence {
        Evidence::Snapshot(snapshot) => snapshot.runtime,
        Evidence::Events(events) => match events.kind {
            EventKind::GoGcTrace | EventKind::GoSchedTrace => Runtime::Go,
            EventKind::JvmGc => Runtime::Java,
        },
        Evidence::Series(series) if series.signal.starts_with("go.") => Runtime::Go,
        Evidence::Series(series) if series.signal.starts_with("jvm.") => Runtime::Java,
        Evidence::Record(record) => match record.attribute("mapped_runtime") {
            Some("go") => Runtime::Go,
            Some("java") => Runtime::Java,
            Some("python") => Runtime::Python,
            Some("node") => Runtime::Node,
            Some("native") => Runtime::Native,
            _ if record.attribute("class") == Some("java-out-of-memory") => Runtime::Java,
            _ if record.attribute("java_options").is_some() => Runtime::Java,
            _ => Runtime::Unknown,
        },
        _ => Runtime::Unknown,
    }
}

/// The folder of an artifact without the folders that only name a time: what was captured beside what.
fn folder(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    parts.retain(|part| postmortem_parsers::time::instant(part.as_bytes()).is_none());
    parts.join("/")
}

/// Whole-machine evidence, which makes nobody a subject: kernel logs, lists of processes, system-wide profiles.
fn is_machine_wide(evidence: &Evidence) -> bool {
    match evidence {
        _ if evidence.claims().scope != Scope::Own => true,
        Evidence::Profile(profile) => {
            matches!(profile.kind, ProfileKind::Cpu | ProfileKind::Event) && profile.threads.iter().any(|t| t.pid > 0)
        }
        Evidence::Record(record) => record.claims.pid.is_some(),
        _ => false,
    }
}

/// When each pid was first and last seen, by clock.
type Lives = BTreeMap<(u64, Clock), (f64, f64)>;

fn lives(loose: &[(ArtifactId, Evidence)]) -> Lives {
    let clock = Resolver::new(None);
    let mut lives = Lives::new();
    for (_, evidence) in loose {
        let Some(pid) = evidence.claims().pid else { continue };
        let mut see = |when| {
            if let Some(Moment { clock, t }) = clock.moment(when) {
                let life = lives.entry((pid, clock)).or_insert((t, t));
                *life = (life.0.min(t), life.1.max(t));
            }
        };
        match evidence {
            Evidence::Snapshot(snapshot) => see(snapshot.when),
            Evidence::Series(series) => series.points.iter().for_each(|point| see(point.when)),
            _ => {}
        }
    }
    lives
}

/// Whether two pids were seen alive at the same time.
fn overlap(lives: &Lives, a: u64, b: u64) -> bool {
    [Clock::Wall, Clock::TimeOfDay, Clock::Uptime, Clock::Sample].into_iter().any(|clock| {
        match (lives.get(&(a, clock)), lives.get(&(b, clock))) {
            (Some(a), Some(b)) => a.0 <= b.1 && b.0 <= a.1,
            _ => false,
        }
    })
}

/// The kind of the one subject that stands for the whole machine.
pub const MACHINE: &str = "node";

/// Finds the subjects of a bundle.
pub fn subjects(loose: &[(ArtifactId, Evidence)], paths: &[&str], tables: &Tables) -> Identified {
    let mut subjects: Vec<Subject> = Vec::new();
    // Several pids of one name are lives of one process, unless they lived at the same time.
    let mut by_name: BTreeMap<String, Vec<SubjectId>> = BTreeMap::new();
    let lives = lives(loose);
    let mut by_pid: BTreeMap<u64, SubjectId> = BTreeMap::new();
    for (_, evidence) in loose {
        let Claims { pid: Some(pid), comm, .. } = evidence.claims() else { continue };
        if is_machine_wide(evidence) {
            continue;
        }
        let name = comm.clone().unwrap_or_default();
        let known = by_pid.get(pid).copied().or_else(|| {
            let of_name = by_name.get(&name)?.iter();
            of_name.copied().find(|&id| subjects[id as usize].pids.iter().all(|other| !overlap(&lives, *pid, *other)))
        });
        let id = known.unwrap_or_else(|| {
            subjects.push(Subject::new("process", name.clone(), Runtime::Unknown));
            subjects.len() as SubjectId - 1
        });
        let subject = &mut subjects[id as usize];
        if subject.name.is_empty() {
            subject.name.clone_from(&name);
        }
        if !subject.pids.contains(pid) {
            subject.pids.push(*pid);
        }
        by_pid.insert(*pid, id);
        let of_name = by_name.entry(name).or_default();
        if !subject.name.is_empty() && !of_name.contains(&id) {
            of_name.push(id);
        }
    }
    for subject in &mut subjects {
        let mut begins: Vec<f64> =
            subject.pids.iter().filter_map(|pid| Some(lives.get(&(*pid, Clock::Wall))?.0)).collect();
        begins.sort_by(f64::total_cmp);
        subject.began_again = begins.into_iter().skip(1).collect();
    }
    let names: BTreeMap<u64, String> =
        by_pid.iter().map(|(pid, id)| (*pid, subjects[*id as usize].name.clone())).collect();
    let joins = Joins::new(loose, |pid| names.get(&pid).map(String::as_str));
    let mut finder = Finder { subjects, by_pid, by_folder: BTreeMap::new(), joins, tables };
    let of = loose.iter().map(|(artifact, evidence)| finder.subject_of(paths[*artifact as usize], evidence)).collect();
    for subject in &mut finder.subjects {
        if subject.name.is_empty() {
            subject.name = subject.pids.first().map_or("process".into(), |pid| format!("pid {pid}"));
        }
    }
    Identified { subjects: finder.subjects, of }
}

struct Finder<'a> {
    subjects: Vec<Subject>,
    by_pid: BTreeMap<u64, SubjectId>,
    /// The nameless process of a folder and runtime.
    by_folder: BTreeMap<(String, Runtime), SubjectId>,
    joins: Joins,
    tables: &'a Tables,
}

impl Finder<'_> {
    fn subject_of(&mut self, path: &str, evidence: &Evidence) -> SubjectId {
        let claims = evidence.claims();
        let runtime = runtime_of(evidence);
        let named = claims.pid.and_then(|pid| self.by_pid.get(&pid).copied());
        let joined = || {
            let (pid, why) = self.joins.process(claims)?;
            Some((*self.by_pid.get(&pid)?, Some(why)))
        };
        let (id, why) = match named.map(|id| (id, None)).or_else(joined) {
            Some(found) => found,
            None if is_kill(evidence) => self.killed(path, evidence),
            None if claims.scope != Scope::Own => (self.machine(), None),
            None => self.by_context(path, runtime),
        };
        let subject = &mut self.subjects[id as usize];
        if subject.runtime == Runtime::Unknown {
            subject.runtime = runtime;
        }
        if let Evidence::Snapshot(snapshot) = evidence
            && subject.name.is_empty()
        {
            subject.name = guess_name(snapshot, self.tables).unwrap_or_default();
        }
        if let Evidence::Profile(profile) = evidence
            && subject.name.is_empty()
        {
            subject.name = main_command(profile, self.tables).unwrap_or_default();
        }
        if let Some(cgroup) = &claims.cgroup
            && !subject.cgroups.contains(cgroup)
        {
            subject.cgroups.push(cgroup.clone());
        }
        if let Some(why) = why {
            let reason = format!("{path}: {why}");
            if subject.joined_because.len() < 50 && !subject.joined_because.contains(&reason) {
                subject.joined_because.push(reason);
            }
        }
        id
    }

    /// The subject of a kill whose victim was not captured by its pid, container or control group.
    fn killed(&mut self, path: &str, evidence: &Evidence) -> (SubjectId, Option<&'static str>) {
        let Evidence::Record(kill) = evidence else { return self.by_context(path, Runtime::Unknown) };
        let comm = kill.claims.comm.as_deref().unwrap_or("");
        let captured = |pid: u64| Some(self.subjects[*self.by_pid.get(&pid)? as usize].name.as_str());
        let victim = self.joins.victim(kill, captured);
        let known: Vec<SubjectId> = self.by_pid.values().copied().collect();
        let named = known.iter().copied().find(|id| is_same_name(&self.subjects[*id as usize].name, comm));
        let is_named = |id: &SubjectId| {
            let name = self.subjects[*id as usize].name.as_str();
            !name.is_empty() && !LAUNCHERS.contains(&name)
        };
        match victim {
            Victim::Captured(pid, why) if self.by_pid.contains_key(&pid) => (self.by_pid[&pid], Some(why)),
            Victim::Stranger if !known.is_empty() => (self.machine(), None),
            _ if named.is_some() => (named.unwrap_or_default(), Some("the victim has its name")),
            Victim::Unknown if !known.is_empty() && !comm.is_empty() && known.iter().all(is_named) => {
                (self.machine(), None)
            }
            _ => self.by_context(path, Runtime::Unknown),
        }
    }

    /// The machine itself: what is listed but not captured, and what is nobody's.
    fn machine(&mut self) -> SubjectId {
        let known = self.subjects.iter().position(|subject| subject.kind == MACHINE);
        let id = known.unwrap_or_else(|| {
            self.subjects.push(Subject::new(MACHINE, "machine".to_owned(), Runtime::Unknown));
            self.subjects.len() - 1
        });
        id as SubjectId
    }

    /// The subject of evidence that names nobody.
    fn by_context(&mut self, path: &str, runtime: Runtime) -> (SubjectId, Option<&'static str>) {
        let fits = |subject: &Subject| {
            subject.kind != MACHINE
                && (runtime == Runtime::Unknown || subject.runtime == Runtime::Unknown || subject.runtime == runtime)
        };
        let mut fitting = (0..self.subjects.len()).filter(|&id| fits(&self.subjects[id]));
        if let (Some(only), None) = (fitting.next(), fitting.next()) {
            return (only as SubjectId, Some("names no process; the only one that fits"));
        }
        let key = (folder(path), runtime);
        if let Some(&id) = self.by_folder.get(&key) {
            return (id, Some("names no process; captured beside the others of this folder"));
        }
        self.subjects.push(Subject::new("process", String::new(), runtime));
        let id = self.subjects.len() as SubjectId - 1;
        self.by_folder.insert(key, id);
        (id, None)
    }
}

fn is_kill(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::Record(record) if record.kind == RecordKind::Kill)
}

/// What starts the program of a container, and is not it.
const LAUNCHERS: &[&str] = &["sh", "bash", "dash", "ash", "tini", "dumb-init", "docker-init", "runc:[2:INIT]", "su"];

/// The kernel keeps 15 bytes of a name.
fn is_same_name(name: &str, comm: &str) -> bool {
    !comm.is_empty() && !name.is_empty() && (name == comm || comm.len() >= 15 && name.starts_with(comm))
}

/// The command that has most of the samples of a profile.
fn main_command(profile: &postmortem_parsers::evidence::Profile, tables: &Tables) -> Option<String> {
    let mut weights: BTreeMap<&str, f64> = BTreeMap::new();
    for row in &profile.rows {
        if let Some(thread) = profile.threads.get(row.thread as usize) {
            *weights.entry(tables.text(thread.comm)).or_default() += row.weight;
        }
    }
    let total: f64 = weights.values().sum();
    let (name, weight) = weights.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (!name.is_empty() && weight > total * 0.6).then(|| name.to_owned())
}

/// A name for a process that only its stacks tell of: the module of `main`'s file, or the main class.
fn guess_name(snapshot: &postmortem_parsers::evidence::Snapshot, tables: &Tables) -> Option<String> {
    if snapshot.runtime != Runtime::Go {
        return None;
    }
    let main = snapshot
        .threads
        .iter()
        .flat_map(|thread| tables.stack_frames(thread.stack))
        .find(|&&frame| tables.function(frame) == "main.main")?;
    let file = tables.text(tables.get_frame(*main).file);
    let folder = file.rsplit('/').nth(1)?;
    (!matches!(folder, "" | "src" | "cmd" | "main" | "app")).then(|| folder.to_owned())
}
