//! What a threshold's name says about its values, and which of them cannot be right.

/// What no measured value is beyond, in either direction; of a share, twice of all is enough, and panels stay readable.
const OUT_OF_REACH: f64 = 1e15;
const OUT_OF_REACH_SHARE: f64 = 2.0;

/// Whether too little is the trouble.
fn is_lower_limit(name: &str) -> bool {
    name.ends_with("_min") || name.ends_with("_hit_ratio") || name.contains("_left_")
}

/// Whether values are parts of a whole. What is overdue is measured in its own intervals, so there is no whole.
fn is_share(name: &str) -> bool {
    name.strip_suffix("_min").unwrap_or(name).ends_with("_ratio") && !name.contains("_overdue_")
}

/// What stands for `off`.
pub(super) fn out_of_reach(name: &str) -> f64 {
    let far = if is_share(name) { OUT_OF_REACH_SHARE } else { OUT_OF_REACH };
    if is_lower_limit(name) { -far } else { far }
}

/// Refuses a value that no alert could mean.
pub(super) fn check(name: &str, value: f64) -> Result<(), String> {
    if !value.is_finite() {
        return Err(format!("{value} is not a finite number"));
    }
    if value < 0.0 {
        return Err(format!("{value} is negative: write `off` to switch it off"));
    }
    if is_share(name) && value > 1.0 {
        return Err(format!("{value} is no share: write 0.8 for 80 %, or `off` to switch it off"));
    }
    Ok(())
}

/// Refuses values, the worst severity's first, of which a worse one would come before a milder one.
pub(super) fn in_order(name: &str, values: &[(&str, f64)]) -> Result<(), String> {
    let lower = is_lower_limit(name);
    for pair in values.windows(2) {
        let [(worse, far), (milder, near)] = pair else { continue };
        if if lower { near < far } else { near > far } {
            let (is, put) = if lower { ("below", "above") } else { ("above", "below") };
            return Err(format!(
                "{milder} at {near} is {is} {worse} at {far}, so {worse} would come first: put it {put}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::render;

    #[test]
    fn what_would_switch_an_alert_off_by_mistake_is_refused() {
        for (yaml, expected) in [
            (
                "default:\n  a_ratio: {warning: 80}",
                "line 2, column 22: default.a_ratio.warning: 80 is no share: wri",
            ),
            (
                "default:\n  a_ratio_min: {warning: 1.1}",
                "line 2, column 26: default.a_ratio_min.warning: 1.1 is no",
            ),
            ("default:\n  a: {info: -1}", "line 2, column 13: default.a.info: -1 is negative: write `off`"),
            (
                "default:\n  a: {warning: 0.95, critical: 0.8}",
                "line 2, column 6: default.a: warning at 0.95 is above critical at 0.8, so critical would come",
            ),
            (
                "default:\n  a: {info: 3, critical: 2}",
                "line 2, column 6: default.a: info at 3 is above critical",
            ),
            (
                "default:\n  a_left_seconds: {critical: 9, warning: 5}",
                "line 2, column 19: default.a_left_seconds: warning at 5 is below critical at 9",
            ),
            // What a system says counts together with what it leaves to the default.
            (
                "default:\n  a: {warning: 1, critical: 2}\nx:\n  a: {warning: 3}",
                "line 4, column 6: x.a: warning at 3 is above critical at 2",
            ),
        ] {
            let fault = render(yaml).unwrap_err().to_string();
            assert!(fault.starts_with(expected), "{yaml:?}\n   gave {fault:?}\nwanted {expected:?}");
            assert!(!fault.contains('\n'), "{fault}");
        }
        for yaml in [
            "default:\n  a_ratio: {warning: 1, critical: 1}\n  b_overdue_ratio: {critical: 3}",
            "default:\n  a_left_seconds: {warning: 5, critical: 1}\n  b_hit_ratio: {warning: 0.5, critical: 0}",
            "default:\n  a: {warning: 1, critical: 2}\nx:\n  a: {warning: off}\ny:\n  a: {critical: off, warning: 9}",
        ] {
            assert!(render(yaml).is_ok(), "{yaml:?}: {:?}", render(yaml));
        }
    }

    #[test]
    fn off_is_out_of_reach() {
        let names =
            "a: {info: off}, a_ratio: {info: off}, a_left_seconds: {info: off}, a_ratio_min: {info: off}";
        let out = render(&format!("default: {{{names}}}")).unwrap();
        let values: Vec<_> = out.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
        assert_eq!(
            values,
            ["vector(1000000000000000)", "vector(-1000000000000000)", "vector(2)", "vector(-2)"]
        );
    }
}
