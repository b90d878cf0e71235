//! The protobuf of pprof (`profile.proto`), as Go, and many profilers after it, write it. The input is the message
//! itself, gzip taken off. Source: `proto/profile.proto` of github.com/google/pprof.
//!
//! Fields may come in any order (Go writes the strings last), repeated numbers packed or one by one.

use crate::evidence::{
    Claims, Completeness, Evidence, Marks, Parsed, Profile, ProfileKind, ProfileRow, ProfileThread, Runtime, Snapshot,
    Thread, When,
};
use crate::lines::Lines;
use crate::over_time::OverTime;
use crate::perf_script::meaning;
use crate::tables::{Frame, FrameId, FrameKind, StackId, Sym, Tables};
use crate::{Format, Hint, Shape, Sniff};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// A location of a few bytes may stand for many inlined lines. Real profiles give less than 2 frames for a byte; more
/// than these are not believed.
const FRAMES_PER_BYTE: usize = 32;

/// pprof profiles.
pub struct Pprof;

impl Format for Pprof {
    fn id(&self) -> &'static str {
        "pprof"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        if looks_like_profile(head) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let captured = lines.time().map_or(hint.when, When::Wall);
        let message = Message::read(lines.rest(), out);
        lines.finish();
        if message.types.is_empty() || message.strings.is_empty() {
            return out.note(0, "a profile without sample types or without strings: it is empty or cut");
        }
        let samples = message.samples(out);
        let when = if message.time_nanos > 0 { When::Wall(message.time_nanos) } else { captured };
        let columns = message.columns(&samples, hint, out);
        for column in columns {
            if let Some(leaked) = column.is_snapshot_of_leaks {
                out.evidence.push(Evidence::Snapshot(message.snapshot(&samples, column.weight, leaked, when)));
            }
            out.evidence.push(Evidence::Profile(message.profile(&samples, &column, when)));
        }
        out.records += samples.len() as u64;
    }
}

/// A value of the wire format.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message: number and value. Ends at the first thing that is no field; `rest` is then not empty.
struct Fields<'a> {
    rest: &'a [u8],
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte < 0x80 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

impl<'a> Fields<'a> {
    fn field(&self) -> Option<(u64, Value<'a>, &'a [u8])> {
        let (key, rest) = varint(self.rest)?;
        let take = |length: u64, rest: &'a [u8]| rest.split_at_checked(usize::try_from(length).ok()?);
        let (value, rest) = match key & 7 {
            0 => varint(rest).map(|(number, rest)| (Value::Number(number), rest))?,
            1 => take(8, rest).map(|(bytes, rest)| (Value::Bytes(bytes), rest))?,
            2 => {
                let (length, rest) = varint(rest)?;
                take(length, rest).map(|(bytes, rest)| (Value::Bytes(bytes), rest))?
            }
            5 => take(4, rest).map(|(bytes, rest)| (Value::Bytes(bytes), rest))?,
            _ => return None,
        };
        (key >> 3 != 0).then_some((key >> 3, value, rest))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (number, value, rest) = self.field()?;
        self.rest = rest;
        Some((number, value))
    }
}

/// Appends the numbers of a repeated field, packed or not.
fn numbers(value: Value<'_>, into: &mut Vec<u64>) {
    match value {
        Value::Number(number) => into.push(number),
        Value::Bytes(mut packed) => {
            while let Some((number, rest)) = varint(packed) {
                into.push(number);
                packed = rest;
            }
        }
    }
}

/// The number fields of a message up to field 15; 0 where absent, as in proto3.
fn number_fields(message: &[u8]) -> [u64; 16] {
    let mut found = [0; 16];
    for (field, value) in (Fields { rest: message }) {
        if let (Value::Number(number), Some(slot)) = (value, found.get_mut(field as usize)) {
            *slot = number;
        }
    }
    found
}

/// Whether the first fields are those of a profile: each with the wire type that it must have, and among them a sample
/// type whose strings are plausible.
fn looks_like_profile(head: &[u8]) -> bool {
    let mut fields = Fields { rest: head };
    let (mut types, mut count) = (0, 0);
    for (field, value) in fields.by_ref().take(64) {
        let is_valid = match (field, value) {
            (1 | 11, Value::Bytes(message)) => {
                types += u32::from(field == 1);
                is_value_type(message)
            }
            (2..=5, Value::Bytes(message)) => is_message(message, field),
            (6, Value::Bytes(text)) => std::str::from_utf8(text).is_ok(),
            (7..=10 | 12..=15, Value::Number(_)) | (13, Value::Bytes(_)) => true,
            _ => false,
        };
        if !is_valid {
            return false;
        }
        count += 1;
    }
    // The head may end within a field, but a file of a few fields must end with one.
    types > 0 && count >= 3 && (count >= 16 || fields.rest.is_empty())
}

/// ValueType: two indexes into the strings, which begin with the names of the types.
fn is_value_type(message: &[u8]) -> bool {
    let mut fields = Fields { rest: message };
    let is_valid = fields
        .by_ref()
        .all(|(field, value)| matches!((field, value), (1 | 2, Value::Number(index)) if index < 1 << 24));
    is_valid && fields.rest.is_empty() && message.len() <= 16
}

/// Sample, Mapping, Location, Function: nothing but known fields, read to the end.
fn is_message(message: &[u8], field: u64) -> bool {
    let known = match field {
        2 => 3,
        3 => 10,
        _ => 5,
    };
    let mut fields = Fields { rest: message };
    fields.by_ref().all(|(number, _)| number <= known) && fields.rest.is_empty()
}

/// The names of a function and its file, as indexes into the strings.
struct Function {
    name: u64,
    system_name: u64,
    file: u64,
}

/// A profile as it stands in the file.
#[derive(Default)]
struct Message<'a> {
    types: Vec<(u64, u64)>,
    samples: Vec<&'a [u8]>,
    /// File names of the mappings by id.
    mappings: FxHashMap<u64, u64>,
    locations: FxHashMap<u64, &'a [u8]>,
    functions: FxHashMap<u64, Function>,
    strings: Vec<&'a [u8]>,
    time_nanos: i64,
    duration_nanos: i64,
    period_type: Option<(u64, u64)>,
    is_cut: bool,
    /// Bytes of the file.
    size: usize,
}

/// A sample with its stack.
struct Sample {
    stack: StackId,
    values: Range<usize>,
    labels: Range<u32>,
}

/// All samples; their values and labels stand in common lists.
#[derive(Default)]
struct Samples {
    all: Vec<Sample>,
    values: Vec<u64>,
    labels: Vec<(Sym, Sym)>,
}

impl Samples {
    fn len(&self) -> usize {
        self.all.len()
    }

    /// Values are signed: differences of profiles have negative ones.
    fn value(&self, sample: &Sample, column: usize) -> i64 {
        self.values[sample.values.clone()].get(column).map_or(0, |&value| value as i64)
    }
}

/// A profile to be made: which of the values weighs, which counts.
struct Column {
    kind: ProfileKind,
    event: String,
    unit: String,
    weight: usize,
    count: Option<usize>,
    /// For goroutines: whether these are the leaked ones.
    is_snapshot_of_leaks: Option<bool>,
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8], out: &mut Parsed) -> Self {
        let mut message = Message { size: bytes.len(), ..Message::default() };
        let mut fields = Fields { rest: bytes };
        let value_type = |bytes| {
            let found = number_fields(bytes);
            (found[1], found[2])
        };
        for (field, value) in fields.by_ref() {
            match (field, value) {
                (1, Value::Bytes(bytes)) => message.types.push(value_type(bytes)),
                (2, Value::Bytes(bytes)) => message.samples.push(bytes),
                (3, Value::Bytes(bytes)) => {
                    let found = number_fields(bytes);
                    message.mappings.insert(found[1], found[5]);
                }
                (4, Value::Bytes(bytes)) => {
                    message.locations.insert(number_fields(bytes)[1], bytes);
                }
                (5, Value::Bytes(bytes)) => {
                    let found = number_fields(bytes);
                    let function = Function { name: found[2], system_name: found[3], file: found[4] };
                    message.functions.insert(found[1], function);
                }
                (6, Value::Bytes(text)) => message.strings.push(text),
                (7, Value::Number(1..)) => out.note(0, "the profile asks to drop frames (drop_frames): all are kept"),
                (9, Value::Number(time)) => message.time_nanos = time as i64,
                (10, Value::Number(duration)) => message.duration_nanos = duration as i64,
                (11, Value::Bytes(bytes)) => message.period_type = Some(value_type(bytes)),
                _ => {}
            }
        }
        if !fields.rest.is_empty() {
            message.is_cut = true;
            out.note(0, format!("the profile is cut or damaged: its last {} bytes are no field", fields.rest.len()));
        }
        message
    }

    fn string(&self, index: u64) -> &'a [u8] {
        usize::try_from(index).ok().and_then(|index| self.strings.get(index)).copied().unwrap_or_default()
    }

    fn samples(&self, out: &mut Parsed) -> Samples {
        let mut samples = Samples::default();
        let mut stacks = Stacks::default();
        let (mut ids, mut frames) = (Vec::new(), Vec::new());
        let mut budget = self.size.saturating_mul(FRAMES_PER_BYTE);
        let mut refused = 0;
        for message in &self.samples {
            let (first_value, first_label) = (samples.values.len(), samples.labels.len() as u32);
            ids.clear();
            frames.clear();
            for (field, value) in (Fields { rest: message }) {
                match (field, value) {
                    (1, value) => numbers(value, &mut ids),
                    (2, value) => numbers(value, &mut samples.values),
                    (3, Value::Bytes(label)) => {
                        // Numbers (the sizes of heap samples) are no labels of a goroutine.
                        let found = number_fields(label);
                        if found[2] != 0 {
                            let key = out.tables.name(self.string(found[1]));
                            samples.labels.push((key, out.tables.name(self.string(found[2]))));
                        }
                    }
                    _ => {}
                }
            }
            for &id in &ids {
                let more = stacks.frames(self, id, &mut out.tables);
                let fits = more.len() <= budget;
                refused += u64::from(!fits);
                if fits {
                    budget -= more.len();
                    frames.extend_from_slice(more);
                }
            }
            samples.all.push(Sample {
                stack: out.tables.stack(&frames),
                values: first_value..samples.values.len(),
                labels: first_label..samples.labels.len() as u32,
            });
        }
        if refused > 0 {
            out.note(0, format!("{refused} locations are left out: stacks far longer than the profile itself"));
        }
        if stacks.unnamed > 0 {
            let all = self.locations.len();
            out.note(0, format!("{} of {all} locations have no function name: symbols are missing", stacks.unnamed));
        }
        samples
    }

    /// The profiles that the sample types make, those that only count the events of another left out.
    fn columns(&self, samples: &Samples, hint: &Hint<'_>, out: &mut Parsed) -> Vec<Column> {
        let text = |index| String::from_utf8_lossy(self.string(index)).into_owned();
        let names: Vec<String> = self.types.iter().map(|&(name, _)| text(name)).collect();
        let position = |name: &str| names.iter().position(|known| known == name);
        let mut columns = Vec::new();
        let mut has_snapshot = false;
        for (weight, name) in names.iter().enumerate() {
            let (kind, counter) = match name.as_str() {
                "inuse_space" => (ProfileKind::HeapInUse, "inuse_objects"),
                "alloc_space" => (ProfileKind::HeapAlloc, "alloc_objects"),
                "cpu" => (ProfileKind::Cpu, "samples"),
                "wall" => (ProfileKind::Wall, "samples"),
                "delay" => (self.contention(samples, hint, &out.tables), "contentions"),
                "goroutine" | "goroutineleak" | "threadcreate" => (ProfileKind::Threads, name.as_str()),
                "inuse_objects" if position("inuse_space").is_some() => continue,
                "alloc_objects" if position("alloc_space").is_some() => continue,
                // They are counted with what stands beside them.
                "samples" if names.len() > 1 && position(name) == Some(weight) => continue,
                "contentions" if position("delay").is_some() => continue,
                "samples" if self.period_type.is_some_and(|(name, _)| self.string(name) == b"cpu") => {
                    (ProfileKind::Cpu, "samples")
                }
                event => (meaning(event.as_bytes(), true).0, "samples"),
            };
            let leaks = name == "goroutineleak";
            has_snapshot |= leaks || name == "goroutine";
            columns.push(Column {
                kind,
                event: name.clone(),
                unit: text(self.types[weight].1),
                weight,
                count: position(counter).or_else(|| position("samples")),
                is_snapshot_of_leaks: (leaks || name == "goroutine").then_some(leaks),
            });
        }
        if !has_snapshot && !samples.labels.is_empty() {
            let labelled = samples.all.iter().filter(|sample| !sample.labels.is_empty()).count();
            out.note(0, format!("{labelled} samples carry labels: they are added up without them"));
        }
        columns
    }

    /// Mutex and block profiles have the same types. A mutex profile shows who unlocked, a block profile who waited.
    fn contention(&self, samples: &Samples, hint: &Hint<'_>, tables: &Tables) -> ProfileKind {
        let unlocks = |sample: &&Sample| {
            tables.functions(sample.stack).take(3).any(|name| name.ends_with("nlock") || name.ends_with("RUnlock"))
        };
        let unlocking = samples.all.iter().filter(unlocks).count();
        let is_mutex = match samples.len() {
            0 => hint.file_name().contains("mutex"),
            all => unlocking * 2 > all,
        };
        if is_mutex { ProfileKind::Mutex } else { ProfileKind::Block }
    }

    fn profile(&self, samples: &Samples, column: &Column, when: When) -> Profile {
        let mut profile = Profile {
            line: 0,
            claims: Claims::default(),
            kind: column.kind,
            event: column.event.clone(),
            unit: column.unit.clone(),
            when,
            span_s: self.duration_nanos.max(0) as f64 / 1e9,
            threads: vec![ProfileThread::default()],
            rows: Vec::new(),
            over_time: OverTime::default(),
        };
        let mut index: FxHashMap<StackId, usize> = FxHashMap::default();
        for sample in &samples.all {
            let weight = samples.value(sample, column.weight);
            let count = column.count.map_or(1, |count| samples.value(sample, count));
            // Go's heap profiles hold rows of what was freed.
            if weight == 0 && (count == 0 || column.count.is_none()) {
                continue;
            }
            let at = *index.entry(sample.stack).or_insert_with(|| {
                profile.rows.push(ProfileRow { stack: sample.stack, thread: 0, samples: 0, weight: 0.0 });
                profile.rows.len() - 1
            });
            let row = &mut profile.rows[at];
            row.samples = row.samples.saturating_add(u64::try_from(count).unwrap_or(0));
            row.weight += weight as f64;
        }
        profile
    }

    /// Goroutines, as the debug=1 text gives them.
    fn snapshot(&self, samples: &Samples, column: usize, leaked: bool, when: When) -> Snapshot {
        let threads = samples.all.iter().filter_map(|sample| {
            let count = u32::try_from(samples.value(sample, column)).ok().filter(|&count| count > 0)?;
            Some(Thread {
                stack: sample.stack,
                count,
                labels: sample.labels.clone(),
                marks: Marks { leaked, ..Marks::default() },
                ..Thread::default()
            })
        });
        Snapshot {
            runtime: Runtime::Go,
            origin: if leaked { "goroutineleak" } else { "pprof" },
            when,
            completeness: if self.is_cut { Completeness::Truncated } else { Completeness::Complete },
            threads: threads.collect(),
            labels: samples.labels.clone(),
            ..Snapshot::default()
        }
    }
}

/// The frames of the locations that were met.
#[derive(Default)]
struct Stacks {
    known: FxHashMap<u64, Range<usize>>,
    frames: Vec<FrameId>,
    unnamed: u64,
}

impl Stacks {
    /// The frames of a location, innermost first: several where functions were inlined.
    fn frames(&mut self, message: &Message<'_>, id: u64, tables: &mut Tables) -> &[FrameId] {
        if let Some(known) = self.known.get(&id) {
            return &self.frames[known.clone()];
        }
        let start = self.frames.len();
        if let Some(location) = message.locations.get(&id) {
            self.add(message, location, tables);
        }
        self.known.insert(id, start..self.frames.len());
        &self.frames[start..]
    }

    fn add(&mut self, message: &Message<'_>, location: &[u8], tables: &mut Tables) {
        let found = number_fields(location);
        let (mapping, address) = (found[2], found[3]);
        let module = tables.name(message.mappings.get(&mapping).map_or(&b""[..], |&name| message.string(name)));
        let mut frames = Vec::new();
        for (field, value) in (Fields { rest: location }) {
            let (4, Value::Bytes(line)) = (field, value) else { continue };
            let place = number_fields(line);
            let Some(function) = message.functions.get(&place[1]) else { continue };
            let name = Some(message.string(function.name)).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| message.string(function.system_name));
            if name.is_empty() {
                continue;
            }
            frames.push(Frame {
                function: tables.symbol(name),
                file: tables.name(message.string(function.file)),
                line: u32::try_from(place[2]).unwrap_or(0),
                module,
                kind: FrameKind::Inlined,
            });
        }
        match frames.last_mut() {
            Some(outer) => {
                // The last line is the function that the others were inlined into.
                outer.kind = FrameKind::User;
                self.frames.extend(frames.into_iter().map(|frame| tables.frame(frame)));
            }
            // Go writes all ones for the threads whose creation it does not know.
            None if matches!(address, 0 | u64::MAX) => {}
            None => {
                self.unnamed += 1;
                let function = tables.name(b"[unknown]");
                self.frames.push(tables.frame(Frame { function, module, ..Frame::default() }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse_named(bytes: &[u8], name: &str) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), Text::new(bytes, 1).lines());
        Pprof.parse(&mut lines, &Hint { name, ..Hint::default() }, &mut out);
        assert!(lines.is_done());
        out
    }

    fn parse(bytes: &[u8]) -> Parsed {
        parse_named(bytes, "")
    }

    fn profile(out: &Parsed, event: &str) -> Profile {
        let found = out.evidence.iter().find_map(|evidence| match evidence {
            Evidence::Profile(profile) if profile.event == event => Some(profile.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no {event}: {:?}", out.evidence))
    }

    const GOROUTINE: &[u8] = include_bytes!("../../samples/pprof/goroutine/goroutine.pb");
    const HEAP: &[u8] = include_bytes!("../../samples/pprof/heap/heap.pb");
    const CPU: &[u8] = include_bytes!("../../samples/pprof/cpu/cpu.pb");
    const MUTEX: &[u8] = include_bytes!("../../samples/pprof/mutex/mutex.pb");
    const BLOCK: &[u8] = include_bytes!("../../samples/pprof/block/block.pb");
    const THREADS: &[u8] = include_bytes!("../../samples/pprof/threadcreate/threadcreate.pb");

    #[test]
    fn profiles_are_recognised_and_nothing_else_is() {
        for bytes in [GOROUTINE, HEAP, CPU, MUTEX, BLOCK, THREADS] {
            assert_eq!(Pprof.sniff(bytes, &Hint::default()), Sniff::Yes);
        }
        // Recognised from its beginning, too.
        assert_eq!(Pprof.sniff(&HEAP[..2000], &Hint::default()), Sniff::Yes);
        for bytes in [
            &b""[..],
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
            b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00",
            b"\n\x04\x08\x01\x10\x02",
            b"\nhello\nworld\n",
            b"goroutine profile: total 4\n",
            b"Zeile\n\n\n",
            &[0; 64],
        ] {
            assert_eq!(Pprof.sniff(bytes, &Hint::default()), Sniff::No, "{bytes:?}");
        }
    }

    #[test]
    fn goroutines_are_a_snapshot_with_labels() {
        let out = parse(GOROUTINE);
        let Evidence::Snapshot(all) = &out.evidence[0] else { panic!("{:?}", out.evidence) };
        // The debug=1 text that was taken with it says the same.
        assert_eq!((all.total(), all.threads.len(), all.runtime), (4, 2, Runtime::Go));
        let workers = all.threads.iter().find(|thread| thread.count == 3).unwrap();
        let labels: Vec<_> =
            all.labels_of(workers).iter().map(|(k, v)| (out.tables.text(*k), out.tables.text(*v))).collect();
        assert_eq!(labels, [("req", "42"), ("tenant", "acme")]);
        let functions: Vec<_> = out.tables.functions(workers.stack).collect();
        assert_eq!(functions[0], "runtime.gopark");
        assert!(functions.contains(&"main.worker"), "{functions:?}");
        assert_eq!(profile(&out, "goroutine").rows.iter().map(|row| row.weight).sum::<f64>(), 4.0);
    }

    #[test]
    fn heap_profiles_weigh_bytes_and_count_objects() {
        let out = parse(HEAP);
        let in_use = profile(&out, "inuse_space");
        assert_eq!((in_use.kind, in_use.unit.as_str()), (ProfileKind::HeapInUse, "bytes"));
        // The values that the debug=1 text of the same second is scaled to.
        let rows: Vec<_> = in_use.rows.iter().map(|row| (row.samples, row.weight)).collect();
        assert!(rows.contains(&(1, 953158.0)) && rows.contains(&(150744, 12059544.0)), "{rows:?}");
        assert_eq!(in_use.when, When::Wall(1_795_301_473_489_401_156));
        assert_eq!(profile(&out, "alloc_space").kind, ProfileKind::HeapAlloc);
        assert_eq!(out.evidence.len(), 2);
        assert_eq!(out.notes, []);
    }

    #[test]
    fn cpu_profiles_are_in_nanoseconds_with_their_span() {
        let cpu = profile(&parse(CPU), "cpu");
        assert_eq!((cpu.kind, cpu.unit.as_str()), (ProfileKind::Cpu, "nanoseconds"));
        assert!(cpu.span_s > 1.0);
        // Go samples each 10 ms.
        assert!(cpu.rows.iter().all(|row| row.weight == row.samples as f64 * 1e7));
    }

    #[test]
    fn mutex_and_block_are_told_by_their_stacks() {
        let mutex = profile(&parse(MUTEX), "delay");
        assert_eq!(
            (mutex.kind, mutex.rows[0].samples, mutex.rows[0].weight),
            (ProfileKind::Mutex, 490, 2701485834814.0)
        );
        assert_eq!(profile(&parse(BLOCK), "delay").kind, ProfileKind::Block);
    }

    #[test]
    fn threads_without_a_stack_are_counted() {
        let threads = profile(&parse(THREADS), "threadcreate");
        assert_eq!(threads.kind, ProfileKind::Threads);
        assert_eq!(
            threads.rows.iter().map(|row| (row.stack, row.samples)).collect::<Vec<_>>(),
            [(StackId::EMPTY, 190)]
        );
    }

    /// A message field, for profiles that Go does not write.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let (low, high) = ((bytes.len() & 0x7f) as u8, (bytes.len() >> 7) as u8);
        [&[number << 3 | 2, low | 0x80, high], bytes].concat()
    }

    #[test]
    fn packed_and_plain_numbers_and_inlined_lines() {
        let strings = ["", "wall", "microseconds", "leaf", "outer", "f.c"].map(|text| field(6, text.as_bytes()));
        let bytes = [
            field(1, &[8, 1, 16, 2]),
            // Two samples of one location: ids and values plain, then packed.
            field(2, &[8, 1, 16, 5]),
            field(2, &[10, 1, 1, 18, 1, 7]),
            // Location 1: line 3 of function 1, inlined into line 9 of function 2.
            field(4, &[8, 1, 34, 4, 8, 1, 16, 3, 34, 4, 8, 2, 16, 9]),
            field(5, &[8, 1, 16, 3, 32, 5]),
            field(5, &[8, 2, 16, 4, 32, 5]),
            strings.concat(),
        ]
        .concat();
        assert_eq!(Pprof.sniff(&bytes, &Hint::default()), Sniff::Yes);
        let out = parse(&bytes);
        let wall = profile(&out, "wall");
        assert_eq!((wall.kind, wall.unit.as_str(), wall.rows.len()), (ProfileKind::Wall, "microseconds", 1));
        assert_eq!((wall.rows[0].samples, wall.rows[0].weight), (2, 12.0));
        let frames = out.tables.stack_frames(wall.rows[0].stack).iter().map(|&id| out.tables.get_frame(id));
        let frames: Vec<_> = frames.map(|f| (out.tables.text(f.function), f.line, f.kind)).collect();
        assert_eq!(frames, [("leaf", 3, FrameKind::Inlined), ("outer", 9, FrameKind::User)]);
    }

    #[test]
    fn a_small_file_does_not_make_endless_stacks() {
        // A location of 100 lines, and samples of 100 such locations.
        let location = [&[8, 1][..], &[34, 2, 8, 1].repeat(100)].concat();
        let sample = field(2, &[&[10, 100][..], &[1; 100], &[18, 1, 7]].concat());
        let bytes = [
            field(1, &[8, 1, 16, 1]),
            sample.repeat(200),
            field(4, &location),
            field(5, &[8, 1, 16, 1]),
            field(6, b""),
            field(6, b"x"),
        ]
        .concat();
        let out = parse(&bytes);
        let frames: usize = profile(&out, "x").rows.iter().map(|row| out.tables.stack_frames(row.stack).len()).sum();
        assert!(frames <= bytes.len() * FRAMES_PER_BYTE);
        assert_eq!(out.notes.len(), 1);
        assert_eq!(profile(&out, "x").rows.iter().map(|row| row.weight).sum::<f64>(), 1400.0);
    }

    #[test]
    fn a_cut_profile_says_so() {
        let out = parse(&HEAP[..HEAP.len() - 3]);
        assert_eq!(out.notes.len(), 1);
        assert_eq!(out.evidence.len(), 2);
        // The strings come last: without them nothing has a name.
        let out = parse(&HEAP[..1000]);
        assert!(out.evidence.is_empty());
        assert_eq!(out.notes.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(cut in 0usize..4000, at in 0usize..4000, byte: u8, noise: Vec<u8>) {
            for sample in [GOROUTINE, MUTEX] {
                let mut bytes = sample[..cut.min(sample.len())].to_vec();
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
                parse(&bytes);
                let _ = Pprof.sniff(&bytes, &Hint::default());
            }
            parse(&noise);
            let _ = Pprof.sniff(&noise, &Hint::default());
        }
    }
}
