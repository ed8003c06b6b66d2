use katydid_record::Summary;
use katydid_report::json;

use crate::sample;

#[test]
fn locusts_list() {
    insta::assert_snapshot!(json::locust_json(&sample::view()));
}

#[test]
fn the_summary_survives() {
    for summary in [sample::valid(), sample::invalid(), sample::empty()] {
        let text = json::summary_json(&summary);
        assert!(text.ends_with("}\n"));
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
    }
}

#[test]
fn equal_inputs_give_equal_bytes() {
    assert_eq!(
        json::summary_json(&sample::valid()),
        json::summary_json(&sample::valid())
    );
    assert_eq!(
        json::locust_json(&sample::view()),
        json::locust_json(&sample::view())
    );
}
