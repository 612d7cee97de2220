//! The ways to name a function: name, partial ARN, ARN, each with an optional qualifier.

use super::TaskError;

/// A function named in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionName {
    pub(crate) partition: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) qualifier: Option<String>,
}

impl FunctionName {
    /// Reads `NAME`, `ACCOUNT:function:NAME`, `function:NAME` or an ARN, each with an optional `:QUALIFIER`.
    /// Region and account fill what a short form leaves out.
    pub(crate) fn resolve(
        text: &str,
        qualifier: Option<&str>,
        region: &str,
        account: &str,
    ) -> Result<Self, TaskError> {
        let parts: Vec<&str> = text.split(':').collect();
        let (partition, region, account, rest) = match parts.as_slice() {
            ["arn", partition, "lambda", region, account, "function", rest @ ..] => {
                (*partition, *region, *account, rest)
            }
            [account, "function", rest @ ..] => (partition_of(region), region, *account, rest),
            ["function", rest @ ..] if !rest.is_empty() => (partition_of(region), region, account, rest),
            rest => (partition_of(region), region, account, rest),
        };
        let (name, own_qualifier) = match rest {
            [name] => (*name, None),
            [name, own] => (*name, Some(*own)),
            _ => ("", None),
        };
        if !is_word(name, false) || own_qualifier.is_some_and(|own| !is_word(own, true)) {
            let message = format!("{text:?} is not a function name, partial ARN or ARN");
            return Err(invalid_parameter(&message));
        }
        let qualifier = match (own_qualifier, qualifier.filter(|given| !given.is_empty())) {
            (Some(own), Some(given)) if own != given => {
                let message =
                    "The derived qualifier from the function name does not match the specified qualifier.";
                return Err(invalid_parameter(message));
            }
            (own, given) => own.or(given).map(str::to_owned),
        };
        Ok(Self {
            partition: partition.into(),
            region: region.into(),
            account: account.into(),
            name: name.into(),
            qualifier,
        })
    }

    /// The ARN, with the qualifier if one was given.
    pub(crate) fn arn(&self) -> String {
        let Self { partition, region, account, name, qualifier } = self;
        let mut arn = format!("arn:{partition}:lambda:{region}:{account}:function:{name}");
        if let Some(qualifier) = qualifier {
            arn.push(':');
            arn.push_str(qualifier);
        }
        arn
    }

    /// The ARN with `$LATEST` where no qualifier was given, as Lambda's own messages have it.
    pub(crate) fn arn_with_version(&self) -> String {
        let arn = self.arn();
        if self.qualifier.is_none() { arn + ":$LATEST" } else { arn }
    }

    /// The sections that may configure the function, the most specific first.
    pub(crate) fn section_names(&self) -> Vec<String> {
        let qualified = self.qualifier.as_ref().map(|qualifier| format!("{}:{qualifier}", self.name));
        qualified.into_iter().chain([self.name.clone()]).collect()
    }
}

/// Lambda's rule for names; qualifiers may also be `$LATEST`.
fn is_word(text: &str, is_qualifier: bool) -> bool {
    let text = if is_qualifier { text.strip_prefix('$').unwrap_or(text) } else { text };
    !text.is_empty()
        && text.len() <= 140
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn partition_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

fn invalid_parameter(message: &str) -> TaskError {
    let name = "InvalidParameterValueException";
    TaskError::service(name, message, 400, name, &uuid::Uuid::new_v4().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_function_name_is_read() {
        let cases = [
            ("ship", None, "arn:aws:lambda:us-east-1:000000000000:function:ship"),
            ("ship:live", None, "arn:aws:lambda:us-east-1:000000000000:function:ship:live"),
            ("ship", Some("7"), "arn:aws:lambda:us-east-1:000000000000:function:ship:7"),
            ("ship:live", Some("live"), "arn:aws:lambda:us-east-1:000000000000:function:ship:live"),
            ("123456789012:function:ship", None, "arn:aws:lambda:us-east-1:123456789012:function:ship"),
            ("function:ship:$LATEST", None, "arn:aws:lambda:us-east-1:000000000000:function:ship:$LATEST"),
            (
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:ship:live",
                None,
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:ship:live",
            ),
        ];
        for (text, qualifier, arn) in cases {
            let name = FunctionName::resolve(text, qualifier, "us-east-1", "000000000000").unwrap();
            assert_eq!(name.arn(), arn, "{text}");
        }
    }

    #[test]
    fn a_name_that_can_not_be_one_is_an_invalid_parameter() {
        for (text, qualifier) in [
            ("", None),
            ("a b", None),
            ("../x", None),
            ("a:b:c", None),
            ("arn:aws:lambda:r:a:function:", None),
            ("arn:aws:sqs:us-east-1:1:q", None),
            ("a:live", Some("test")),
        ] {
            let error = FunctionName::resolve(text, qualifier, "us-east-1", "0").unwrap_err();
            assert_eq!(error.error, "Lambda.InvalidParameterValueException", "{text}");
        }
    }
}
