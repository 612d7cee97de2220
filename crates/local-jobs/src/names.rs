//! Names and ARNs of definitions, queues, clusters, jobs and tasks.

/// Where something is said to be: the region and account of the execution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
}

impl Place<'_> {
    /// `arn:aws:batch:us-east-1:000000000000:job/ID`.
    pub(crate) fn arn(self, service: &str, rest: &str) -> String {
        let partition = match self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!("arn:{partition}:{service}:{}:{}:{rest}", self.region, self.account)
    }
}

/// The name in a text that is a name or an ARN: what follows `KIND/`.
pub(crate) fn bare<'a>(text: &'a str, kind: &str) -> &'a str {
    if !text.starts_with("arn:") {
        return text;
    }
    let resource = text.splitn(6, ':').nth(5).unwrap_or(text);
    resource.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')).unwrap_or(resource)
}

/// A definition's name and its revision, of `name`, `name:revision` or the ARN of either.
pub(crate) fn definition<'a>(text: &'a str, kind: &str) -> (&'a str, Option<&'a str>) {
    let name = bare(text, kind);
    match name.rsplit_once(':') {
        Some((name, revision))
            if !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (name, Some(revision))
        }
        _ => (name, None),
    }
}

/// The section of a definition: of `name:revision` when there is one, else of the name.
pub(crate) fn section<'a, T>(
    sections: &'a std::collections::BTreeMap<String, T>,
    text: &str,
    kind: &str,
) -> Option<(String, &'a T)> {
    let (name, revision) = definition(text, kind);
    let exact = bare(text, kind);
    let found = sections.get(exact).or_else(|| sections.get(name))?;
    Some((format!("{name}:{}", revision.unwrap_or("1")), found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_names_and_arns() {
        for (text, expected) in [
            ("nightly", ("nightly", None)),
            ("nightly:3", ("nightly", Some("3"))),
            ("arn:aws:batch:us-east-1:000000000000:job-definition/nightly:12", ("nightly", Some("12"))),
            ("arn:aws-cn:batch:cn-north-1:000000000000:job-definition/nightly", ("nightly", None)),
            ("odd:name", ("odd:name", None)),
        ] {
            assert_eq!(definition(text, "job-definition"), expected, "{text}");
        }
        assert_eq!(bare("arn:aws:ecs:us-east-1:0:task/c/1234", "task"), "c/1234");
        assert_eq!(bare("c/1234", "task"), "c/1234");
    }

    #[test]
    fn a_section_may_be_of_one_revision() {
        let sections = [("a".to_owned(), 1), ("a:2".to_owned(), 2)].into_iter().collect();
        let found = |text| section(&sections, text, "job-definition").map(|(name, value)| (name, *value));
        assert_eq!(found("a"), Some(("a:1".into(), 1)));
        assert_eq!(found("a:2"), Some(("a:2".into(), 2)));
        assert_eq!(found("a:3"), Some(("a:3".into(), 1)));
        assert_eq!(found("b"), None);
    }

    #[test]
    fn partitions_follow_the_region() {
        let place = Place { region: "us-gov-west-1", account: "1" };
        assert_eq!(place.arn("batch", "job/x"), "arn:aws-us-gov:batch:us-gov-west-1:1:job/x");
    }
}
