//! What several tests of the engine need.

use serde_json::Map;

use super::job::{Face, Spec};

/// A job without anything special.
pub(crate) fn spec(id: &str) -> Spec {
    Spec {
        id: id.into(),
        face: Face::Batch,
        region: "us-east-1".into(),
        account: "000000000000".into(),
        lane: "queue".into(),
        name: "name".into(),
        definition: "definition:1".into(),
        created_at: 1,
        execution_arn: String::new(),
        digest: String::new(),
        containers: Vec::new(),
        attempts_max: 1,
        exit_rules: Vec::new(),
        timeout_seconds: None,
        array_size: None,
        depends_on: Vec::new(),
        shown: Map::new(),
    }
}
