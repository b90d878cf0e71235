//! Bundles of all kinds hold the same artifacts; damaged and hostile ones give what can be read, and warnings.

use flate2::Compression;
use flate2::write::GzEncoder;
use postmortem::bundle::{Bundle, Limits, read};
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const DUMP: &str = "goroutine 1 [running]:\nmain.main()\n\t/srv/app/main.go:7 +0x1d\n\n\
    goroutine 6 [chan receive, 3 minutes]:\nmain.worker(0xc000012000)\n\t/srv/app/main.go:12 +0x2f\n\
    created by main.main in goroutine 1\n\t/srv/app/main.go:5 +0x44\n";
const GC: &str = "gc 3 @5.873s 2%: 0.15+0.75+0.004 ms clock, 0.30+0.74/0.083/0.66+0.009 ms cpu, 10->10->8 MB, 10 MB goal, \
    0 MB stacks, 0 MB globals, 2 P\n";

/// Files of an incident: path and content.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("20261121T225114Z/stacks.txt", DUMP.into()),
        ("app.log", format!("hello\n{GC}bye\n").into()),
        ("blob.bin", vec![0, 1, 2, 3, 0, 255, 254]),
        ("empty.txt", Vec::new()),
        ("stdout.log", b"started\nlistening\n".to_vec()),
        ("zipped.txt.gz", gzip(DUMP.as_bytes())),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar whose names are put in as they are, however odd.
fn tar_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn under(folder: &str, files: Vec<(&'static str, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    files.into_iter().map(|(name, content)| (format!("{folder}{name}"), content)).collect()
}

fn borrowed(files: &[(String, Vec<u8>)]) -> Vec<(&str, Vec<u8>)> {
    files.iter().map(|(name, content)| (name.as_str(), content.clone())).collect()
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn read_one(path: &Path) -> Bundle {
    read_limited(path, &Limits::default())
}

fn read_limited(path: &Path, limits: &Limits) -> Bundle {
    read(&[path.to_owned()], limits, &|_| {}).unwrap()
}

fn read_bytes(bytes: &[u8], limits: &Limits) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    read_limited(&write(&folder, "input", bytes), limits)
}

/// All that the reader found, as text.
fn content(bundle: &Bundle) -> String {
    let artifacts: Vec<String> = (bundle.artifacts.iter())
        .map(|a| {
            let evidence = format!("{:?}", a.parsed.evidence);
            format!("{} {} {:?} {:?} {:?} {evidence}", a.path, a.bytes, a.format, a.parts, a.line(1))
        })
        .collect();
    format!("{}\n{:#?}", artifacts.join("\n"), bundle.warnings)
}

fn paths(bundle: &Bundle) -> Vec<&str> {
    bundle.artifacts.iter().map(|artifact| artifact.path.as_str()).collect()
}

fn said(bundle: &Bundle, artifact: Option<&str>, words: &str) -> bool {
    bundle.warnings.iter().any(|warning| warning.artifact.as_deref() == artifact && warning.message.contains(words))
}

fn folder_of(files: &[(String, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        write(&folder, name, content);
    }
    folder
}

#[test]
fn a_folder_and_all_its_archives_hold_the_same() {
    let folder = folder_of(&under("", files()));
    let expected = read_one(folder.path());
    assert_eq!(paths(&expected), files().iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let formats: Vec<_> = expected.artifacts.iter().map(|artifact| artifact.format).collect();
    let go = Some("go-goroutines");
    assert_eq!(formats, [go, Some("go-gctrace"), None, Some("text-log"), Some("text-log"), go]);
    assert!(said(&expected, Some("empty.txt"), "is empty"));
    assert!(said(&expected, Some("blob.bin"), "no known format"));
    assert_eq!(expected.sha256, None);

    for prefix in ["", "./", "incident/"] {
        let members = under(prefix, files());
        let tar = tar_of(&borrowed(&members));
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&tar).unwrap();
        let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz.write_all(&tar).unwrap();
        let archives = [
            ("tar", tar.clone()),
            ("tar.gz", gzip(&tar)),
            ("tar.xz", xz.finish().unwrap()),
            ("tar.bz2", bz.finish().unwrap()),
            ("zip", zip_of(&borrowed(&members))),
        ];
        for (kind, bytes) in archives {
            let bundle = read_bytes(&bytes, &Limits::default());
            assert_eq!(content(&bundle), content(&expected), "{prefix} {kind}");
            assert_eq!(bundle.bytes, bytes.len() as u64);
            assert_eq!(bundle.sha256.map(|hash| hash.len()), Some(64), "{prefix} {kind}");
        }
    }
}

#[test]
fn a_zstd_archive_holds_the_same_as_its_folder() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/bundle/zstd");
    let folder = tempfile::tempdir().unwrap();
    for name in ["exit_status", "mergejob.log"] {
        fs::copy(sample.join(name), folder.path().join(name)).unwrap();
    }
    let bundle = read_one(&sample.join("incident.tar.zst"));
    assert_eq!(content(&bundle), content(&read_one(folder.path())));
    assert_eq!(bundle.artifacts[1].format, Some("go-goroutines"));
}

#[test]
fn archives_within_archives_are_opened_below_their_path() {
    let inner = tar_of(&[("pod/app.log", GC.into()), ("pod/x/stacks.txt", DUMP.into())]);
    let outer = zip_of(&[("run/pods/a.tar.gz", gzip(&inner)), ("run/notes.txt", b"hi\n".to_vec())]);
    let nested = tar_of(&[("b.zip", outer), ("c.log", GC.into())]);
    let bundle = read_bytes(&gzip(&nested), &Limits::default());
    assert_eq!(
        paths(&bundle),
        ["b.zip/notes.txt", "b.zip/pods/a.tar.gz/app.log", "b.zip/pods/a.tar.gz/x/stacks.txt", "c.log"]
    );
    assert_eq!(bundle.artifacts[2].format, Some("go-goroutines"));
    assert!(bundle.warnings.is_empty(), "{:?}", bundle.warnings);
}

#[test]
fn archives_nested_too_deep_are_kept_closed() {
    let mut bytes = GC.as_bytes().to_vec();
    for _ in 0..6 {
        bytes = tar_of(&[("deeper", bytes), ("here.log", GC.into())]);
    }
    let bundle = read_bytes(&bytes, &Limits::default());
    assert_eq!(bundle.artifacts.iter().filter(|a| a.format == Some("go-gctrace")).count(), 4);
    assert!(said(&bundle, Some("deeper/deeper/deeper/deeper"), "nested more than 4 deep"));

    let mut bytes = GC.as_bytes().to_vec();
    for _ in 0..6 {
        bytes = gzip(&bytes);
    }
    assert!(said(&read_bytes(&bytes, &Limits::default()), Some("input"), "nested more than 4 deep"));
}

#[test]
fn a_single_file_keeps_its_name_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = read_one(&write(&folder, "stacks-2.txt.gz", &gzip(DUMP.as_bytes())));
    assert_eq!(paths(&bundle), ["stacks-2.txt.gz"]);
    assert_eq!(bundle.name, "stacks-2.txt.gz");
    assert!(content(&bundle).contains("when: Sample(2)"), "{}", content(&bundle));
    assert_eq!(bundle.artifacts[0].line(5).as_deref(), Some("goroutine 6 [chan receive, 3 minutes]:"));
    assert_eq!(bundle.artifacts[0].line(99), None);
}

#[test]
fn several_inputs_stand_side_by_side() {
    let folder = folder_of(&under("run/", files()));
    let archive = write(&folder, "later.tar.gz", &gzip(&tar_of(&[("later/app.log", GC.into())])));
    let file = write(&folder, "dump.txt", DUMP.as_bytes());
    let bundle = read(&[folder.path().join("run"), archive, file], &Limits::default(), &|_| {}).unwrap();
    assert_eq!(paths(&bundle)[0], "dump.txt");
    assert_eq!(paths(&bundle)[1], "later.tar.gz/app.log");
    assert_eq!(paths(&bundle)[2], "run/20261121T225114Z/stacks.txt");
    assert_eq!((bundle.name.as_str(), bundle.sha256), ("run, later.tar.gz, dump.txt", None));
}

#[test]
fn truncated_archives_give_what_could_be_read() {
    let log: String = (0..20_000).map(|n| format!("line {n} {:x}\n{GC}", n * 7919)).collect();
    let tar = tar_of(&[("a.txt", DUMP.into()), ("b.log", log.into_bytes()), ("c.log", GC.into())]);
    let packed = gzip(&tar);
    let half = read_bytes(&packed[..packed.len() / 2], &Limits::default());
    assert_eq!(paths(&half), ["a.txt", "b.log"]);
    assert_eq!(half.artifacts[1].format, Some("go-gctrace"));
    assert!(said(&half, Some("b.log"), "is damaged"), "{:?}", half.warnings);

    let half = read_bytes(&tar[..tar.len() / 2], &Limits::default());
    assert_eq!(paths(&half), ["a.txt", "b.log"]);
    assert!(said(&half, Some("b.log"), "cut short"), "{:?}", half.warnings);

    let mut broken = packed.clone();
    let middle = broken.len() / 2;
    broken[middle..middle + 40].fill(0x55);
    let half = read_bytes(&broken, &Limits::default());
    assert!(half.warnings.iter().any(|warning| warning.message.contains("damaged")), "{:?}", half.warnings);
    assert_eq!(half.artifacts[0].format, Some("go-goroutines"));

    let zip = zip_of(&[("a.txt", DUMP.into())]);
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "cut.zip", &zip[..zip.len() - 10]);
    write(&folder, "a.log", GC.as_bytes());
    assert!(said(&read_one(folder.path()), Some("cut.zip"), "damaged"));
}

#[test]
fn limits_stop_the_reading_and_say_so() {
    let bomb = gzip(&tar_of(&[("a.txt", DUMP.into()), ("zeros.txt", vec![b'0'; 3_000_000]), ("c.log", GC.into())]));
    let limits = Limits { total_bytes: 1_000_000, ..Limits::default() };
    let bundle = read_bytes(&bomb, &limits);
    assert_eq!(paths(&bundle), ["a.txt", "zeros.txt"]);
    assert_eq!(bundle.artifacts.iter().map(|a| a.bytes).sum::<u64>(), 1_000_000);
    assert!(said(&bundle, None, "more than 1000000 bytes unpacked"));
    assert!(said(&bundle, Some("zeros.txt"), "not read to its end"));

    let many: Vec<(String, Vec<u8>)> = (0..20).map(|n| (format!("f{n:02}"), b"x\n".to_vec())).collect();
    let limits = Limits { entries: 5, ..Limits::default() };
    for bundle in [
        read_bytes(&tar_of(&borrowed(&many)), &limits),
        read_bytes(&zip_of(&borrowed(&many)), &limits),
        read_limited(folder_of(&many).path(), &limits),
    ] {
        assert_eq!(paths(&bundle), ["f00", "f01", "f02", "f03", "f04"]);
        assert!(said(&bundle, None, "more than 5 files"));
    }
}

#[test]
fn a_zip_in_a_pipe_is_limited() {
    let inner = zip_of(&[("a.txt", DUMP.into())]);
    let limits = Limits { whole_bytes: inner.len() as u64 - 1, ..Limits::default() };
    let bundle = read_bytes(&tar_of(&[("in.zip", inner), ("b.log", GC.into())]), &limits);
    assert_eq!(paths(&bundle), ["b.log"]);
    assert!(said(&bundle, Some("in.zip"), "not opened"));
}

#[test]
fn names_are_labels_and_never_paths() {
    let bundle = read_bytes(
        &tar_of(&[
            ("../../etc/passwd", b"x\n".to_vec()),
            ("/abs\x1b[31m\n", b"y\n".to_vec()),
            ("a/../b", b"z\n".to_vec()),
        ]),
        &Limits::default(),
    );
    assert_eq!(paths(&bundle), ["../../etc/passwd", "/abs\u{fffd}[31m\u{fffd}", "a/../b"]);
}

#[test]
fn repeated_names_are_both_kept() {
    let bundle = read_bytes(&tar_of(&[("a.log", GC.into()), ("./a.log", DUMP.into())]), &Limits::default());
    assert_eq!(paths(&bundle), ["a.log", "a.log#2"]);
    assert_eq!(bundle.artifacts[1].format, Some("go-goroutines"));
    assert!(said(&bundle, Some("a.log#2"), "more than once"));
}

#[test]
fn a_header_that_lies_about_its_size_is_not_believed() {
    let mut header = tar::Header::new_gnu();
    header.set_path("huge.txt").unwrap();
    header.set_size(1 << 60);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(DUMP.as_bytes());
    let bundle = read_bytes(&bytes, &Limits::default());
    assert_eq!(bundle.artifacts[0].format, Some("go-goroutines"));
    assert!(said(&bundle, Some("huge.txt"), "cut short"));
}

#[test]
fn endless_headers_do_not_fill_the_memory() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.as_gnu_mut().unwrap().name[..13].copy_from_slice(b"././@LongLink");
    header.set_size(64 << 20);
    header.set_cksum();
    let mut bytes = tar_of(&[("a.txt", DUMP.into())]);
    bytes.truncate(bytes.len() - 1024);
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + (64 << 20), b'x');
    let bundle = read_bytes(&gzip(&bytes), &Limits::default());
    assert_eq!(paths(&bundle), ["a.txt"]);
    assert!(said(&bundle, None, "a header is too large"), "{:?}", bundle.warnings);
}

#[cfg(unix)]
#[test]
fn links_and_special_files_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "a.log", GC.as_bytes());
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let bundle = read_one(folder.path());
    assert_eq!(paths(&bundle), ["a.log"]);
    assert!(said(&bundle, Some("link"), "is a link"));
    assert!(said(&bundle, Some("socket"), "no regular file"));
}

#[test]
fn errors_are_only_for_what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |path: &Path| read(&[path.to_owned()], &Limits::default(), &|_| {}).map(drop).unwrap_err().to_string();
    assert!(fails(&folder.path().join("missing")).starts_with("cannot read "));
    assert!(fails(folder.path()).starts_with("there is nothing in "));
    assert!(fails(&write(&folder, "empty.log", b"")).contains("empty.log"));
}

#[test]
fn thousands_of_small_files_come_out_in_order() {
    let many: Vec<(String, Vec<u8>)> = (0..3000).rev().map(|n| (format!("{n:04}.log"), GC.into())).collect();
    let bundle = read_bytes(&tar_of(&borrowed(&many)), &Limits::default());
    assert_eq!(bundle.artifacts.len(), 3000);
    assert!(bundle.artifacts.is_sorted_by(|a, b| a.path < b.path));
    assert!(bundle.artifacts.iter().all(|artifact| artifact.parsed.records == 1));
}

#[test]
fn progress_ends_at_the_size_of_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "a.log", &b"hello world\n".repeat(300_000));
    let seen = std::cell::RefCell::new(Vec::new());
    read(&[path], &Limits::default(), &|bytes| seen.borrow_mut().push(bytes)).unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() > 2 && seen.is_sorted());
    assert_eq!(seen.last(), Some(&3_600_000));
}
