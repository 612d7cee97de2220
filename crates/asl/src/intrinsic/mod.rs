//! The 18 intrinsic functions.

use std::sync::Arc;

use stepwell_json::Value;
use stepwell_jsonpath::Path;

use crate::error::EvaluationError;
use crate::expression::Roots;

/// A call of an intrinsic function, with its arguments.
#[derive(Debug, Clone)]
pub struct Call {
    pub(crate) function: Function,
    pub(crate) arguments: Vec<Argument>,
    /// The call as written, for error texts.
    pub(crate) text: Arc<str>,
}
