//! TagResource, UntagResource, ListTagsForResource.

use stepwell_api::{
    ApiError,
    arn::{Arn, Qualifier},
    identity::Identity,
    types::tag::{
        ListTagsForResourceRequest, ListTagsForResourceResponse, TAGS_MAX, Tag, TagResourceRequest,
        UntagResourceRequest, check_tags,
    },
};

use super::{Operations, internal};
use crate::catalogue::records::{TagRecord, TagsRecord};

impl Operations {
    /// TagResource: tags with a key that is there are replaced.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn tag_resource(
        &self,
        _caller: Identity<'_>,
        request: TagResourceRequest,
    ) -> Result<(), ApiError> {
        check_tags(&request.tags)?;
        self.check_taggable(&request.resource_arn)?;
        let mut writer = self.catalogue.write().await;
        self.check_taggable(&request.resource_arn)?;
        let mut record = self.catalogue.tags(&request.resource_arn).map_err(internal)?;
        merge_tags(&mut record, request.tags);
        if record.tags.len() > TAGS_MAX {
            return Err(ApiError::too_many_tags(&request.resource_arn));
        }
        writer.put_tags(&request.resource_arn, &record);
        writer.commit(|| ()).await.map_err(internal)
    }

    /// UntagResource: keys that are not there are ignored.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn untag_resource(
        &self,
        _caller: Identity<'_>,
        request: UntagResourceRequest,
    ) -> Result<(), ApiError> {
        self.check_taggable(&request.resource_arn)?;
        let mut writer = self.catalogue.write().await;
        self.check_taggable(&request.resource_arn)?;
        let mut record = self.catalogue.tags(&request.resource_arn).map_err(internal)?;
        record.tags.retain(|tag| !request.tag_keys.contains(&tag.key));
        writer.put_tags(&request.resource_arn, &record);
        writer.commit(|| ()).await.map_err(internal)
    }

    /// ListTagsForResource.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn list_tags_for_resource(
        &self,
        _caller: Identity<'_>,
        request: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResponse, ApiError> {
        self.check_taggable(&request.resource_arn)?;
        let record = self.catalogue.tags(&request.resource_arn).map_err(internal)?;
        let tags =
            record.tags.into_iter().map(|tag| Tag { key: Some(tag.key), value: Some(tag.value) }).collect();
        Ok(ListTagsForResourceResponse { tags })
    }

    /// Only machines themselves and activities have tags.
    fn check_taggable(&self, arn: &str) -> Result<(), ApiError> {
        let exists = match Arn::parse(arn)? {
            Arn::StateMachine(machine) => {
                machine.qualifier == Qualifier::None && self.catalogue.machine(arn).is_some()
            }
            Arn::Activity(_) => self.catalogue.activity(arn).is_some(),
            Arn::Execution(_) | Arn::ExpressExecution(_) | Arn::MapRun(_) => false,
        };
        if exists { Ok(()) } else { Err(ApiError::resource_not_found(arn)) }
    }
}

/// Sets tags; those with a key that is there keep its place.
pub(super) fn merge_tags(record: &mut TagsRecord, tags: Vec<Tag>) {
    for tag in tags {
        let (key, value) = (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        match record.tags.iter_mut().find(|present| present.key == key) {
            Some(present) => present.value = value,
            None => record.tags.push(TagRecord { key, value }),
        }
    }
}
