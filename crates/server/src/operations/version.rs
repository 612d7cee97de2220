//! PublishStateMachineVersion, ListStateMachineVersions, DeleteStateMachineVersion.

use std::sync::Arc;

use stepwell_api::{
    ApiError, Operation, Timestamp,
    arn::{Qualifier, StateMachineArn},
    identity::Identity,
    pagination::PageScope,
    types::{
        execution::page_size,
        version::{
            DeleteStateMachineVersionRequest, ListStateMachineVersionsRequest,
            ListStateMachineVersionsResponse, PublishStateMachineVersionRequest,
            PublishStateMachineVersionResponse, StateMachineVersionListItem,
        },
    },
};

use super::{Operations, internal};
use crate::catalogue::{Machine, Version, Writer};

/// What AWS calls the revision that a machine was created with.
const FIRST_REVISION: &str = "INITIAL";

impl Operations {
    /// PublishStateMachineVersion: the present revision under the next number; one that is published already is answered
    /// as it is.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn publish_state_machine_version(
        &self,
        _caller: Identity<'_>,
        request: PublishStateMachineVersionRequest,
    ) -> Result<PublishStateMachineVersionResponse, ApiError> {
        let given = &request.state_machine_arn;
        self.machine_itself(given)?;
        self.admit()?;
        let mut writer = self.catalogue.write().await;
        let machine = self.machine_itself(given)?;
        if let Some(revision_id) = &request.revision_id {
            let revision = self.catalogue.revision(machine.revision()).map_err(internal)?;
            let current = if revision.shows_id { revision.id.as_str() } else { FIRST_REVISION };
            if revision_id != current {
                return Err(ApiError::stale_revision(revision_id, current));
            }
        }
        let mut machine = Machine::clone(&machine);
        let (version, is_new) = self.publish(&mut writer, &mut machine, request.description)?;
        if is_new {
            writer.put_machine(machine);
            writer.commit(|| ()).await.map_err(internal)?;
        }
        Ok(PublishStateMachineVersionResponse {
            creation_date: Timestamp::from(version.created_ms),
            state_machine_version_arn: version.arn.0,
        })
    }

    /// Publishes the present revision of a machine unless it is published already, in which case the description counts
    /// for nothing. Gives the version, and whether it is new.
    ///
    /// # Errors
    /// `ServiceQuotaExceededException`.
    pub(super) fn publish(
        &self,
        writer: &mut Writer,
        machine: &mut Machine,
        description: Option<String>,
    ) -> Result<(Version, bool), ApiError> {
        if let Some(version) = machine.published(machine.revision()) {
            return Ok((version.clone(), false));
        }
        let limit = self.settings.limits.versions_max;
        if machine.versions().len() >= limit {
            return Err(ApiError::service_quota_exceeded(format!(
                "A state machine can have at most {limit} versions: delete some with DeleteStateMachineVersion."
            )));
        }
        let number = writer.publish(machine, description, self.clock.now().0);
        let version = machine.version(number).cloned();
        version.map(|version| (version, true)).ok_or_else(ApiError::internal_failure)
    }

    /// ListStateMachineVersions: the highest number first. AWS's model has no error for a machine that does not exist;
    /// it has no versions.
    ///
    /// # Errors
    /// `InvalidArn`, `InvalidToken`, `ValidationException`.
    pub async fn list_state_machine_versions(
        &self,
        _caller: Identity<'_>,
        request: ListStateMachineVersionsRequest,
    ) -> Result<ListStateMachineVersionsResponse, ApiError> {
        let parsed = StateMachineArn::parse(&request.state_machine_arn)?.without_label()?;
        if parsed.qualifier != Qualifier::None {
            return Err(ApiError::validation(format!(
                "ListStateMachineVersions takes the ARN of a state machine without version or alias: '{}'",
                request.state_machine_arn
            )));
        }
        let arn = parsed.unqualified();
        let scope = PageScope { operation: Operation::ListStateMachineVersions, arguments: &[&arn] };
        let limit = page_size(request.max_results);
        let below = self.open_number_token(scope, request.next_token.as_deref())?.unwrap_or(u64::MAX);
        let Some(machine) = self.catalogue.machine(&arn) else {
            return Ok(ListStateMachineVersionsResponse {
                state_machine_versions: Vec::new(),
                next_token: None,
            });
        };
        let mut versions: Vec<&Version> = machine.versions_below(below).take(limit + 1).collect();
        let next_token = if versions.len() > limit {
            versions.truncate(limit);
            self.issue_number_token(scope, versions.last().map(|version| version.number))?
        } else {
            None
        };
        let item = |version: &&Version| StateMachineVersionListItem {
            state_machine_version_arn: version.arn.0.clone(),
            creation_date: Timestamp::from(version.created_ms),
        };
        let state_machine_versions = versions.iter().map(item).collect();
        Ok(ListStateMachineVersionsResponse { state_machine_versions, next_token })
    }

    /// DeleteStateMachineVersion: also of a version that does not exist. Executions started with it go on.
    ///
    /// # Errors
    /// `InvalidArn`, `ValidationException`; `ConflictException` while an alias routes to it.
    pub async fn delete_state_machine_version(
        &self,
        _caller: Identity<'_>,
        request: DeleteStateMachineVersionRequest,
    ) -> Result<(), ApiError> {
        let parsed = StateMachineArn::parse(&request.state_machine_version_arn)?.without_label()?;
        let Qualifier::Version(number) = parsed.qualifier else {
            return Err(ApiError::validation(format!(
                "DeleteStateMachineVersion takes the ARN of a version: '{}'",
                request.state_machine_version_arn
            )));
        };
        let mut writer = self.catalogue.write().await;
        let Some(machine) = self.catalogue.machine(&parsed.unqualified()) else { return Ok(()) };
        if machine.version(number).is_none() {
            return Ok(());
        }
        let aliases: Vec<&str> =
            machine.aliases().filter(|alias| alias.refers_to(number)).map(|alias| &*alias.name).collect();
        if !aliases.is_empty() {
            return Err(ApiError::version_in_use(&aliases));
        }
        let mut machine = Machine::clone(&machine);
        writer.remove_version(&mut machine, number);
        writer.put_machine(machine);
        writer.commit(|| ()).await.map_err(internal)
    }

    /// The number in a page token of a list that is ordered by numbers.
    pub(super) fn open_number_token(
        &self,
        scope: PageScope<'_>,
        token: Option<&str>,
    ) -> Result<Option<u64>, ApiError> {
        let Some(token) = token else { return Ok(None) };
        let cursor = self.tokens.open(scope, token, self.clock.now().0)?;
        let bytes = cursor.try_into().map_err(|_| ApiError::invalid_token())?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }

    pub(super) fn issue_number_token(
        &self,
        scope: PageScope<'_>,
        number: Option<u64>,
    ) -> Result<Option<String>, ApiError> {
        number.map(|number| self.tokens.issue(scope, &number.to_be_bytes(), self.clock.now().0)).transpose()
    }
}

/// Refuses a description for a version that is not published.
///
/// # Errors
/// `ValidationException`.
pub(super) fn check_description(publish: Option<bool>, description: Option<&str>) -> Result<(), ApiError> {
    if publish != Some(true) && description.is_some() {
        return Err(ApiError::version_description_without_publish());
    }
    Ok(())
}

/// The ARN of the version that a publication made or met.
pub(super) fn arn_of(version: Option<(Version, bool)>) -> Option<Arc<str>> {
    version.map(|(version, _)| version.arn.0)
}
