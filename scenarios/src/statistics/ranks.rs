//! Ranks, twice as large as usual: equal values share the mean of their places, and twice a mean of
//! places is a whole number, by which sums can be counted exactly.

/// The doubled ranks, from 2, in the order given.
pub(super) fn doubled(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let is_equal = |at: &&usize| values[**at].total_cmp(&value).is_eq();
        let count = order[start..].iter().take_while(is_equal).count();
        for at in &order[start..start + count] {
            // First and last place of the tie, from 1, added.
            ranks[*at] = 2 * start + count + 1;
        }
        start += count;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_the_mean_of_their_places() {
        assert_eq!(doubled(&[30.0, 10.0, 20.0, 10.0]), [8, 3, 6, 3]);
        assert_eq!(doubled(&[]), [0; 0]);
    }
}
