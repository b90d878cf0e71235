//! What a control group reads and writes: `io.stat` of v2 and `blkio.throttle.io_service*` of v1. Source:
//! `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/blkio-controller.rst`.

use crate::evidence::{Parsed, SeriesKind, Unit};
use crate::lines::{Lines, Text, split_once, trim, words};
use crate::series::{SeriesBuilder, claims_of, each_line, number, plain_name};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};

/// Input and output of control groups.
pub struct CgroupIo;

impl Format for CgroupIo {
    fn id(&self) -> &'static str {
        "cgroup-io"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty()).unwrap_or_default();
        let v1 = blkio_unit(hint).is_some() && v1_row(first).is_some();
        if v1 || v2_row(first).is_some() { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (claims, mut builder) = (claims_of(hint), SeriesBuilder::default());
        let unit = blkio_unit(hint);
        each_line(lines, hint, "that are not of a device", out, |line, at| {
            if let Some((device, pairs)) = v2_row(line) {
                for (key, value) in pairs {
                    let Some((name, direction, unit)) = of_key(key) else { continue };
                    let labels =
                        vec![("device".to_owned(), device.to_owned()), ("direction".to_owned(), direction.to_owned())];
                    builder.add_labelled(
                        &claims,
                        &Signal::own(name, unit, SeriesKind::Counter, 1.0),
                        labels,
                        value,
                        at,
                    );
                }
                return true;
            }
            match (v1_row(line), unit) {
                (Some((device, operation, value)), Some((name, unit))) => {
                    let direction = operation.to_ascii_lowercase();
                    if matches!(direction.as_str(), "read" | "write" | "discard") {
                        let labels =
                            vec![("device".to_owned(), device.to_owned()), ("direction".to_owned(), direction)];
                        builder.add_labelled(
                            &claims,
                            &Signal::own(name, unit, SeriesKind::Counter, 1.0),
                            labels,
                            value,
                            at,
                        );
                    }
                    true
                }
                // The last line is the sum: `Total 4096`.
                _ => line.starts_with(b"Total "),
            }
        });
        builder.finish(out);
    }
}

/// What a file of v1 counts, by its name.
fn blkio_unit(hint: &Hint<'_>) -> Option<(&'static str, Unit)> {
    match plain_name(hint.file_name()) {
        name if name.starts_with("blkio.") && name.contains("io_service_bytes") => {
            Some(("cgroup.disk.io", Unit::Bytes))
        }
        name if name.starts_with("blkio.") && name.contains("io_serviced") => {
            Some(("cgroup.disk.operations", Unit::Count))
        }
        _ => None,
    }
}

/// Signal, direction and unit of a key of `io.stat`; those of cost models are left out.
fn of_key(key: &str) -> Option<(&'static str, &'static str, Unit)> {
    let direction = match key.as_bytes().first()? {
        b'r' => "read",
        b'w' => "write",
        b'd' => "discard",
        _ => return None,
    };
    match &key[1..] {
        "bytes" => Some(("cgroup.disk.io", direction, Unit::Bytes)),
        "ios" => Some(("cgroup.disk.operations", direction, Unit::Count)),
        _ => None,
    }
}

fn device(word: &[u8]) -> Option<&str> {
    let (major, minor) = split_once(word, b":")?;
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    (is_number(major) && is_number(minor)).then(|| std::str::from_utf8(word).ok()).flatten()
}

/// `8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0`.
fn v2_row(line: &[u8]) -> Option<(&str, Vec<(&str, f64)>)> {
    let mut parts = words(line);
    let device = device(parts.next()?)?;
    let pairs: Vec<(&str, f64)> = parts
        .filter_map(|part| {
            let (key, value) = split_once(part, b"=")?;
            Some((std::str::from_utf8(key).ok()?, number(value)?))
        })
        .collect();
    pairs.iter().any(|(key, _)| *key == "rbytes").then_some((device, pairs))
}

/// `8:0 Read 4096`.
fn v1_row(line: &[u8]) -> Option<(&str, &str, f64)> {
    let mut parts = words(line);
    let device = device(parts.next()?)?;
    let operation = std::str::from_utf8(parts.next()?).ok()?;
    let value = number(parts.next()?)?;
    (parts.next().is_none() && operation.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .then_some((device, operation, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    fn values(text: &[u8], name: &str) -> Vec<(String, String, Amount)> {
        let (mut out, hint) = (Parsed::default(), Hint { name, ..Hint::default() });
        assert_eq!(CgroupIo.sniff(text, &hint), Sniff::Yes);
        CgroupIo.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
        let all = out.evidence.iter().map(|evidence| match evidence {
            Evidence::Series(s) => (s.signal.clone(), s.labels[1].1.clone(), s.points[0].value),
            other => panic!("{other:?}"),
        });
        all.collect()
    }

    #[test]
    fn devices_of_both_versions() {
        let v2 =
            values(b"8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0 cost.usage=5\n", "io.stat");
        assert_eq!(v2[1], ("cgroup.disk.io".into(), "write".into(), Amount::Value(314_773_504.0)));
        assert_eq!(v2.len(), 6);
        let v1 = values(
            b"254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 0\nTotal 12288\n",
            "blkio.throttle.io_service_bytes",
        );
        assert_eq!(v1[1], ("cgroup.disk.io".into(), "write".into(), Amount::Value(8192.0)));
        assert_eq!(v1.len(), 2);
    }
}
