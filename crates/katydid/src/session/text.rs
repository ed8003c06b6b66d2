//! Texts that are to count together.

/// `<x object at 0x7f…>` as `<x object at 0x....>`.
pub fn without_addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(" at 0x") {
        let digits = at + " at 0x".len();
        let end = rest[digits..]
            .find(|c: char| !c.is_ascii_hexdigit())
            .map_or(rest.len(), |end| digits + end);
        out.push_str(&rest[..digits]);
        out.push_str("....");
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}
