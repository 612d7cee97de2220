//! TagResource, UntagResource, ListTagsForResource.

use crate::ApiError;
use crate::constraints::{ANY, ARN, TAG_KEY, TAG_KEYS, TAG_VALUE};

input! {
    /// A tag.
    Tag {
        /// Up to 128 characters.
        optional key "key": String = TAG_KEY,
        /// Up to 256 characters; empty when absent.
        optional value "value": String = TAG_VALUE,
    }
}
output!(@write Tag { key "key", value "value" });

/// How many tags a resource may have.
pub const TAGS_MAX: usize = 50;

/// Checks the keys and values of tags that a request sets; their lengths are constraints of the shape. How many a
/// resource has in the end is for the caller to compare with [`TAGS_MAX`].
///
/// # Errors
/// `ValidationException`, whose text is not recorded from AWS.
pub fn check_tags(tags: &[Tag]) -> Result<(), ApiError> {
    for tag in tags {
        let key = tag.key.as_deref().unwrap_or_default();
        let value = tag.value.as_deref().unwrap_or_default();
        if key.is_empty() {
            return Err(ApiError::validation("A tag must have a key."));
        }
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(ApiError::validation(format!(
                "The tag key '{key}' begins with 'aws:', which is reserved."
            )));
        }
        if let Some(character) =
            key.chars().chain(value.chars()).find(|&character| !is_tag_character(character))
        {
            return Err(ApiError::validation(format!(
                "The tag '{key}' has the character {character:?}; allowed are letters, digits, white space and _ . : \
                 / = + - @"
            )));
        }
    }
    Ok(())
}

fn is_tag_character(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character)
}

input! {
    /// TagResource, which answers nothing.
    TagResourceRequest {
        /// A state machine (unqualified) or an activity.
        required resource_arn "resourceArn": String = ARN,
        /// Tags to set; those with the same key are replaced.
        required tags "tags": Vec<Tag> = ANY,
    }
}

input! {
    /// UntagResource, which answers nothing.
    UntagResourceRequest {
        /// A state machine (unqualified) or an activity.
        required resource_arn "resourceArn": String = ARN,
        /// Keys of the tags to remove; unknown ones are ignored.
        required tag_keys "tagKeys": Vec<String> = TAG_KEYS,
    }
}

input! {
    /// ListTagsForResource.
    ListTagsForResourceRequest {
        /// A state machine (unqualified) or an activity.
        required resource_arn "resourceArn": String = ARN,
    }
}

output! {
    /// What ListTagsForResource answers; it has no pages.
    ListTagsForResourceResponse {
        /// All tags, in the order in which they were set.
        tags "tags": Vec<Tag>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_plain_characters_and_no_reserved_keys() {
        for (key, value, is_valid) in [
            (Some("key1"), Some("value1"), true),
            (Some("key1"), Some(""), true),
            (Some("a b:c/d=e+f-g@h_i.j"), None, true),
            (Some("größe"), Some("名"), true),
            (Some("AWS:x"), None, false),
            (Some("aws:"), None, false),
            (Some("awsx"), None, true),
            (Some("äws:"), None, true),
            (Some("a#b"), None, false),
            (Some("a"), Some("{}"), false),
            (Some(""), None, false),
            (None, Some("value"), false),
        ] {
            let tag = Tag { key: key.map(str::to_owned), value: value.map(str::to_owned) };
            assert_eq!(check_tags(std::slice::from_ref(&tag)).is_ok(), is_valid, "{tag:?}");
        }
    }
}
