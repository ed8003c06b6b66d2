//! Axes: from values to positions, and round numbers to mark. Knows no markup.

/// How many times the largest value must exceed the smallest for a logarithmic axis.
const LOG_FROM: f64 = 40.0;

/// A value axis: positions are 0 (bottom) to 1 (top).
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    log: bool,
    /// Values to mark, ascending.
    pub ticks: Vec<f64>,
}

impl Scale {
    /// From zero to a round number above the largest value; about four ticks.
    pub fn linear(largest: f64) -> Self {
        if !largest.is_finite() || largest <= 0.0 {
            return Scale {
                low: 0.0,
                high: 1.0,
                log: false,
                ticks: vec![0.0, 1.0],
            };
        }
        let step = round_up(largest / 4.0);
        let steps = (largest / step - 1e-9).ceil().max(1.0);
        let ticks = (0..=steps as u32).map(|i| f64::from(i) * step).collect();
        Scale {
            low: 0.0,
            high: steps * step,
            log: false,
            ticks,
        }
    }

    /// For times: logarithmic when they span more than a linear axis can show, from zero otherwise.
    pub fn times(values: impl Iterator<Item = f64>) -> Self {
        let positive = values.filter(|v| v.is_finite() && *v > 0.0);
        let (smallest, largest) =
            positive.fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(v), b.max(v)));
        if largest < smallest * LOG_FROM {
            return Scale::linear(largest);
        }
        let low = 10.0_f64.powf((smallest * 1.000_1).log10().floor());
        let steps: Vec<f64> = [1.0, 2.0, 5.0]
            .into_iter()
            .filter(|m| smallest >= m * low * 0.999)
            .collect();
        let low = low * steps.last().copied().unwrap_or(1.0);
        let high = round_up(largest);
        let decades = (high / low).log10();
        let (from, to) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let per_decade: &[f64] = if decades <= 3.1 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let ticks = (from..=to)
            .flat_map(|power| per_decade.iter().map(move |m| m * 10.0_f64.powi(power)))
            .filter(|tick| *tick >= low * 0.999 && *tick <= high * 1.001)
            .collect();
        Scale {
            low,
            high,
            log: true,
            ticks,
        }
    }

    /// Where the value is, 0 to 1.
    pub fn at(&self, value: f64) -> f64 {
        let position = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        position.clamp(0.0, 1.0)
    }

    /// Whether it is logarithmic, which has to be said.
    pub fn is_log(&self) -> bool {
        self.log
    }
}

/// The next 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10.0_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power);
    steps
        .into_iter()
        .find(|step| *step >= value * 0.999_999)
        .unwrap_or(value)
}

/// A tick's label.
pub fn label(value: f64) -> String {
    if value >= 1e6 {
        format!("{} M", crate::number::plain(value / 1e6))
    } else if value >= 1_000.0 {
        crate::number::count(value.round() as u64)
    } else {
        crate::number::plain(value)
    }
}

/// Seconds to mark on a time axis of this length: at most about ten.
pub fn times_to_mark(span_s: f64) -> Vec<f64> {
    const STEPS: [f64; 17] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
        7_200.0, 21_600.0, 43_200.0, 86_400.0,
    ];
    let fits = |step: &f64| span_s / step <= 10.0;
    let step = STEPS
        .into_iter()
        .find(fits)
        .unwrap_or((span_s / 10.0).max(1.0));
    let marks = (span_s / step + 1e-9).floor().min(1_000.0) as u32;
    (0..=marks).map(|i| f64::from(i) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_round_numbers() {
        let check =
            |largest, ticks: &[f64]| assert_eq!(Scale::linear(largest).ticks, ticks, "{largest}");
        check(0.0, &[0.0, 1.0]);
        check(7.0, &[0.0, 2.0, 4.0, 6.0, 8.0]);
        check(100.0, &[0.0, 50.0, 100.0]);
        check(1_234.0, &[0.0, 500.0, 1_000.0, 1_500.0]);
        check(f64::NAN, &[0.0, 1.0]);
    }

    #[test]
    fn times_that_span_much_get_a_logarithmic_axis() {
        assert!(!Scale::times([10.0, 80.0].into_iter()).is_log());
        let scale = Scale::times([3.0, 900.0].into_iter());
        assert!(scale.is_log());
        assert_eq!(
            scale.ticks,
            [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0]
        );
        assert!(scale.at(3.0) > 0.0 && scale.at(900.0) < 1.0 && scale.at(0.0) == 0.0);
        assert!(!Scale::times(std::iter::empty()).is_log());
    }

    #[test]
    fn time_axes_have_few_marks() {
        assert_eq!(times_to_mark(120.0).len(), 9);
        for span in [0.0, 1.0, 59.0, 3_600.0, 86_400.0, 1e9] {
            assert!((1..=12).contains(&times_to_mark(span).len()), "{span}");
        }
    }
}
