//! Carries what is read to the threads that parse it, and merges what they give in order. Memory is bounded by the
//! bytes in flight, whatever the size of an artifact.

use super::blocks::Block;
use super::dispatch::{Catalogue, Read, head, is_text};
use super::sections::{self, Context};
use super::unwrap::{self, STREAMS, Wrapper};
use super::{Settings, Text};
use postmortem_parsers::evidence::When;
use postmortem_parsers::{Format, Hint, Shape, Sniff};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// Locks even if a thread that held the lock panicked: what it guards is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of an artifact before it is read.
pub(super) struct Known {
    /// Its path as far as it can be told while the archive is being read.
    pub(super) path: String,
    /// The same without the ending of a compression that was taken off.
    pub(super) name: String,
    /// Its path with all folders: the order in which texts are kept.
    pub(super) full_path: String,
    /// When it was captured, as its path tells.
    pub(super) when: When,
}

/// An artifact that is being read.
pub(super) struct Job {
    /// Its place in the order of reading.
    index: usize,
    known: Known,
    plan: OnceLock<Plan>,
    queue: Mutex<Queue>,
    outcome: Mutex<Outcome>,
}

/// How an artifact is to be read, as its beginning tells.
pub(super) struct Plan {
    /// False: no NUL-free printable text.
    text: bool,
    pub(super) wrapper: Wrapper,
    /// It has sections: its blocks are parsed one after the other.
    pub(super) sectioned: bool,
    formats: [Option<&'static dyn Format>; STREAMS],
    headings: [Vec<u8>; STREAMS],
}

impl Plan {
    /// The plan for an artifact that begins like this and does not fit in one block.
    pub(super) fn new(first: &[u8], job: &Job, catalogue: &dyn Catalogue) -> Plan {
        let mut plan = Plan::of_one_block(first);
        let bytes = head(first);
        if !plan.text {
            plan.formats[0] = catalogue.detect(bytes, &job.hint());
            return plan;
        }
        let whole_lines = memchr::memrchr(b'\n', bytes).map_or(bytes, |end| &bytes[..=end]);
        let unwrapped = unwrap::take_off(plan.wrapper, whole_lines, 1);
        plan.sectioned = false;
        for stream in 0..STREAMS {
            let Some(text) = unwrapped.stream(stream) else { continue };
            plan.sectioned |= sections::has_marks(text.bytes());
            plan.formats[stream] = catalogue.detect(text.bytes(), &job.hint());
            plan.headings[stream] = text.lines().peek().unwrap_or_default().to_vec();
        }
        plan
    }

    /// The plan for an artifact that is all here: sections are looked for and told apart as they are read.
    fn of_one_block(bytes: &[u8]) -> Plan {
        let text = is_text(head(bytes));
        let wrapper = if text { Wrapper::of(head(bytes)) } else { Wrapper::None };
        Plan { text, wrapper, sectioned: text, formats: [None; STREAMS], headings: Default::default() }
    }

    /// The format that must see the artifact in one piece, if it is one. It knows better than lines that look like marks.
    pub(super) fn whole(&self) -> Option<&'static dyn Format> {
        let whole = self.formats[0].filter(|format| format.shape() == Shape::Whole);
        whole.filter(|_| self.wrapper == Wrapper::None)
    }

    /// True when nobody reads such bytes.
    pub(super) fn is_unknown(&self) -> bool {
        !self.text && self.formats[0].is_none()
    }
}

/// Where the section stands that the next block goes on with.
#[derive(Default)]
struct Section {
    context: Context,
    format: Option<&'static dyn Format>,
    /// Name and command of the section that has this format.
    of: (String, String),
    heading: Vec<u8>,
}

/// What came of an artifact.
#[derive(Default)]
pub(super) struct Outcome {
    reads: [Read; STREAMS],
    sections: [Section; STREAMS],
    /// It is text.
    pub(super) text: bool,
}

impl Outcome {
    /// All streams, one after the other.
    pub(super) fn take(self) -> (Read, bool) {
        let [mut all, stderr] = self.reads;
        all.append(stderr);
        (all, self.text)
    }
}

/// Blocks that were parsed, or wait to be, in the order of the artifact.
#[derive(Default)]
struct Queue {
    next: u32,
    busy: bool,
    waiting: BTreeMap<u32, (Arrived, Permit)>,
}

enum Arrived {
    /// To be parsed in its turn.
    Raw(Block),
    Parsed(Box<[Read; STREAMS]>),
}

impl Job {
    pub(super) fn new(index: usize, known: Known) -> Job {
        Job { index, known, plan: OnceLock::new(), queue: Mutex::default(), outcome: Mutex::default() }
    }

    fn hint(&self) -> Hint<'_> {
        Hint { name: &self.known.name, artifact: &self.known.path, when: self.known.when, ..Hint::default() }
    }

    /// What came of it, once all threads are done.
    pub(super) fn outcome(&self) -> Outcome {
        std::mem::take(&mut *lock(&self.outcome))
    }

    /// Parses a block of an artifact without sections.
    fn parse(&self, plan: &Plan, block: &Block, catalogue: &dyn Catalogue) -> [Read; STREAMS] {
        let mut reads: [Read; STREAMS] = Default::default();
        let unwrapped = unwrap::take_off(plan.wrapper, &block.bytes, block.first_line);
        for (stream, read) in reads.iter_mut().enumerate() {
            let Some(text) = unwrapped.stream(stream) else { continue };
            let hint = Hint { continues: block.continues, heading: &plan.headings[stream], ..self.hint() };
            match plan.formats[stream] {
                Some(format) => read.document(format, text, &hint, catalogue),
                None => read.embedded(text.lines(), &hint, catalogue),
            }
            plan.wrapper.vouch(&mut read.parsed.ties);
        }
        reads
    }

    /// Parses a block of an artifact with sections, whose earlier blocks are in `outcome`.
    fn parse_sections(&self, plan: &Plan, block: &Block, outcome: &mut Outcome, catalogue: &dyn Catalogue) {
        let unwrapped = unwrap::take_off(plan.wrapper, &block.bytes, block.first_line);
        for stream in 0..STREAMS {
            let Some(text) = unwrapped.stream(stream) else { continue };
            let (read, section) = (&mut outcome.reads[stream], &mut outcome.sections[stream]);
            let Section { context, format, of, heading } = section;
            sections::walk(text, plan.wrapper != Wrapper::None, context, |context, body| {
                let text = body.text();
                if !context.begun {
                    *heading = text.lines().peek().unwrap_or_default().to_vec();
                }
                let hint = Hint {
                    name: if context.name.is_empty() { &self.known.name } else { &context.name },
                    artifact: &self.known.path,
                    command: &context.command,
                    when: context.when.unwrap_or(self.known.when),
                    continues: context.begun,
                    heading,
                };
                if !context.begun {
                    // Captures that are taken again and again are mostly what the one before was.
                    let again = format.filter(|_| (&*of.0, &*of.1) == (hint.name, hint.command));
                    *format = again
                        .filter(|known| known.sniff(head(text.bytes()), &hint) == Sniff::Yes)
                        .or_else(|| catalogue.detect(head(text.bytes()), &hint));
                    if again.is_none() {
                        *of = (hint.name.to_owned(), hint.command.to_owned());
                    }
                }
                match *format {
                    Some(format) if context.begun && format.shape() == Shape::Whole => {
                        let message = format!("the section is too long for {}: the rest was not read", format.id());
                        read.parsed.note(text.lines().number(), message);
                    }
                    Some(format) => read.document(format, text, &hint, catalogue),
                    None => read.embedded(text.lines(), &hint, catalogue),
                }
            });
            plan.wrapper.vouch(&mut read.parsed.ties);
        }
    }

    /// Takes a block in, and merges all that are next in order. One thread merges at a time; others only queue.
    fn deliver(&self, index: u32, arrived: Arrived, permit: Permit, shared: &Shared<'_>) {
        let mut queue = lock(&self.queue);
        queue.waiting.insert(index, (arrived, permit));
        if queue.busy {
            return;
        }
        queue.busy = true;
        loop {
            let next = queue.next;
            let Some((arrived, permit)) = queue.waiting.remove(&next) else {
                queue.busy = false;
                return;
            };
            queue.next += 1;
            drop(queue);
            self.merge(arrived, shared);
            drop(permit);
            queue = lock(&self.queue);
        }
    }

    fn merge(&self, arrived: Arrived, shared: &Shared<'_>) {
        let mut outcome = lock(&self.outcome);
        match arrived {
            Arrived::Parsed(reads) => {
                for (known, next) in outcome.reads.iter_mut().zip(*reads) {
                    known.append(next);
                }
            }
            Arrived::Raw(block) => {
                let Some(plan) = self.plan.get() else { return };
                let line = block.first_line;
                let done = catch_unwind(AssertUnwindSafe(|| {
                    self.parse_sections(plan, &block, &mut outcome, shared.catalogue);
                }));
                if done.is_err() {
                    outcome.reads[0].parsed.note(line, PANIC);
                }
                shared.recycle(block.bytes);
            }
        }
    }
}

/// What is said where a parser broke down.
const PANIC: &str = "a defect of the reader: the lines from here on were not read; please report it";

/// What the threads share.
pub(super) struct Shared<'a> {
    pub(super) catalogue: &'a dyn Catalogue,
    pub(super) settings: &'a Settings,
    gate: Arc<Gate>,
    kept: Mutex<Kept>,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(catalogue: &'a dyn Catalogue, settings: &'a Settings) -> Self {
        let gate = Arc::new(Gate { free: Mutex::new(settings.in_flight), freed: Condvar::new() });
        let kept = Mutex::new(Kept { room: settings.keep_all, ..Kept::default() });
        Shared { catalogue, settings, gate, kept, spare: Mutex::default() }
    }

    /// An empty buffer, if possible one that has grown already.
    pub(super) fn buffer(&self) -> Vec<u8> {
        lock(&self.spare).pop().unwrap_or_default()
    }

    fn recycle(&self, mut buffer: Vec<u8>) {
        let mut spare = lock(&self.spare);
        if buffer.capacity() <= 2 * self.settings.block && spare.len() < 8 {
            buffer.clear();
            spare.push(buffer);
        }
    }

    /// The texts that were kept, by index of their artifact.
    pub(super) fn into_kept(self) -> BTreeMap<usize, Text> {
        let kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        kept.texts.into_iter().map(|((_, index), text)| (index, text)).collect()
    }

    /// Parses an artifact that is all here.
    fn small(&self, job: &Job, bytes: Vec<u8>) {
        let plan = Plan::of_one_block(&bytes);
        let mut outcome = Outcome { text: plan.text, ..Outcome::default() };
        let mut block = Block { bytes, first_line: 1, continues: false };
        let done = catch_unwind(AssertUnwindSafe(|| {
            if plan.text {
                job.parse_sections(&plan, &block, &mut outcome, self.catalogue);
            } else if let Some(format) = self.catalogue.detect(head(&block.bytes), &job.hint()) {
                let text = postmortem_parsers::lines::Text::new(&block.bytes, 1);
                outcome.reads[0].document(format, text, &job.hint(), self.catalogue);
            }
        }));
        if done.is_err() {
            outcome.reads[0].parsed.note(1, PANIC);
        }
        *lock(&job.outcome) = outcome;
        if plan.text && block.bytes.len() <= self.settings.keep_each {
            block.bytes.shrink_to_fit();
            let text = Text::new(block.bytes);
            lock(&self.kept).insert((job.known.full_path.clone(), job.index), text);
        } else {
            self.recycle(block.bytes);
        }
    }

    /// Parses a block of an artifact that has more of them.
    fn block(&self, job: &Job, index: u32, block: Block, permit: Permit) {
        let Some(plan) = job.plan.get() else { return };
        let arrived = if plan.sectioned {
            Arrived::Raw(block)
        } else {
            let line = block.first_line;
            let reads = catch_unwind(AssertUnwindSafe(|| job.parse(plan, &block, self.catalogue)));
            self.recycle(block.bytes);
            Arrived::Parsed(Box::new(reads.unwrap_or_else(|_| {
                let mut reads: [Read; STREAMS] = Default::default();
                reads[0].parsed.note(line, PANIC);
                reads
            })))
        };
        job.deliver(index, arrived, permit, self);
    }
}

/// The texts that are kept for excerpts: those that are first by path, as many as there is room for. Which they are
/// does not depend on the order in which they come.
#[derive(Default)]
struct Kept {
    room: usize,
    total: usize,
    texts: BTreeMap<(String, usize), Text>,
    /// Nothing from here on is kept.
    end: Option<(String, usize)>,
}

impl Kept {
    fn insert(&mut self, key: (String, usize), text: Text) {
        if self.end.as_ref().is_some_and(|end| key >= *end) {
            return;
        }
        self.total += text.size();
        self.texts.insert(key, text);
        while self.total > self.room {
            let Some((key, text)) = self.texts.pop_last() else { return };
            self.total -= text.size();
            self.end = Some(key);
        }
    }
}

/// Limits the bytes that are read but not yet parsed.
struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

/// The right to hold some bytes, given back when dropped.
struct Permit {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Gate {
    /// Waits until so many bytes may be held; more than all count as all.
    fn enter(self: &Arc<Self>, bytes: usize, all: usize) -> Permit {
        let bytes = bytes.min(all);
        let mut free = lock(&self.free);
        while *free < bytes {
            // On a thread of the pool, waiting must not keep the parsers from running.
            if rayon::current_thread_index().is_some() {
                drop(free);
                rayon::yield_now();
                free = lock(&self.free);
            } else {
                free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
            }
        }
        *free -= bytes;
        Permit { gate: Arc::clone(self), bytes }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *lock(&self.gate.free) += self.bytes;
        self.gate.freed.notify_all();
    }
}

/// The reading thread's end: sends small artifacts in batches and long ones block by block.
pub(super) struct Pipeline<'s, 'scope> {
    scope: &'s rayon::Scope<'scope>,
    pub(super) shared: &'scope Shared<'scope>,
    batch: Vec<(Arc<Job>, Vec<u8>)>,
    batch_bytes: usize,
}

impl<'s, 'scope> Pipeline<'s, 'scope> {
    pub(super) fn new(scope: &'s rayon::Scope<'scope>, shared: &'scope Shared<'scope>) -> Self {
        Pipeline { scope, shared, batch: Vec::new(), batch_bytes: 0 }
    }

    fn permit(&self, bytes: usize) -> Permit {
        self.shared.gate.enter(bytes, self.shared.settings.in_flight)
    }

    /// Sends an artifact that is all here.
    pub(super) fn send_small(&mut self, job: Arc<Job>, bytes: Vec<u8>) {
        self.batch_bytes += bytes.len();
        self.batch.push((job, bytes));
        if self.batch_bytes >= self.shared.settings.batch || self.batch.len() >= 256 {
            self.flush();
        }
    }

    /// Sends what waits for more.
    pub(super) fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let bytes = std::mem::take(&mut self.batch_bytes);
        let permit = self.permit(bytes);
        let shared = self.shared;
        self.scope.spawn(move |_| {
            for (job, bytes) in batch {
                shared.small(&job, bytes);
            }
            drop(permit);
        });
    }

    /// Says how the blocks of a long artifact are to be read.
    pub(super) fn begin<'j>(&self, job: &'j Job, first: &[u8]) -> &'j Plan {
        let plan = job.plan.get_or_init(|| Plan::new(first, job, self.shared.catalogue));
        lock(&job.outcome).text = plan.text;
        plan
    }

    /// Sends a block of a long artifact.
    pub(super) fn send_block(&mut self, job: &Arc<Job>, index: u32, block: Block) {
        let permit = self.permit(block.bytes.len());
        let (job, shared) = (Arc::clone(job), self.shared);
        self.scope.spawn(move |_| shared.block(&job, index, block, permit));
    }
}
