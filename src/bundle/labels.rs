//! Names of members as labels, and the times that they tell.

use postmortem_parsers::evidence::When;
use postmortem_parsers::lines::decimal;
use postmortem_parsers::time::instant;

/// Longest label that is kept, in characters.
const LONGEST: usize = 1024;

/// A member's name as a label: valid UTF-8 without control characters and without `.` components. Never a path.
pub(super) fn clean(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let text: String = text.chars().take(LONGEST).map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect();
    let kept: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let root = if text.starts_with('/') { "/" } else { "" };
    if kept.is_empty() { "unnamed".to_owned() } else { format!("{root}{}", kept.join("/")) }
}

/// The name of what a compressed file holds: `memory.stat` of `memory.stat.gz`.
pub(super) fn uncompressed(path: &str) -> &str {
    let endings = [".gz", ".zst", ".xz", ".bz2"];
    endings.iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path)
}

/// The first component of a label, when there are more.
pub(super) fn first_folder(label: &str) -> Option<&str> {
    label.split_once('/').map(|(folder, _)| folder).filter(|folder| !folder.is_empty() && *folder != "..")
}

/// The folder that all labels are in.
pub(super) fn common_folder<'a>(mut labels: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folder = first_folder(labels.next()?)?;
    labels.all(|label| first_folder(label) == Some(folder)).then_some(folder)
}

/// When a file was captured, told by its folders (the innermost first), else by its own name.
pub(super) fn when(path: &str) -> When {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some(time) = folders.rsplit('/').find_map(stamp) {
        return When::Wall(time);
    }
    let base = &file[..file.char_indices().skip(1).find(|(_, c)| *c == '.').map_or(file.len(), |(at, _)| at)];
    if let Some(time) = stamp(base) {
        return When::Wall(time);
    }
    numbered(base).or_else(|| numbered(file).filter(|when| matches!(when, When::Sample(_)))).unwrap_or(When::Unknown)
}

/// The compact instant that a name is or ends with: `20261121T225114Z`, `dump-20261121-225114`.
fn stamp(name: &str) -> Option<i64> {
    let name = name.split('.').next()?;
    let compact = |text: &str| text.as_bytes().first()?.is_ascii_digit().then(|| instant(text.as_bytes())).flatten();
    let is_stamp = |text: &&str| matches!(text.len(), 15 | 16) && !text.bytes().all(|byte| byte.is_ascii_digit());
    [Some(name), name.get(name.len().saturating_sub(16)..), name.get(name.len().saturating_sub(15)..)]
        .into_iter()
        .flatten()
        .filter(is_stamp)
        .filter(|text| !name[..name.len() - text.len()].ends_with(|c: char| c.is_ascii_alphanumeric()))
        .find_map(compact)
}

/// `-225131`: a time of day; `-2`, `_3`, `.1`: the nth capture.
fn numbered(name: &str) -> Option<When> {
    let at = name.rfind(['-', '_', '.'])?;
    let digits = &name.as_bytes()[at + 1..];
    let number = decimal(digits)? as u32;
    let (hour, minute, second) = (number / 10_000, number / 100 % 100, number % 100);
    match digits.len() {
        6 if hour < 24 && minute < 60 && second < 60 && !name[at..].starts_with('.') => {
            Some(When::TimeOfDay(hour * 3600 + minute * 60 + second))
        }
        // `2026-11-21` is a date, `1.2.3` a version.
        1..=3 if !name[..at].ends_with(|c: char| c.is_ascii_digit()) => Some(When::Sample(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_clean_and_never_paths() {
        assert_eq!(clean(b"./a/./b//c"), "a/b/c");
        assert_eq!(clean(b"../../etc/passwd"), "../../etc/passwd");
        assert_eq!(clean(b"/etc/passwd"), "/etc/passwd");
        assert_eq!(clean(b"a\x1b[31m\nb\xff"), "a\u{fffd}[31m\u{fffd}b\u{fffd}");
        assert_eq!(clean(b"./"), "unnamed");
    }

    #[test]
    fn a_folder_is_common_only_to_all() {
        assert_eq!(common_folder(["a/b", "a/c/d"].into_iter()), Some("a"));
        assert_eq!(common_folder(["a/b", "c"].into_iter()), None);
        assert_eq!(common_folder(["../b"].into_iter()), None);
        assert_eq!(common_folder(["/etc/passwd"].into_iter()), None);
    }

    #[test]
    fn compressed_files_are_known_by_what_they_hold() {
        assert_eq!(uncompressed("a/memory.stat.gz"), "a/memory.stat");
        assert_eq!(uncompressed("a/memory.stat"), "a/memory.stat");
    }

    #[test]
    fn names_tell_times() {
        let wall = |text: &str| When::Wall(instant(text.as_bytes()).unwrap());
        let cases = [
            ("20261121T225114Z/memory.stat", wall("2026-11-21T22:51:14Z")),
            ("20261121T225114Z/jstack-2.txt", wall("2026-11-21T22:51:14Z")),
            ("snap-20261121-225114/a/x", wall("2026-11-21T22:51:14Z")),
            ("heap-20261121T225114Z.pb.gz", wall("2026-11-21T22:51:14Z")),
            ("heap-225131.pb.gz", When::TimeOfDay(22 * 3600 + 51 * 60 + 31)),
            ("goroutine-debug2-235959.txt", When::TimeOfDay(86_399)),
            ("heap-999999.pb.gz", When::Unknown),
            ("jstack-2.txt", When::Sample(2)),
            ("thread_print_3.txt", When::Sample(3)),
            ("gc.log.1", When::Sample(1)),
            ("app-2026-11-21.log", When::Unknown),
            ("hs_err_pid2956.log", When::Unknown),
            ("memory.stat", When::Unknown),
            ("2871296", When::Unknown),
        ];
        for (path, expected) in cases {
            assert_eq!(when(path), expected, "{path}");
        }
    }
}
