//! The parameters of integrations with an address of their own, checked against what they take.

use stepwell_aws_model::{DirectParameter, DirectTarget, ParameterKind};
use stepwell_json::{Array, Object, Value};

use crate::{
    aws::{malformed, missing, parameters_error, unsupported},
    lambda::TaskError,
};

/// Parameters in which nothing is missing, unknown or of another kind than it should be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameters<'a>(&'a Value);

impl<'a> Parameters<'a> {
    /// Checks the parameters.
    ///
    /// # Errors
    /// `States.Runtime` with all that is wrong, as recorded for a header that is no list.
    pub(crate) fn check(target: DirectTarget, parameters: &'a Value) -> Result<Self, TaskError> {
        let mut problems = Vec::new();
        match parameters {
            Value::Object(given) => check_members(target.integration().parameters, given, &mut problems),
            _ => problems.push("The value must be an object".to_owned()),
        }
        if problems.is_empty() { Ok(Self(parameters)) } else { Err(parameters_error(&problems, parameters)) }
    }

    /// The error of parameters with something wrong that only a reader of their values sees.
    pub(crate) fn refused(self, problem: String) -> TaskError {
        parameters_error(&[problem], self.0)
    }

    /// A value that is given and not null.
    pub(crate) fn value(self, name: &str) -> Option<&'a Value> {
        find(self.0.as_object()?, name)
    }

    /// The members of an object among the parameters.
    pub(crate) fn inner(self, name: &str) -> Option<Self> {
        self.value(name).map(Self)
    }

    /// A text, if it is given.
    pub(crate) fn text(self, name: &str) -> Option<String> {
        self.value(name).map(plain)
    }

    /// A text that must be given; the check has seen to it.
    pub(crate) fn required(self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// Whether a flag is set.
    pub(crate) fn flag(self, name: &str) -> bool {
        self.value(name).is_some_and(|value| plain(value) == "true")
    }

    /// Names with each of their values, in order.
    pub(crate) fn lists(self, name: &str) -> Vec<(&'a str, String)> {
        let members = self.value(name).and_then(Value::as_object);
        let pairs = members.into_iter().flat_map(Object::iter).flat_map(|(name, values)| {
            let values = values.as_array().map(Array::items).unwrap_or_default();
            values.iter().map(move |value| (&**name, plain(value)))
        });
        pairs.collect()
    }
}

/// A text as it is, anything else as its JSON.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_text(), str::to_owned)
}

/// A member by its name, exactly or in other letters' case; null counts as absent.
fn find<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    let found = object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))?;
    (!found.is_null()).then_some(found)
}

fn check_members(known: &[DirectParameter], given: &Object, problems: &mut Vec<String>) {
    for (key, value) in given.iter() {
        match known.iter().find(|known| known.name.eq_ignore_ascii_case(key)) {
            None => problems.push(unsupported(key)),
            Some(_) if value.is_null() => {}
            Some(parameter) => check_value(parameter, value, problems),
        }
    }
    for parameter in known.iter().filter(|known| known.is_required) {
        if find(given, parameter.name).is_none() {
            problems.push(missing(parameter.name));
        }
    }
}

fn check_value(parameter: &DirectParameter, value: &Value, problems: &mut Vec<String>) {
    let is_good = match parameter.kind {
        ParameterKind::Any(_) => true,
        ParameterKind::Text => is_scalar(value),
        ParameterKind::Word(words) => value.as_str().is_some_and(|text| words.contains(&text)),
        ParameterKind::Flag => matches!(plain(value).as_str(), "true" | "false"),
        ParameterKind::Lists => value.as_object().is_some_and(|lists| {
            lists.values().all(|list| list.as_array().is_some_and(|list| list.iter().all(is_scalar)))
        }),
        ParameterKind::Object(inner) => match value {
            Value::Object(members) => {
                check_members(inner, members, problems);
                true
            }
            _ => false,
        },
    };
    if !is_good {
        problems.push(malformed(parameter.name));
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

#[cfg(test)]
mod tests {
    use stepwell_aws_model::direct;

    use super::*;

    const CLUSTER: &str = r#""ClusterName":"c","CertificateAuthority":"x","Endpoint":"https://h""#;

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_aws() {
        let gateway = r#""ApiEndpoint":"h","Method":"GET""#;
        for (service, action, text, expected) in [
            ("apigateway", "invoke", format!("{{{gateway}}}"), ""),
            ("apigateway", "invoke", format!(r#"{{{gateway},"Headers":{{"a":["b",1,true]}}}}"#), ""),
            ("apigateway", "invoke", format!(r#"{{{gateway},"Headers":null,"AllowNullValues":"true"}}"#), ""),
            ("apigateway", "invoke", r#"{"apiEndpoint":"h","method":"GET"}"#.to_owned(), ""),
            (
                "apigateway",
                "invoke",
                format!(r#"{{{gateway},"Headers":{{"a":"b"}}}}"#),
                "The value of the field 'Headers' has an invalid format",
            ),
            (
                "apigateway",
                "invoke",
                format!(r#"{{{gateway},"QueryParameters":{{"a":[["b"]]}}}}"#),
                "The value of the field 'QueryParameters' has an invalid format",
            ),
            (
                "apigateway",
                "invoke",
                r#"{"Method":"get","AuthType":"IAM_AUTH","Sorting":1}"#.to_owned(),
                "The value of the field 'Method' has an invalid format, \
                 The value of the field 'AuthType' has an invalid format, \
                 The field 'Sorting' is not supported by Step Functions, \
                 The field 'ApiEndpoint' is required but was missing",
            ),
            (
                "eks",
                "runJob",
                format!(r#"{{{CLUSTER},"Job":{{}},"LogOptions":{{"RawLogs":1,"Tail":2}}}}"#),
                "The value of the field 'RawLogs' has an invalid format, The field 'Tail' is not supported by Step Functions",
            ),
            ("eks", "runJob", "[]".to_owned(), "The value must be an object"),
        ] {
            let target = direct(service, action).expect("a row").target;
            let parameters = stepwell_json::parse(&text).expect(&text);
            let error = Parameters::check(target, &parameters).err();
            let cause = error.as_ref().and_then(|error| error.cause.clone()).unwrap_or_default();
            let wanted = match expected {
                "" => String::new(),
                expected => {
                    format!("The Parameters '{text}' could not be used to start the Task: [{expected}]")
                }
            };
            assert_eq!(cause, wanted, "{text}");
            assert!(error.is_none_or(|error| error.error == "States.Runtime"));
        }
    }
}
