//! Many questions at once: the chance of one false alarm among them all stays bounded.

/// Holm's step-down adjustment: where the adjusted value is at most alpha, the chance that any true
/// hypothesis of the family is rejected is at most alpha, however they depend on each other. In the
/// order given. S. Holm, "A simple sequentially rejective multiple test procedure" (Scandinavian
/// Journal of Statistics 6, 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|one, other| p[*one].total_cmp(&p[*other]));
    let mut adjusted = vec![1.0; p.len()];
    let mut largest: f64 = 0.0;
    for (rank, at) in order.into_iter().enumerate() {
        largest = largest.max(p[at] * (p.len() - rank) as f64).min(1.0);
        adjusted[at] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_r_gives_them() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn never_smaller_than_raw_nor_larger_than_bonferroni(
            p in prop::collection::vec(0.0_f64..=1.0, 1..30),
        ) {
            for (raw, adjusted) in p.iter().zip(holm(&p)) {
                prop_assert!(*raw <= adjusted);
                prop_assert!(adjusted <= (raw * p.len() as f64).min(1.0) + 1e-12);
            }
        }
    }
}
