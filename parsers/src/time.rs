//! Instants as captures write them, as nanoseconds since 1970 UTC.

use crate::lines::{decimal, trim};
use jiff::{Timestamp, Zoned, civil, tz};

/// Reads an instant that fills all of `text`: RFC 3339 with `T` or blank, with or without zone (none: UTC),
/// compact `20261121T225114Z`, `date(1)` output, Unix seconds, milliseconds, microseconds or nanoseconds.
pub fn instant(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(trim(text)).ok()?;
    if text.len() < 8 || text.len() > 64 {
        return None;
    }
    rfc3339(text).or_else(|| compact(text)).or_else(|| unix(text)).or_else(|| date_command(text))
}

fn nanoseconds(timestamp: Timestamp) -> Option<i64> {
    i64::try_from(timestamp.as_nanosecond()).ok()
}

fn civil_utc(datetime: civil::DateTime) -> Option<i64> {
    nanoseconds(datetime.to_zoned(tz::TimeZone::UTC).ok()?.timestamp())
}

fn rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let dashed = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    let slashed = bytes.get(4) == Some(&b'/') && bytes.get(7) == Some(&b'/');
    if !(dashed || slashed) || bytes.len() < 10 {
        return None;
    }
    let mut normal = text.to_owned();
    if slashed {
        normal.replace_range(4..5, "-");
        normal.replace_range(7..8, "-");
    }
    normal = normal.replace(',', ".");
    if let Some(utc) = normal.strip_suffix(" UTC") {
        normal = utc.to_owned();
    }
    // JDK's unified logging writes +0000, RFC 3339 wants a colon: jiff reads both.
    if let Ok(timestamp) = normal.parse::<Timestamp>() {
        return nanoseconds(timestamp);
    }
    normal.parse::<civil::DateTime>().ok().and_then(civil_utc)
}

fn compact(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = digits.split_once(['T', '-', '_'])?;
    if date.len() != 8 || time.len() != 6 {
        return None;
    }
    let (date, time) = (decimal(date.as_bytes())?, decimal(time.as_bytes())?);
    let date = civil::Date::new((date / 10_000) as i16, (date / 100 % 100) as i8, (date % 100) as i8).ok()?;
    let time = civil::Time::new((time / 10_000) as i8, (time / 100 % 100) as i8, (time % 100) as i8, 0).ok()?;
    civil_utc(date.to_datetime(time))
}

/// Unix time between 2001 and 2100 in s, ms, us or ns, the unit told by its size.
fn unix(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let value = decimal(whole.as_bytes())?;
    let scale = match value {
        1_000_000_000..4_102_444_800 => 1_000_000_000,
        1_000_000_000_000..4_102_444_800_000 => 1_000_000,
        1_000_000_000_000_000..4_102_444_800_000_000 => 1_000,
        1_000_000_000_000_000_000..4_102_444_800_000_000_000 => 1,
        _ => return None,
    };
    let mut nanos = i64::try_from(value).ok()?.checked_mul(scale)?;
    if !fraction.is_empty() {
        let digits: f64 = format!("0.{fraction}").parse().ok()?;
        nanos = nanos.checked_add((digits * scale as f64).round() as i64)?;
    }
    Some(nanos)
}

/// `Sat Nov 21 22:52:54 UTC 2026` and, from ctime and `dmesg -T`, the same without a zone.
fn date_command(text: &str) -> Option<i64> {
    if text.as_bytes().get(3) == Some(&b',') {
        return rfc2822(text);
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (zone, year) = match words.len() {
        5 => ("UTC", words[4]),
        6 => (words[4], words[5]),
        _ => return None,
    };
    if !matches!(zone, "UTC" | "GMT" | "Z") {
        return None;
    }
    let time: civil::Time = words[3].parse().ok()?;
    let date =
        civil::Date::new(year.parse().ok()?, month(words[1].as_bytes())?, decimal(words[2].as_bytes())? as i8).ok()?;
    civil_utc(date.to_datetime(time))
}

/// `Fri, 08 Sep 2023 00:53:31 +0530`, as kubectl describe prints it.
fn rfc2822(text: &str) -> Option<i64> {
    let zoned: Zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    nanoseconds(zoned.timestamp())
}

/// The number of an English month name.
pub fn month(name: &[u8]) -> Option<i8> {
    let names = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let index = names.iter().position(|short| name.len() >= 3 && name[..3].eq_ignore_ascii_case(*short))?;
    Some(index as i8 + 1)
}

/// RFC 3339 in UTC with as many fraction digits as needed, for reports.
pub fn rfc3339_utc(nanoseconds: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).map(|t| t.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_forms_name_the_same_instant() {
        let expected = instant(b"2026-11-21T22:52:54Z").unwrap();
        assert_eq!(rfc3339_utc(expected), "2026-11-21T22:52:54Z");
        for form in [
            "2026-11-21 22:52:54",
            "2026/11/21 22:52:54",
            "2026-11-21T22:52:54.000Z",
            "2026-11-22T00:52:54+02:00",
            "2026-11-21T22:52:54.000+0000",
            "20261121T225254Z",
            "20261121-225254",
            "Sat Nov 21 22:52:54 UTC 2026",
            "Sat Nov 21 22:52:54 2026",
            "Sat, 21 Nov 2026 22:52:54 +0000",
            "1795301574",
            "1795301574.000",
            "1795301574000",
        ] {
            assert_eq!(instant(form.as_bytes()), Some(expected), "{form}");
        }
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in ["", "hello", "123456", "2026-13-45T00:00:00Z", "99999999999999999999", "Sat Nov", "2871296"] {
            assert_eq!(instant(text.as_bytes()), None, "{text}");
        }
    }
}
