//! The activities of a template.

use serde_json::{Value as Json, json};
use stepwell_json::spanned::Node;

use super::machine::{ENCRYPTION, setting, tag_list, tags};
use super::physical;
use super::plan::{Action, Change, encryption, sorted_tags, update_tags};
use super::resolve::{Destination, Resolver};
use crate::client::{CallError, Client};
use crate::failure::Failure;

/// An activity as a template wants it.
#[derive(Debug)]
pub(super) struct Activity {
    pub(super) name: String,
    /// Keys and values, by key.
    tags: Vec<(String, String)>,
    /// As the API has it; none when the template says nothing.
    encryption: Option<Json>,
}

/// Reads an activity resource; what is unknown is noted.
pub(super) fn read(resolver: &mut Resolver<'_>, logical_id: &str, resource: &Node) -> Option<Activity> {
    let name = physical::own_name(resolver, logical_id, "Name", resource);
    let tags = tags(resolver, logical_id);
    let encryption = setting(resolver, logical_id, ENCRYPTION);
    Some(Activity { name: name?, tags: tags?, encryption })
}

/// What is to be done about one activity.
pub(super) struct ActivityPlan<'a> {
    pub(super) activity: &'a Activity,
    pub(super) arn: String,
    pub(super) action: Action,
    pub(super) changes: Vec<Change>,
}

impl<'a> ActivityPlan<'a> {
    /// Compares an activity with what the server has.
    ///
    /// # Errors
    /// The server can't be asked; the activity there is encrypted otherwise, which can't be changed.
    pub(super) async fn plan(
        client: &Client,
        destination: &Destination,
        activity: &'a Activity,
    ) -> Result<Self, Failure> {
        let arn = destination.arn("states", &format!("activity:{}", activity.name));
        let current = match client.call("DescribeActivity", &json!({"activityArn": arn})).await {
            Ok(current) => current,
            Err(error) if error.is("ActivityDoesNotExist") => {
                return Ok(ActivityPlan { activity, arn, action: Action::Create, changes: Vec::new() });
            }
            Err(error) => return Err(error.into()),
        };
        let wanted = encryption(activity.encryption.as_ref().unwrap_or(&Json::Null));
        if encryption(&current["encryptionConfiguration"]) != wanted {
            return Err(Failure::usage(format_args!(
                "the activity {0} is to be encrypted otherwise than it is on the server, which can't be changed; delete \
                 it first (`stepwell delete {0}`)",
                activity.name
            )));
        }
        let tags = client.call("ListTagsForResource", &json!({"resourceArn": arn})).await?;
        let (before, after) = (sorted_tags(&tags["tags"]), tag_list(&activity.tags));
        let changes: Vec<Change> =
            (before != after).then_some(Change { what: "tags", before, after }).into_iter().collect();
        let action = if changes.is_empty() { Action::Nothing } else { Action::Update };
        Ok(ActivityPlan { activity, arn, action, changes })
    }

    /// Does it.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn carry_out(&self, client: &Client) -> Result<(), CallError> {
        for change in &self.changes {
            update_tags(client, &self.arn, change).await?;
        }
        if self.action == Action::Create {
            let mut request = json!({"name": self.activity.name, "tags": tag_list(&self.activity.tags)});
            if let Some(encryption) = &self.activity.encryption {
                request["encryptionConfiguration"] = encryption.clone();
            }
            client.call("CreateActivity", &request).await?;
        }
        Ok(())
    }
}
