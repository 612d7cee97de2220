//! What came of the cases.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use stepwell_workflow_test::{Count, Mismatch, Ran, check, run};

use super::load::{Content, DefinitionKey, Invalid, Library, LoadedSuite};

/// The results of one test file.
pub(super) struct SuiteRun {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// The cases that were run or skipped, in order.
    pub(super) cases: Vec<CaseRun>,
    /// What the positions of cases and mismatches refer to.
    pub(super) content: Option<Content>,
    /// Why nothing was run.
    pub(super) invalid: Option<Invalid>,
}

/// The result of one case.
pub(super) struct CaseRun {
    /// Its place in the suite.
    pub(super) index: usize,
    /// What came of it; none when it is skipped.
    pub(super) ran: Option<Ran>,
    pub(super) mismatches: Vec<Mismatch>,
    pub(super) elapsed: Duration,
}

/// How a case went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    Skipped,
}

impl CaseRun {
    pub(super) fn verdict(&self) -> Verdict {
        match (&self.ran, self.mismatches.is_empty()) {
            (None, _) => Verdict::Skipped,
            (Some(_), true) => Verdict::Passed,
            (Some(_), false) => Verdict::Failed,
        }
    }
}

/// All results.
pub(super) struct Report {
    pub(super) runs: Vec<SuiteRun>,
    /// Definitions that were tested, and those for which there is no test; empty when coverage means nothing.
    pub(super) coverage: Vec<Result<DefinitionKey, PathBuf>>,
    pub(super) coverage_min: Option<f64>,
    pub(super) elapsed: Duration,
}

impl Report {
    /// Cases with a verdict.
    pub(super) fn count(&self, verdict: Verdict) -> usize {
        self.runs.iter().flat_map(|run| &run.cases).filter(|case| case.verdict() == verdict).count()
    }

    /// Whether a file could not be used.
    pub(super) fn is_invalid(&self) -> bool {
        self.runs.iter().any(|run| run.invalid.is_some())
    }

    /// Whether a case failed, or too little of a definition is covered.
    pub(super) fn has_failed(&self, library: &Library) -> bool {
        self.count(Verdict::Failed) > 0
            || self.coverage.iter().any(|entry| self.is_too_little(covered(library, entry)))
    }

    /// Whether a share of a definition is less than it must be.
    pub(super) fn is_too_little(&self, count: Count) -> bool {
        self.coverage_min.is_some_and(|least| count.percent() < least)
    }
}

/// How much of a definition is covered: nothing of one that has no tests.
pub(super) fn covered(library: &Library, entry: &Result<DefinitionKey, PathBuf>) -> Count {
    let definition = entry.as_ref().ok().and_then(|key| library.definition(key));
    definition.map_or(Count { covered: 0, total: 1 }, |definition| definition.coverage.total())
}

/// Runs the cases of a file that the filter lets through.
pub(super) fn run_suite(library: &mut Library, suite: LoadedSuite, filter: Option<&str>) -> SuiteRun {
    let LoadedSuite { path, name, content } = suite;
    let content = match content {
        Ok(content) => content,
        Err(invalid) => {
            return SuiteRun { path, name, cases: Vec::new(), content: None, invalid: Some(invalid) };
        }
    };
    let mut cases = Vec::new();
    if let Some(definition) = library.definition_mut(&content.definition) {
        for (index, case) in content.suite.cases.iter().enumerate() {
            if !filter.is_none_or(|pattern| fits(pattern, &format!("{name}/{}", case.name))) {
                continue;
            }
            let started = Instant::now();
            let mut run_of_case =
                CaseRun { index, ran: None, mismatches: Vec::new(), elapsed: Duration::ZERO };
            if case.skip.is_none() {
                let machine = &definition.machine;
                let ran = run(machine, content.suite.machine_type, case, &mut definition.coverage);
                run_of_case.mismatches = check(machine, case, &ran);
                run_of_case.ran = Some(ran);
                run_of_case.elapsed = started.elapsed();
            }
            cases.push(run_of_case);
        }
    }
    SuiteRun { path, name, cases, content: Some(content), invalid: None }
}

/// Whether a pattern fits a name: as a part of it, or, where it has a `*`, as a whole. The case of letters is nothing.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return name.contains(&pattern) };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_parts_or_with_a_star_the_whole() {
        for (pattern, name, expected) in [
            ("card", "order/a Card is declined", true),
            ("cord", "order/a card is declined", false),
            ("order/*", "order/a card", true),
            ("order/*", "reorder/a card", false),
            ("*card", "order/a card", true),
            ("*card", "order/a card is declined", false),
            ("*a*card*", "order/a card is declined", true),
            ("o*a*a", "oa", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
