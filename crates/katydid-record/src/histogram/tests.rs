use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn layout_is_that_of_hdrhistogram(value in 0_u64..CEILING_US) {
        let hdr = hdrhistogram::Histogram::<u64>::new_with_bounds(1, CEILING_US, 3).unwrap();
        prop_assert_eq!(bucket_top(bucket_of(value)), hdr.highest_equivalent(value));
    }

    #[test]
    fn quantiles_equal_hdrhistogram(values in prop::collection::vec(1_u64..100_000_000, 1..400), q in 0.0..1.0_f64) {
        let mut ours = Histogram::default();
        let mut hdr = hdrhistogram::Histogram::<u64>::new_with_bounds(1, CEILING_US, 3).unwrap();
        for v in &values {
            ours.record(*v);
            hdr.record(*v).unwrap();
        }
        let max = *values.iter().max().unwrap();
        prop_assert_eq!(ours.quantile_us(q).unwrap(), hdr.value_at_quantile(q).min(max).max(*values.iter().min().unwrap()));
    }

    #[test]
    fn cutting_and_merging_lose_nothing(a in prop::collection::vec(0_u64..CEILING_US * 2, 0..200),
                                        b in prop::collection::vec(0_u64..5_000, 0..200)) {
        let (mut whole, mut part, mut merged) = (Histogram::default(), Histogram::default(), Histogram::default());
        for v in a.iter().chain(&b) { whole.record(*v); }
        for v in &a { part.record(*v); }
        merged.add(&part.cut());
        for v in &b { part.record(*v); }
        let json = serde_json::to_string(&part.cut()).unwrap();
        merged.add(&serde_json::from_str(&json).unwrap());
        prop_assert_eq!(whole.to_sparse(), merged.to_sparse());
    }
}

proptest! {
    /// However windows are put together, the same comes out.
    #[test]
    fn all_forms_hold_the_same(windows in prop::collection::vec(prop::collection::vec(0_u64..CEILING_US * 2, 0..400), 0..6)) {
        let (mut dense, mut sparse) = (Histogram::default(), Sparse::default());
        let (mut packed, mut gathered, mut later) = (Packed::default(), Gathered::default(), Packed::default());
        for (n, values) in windows.iter().enumerate() {
            let mut window = Histogram::default();
            values.iter().for_each(|v| window.record(*v));
            let window = window.cut();
            dense.add(&window);
            sparse.merge(&window);
            gathered.add(&window);
            if n % 2 == 0 { packed.add(&window) } else { later.add(&window) }
        }
        packed.merge(&later);
        prop_assert_eq!(&dense.to_sparse(), &sparse);
        prop_assert_eq!(&packed.to_sparse(), &sparse);
        prop_assert_eq!(&gathered.to_sparse(), &sparse);
        prop_assert_eq!(packed.quantile_us(0.9), sparse.quantile_us(0.9));
        prop_assert_eq!(packed.count_above(5_000), sparse.count_above(5_000));
    }
}

#[test]
fn a_cut_histogram_is_empty() {
    let mut h = Histogram::default();
    h.record(77);
    h.cut();
    assert_eq!((h.count(), h.max_us(), h.quantile_us(0.5)), (0, None, None));
    assert!(h.cut().is_empty());
}

#[test]
fn a_damaged_sparse_does_not_grow_memory() {
    let damaged = Sparse {
        count: 1,
        gaps_and_counts: vec![u64::MAX, 1, 3, 1],
        ..Sparse::default()
    };
    let mut h = Histogram::default();
    h.add(&damaged);
    assert_eq!(h.buckets().count(), 0);
}
