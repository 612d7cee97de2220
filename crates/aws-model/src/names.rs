//! Names of members and operations in tasks.

use std::borrow::Cow;

/// Words that a member of a Java class can't have as its name; the SDK appends `Value` to them.
const TAKEN: &[&str] = &[
    "abstract",
    "assert",
    "boolean",
    "break",
    "builder",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "equals",
    "extends",
    "false",
    "final",
    "finalize",
    "finally",
    "float",
    "for",
    "getClass",
    "goto",
    "hashCode",
    "if",
    "implements",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "native",
    "new",
    "notify",
    "notifyAll",
    "null",
    "overrideConfiguration",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "sdkFields",
    "sdkHttpResponse",
    "short",
    "static",
    "strictfp",
    "super",
    "switch",
    "synchronized",
    "this",
    "throw",
    "throws",
    "toBuilder",
    "toString",
    "transient",
    "true",
    "try",
    "void",
    "volatile",
    "wait",
    "while",
];

/// With the first letter in upper case, and nothing else changed.
pub fn first_upper(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
}

/// With the first letter in lower case, and nothing else changed.
pub fn first_lower(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + characters.as_str())
}

pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    if TAKEN.iter().any(|taken| is_same_variable(taken, name)) {
        return Cow::Owned(first_upper(name) + "Value");
    }
    if name.starts_with(|first: char| first.is_ascii_lowercase()) {
        Cow::Owned(first_upper(name))
    } else {
        Cow::Borrowed(name)
    }
}

/// Java's variable for a member starts with a small letter.
fn is_same_variable(taken: &str, name: &str) -> bool {
    taken.len() == name.len()
        && taken.get(1..) == name.get(1..)
        && taken
            .get(..1)
            .is_some_and(|first| name.get(..1).is_some_and(|other| first.eq_ignore_ascii_case(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_name_has_a_capital_and_is_none_of_javas_own() {
        for (name, expected) in [
            ("QueueUrl", "QueueUrl"),
            ("networkConfiguration", "NetworkConfiguration"),
            ("eTag", "ETag"),
            ("equals", "EqualsValue"),
            ("getClass", "GetClassValue"),
            ("package", "PackageValue"),
            ("Package", "PackageValue"),
            ("", ""),
        ] {
            assert_eq!(shown(name), expected, "{name}");
        }
    }
}
