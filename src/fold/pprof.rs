//! pprof's protobuf (`profile.proto` of github.com/google/pprof), gzipped as its tools expect.

use flate2::{Compression, GzBuilder};
use postmortem_parsers::evidence::Profile;
use postmortem_parsers::tables::{FrameId, Tables};
use std::collections::HashMap;
use std::io::{self, Write};

/// The profile in pprof's form: a sample a row, with the number of samples and the weight, and thread and process as
/// labels. Each frame is a location of its own; addresses are not known.
///
/// # Errors
/// None in practice: memory is written to.
pub fn gzipped(tables: &Tables, profile: &Profile) -> io::Result<Vec<u8>> {
    let mut strings = Strings::default();
    strings.index("");
    let mut out = Message::default();
    // sample_type, 1: ValueType { type = 1, unit = 2 }.
    let value_types = [("samples", "count"), (profile.event.as_str(), profile.unit.as_str())];
    for (kind, unit) in value_types {
        let mut value_type = Message::default();
        value_type.number(1, strings.index(kind)).number(2, strings.index(unit));
        out.message(1, &value_type);
    }
    let (comm, tid, pid) = (strings.index("thread"), strings.index("tid"), strings.index("pid"));
    let mut locations: Vec<FrameId> = Vec::new();
    let mut known: HashMap<FrameId, u64> = HashMap::new();
    for row in &profile.rows {
        let ids = tables.stack_frames(row.stack).iter().map(|frame| {
            *known.entry(*frame).or_insert_with(|| {
                locations.push(*frame);
                locations.len() as u64
            })
        });
        let ids: Vec<u64> = ids.collect();
        // Sample { location_id = 1, value = 2, label = 3 }; Label { key = 1, str = 2, num = 3 }.
        let mut sample = Message::default();
        sample.packed(1, &ids).packed(2, &[row.samples, row.weight.max(0.0).round() as u64]);
        if let Some(thread) = profile.threads.get(row.thread as usize) {
            if !thread.comm.is_empty() {
                let mut label = Message::default();
                label.number(1, comm).number(2, strings.index(tables.text(thread.comm)));
                sample.message(3, &label);
            }
            for (key, id) in [(tid, thread.tid), (pid, thread.pid)].into_iter().filter(|(_, id)| *id > 0) {
                let mut label = Message::default();
                label.number(1, key).number(3, id as u64);
                sample.message(3, &label);
            }
        }
        out.message(2, &sample);
    }
    for (index, frame) in locations.iter().enumerate() {
        let detail = tables.get_frame(*frame);
        let id = index as u64 + 1;
        // Location { id = 1, line = 4: Line { function_id = 1, line = 2 } }; Function { id = 1, name = 2, file = 4 }.
        let (mut line, mut location, mut function) = (Message::default(), Message::default(), Message::default());
        line.number(1, id).number(2, u64::from(detail.line));
        location.number(1, id).message(4, &line);
        let name = strings.index(tables.text(detail.function));
        let file = if detail.file.is_empty() { detail.module } else { detail.file };
        function.number(1, id).number(2, name).number(3, name).number(4, strings.index(tables.text(file)));
        out.message(4, &location);
        out.message(5, &function);
    }
    // duration_nanos, 10.
    out.number(10, (profile.span_s * 1e9) as u64);
    for text in &strings.all {
        out.bytes(6, text.as_bytes());
    }
    // No time and no system in the head: the same profile gives the same bytes.
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default());
    gzip.write_all(&out.0)?;
    gzip.finish()
}

#[derive(Default)]
struct Strings {
    all: Vec<String>,
    known: HashMap<String, u64>,
}

impl Strings {
    fn index(&mut self, text: &str) -> u64 {
        if let Some(index) = self.known.get(text) {
            return *index;
        }
        self.all.push(text.to_owned());
        self.known.insert(text.to_owned(), self.all.len() as u64 - 1);
        self.all.len() as u64 - 1
    }
}

/// A protobuf message in the making.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) -> &mut Self {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
        self
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn message(&mut self, field: u64, message: &Message) -> &mut Self {
        self.bytes(field, &message.0)
    }

    fn packed(&mut self, field: u64, values: &[u64]) -> &mut Self {
        let mut packed = Message::default();
        values.iter().for_each(|value| packed.varint(*value));
        self.message(field, &packed)
    }
}
