//! Quantiles of a sample.

/// The quantile of 0 to 1 of a sorted sample, between its two neighbours in proportion: type 7 of
/// Hyndman and Fan, "Sample quantiles in statistical packages" (The American Statistician 50,
/// 1996). `None` for an empty one.
pub fn quantile(sorted: &[f64], quantile: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = quantile.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let part = place - below as f64;
    Some(sorted[below] + part * (sorted[above] - sorted[below]))
}

/// The median of a sample in any order; `None` for an empty one.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_r_and_numpy_give_them() {
        // R: quantile(c(1, 2, 4, 8, 16), c(0, .1, .5, .9, 1)), type 7.
        let sample = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (at, expected) in [(0.0, 1.0), (0.1, 1.4), (0.5, 4.0), (0.9, 12.8), (1.0, 16.0)] {
            assert!((quantile(&sample, at).unwrap() - expected).abs() < 1e-12, "{at}");
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
    }

    proptest! {
        #[test]
        fn a_quantile_lies_in_the_sample_and_never_falls(
            mut sample in prop::collection::vec(0.0_f64..1e9, 1..40),
            one in 0.0_f64..=1.0,
            other in 0.0_f64..=1.0,
        ) {
            sample.sort_by(f64::total_cmp);
            let of = |at| quantile(&sample, at).unwrap();
            prop_assert!((sample[0]..=sample[sample.len() - 1]).contains(&of(one)));
            prop_assert!(of(one.min(other)) <= of(one.max(other)));
        }
    }
}
