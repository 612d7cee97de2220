//! Values as `application/x-www-form-urlencoded`.

use stepwell_json::Value;

use crate::{http_client::percent_encode, parameters::plain};

/// `Transform.RequestEncodingOptions.ArrayFormat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ArrayFormat {
    /// `a[0]=x&a[1]=y`
    #[default]
    Indices,
    /// `a=x&a=y`
    Repeat,
    /// `a=x,y`
    Commas,
    /// `a[]=x&a[]=y`
    Brackets,
}

impl ArrayFormat {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "INDICES" => Self::Indices,
            "REPEAT" => Self::Repeat,
            "COMMAS" => Self::Commas,
            "BRACKETS" => Self::Brackets,
            _ => return None,
        })
    }
}

/// Appends the pairs of a member, encoded.
pub(super) fn pairs(key: &str, value: &Value, format: ArrayFormat, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter() {
                pairs(&format!("{key}[{name}]"), value, format, into);
            }
        }
        Value::Array(items) if format == ArrayFormat::Commas => {
            let items: Vec<String> = items.iter().map(|item| percent_encode(&plain(item))).collect();
            into.push((percent_encode(key), items.join(",")));
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                let key = match format {
                    ArrayFormat::Indices => format!("{key}[{position}]"),
                    ArrayFormat::Brackets => format!("{key}[]"),
                    ArrayFormat::Repeat | ArrayFormat::Commas => key.to_owned(),
                };
                pairs(&key, item, format, into);
            }
        }
        Value::Null => into.push((percent_encode(key), String::new())),
        other => into.push((percent_encode(key), percent_encode(&plain(other)))),
    }
}

/// `a=x&b=y`
pub(super) fn join(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}
