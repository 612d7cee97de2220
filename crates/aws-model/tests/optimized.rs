//! The table of optimized integrations, against the models: every operation, member and path that it names is there.

use stepwell_aws_model::{Dialect, Ending, From, Service, ShapeId, ShapeKind, all_optimized, service};

/// The shape at a path of members and positions.
fn at(service: &Service, from: ShapeId, path: &str) -> Option<ShapeId> {
    let mut id = from;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let shape = service.shape(id);
        id = match (&shape.kind, step) {
            (ShapeKind::List { entry, .. }, "0") => entry.shape,
            (ShapeKind::Structure { .. }, _) => {
                shape.members().iter().find(|member| member.shown_name() == step)?.shape
            }
            _ => return None,
        };
    }
    Some(id)
}

#[test]
fn every_name_in_the_table_is_one_of_the_api() {
    let mut wrong = Vec::new();
    for row in all_optimized() {
        let name = format!("{}:{}", row.service, row.action);
        let Some(service) = service(row.api) else {
            wrong.push(format!("{name}: no service {}", row.api));
            continue;
        };
        let Some(operation) = service.operation(row.operation) else {
            wrong.push(format!("{name}: no operation {}", row.operation));
            continue;
        };
        assert_eq!(row.job.is_some(), row.endings.contains(&Ending::Sync), "{name}");
        let Some(job) = &row.job else { continue };
        // What EMR's own words replace is checked by the tests of calls.
        let has_own_words = !matches!(row.dialect, Dialect::Plain | Dialect::Echo(_));
        let mut check = |operation_name: &str, asked: &[(&str, From)]| {
            let Some(found) = service.operation(operation_name) else {
                wrong.push(format!("{name}: no operation {operation_name}"));
                return;
            };
            for (member, source) in asked {
                if found.input.and_then(|input| at(&service, input, member)).is_none() {
                    wrong.push(format!("{name}: {operation_name} has no {member}"));
                }
                let (side, path) = match source {
                    From::Answer(path) | From::AnswerList(path) => (operation.output, path),
                    From::Parameter(path) | From::ParameterList(path) => (operation.input, path),
                    From::Text(_) => continue,
                };
                if !has_own_words && side.and_then(|side| at(&service, side, path)).is_none() {
                    wrong.push(format!("{name}: no {path}"));
                }
            }
        };
        check(job.describe, job.ask);
        if let Some((cancel, asked)) = job.cancel {
            check(cancel, asked);
        }
        let output = service.operation(job.describe).and_then(|describe| describe.output);
        let result = job.result.split_once('=').map_or(job.result, |(_, path)| path);
        for path in [job.status, result] {
            if output.and_then(|output| at(&service, output, path)).is_none() {
                wrong.push(format!("{name}: {} has no {path}", job.describe));
            }
        }
        let status = output
            .and_then(|output| at(&service, output, job.status))
            .map(|id| &service.shape(id).enumeration);
        for value in job.good.iter().chain(job.bad) {
            let known = status
                .is_some_and(|values| values.is_empty() || values.iter().any(|known| &**known == *value));
            if !known {
                wrong.push(format!("{name}: {value} is no status"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
