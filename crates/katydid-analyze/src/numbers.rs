//! What several analyses compute of lists of numbers, and how they write one into a sentence.

/// The middle value, or the middle of the two that lie there; `None` of nothing.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    let (middle, even) = (values.len() / 2, values.len().is_multiple_of(2));
    if values.is_empty() {
        return None;
    }
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = below.iter().copied().max_by(f64::total_cmp);
    let lower = lower.filter(|_| even);
    Some(lower.map_or(*upper, |lower| f64::midpoint(lower, *upper)))
}

/// The first few of these, and how many more there are: `a, b and 3 more`.
pub fn few<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let first: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let first = first.join(", ");
    match names.len().saturating_sub(most) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Three figures, without an exponent: `0.4`, `51`, `2,130`.
pub fn figures(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    if text == "-0" {
        return "0".to_owned();
    }
    grouped(&text)
}

fn grouped(text: &str) -> String {
    let (sign, rest) = text
        .strip_prefix('-')
        .map_or(("", text), |rest| ("-", rest));
    let (whole, part) = rest
        .split_once('.')
        .map_or((rest, ""), |(whole, part)| (whole, part));
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    let dot = if part.is_empty() { "" } else { "." };
    format!("{sign}{out}{dot}{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few() {
        assert_eq!(few::<&str>(&[], 2), "");
        assert_eq!(few(&["a", "b"], 2), "a, b");
        assert_eq!(few(&["a", "b", "c", "d"], 2), "a, b and 2 more");
    }

    #[test]
    fn three_figures() {
        let check = |value: f64, expected: &str| assert_eq!(figures(value), expected);
        check(0.0, "0");
        check(0.123_4, "0.123");
        check(1.0, "1");
        check(51.04, "51");
        check(38.26, "38.3");
        check(2_130.4, "2,130");
        check(-1_234_567.0, "-1,234,567");
    }
}
