//! Numbers as people read them. Knows no units but those it writes.

/// Stands for what has no value.
pub const NONE: &str = "–";

/// With thousands separated: `1,234`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// About three digits: `0.052`, `0.43`, `4.32`, `12.3`, `123`, `1,234`.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NONE.to_owned()
    } else if size == 0.0 {
        "0".to_owned()
    } else if size < 0.0995 {
        format!("{value:.3}")
    } else if size < 9.995 {
        format!("{value:.2}")
    } else if size < 99.95 {
        format!("{value:.1}")
    } else {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", count(size.round() as u64))
    }
}

/// As [`short`]; a dash where there is nothing.
pub fn short_or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), short)
}

/// A rate per second: what is not zero never reads as zero.
pub fn rate(value: f64) -> String {
    if value > 0.0 && value < 0.01 {
        "<0.01".to_owned()
    } else {
        short(value)
    }
}

/// A ratio in percent: `0 %`, `0.12 %`, `3.0 %`, `42 %`; never rounded up to 100 or down to 0.
pub fn percent(ratio: f64) -> String {
    let value = ratio * 100.0;
    if !value.is_finite() {
        NONE.to_owned()
    } else if value > 0.0 && value < 0.01 {
        "<0.01 %".to_owned()
    } else if (99.5..100.0).contains(&value) {
        ">99 %".to_owned()
    } else if value == 0.0 || value >= 9.95 {
        format!("{value:.0} %")
    } else if value < 0.995 {
        format!("{value:.2} %")
    } else {
        format!("{value:.1} %")
    }
}

/// By how much something changed, with its sign: `−66 %`, `+4.2 %`, `×12`.
pub fn change(ratio: f64) -> String {
    if (9.0..1e15).contains(&ratio) {
        return format!("×{}", count((ratio + 1.0).round() as u64));
    }
    let size = (ratio * 100.0).abs();
    let text = if size >= 9.95 {
        format!("{size:.0}")
    } else {
        format!("{size:.1}")
    };
    match text.as_str() {
        _ if !ratio.is_finite() => NONE.to_owned(),
        "0.0" => "0 %".to_owned(),
        _ if ratio < 0.0 => format!("−{text} %"),
        _ => format!("+{text} %"),
    }
}

/// Bytes with a binary unit: `512 B`, `44.9 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", short(value), UNITS[unit])
}

/// A length of time: `0.8 s`, `42 s`, `5 min 3 s`, `2 h 5 min`.
pub fn duration(seconds: f64) -> String {
    if seconds < 59.95 {
        let text = format!("{:.1}", seconds.max(0.0));
        return format!("{} s", text.strip_suffix(".0").unwrap_or(&text));
    }
    let whole = seconds.round() as u64;
    let (big, small, units) = if whole < 3600 {
        (whole / 60, whole % 60, ["min", "s"])
    } else {
        let minutes = (seconds / 60.0).round() as u64;
        (minutes / 60, minutes % 60, ["h", "min"])
    };
    if small == 0 {
        format!("{big} {}", units[0])
    } else {
        format!("{big} {} {small} {}", units[0], units[1])
    }
}

/// An instant of the run: `44 s`, `1:18`, `2:05:09`.
pub fn instant(seconds: f64) -> String {
    if seconds < 60.0 {
        return duration(seconds.clamp(0.0, 59.9));
    }
    let whole = seconds as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// For files that programs read: three decimals, trailing zeros removed.
pub fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "" | "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let check = |value, expected: &str| assert_eq!(short(value), expected);
        check(0.0, "0");
        check(0.0521, "0.052");
        check(0.43, "0.43");
        check(9.996, "10.0");
        check(12.34, "12.3");
        check(99.96, "100");
        check(1234.4, "1,234");
        check(-1234.4, "-1,234");
        check(f64::NAN, NONE);
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(rate(0.004), "<0.01");
    }

    #[test]
    fn percentages_never_hide_a_failure() {
        let check = |ratio, expected: &str| assert_eq!(percent(ratio), expected);
        check(0.0, "0 %");
        check(0.000_001, "<0.01 %");
        check(0.007_6, "0.76 %");
        check(0.012_3, "1.2 %");
        check(0.421, "42 %");
        check(0.999_99, ">99 %");
        check(1.0, "100 %");
    }

    #[test]
    fn changes_have_a_sign() {
        let check = |ratio, expected: &str| assert_eq!(change(ratio), expected);
        check(-0.661, "−66 %");
        check(0.0418, "+4.2 %");
        check(0.000_1, "0 %");
        check(8.99, "+899 %");
        check(11.0, "×12");
        check(f64::NAN, NONE);
    }

    #[test]
    fn times_and_sizes_read_well() {
        let check = |seconds, expected: &str| assert_eq!(duration(seconds), expected);
        check(0.0, "0 s");
        check(0.84, "0.8 s");
        check(42.0, "42 s");
        check(60.0, "1 min");
        check(303.2, "5 min 3 s");
        check(7500.0, "2 h 5 min");
        assert_eq!(instant(44.0), "44 s");
        assert_eq!(instant(78.9), "1:18");
        assert_eq!(instant(7509.0), "2:05:09");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(47_110_000), "44.9 MiB");
        assert_eq!(bytes(1_023_000), "999 KiB");
    }

    #[test]
    fn plain_numbers_keep_three_decimals() {
        let check = |value, expected: &str| assert_eq!(plain(value), expected);
        check(0.0, "0");
        check(12.0, "12");
        check(12.3456, "12.346");
        check(0.0001, "0");
        check(-0.0001, "0");
        check(1200.0, "1200");
    }
}
