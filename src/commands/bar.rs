//! Bars of characters. Pure.

/// A bar of `cells` cells of which `percent` are full. From 1 percent on, at least one cell is full; all of them only
/// from 100 on.
#[allow(clippy::cast_precision_loss, reason = "a few dozen cells")]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no percentage is negative"
)]
pub(crate) fn bar(percent: f64, cells: usize) -> String {
    let full = (percent / 100.0 * cells as f64) as usize;
    let full = if percent >= 100.0 {
        cells
    } else {
        full.clamp(usize::from(percent >= 1.0), cells.saturating_sub(1))
    };
    "#".repeat(full) + &".".repeat(cells - full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_at_the_threshold_and_not_before() {
        for (percent, shown) in [
            (0.0, ".........."),
            (0.9, ".........."),
            (1.0, "#........."),
            (49.0, "####......"),
            (99.9, "#########."),
            (100.0, "##########"),
            (700.0, "##########"),
        ] {
            assert_eq!(bar(percent, 10), shown, "{percent}");
        }
    }
}
