//! What the tests come to: the verdict in one sentence, and the line that decides.

use super::Evidence;
use crate::policy::{Exemption, Limit, Policy, Verdict};
use crate::report::line_of::{self, ConfigLine};
use crate::units::Bytes;

/// What the tests come to.
pub(super) struct Conclusion {
    pub(super) verdict: &'static str,
    pub(super) sentence: String,
    pub(super) line: Option<ConfigLine>,
}

impl Conclusion {
    pub(super) fn new(evidence: &Evidence<'_>, exemption: Option<Exemption<'_>>) -> Self {
        let Evidence {
            policy,
            written,
            process,
            memory,
            ..
        } = evidence;
        let config = &policy.config;
        let (verdict, sentence, line) = match policy.judge(process, memory) {
            Verdict::Breach(breach) => {
                let over = format!("it is over {}", breach.limit);
                let (sentence, line) = if config.dry_run {
                    (
                        format!("it would be reported, not ended: {over}, and dry_run is true"),
                        line_of::of_key("settings", "dry_run", written),
                    )
                } else {
                    let line = line_of::of_limit(&breach.limit, written);
                    match &evidence.permission {
                        Ok(()) => (format!("a check would end it: {over}"), line),
                        Err(error) => (
                            format!(
                                "a check by this user could not end it ({error}), though {over}"
                            ),
                            line,
                        ),
                    }
                };
                ("over", sentence, line)
            }
            Verdict::Spared(exemption) => {
                let sentence = match exemption {
                    Exemption::Unreadable(_) => {
                        format!("it is spared, doubt never kills: {exemption}")
                    }
                    _ => format!("it is spared, although it is over a threshold: {exemption}"),
                };
                let line = line_of::of_exemption(&exemption, config, written);
                ("spared", sentence, line)
            }
            Verdict::Within => {
                let sentence = match &exemption {
                    None => "it is left alone: it is over no threshold".to_owned(),
                    Some(exemption) => format!(
                        "it is left alone: it is over no threshold, and would be spared if it were: {exemption}"
                    ),
                };
                let lowest = nearest_limit(policy, memory.total);
                let line = lowest.and_then(|limit| line_of::of_limit(&limit, written));
                ("within", sentence, line)
            }
        };
        Self {
            verdict,
            sentence: sentence + ".",
            line,
        }
    }
}

/// The threshold that would be crossed first.
fn nearest_limit(policy: &Policy, total: Bytes) -> Option<Limit> {
    let thresholds = policy.config.thresholds;
    let percent = thresholds
        .percent()
        .zip(thresholds.percent_of(total))
        .map(|(percent, bytes)| (bytes, Limit::Percent(percent)));
    let amount = thresholds
        .amount()
        .map(|bytes| (bytes, Limit::Amount(bytes)));
    [percent, amount]
        .into_iter()
        .flatten()
        .min_by_key(|(bytes, _)| *bytes)
        .map(|(_, limit)| limit)
}
