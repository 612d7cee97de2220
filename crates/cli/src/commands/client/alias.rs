//! `stepwell alias set NAME:ALIAS VERSION…`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{ServerArgument, block_on, names};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `alias`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell alias set order:live 3              all executions get version 3
  stepwell alias set order:live 3=90 4=10      one of ten gets version 4
  stepwell start order:live --wait
  stepwell list aliases order
  stepwell delete order:live")]
pub(crate) struct AliasArguments {
    #[command(subcommand)]
    what: What,
}

/// What is done.
#[derive(Debug, Subcommand)]
enum What {
    /// Create an alias, or route it to other versions
    #[command(
        after_help = "Example:\n  stepwell alias set order:live 3=90 4=10 --description 'ten percent get the new one'"
    )]
    Set {
        /// The alias, as MACHINE:ALIAS or its ARN
        alias: String,
        /// One or two versions, each with how many executions of a hundred it gets; one version gets all
        #[arg(required = true, num_args = 1..=2, value_name = "VERSION[=WEIGHT]", value_parser = route)]
        routes: Vec<Route>,
        /// What the alias is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        server: ServerArgument,
    },
}

/// A version and its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    version: u64,
    weight: Option<u8>,
}

/// Reads `VERSION` or `VERSION=WEIGHT`.
fn route(text: &str) -> Result<Route, String> {
    let (version, weight) = match text.split_once('=') {
        Some((version, weight)) => (version, Some(weight)),
        None => (text, None),
    };
    let version = version.parse().ok().filter(|version| *version > 0);
    let version = version.ok_or("write the number of a version, such as 3, or 3=90")?;
    let weight = weight.map(|weight| match weight.parse() {
        Ok(weight @ 0..=100) => Ok(weight),
        _ => Err("the weight must be a number from 0 to 100"),
    });
    Ok(Route { version, weight: weight.transpose()? })
}

/// The routing configuration; a weight that is not given is what is left of 100.
fn routing(machine_arn: &str, routes: &[Route]) -> Value {
    let given: u8 = routes.iter().filter_map(|route| route.weight).fold(0, u8::saturating_add);
    routes
        .iter()
        .map(|route| {
            json!({
                "stateMachineVersionArn": format!("{machine_arn}:{}", route.version),
                "weight": route.weight.unwrap_or(100_u8.saturating_sub(given)),
            })
        })
        .collect()
}

/// Does it.
pub(crate) fn run(arguments: &AliasArguments, format: Format) -> Result<(), Failure> {
    let What::Set { alias, routes, description, server } = &arguments.what;
    if let [Route { weight: None, .. }, Route { weight: None, .. }] = routes[..] {
        return Err(Failure::Usage(
            "say how many executions each version gets, such as 3=90 4=10".to_owned(),
        ));
    }
    let client = server.client()?;
    let (arn, is_new, answer) = block_on(async {
        let arn = names::machine(&client, alias).await?;
        let Some((machine_arn, names::Qualifier::Alias(name))) = names::qualifier(&arn) else {
            return Err(Failure::Usage(format!("{alias:?} names no alias; write MACHINE:ALIAS")));
        };
        let mut request = json!({"routingConfiguration": routing(machine_arn, routes)});
        if let Some(description) = description {
            request["description"] = description.as_str().into();
        }
        let mut update = request.clone();
        update["stateMachineAliasArn"] = arn.as_str().into();
        match client.call("UpdateStateMachineAlias", &update).await {
            Err(error) if error.is("ResourceNotFound") => {
                request["name"] = name.into();
                let answer = client.call("CreateStateMachineAlias", &request).await?;
                Ok((arn, true, answer))
            }
            result => {
                let answer = result?;
                Ok((arn, false, answer))
            }
        }
    })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => output::line(format_args!("{} {arn}", if is_new { "created" } else { "updated" })),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_versions_with_weights_that_total_100() {
        for (texts, expected) in [
            (vec!["3"], vec![(3, 100)]),
            (vec!["3=90", "4=10"], vec![(3, 90), (4, 10)]),
            (vec!["3=90", "4"], vec![(3, 90), (4, 10)]),
            (vec!["3", "4=100"], vec![(3, 0), (4, 100)]),
        ] {
            let routes: Vec<Route> = texts.iter().map(|text| route(text).unwrap()).collect();
            let expected: Value = expected
                .iter()
                .map(|(version, weight)| {
                    json!({"stateMachineVersionArn": format!("m:{version}"), "weight": weight})
                })
                .collect();
            assert_eq!(routing("m", &routes), expected, "{texts:?}");
        }
        for text in ["live", "0", "3=", "3=101", "3=x", "=3", ""] {
            assert!(route(text).is_err(), "{text}");
        }
    }
}
