//! CreateStateMachineAlias, UpdateStateMachineAlias, DescribeStateMachineAlias, ListStateMachineAliases,
//! DeleteStateMachineAlias.

use std::sync::Arc;

use crate::Timestamp;
use crate::constraints::{
    ALIAS_NAME, ARN, DESCRIPTION, PAGE_SIZE, PAGE_TOKEN, ROUTING_CONFIGURATION, VERSION_WEIGHT,
};

input! {
    /// A version that an alias routes to.
    RoutingConfigurationListItem {
        /// The version.
        required state_machine_version_arn "stateMachineVersionArn": String = ARN,
        /// How many executions of a hundred it gets.
        required weight "weight": i64 = VERSION_WEIGHT,
    }
}
output!(@write RoutingConfigurationListItem {
    state_machine_version_arn "stateMachineVersionArn", weight "weight",
});

input! {
    /// CreateStateMachineAlias. The machine is that of the versions.
    CreateStateMachineAliasRequest {
        /// The alias's description.
        optional description "description": String = DESCRIPTION,
        /// Unique within the machine.
        required name "name": String = ALIAS_NAME,
        /// One or two versions of one machine.
        required routing_configuration "routingConfiguration": Vec<RoutingConfigurationListItem> =
            ROUTING_CONFIGURATION,
    }
}

output! {
    /// What CreateStateMachineAlias answers.
    CreateStateMachineAliasResponse {
        /// The alias.
        state_machine_alias_arn "stateMachineAliasArn": Arc<str>,
        /// When it was created.
        creation_date "creationDate": Timestamp,
    }
}

input! {
    /// UpdateStateMachineAlias.
    UpdateStateMachineAliasRequest {
        /// The alias.
        required state_machine_alias_arn "stateMachineAliasArn": String = ARN,
        /// The new description.
        optional description "description": String = DESCRIPTION,
        /// The new routing.
        optional routing_configuration "routingConfiguration": Vec<RoutingConfigurationListItem> =
            ROUTING_CONFIGURATION,
    }
}

output! {
    /// What UpdateStateMachineAlias answers.
    UpdateStateMachineAliasResponse {
        /// When the alias was changed.
        update_date "updateDate": Timestamp,
    }
}

input! {
    /// DescribeStateMachineAlias.
    DescribeStateMachineAliasRequest {
        /// The alias.
        required state_machine_alias_arn "stateMachineAliasArn": String = ARN,
    }
}

output! {
    /// What DescribeStateMachineAlias answers.
    DescribeStateMachineAliasResponse {
        /// The alias.
        state_machine_alias_arn "stateMachineAliasArn": Arc<str>,
        /// Its name.
        name "name": Arc<str>,
        /// Its description, if it was given one.
        description "description": Option<Arc<str>>,
        /// Where it routes to.
        routing_configuration "routingConfiguration": Vec<RoutingConfigurationListItem>,
        /// When it was created.
        creation_date "creationDate": Timestamp,
        /// When it was changed last; the creation counts.
        update_date "updateDate": Timestamp,
    }
}

input! {
    /// ListStateMachineAliases.
    ListStateMachineAliasesRequest {
        /// The machine; or a version, for the aliases that route to it.
        required state_machine_arn "stateMachineArn": String = ARN,
        /// Where to go on.
        optional next_token "nextToken": String = PAGE_TOKEN,
        /// Most aliases in the answer; 0 and absent stand for 100.
        optional max_results "maxResults": i64 = PAGE_SIZE,
    }
}

output! {
    /// An alias in a list.
    StateMachineAliasListItem {
        /// The alias.
        state_machine_alias_arn "stateMachineAliasArn": Arc<str>,
        /// When it was created.
        creation_date "creationDate": Timestamp,
    }
}

output! {
    /// What ListStateMachineAliases answers.
    ListStateMachineAliasesResponse {
        /// A page of aliases, the oldest first.
        state_machine_aliases "stateMachineAliases": Vec<StateMachineAliasListItem>,
        /// Where to go on, unless this is the last page.
        next_token "nextToken": Option<String>,
    }
}

input! {
    /// DeleteStateMachineAlias, which answers nothing, also when there is no such alias.
    DeleteStateMachineAliasRequest {
        /// The alias.
        required state_machine_alias_arn "stateMachineAliasArn": String = ARN,
    }
}
