//! Whether a job is tried again.

use super::job::{Attempt, ExitRule};

/// Whether an attempt that failed is followed by another, by `evaluateOnExit`: the first rule that matches decides, and
/// without one the attempt is repeated.
pub(crate) fn is_repeated(rules: &[ExitRule], attempt: &Attempt) -> bool {
    let container = attempt.containers.first();
    let exit_code = container.and_then(|container| container.exit_code).map(|code| code.to_string());
    let reason = container.and_then(|container| container.reason.as_deref());
    let fits = |pattern: &Option<String>, text: Option<&str>| match pattern {
        None => true,
        Some(pattern) => text.is_some_and(|text| matches(pattern, text)),
    };
    let found = rules.iter().find(|rule| {
        fits(&rule.on_status_reason, Some(&attempt.reason))
            && fits(&rule.on_reason, reason)
            && fits(&rule.on_exit_code, exit_code.as_deref())
    });
    found.is_none_or(|rule| rule.retries)
}

/// Patterns may end in an asterisk.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => text == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::job::ContainerEnd;

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rule = |status: Option<&str>, reason: Option<&str>, code: Option<&str>, retries| ExitRule {
            on_status_reason: status.map(str::to_owned),
            on_reason: reason.map(str::to_owned),
            on_exit_code: code.map(str::to_owned),
            retries,
        };
        let rules = [
            rule(Some("Host*"), None, None, true),
            rule(None, None, Some("4*"), false),
            rule(Some("Essential*"), Some("OutOfMemory*"), None, false),
            rule(None, None, Some("3"), true),
            rule(Some("*"), None, None, false),
        ];
        for (status, reason, code, expected) in [
            ("Host terminated", None, None, true),
            ("Essential container in task exited", None, Some(42), false),
            ("Essential container in task exited", Some("OutOfMemoryError: killed"), Some(137), false),
            ("Essential container in task exited", None, Some(3), true),
            ("Essential container in task exited", None, Some(30), false),
        ] {
            let attempt = Attempt {
                started_at: None,
                stopped_at: 0,
                reason: status.to_owned(),
                containers: vec![ContainerEnd { exit_code: code, reason: reason.map(str::to_owned) }],
                launch: 1,
            };
            assert_eq!(is_repeated(&rules, &attempt), expected, "{status} {reason:?} {code:?}");
            assert!(is_repeated(&[], &attempt));
        }
    }
}
