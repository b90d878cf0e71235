//! Numbers for people: exact, short, with their unit.

use jiff::Timestamp;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// A whole number with thousands separators: `1,234,567`.
pub fn count(value: u64) -> String {
    group_digits(&value.to_string())
}

/// A count with its noun, in the singular for one: `1 file`, `13 files`.
pub fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// Bytes with a binary unit: `812 B`, `125.0 MiB`.
pub fn bytes(value: f64) -> String {
    if !value.is_finite() {
        return unknown();
    }
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let sign = if value < 0.0 { "-" } else { "" };
    let mut size = value.abs();
    if size < 1023.5 {
        return format!("{sign}{} B", size.round());
    }
    let mut unit = "B";
    for next in UNITS {
        if size < 1023.95 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    format!("{sign}{} {unit}", group_digits(&format!("{size:.1}")))
}

/// A duration of so many seconds, in its two largest units: `1 h 12 min`, `55 s`, `12.5 ms`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return unknown();
    }
    if seconds < 0.0 {
        return format!("-{}", duration(-seconds));
    }
    if seconds == 0.0 {
        return "0 s".to_owned();
    }
    if seconds < 0.000_999_5 {
        return format!("{} µs", number(seconds * 1e6));
    }
    if seconds < 0.9995 {
        return format!("{} ms", number(seconds * 1e3));
    }
    if seconds < 59.95 {
        return format!("{} s", number(seconds));
    }
    let pair = |large: f64, large_name: &str, small: f64, small_name: &str| {
        let smalls = (seconds / small).round();
        let per = (large / small).round();
        let (whole, rest) = ((smalls / per).floor(), smalls % per);
        let whole = group_digits(&format!("{whole:.0}"));
        if rest == 0.0 { format!("{whole} {large_name}") } else { format!("{whole} {large_name} {rest} {small_name}") }
    };
    if seconds < HOUR - 0.5 {
        pair(MINUTE, "min", 1.0, "s")
    } else if seconds < DAY - MINUTE / 2.0 {
        pair(HOUR, "h", MINUTE, "min")
    } else {
        pair(DAY, "d", HOUR, "h")
    }
}

/// A share of 0..1 in percent: `93.8 %`. Neither 0 nor 100 unless it is exactly that.
pub fn share(value: f64) -> String {
    let percent = value * 100.0;
    if !percent.is_finite() {
        unknown()
    } else if percent > 0.0 && percent < 0.05 {
        "< 0.1 %".to_owned()
    } else if (99.95..100.0).contains(&percent) {
        "> 99.9 %".to_owned()
    } else if percent == percent.round() {
        format!("{} %", group_digits(&format!("{percent:.0}")))
    } else {
        format!("{} %", group_digits(&format!("{percent:.1}")))
    }
}

/// A confidence of 0..1 in whole percent; `100 %` only for certainty.
pub fn confidence(value: f64) -> String {
    if !value.is_finite() {
        return unknown();
    }
    let percent = (value * 100.0).round();
    let percent = if value < 1.0 { percent.min(99.0) } else { 100.0 };
    let percent = if value > 0.0 { percent.max(1.0) } else { 0.0 };
    format!("{percent} %")
}

/// A plain number: whole where it is whole or large, else three digits: `1,024`, `3.2`, `0.041`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return unknown();
    }
    let size = value.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-4) {
        return format!("{value:.2e}");
    }
    let decimals = match size {
        _ if size == size.trunc() => 0,
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.1 => 3,
        _ => 5,
    };
    let text = format!("{value:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    group_digits(text)
}

/// A value with a UCUM unit: `By`, `s`, `1`, `%`, `{thread}`, `By/s`.
pub fn value(value: f64, unit: &str) -> String {
    if let Some(numerator) = unit.strip_suffix("/s") {
        return format!("{}/s", self::value(value, numerator));
    }
    match unit {
        "By" => bytes(value),
        "KiBy" => bytes(value * 1024.0),
        "s" => duration(value),
        "ms" => duration(value / 1e3),
        "us" => duration(value / 1e6),
        "ns" => duration(value / 1e9),
        "" | "1" | "{count}" => number(value),
        _ => match unit.strip_prefix('{').and_then(|unit| unit.strip_suffix('}')) {
            Some(noun) => format!("{} {}", number(value), plural(noun, value)),
            None => format!("{} {unit}", number(value)),
        },
    }
}

fn plural(noun: &str, value: f64) -> String {
    match noun {
        _ if value == 1.0 => noun.to_owned(),
        _ if noun.ends_with('s') => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// A growth per hour, always with its sign: `+12.0 MiB per hour`, `-420 per hour`.
pub fn rate(per_hour: f64, unit: &str) -> String {
    // The noun of an annotation is in the name of the series already.
    let unit = if unit.starts_with('{') && unit.ends_with('}') { "1" } else { unit };
    format!("{} per hour", signed(per_hour, unit))
}

/// A change, with its sign: `+12.0 MiB`, `-3`, `0`.
pub fn signed(change: f64, unit: &str) -> String {
    let sign = if change > 0.0 { "+" } else { "" };
    format!("{sign}{}", value(change, unit))
}

/// An RFC 3339 instant to the second: `2026-11-20 22:47:47`. What is no instant stays as it is.
pub fn instant(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// From one instant to another, in UTC, with what lies between; the day is said once.
pub fn span(from: &str, to: &str) -> String {
    let (Ok(first), Ok(last)) = (from.parse::<Timestamp>(), to.parse::<Timestamp>()) else {
        return format!("{from} to {to}");
    };
    let (start, end) = (instant(from), instant(to));
    if start == end {
        return format!("{start} UTC");
    }
    let end = if start.get(..11) == end.get(..11) { end.get(11..).unwrap_or(&end) } else { &end };
    format!("{start} to {end} UTC ({})", duration(last.duration_since(first).as_secs_f64().round()))
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Puts separators into the whole part of a decimal number.
fn group_digits(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |dot| digits.split_at(dot));
    let mut grouped = String::with_capacity(text.len() + text.len() / 3);
    grouped.push_str(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(fraction);
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        assert_eq!(
            [0, 812, 1_000, 1_234_567, u64::MAX].map(count),
            ["0", "812", "1,000", "1,234,567", "18,446,744,073,709,551,615"]
        );
        assert_eq!((counted(1, "file", "files"), counted(0, "file", "files")), ("1 file".into(), "0 files".into()));
    }

    #[test]
    fn bytes_have_binary_units_and_never_read_1024() {
        let said = [0.0, 812.0, 1023.0, 1024.0, 131_072_000.0, 1_073_741_823.0, -2048.0, u64::MAX as f64].map(bytes);
        assert_eq!(said, ["0 B", "812 B", "1023 B", "1.0 KiB", "125.0 MiB", "1.0 GiB", "-2.0 KiB", "16.0 EiB"]);
        assert_eq!(bytes(f64::NAN), "unknown");
    }

    #[test]
    fn durations_have_two_units() {
        let said = [0.0, 0.000_004_2, 0.0125, 1.5, 55.0, 59.99, 65.0, 3599.8, 4320.0, 86_400.0, 273_600.0, -90.0];
        assert_eq!(
            said.map(duration),
            [
                "0 s",
                "4.2 µs",
                "12.5 ms",
                "1.5 s",
                "55 s",
                "1 min",
                "1 min 5 s",
                "1 h",
                "1 h 12 min",
                "1 d",
                "3 d 4 h",
                "-1 min 30 s"
            ]
        );
    }

    #[test]
    fn shares_are_not_rounded_to_all_or_nothing() {
        assert_eq!(
            [0.0, 0.0001, 0.034, 0.9384, 0.999_96, 1.0, 12.5].map(share),
            ["0 %", "< 0.1 %", "3.4 %", "93.8 %", "> 99.9 %", "100 %", "1,250 %"]
        );
        assert_eq!([0.0, 0.001, 0.941, 0.9999, 1.0].map(confidence), ["0 %", "1 %", "94 %", "99 %", "100 %"]);
    }

    #[test]
    fn values_and_rates_know_ucum() {
        assert_eq!(value(131_072_000.0, "By"), "125.0 MiB");
        assert_eq!(value(2_097_152.0, "By/s"), "2.0 MiB/s");
        assert_eq!(value(813.0, "{thread}"), "813 threads");
        assert_eq!((value(1.0, "{thread}"), value(3.0, "Cel")), ("1 thread".into(), "3 Cel".into()));
        assert_eq!(rate(420.0, "{thread}"), "+420 per hour");
        assert_eq!(rate(-12_582_912.0, "By"), "-12.0 MiB per hour");
        assert_eq!(rate(0.0, "1"), "0 per hour");
        assert_eq!(number(0.0412), "0.0412");
    }

    #[test]
    fn spans_say_the_day_once() {
        assert_eq!(
            span("2026-11-20T22:40:01Z", "2026-11-20T22:47:47.25Z"),
            "2026-11-20 22:40:01 to 22:47:47 UTC (7 min 46 s)"
        );
        assert_eq!(
            span("2026-11-20T23:40:01Z", "2026-11-21T01:00:01+01:00"),
            "2026-11-20 23:40:01 to 2026-11-21 00:00:01 UTC (20 min)"
        );
        assert_eq!(span("x", "y"), "x to y");
    }
}
