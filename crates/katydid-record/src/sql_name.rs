//! Names of `PostgreSQL` as SQL wants them: in quotes where they have capitals, or are words of its own.

/// In which order an index may have a column, the longer first.
const DIRECTIONS: [&str; 4] = ["DESC NULLS LAST", "NULLS FIRST", "NULLS LAST", "DESC"];

/// A name, quoted where it has to be.
pub fn quoted(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !RESERVED.split(' ').any(|word| word == name);
    if is_plain {
        name.to_owned()
    } else {
        in_quotes(name)
    }
}

/// A name in quotes, whatever is in it.
fn in_quotes(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column of an index and its direction, which may be none: `created_at DESC` is `created_at` and `DESC`.
pub fn column_and_direction(key: &str) -> (&str, &str) {
    let all = DIRECTIONS.iter();
    let mut found = all.filter_map(|direction| {
        let column = key.strip_suffix(direction)?.strip_suffix(' ')?;
        Some((column, *direction))
    });
    found.next().unwrap_or((key, ""))
}

/// Columns of an index as SQL lists them, with their directions.
pub fn columns(keys: &[String]) -> String {
    let one = |key: &String| {
        let (column, direction) = column_and_direction(key);
        format!("{} {direction}", quoted(column))
            .trim_end()
            .to_owned()
    };
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What cannot name a table or a column without quotes: categories R and T of `pg_get_keywords()`, of versions 14 to 18.
const RESERVED: &str = "\
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation \
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time \
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze \
    from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit \
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references \
    returning right select session_user similar some symmetric system_user table tablesample then to trailing true union \
    unique user using variadic verbose when where window with";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_have_to_be() {
        for (name, expected) in [
            ("orders", "orders"),
            ("Order", "\"Order\""),
            ("order", "\"order\""),
            ("user", "\"user\""),
            ("status", "status"),
            ("a b", "\"a b\""),
            ("7th", "\"7th\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
        ] {
            assert_eq!(quoted(name), expected);
        }
    }

    #[test]
    fn columns_keep_their_directions() {
        let keys = ["tenantId", "at DESC", "end DESC NULLS LAST", "DESC"].map(str::to_owned);
        let expected = "\"tenantId\", at DESC, \"end\" DESC NULLS LAST, \"DESC\"";
        assert_eq!(columns(&keys), expected);
    }
}
