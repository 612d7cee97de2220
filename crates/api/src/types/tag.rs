//! TagResource, UntagResource, ListTagsForResource.

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
