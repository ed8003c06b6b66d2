//! Each rule has a page in docs/rules, made from its file's own comment.

/// `UPDATE_DOCS=1 cargo test -p katydid-analyze` rewrites the committed pages.
#[test]
fn each_rule_has_a_page_made_from_its_comment() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for rule in katydid_analyze::rules::RULES {
        let source = root.join(format!("src/rules/{}.rs", rule.name));
        let source = std::fs::read_to_string(&source).expect("a file of its name");
        let comment = source.lines().map_while(|line| line.strip_prefix("//!"));
        let lines = comment.map(|line| line.strip_prefix(' ').unwrap_or(line));
        let page = lines.collect::<Vec<_>>().join("\n") + "\n";
        for part in [
            "# ",
            "**Symptom.**",
            "**Evidence.**",
            "**Cause.**",
            "**Fix.**",
            "**False alarms.**",
        ] {
            assert!(page.contains(part), "{} says nothing of {part}", rule.name);
        }
        let place = root.join(format!("../../docs/rules/{}.md", rule.name));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&place, &page).expect("docs/rules is there");
        }
        let committed = std::fs::read_to_string(&place).unwrap_or_default();
        assert!(
            committed == page,
            "run again with UPDATE_DOCS=1 and commit docs/rules/{}.md",
            rule.name
        );
    }
}
