//! CreateStateMachineAlias, UpdateStateMachineAlias, DescribeStateMachineAlias, ListStateMachineAliases,
//! DeleteStateMachineAlias.

use std::sync::Arc;

use stepwell_api::{
    ApiError, Operation, Timestamp, ValidationReason,
    arn::{Qualifier, StateMachineArn},
    identity::Identity,
    pagination::PageScope,
    types::{
        alias::{
            CreateStateMachineAliasRequest, CreateStateMachineAliasResponse, DeleteStateMachineAliasRequest,
            DescribeStateMachineAliasRequest, DescribeStateMachineAliasResponse,
            ListStateMachineAliasesRequest, ListStateMachineAliasesResponse, RoutingConfigurationListItem,
            StateMachineAliasListItem, UpdateStateMachineAliasRequest, UpdateStateMachineAliasResponse,
        },
        execution::page_size,
    },
};

use super::{Operations, internal, target::in_use};
use crate::catalogue::{
    Alias, Machine, alias_arn,
    records::{AliasRecord, RouteRecord},
    version_arn,
};

impl Operations {
    /// CreateStateMachineAlias: the same again answers the same; another description or routing is refused.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn create_state_machine_alias(
        &self,
        _caller: Identity<'_>,
        request: CreateStateMachineAliasRequest,
    ) -> Result<CreateStateMachineAliasResponse, ApiError> {
        let (machine_arn, routes) = read_routing(&request.routing_configuration)?;
        self.admit()?;
        let mut writer = self.catalogue.write().await;
        let machine = self.routed_machine(&machine_arn, &routes, &request.routing_configuration)?;
        if let Some(alias) = machine.alias(&request.name) {
            let record = self.alias_record(alias)?;
            let is_same =
                record.description == request.description && sorted(&record.routes) == sorted(&routes);
            return if is_same { Ok(created(alias)) } else { Err(ApiError::alias_differs()) };
        }
        let limit = self.settings.limits.aliases_max;
        if machine.aliases().len() >= limit {
            return Err(ApiError::service_quota_exceeded(format!(
                "A state machine can have at most {limit} aliases: delete some with DeleteStateMachineAlias."
            )));
        }
        let now_ms = self.clock.now().0;
        let mut machine = Machine::clone(&machine);
        let record = AliasRecord {
            name: request.name,
            serial: machine.record.newest_alias + 1,
            created_ms: now_ms,
            updated_ms: now_ms,
            routes,
            description: request.description,
        };
        writer.put_alias(&mut machine, &record);
        let arn = alias_arn(&machine.arn, &record.name);
        writer.put_machine(machine);
        writer.commit(|| ()).await.map_err(internal)?;
        Ok(CreateStateMachineAliasResponse {
            state_machine_alias_arn: arn.into(),
            creation_date: Timestamp::from(now_ms),
        })
    }

    /// UpdateStateMachineAlias.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn update_state_machine_alias(
        &self,
        _caller: Identity<'_>,
        request: UpdateStateMachineAliasRequest,
    ) -> Result<UpdateStateMachineAliasResponse, ApiError> {
        let given = &request.state_machine_alias_arn;
        let (machine_arn, name) = read_alias_arn(given)?;
        if request.description.is_none() && request.routing_configuration.is_none() {
            return Err(ApiError::validation_because(
                ValidationReason::MissingRequiredParameter,
                "Either the description or the routing configuration must be specified",
            ));
        }
        let routing = request.routing_configuration.as_deref();
        let routes = routing.map(read_routing).transpose()?;
        self.admit()?;
        let mut writer = self.catalogue.write().await;
        let found = self.catalogue.machine(&machine_arn);
        let alias = found.as_ref().and_then(|machine| machine.alias(name));
        let (Some(machine), Some(alias)) = (&found, alias) else {
            return Err(ApiError::referenced_resource_not_found());
        };
        if machine.gate.is_deleting() {
            return Err(ApiError::state_machine_deleting(&machine_arn));
        }
        let mut record = self.alias_record(alias)?;
        if let (Some((routed_arn, routes)), Some(routing)) = (routes, routing) {
            if routed_arn != machine_arn {
                return Err(ApiError::invalid_routing(format_args!(
                    "An alias routes to versions of its own state machine, {machine_arn}. Received: [{}]",
                    arns(routing).collect::<Vec<_>>().join(", ")
                )));
            }
            self.routed_machine(&machine_arn, &routes, routing)?;
            record.routes = routes;
        }
        if let Some(description) = request.description {
            record.description = Some(description);
        }
        record.updated_ms = self.clock.now().0;
        let mut machine = Machine::clone(machine);
        writer.put_alias(&mut machine, &record);
        writer.put_machine(machine);
        writer.commit(|| ()).await.map_err(internal)?;
        Ok(UpdateStateMachineAliasResponse { update_date: Timestamp::from(record.updated_ms) })
    }

    /// DescribeStateMachineAlias.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn describe_state_machine_alias(
        &self,
        _caller: Identity<'_>,
        request: DescribeStateMachineAliasRequest,
    ) -> Result<DescribeStateMachineAliasResponse, ApiError> {
        let given = &request.state_machine_alias_arn;
        let (machine_arn, name) = read_alias_arn(given)?;
        let machine = self.catalogue.machine(&machine_arn);
        let alias = machine.as_ref().and_then(|machine| machine.alias(name));
        let alias = alias.ok_or_else(|| ApiError::resource_not_found(given))?;
        let record = self.alias_record(alias)?;
        let route = |route: &RouteRecord| RoutingConfigurationListItem {
            state_machine_version_arn: version_arn(&machine_arn, route.version),
            weight: route.weight.into(),
        };
        Ok(DescribeStateMachineAliasResponse {
            state_machine_alias_arn: alias.arn.0.clone(),
            name: alias.name.0.clone(),
            description: record.description.map(Into::into),
            routing_configuration: record.routes.iter().map(route).collect(),
            creation_date: Timestamp::from(record.created_ms),
            update_date: Timestamp::from(record.updated_ms),
        })
    }

    /// ListStateMachineAliases: the oldest first, as recorded; of a version, those that route to it.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn list_state_machine_aliases(
        &self,
        _caller: Identity<'_>,
        request: ListStateMachineAliasesRequest,
    ) -> Result<ListStateMachineAliasesResponse, ApiError> {
        let given = &request.state_machine_arn;
        let parsed = StateMachineArn::parse(given)?.without_label()?;
        let machine = in_use(self.catalogue.machine(&parsed.unqualified()), given)?;
        let version = match parsed.qualifier {
            Qualifier::Version(number) if machine.version(number).is_some() => Some(number),
            Qualifier::Version(_) => return Err(ApiError::resource_not_found(given)),
            Qualifier::Alias(_) => {
                return Err(ApiError::invalid_arn(format_args!(
                    "ListStateMachineAliases takes a state machine or a version: {given}"
                )));
            }
            Qualifier::None | Qualifier::Label(_) => None,
        };
        let scope = PageScope { operation: Operation::ListStateMachineAliases, arguments: &[given] };
        let after = self.open_number_token(scope, request.next_token.as_deref())?.unwrap_or(0);
        let limit = page_size(request.max_results);
        let mut aliases: Vec<&Alias> = machine
            .aliases()
            .filter(|alias| alias.serial > after)
            .filter(|alias| version.is_none_or(|number| alias.refers_to(number)))
            .take(limit + 1)
            .collect();
        let next_token = if aliases.len() > limit {
            aliases.truncate(limit);
            self.issue_number_token(scope, aliases.last().map(|alias| alias.serial))?
        } else {
            None
        };
        let item = |alias: &&Alias| StateMachineAliasListItem {
            state_machine_alias_arn: alias.arn.0.clone(),
            creation_date: Timestamp::from(alias.created_ms),
        };
        let state_machine_aliases = aliases.iter().map(item).collect();
        Ok(ListStateMachineAliasesResponse { state_machine_aliases, next_token })
    }

    /// DeleteStateMachineAlias: also of an alias that does not exist. Executions started with it go on.
    ///
    /// # Errors
    /// `InvalidArn`, `ValidationException`.
    pub async fn delete_state_machine_alias(
        &self,
        _caller: Identity<'_>,
        request: DeleteStateMachineAliasRequest,
    ) -> Result<(), ApiError> {
        let (machine_arn, name) = read_alias_arn(&request.state_machine_alias_arn)?;
        let mut writer = self.catalogue.write().await;
        let Some(machine) = self.catalogue.machine(&machine_arn) else { return Ok(()) };
        let Some(alias) = machine.alias(name) else { return Ok(()) };
        let mut changed = Machine::clone(&machine);
        writer.remove_alias(&mut changed, alias);
        writer.put_machine(changed);
        writer.commit(|| ()).await.map_err(internal)
    }

    fn alias_record(&self, alias: &Alias) -> Result<AliasRecord, ApiError> {
        let record = self.catalogue.alias_record(alias).map_err(internal)?;
        record.ok_or_else(|| internal(format!("the record of {} is not there", alias.arn)))
    }

    /// The machine whose versions a routing names, all of which must exist.
    fn routed_machine(
        &self,
        machine_arn: &str,
        routes: &[RouteRecord],
        routing: &[RoutingConfigurationListItem],
    ) -> Result<Arc<Machine>, ApiError> {
        let machine = self.catalogue.machine(machine_arn);
        if let Some(machine) = &machine
            && machine.gate.is_deleting()
        {
            return Err(ApiError::state_machine_deleting(machine_arn));
        }
        machine
            .filter(|machine| routes.iter().all(|route| machine.version(route.version).is_some()))
            .ok_or_else(|| ApiError::routing_without_versions(arns(routing)))
    }
}

/// The machine's ARN and the alias's name in the ARN of an alias.
fn read_alias_arn(given: &str) -> Result<(String, &str), ApiError> {
    let parsed = StateMachineArn::parse(given)?.without_label()?;
    match parsed.qualifier {
        Qualifier::Alias(name) => Ok((parsed.unqualified(), name)),
        _ => Err(ApiError::validation(format!("This operation takes the ARN of an alias: '{given}'"))),
    }
}

/// The machine and the routes of a routing configuration, checked by themselves.
fn read_routing(routing: &[RoutingConfigurationListItem]) -> Result<(String, Vec<RouteRecord>), ApiError> {
    let mut machine_arn = None;
    let mut routes = Vec::new();
    for item in routing {
        let parsed = StateMachineArn::parse(&item.state_machine_version_arn)?;
        let Qualifier::Version(version) = parsed.qualifier else {
            return Err(ApiError::routing_without_versions(arns(routing)));
        };
        let weight = u8::try_from(item.weight).map_err(|_| ApiError::internal_failure())?;
        if *machine_arn.get_or_insert_with(|| parsed.unqualified()) != parsed.unqualified() {
            return Err(ApiError::invalid_routing(format_args!(
                "Routing configuration must contain versions of one state machine. Received: [{}]",
                arns(routing).collect::<Vec<_>>().join(", ")
            )));
        }
        routes.push(RouteRecord { version, weight });
    }
    if let [first, second] = &routes[..]
        && first.version == second.version
    {
        return Err(ApiError::routing_not_distinct(arns(routing)));
    }
    if routing.iter().map(|item| item.weight).sum::<i64>() != 100 {
        return Err(ApiError::routing_weights(routing.iter().map(|item| item.weight)));
    }
    // The shape has at least one item.
    machine_arn.map(|arn| (arn, routes)).ok_or_else(ApiError::internal_failure)
}

fn arns(routing: &[RoutingConfigurationListItem]) -> impl Iterator<Item = &str> {
    routing.iter().map(|item| item.state_machine_version_arn.as_str())
}

/// Routes in an order of their own: which of two was sent first makes no difference.
fn sorted(routes: &[RouteRecord]) -> Vec<RouteRecord> {
    let mut routes = routes.to_vec();
    routes.sort_unstable();
    routes
}

fn created(alias: &Alias) -> CreateStateMachineAliasResponse {
    CreateStateMachineAliasResponse {
        state_machine_alias_arn: alias.arn.0.clone(),
        creation_date: Timestamp::from(alias.created_ms),
    }
}
