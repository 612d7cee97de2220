//! GetExecutionHistory.

use std::sync::Arc;

use stepwell_api::{
    ApiError, HistoryEvent, Operation, ToJson,
    identity::Identity,
    pagination::PageScope,
    types::execution::{GetExecutionHistoryRequest, page_size},
    write_history_page,
};

use super::{Operations, internal};
use crate::history::{PageRequest, Programs, read_page};

/// What GetExecutionHistory answers.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// Events in the order that was asked for.
    pub events: Vec<HistoryEvent>,
    /// Where to go on, unless this is the last page.
    pub next_token: Option<String>,
    /// Whether the texts of inputs and outputs are written.
    pub include_execution_data: bool,
}

impl ToJson for HistoryPage {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_history_page(&self.events, self.include_execution_data, self.next_token.as_deref(), out);
    }
}

impl Operations {
    /// GetExecutionHistory.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn get_execution_history(
        &self,
        _caller: Identity<'_>,
        request: GetExecutionHistoryRequest,
    ) -> Result<HistoryPage, ApiError> {
        let (key, row) = self.find_execution(&request.execution_arn)?;
        let reverse = request.reverse_order.unwrap_or(false);
        let scope = PageScope {
            operation: Operation::GetExecutionHistory,
            arguments: &[&request.execution_arn, if reverse { "reverse" } else { "forward" }],
        };
        let now_ms = self.clock.now().0;
        let from = match &request.next_token {
            Some(token) => {
                let cursor = self.tokens.open(scope, token, now_ms)?;
                let ordinal = cursor.try_into().map_err(|_| ApiError::invalid_token())?;
                Some(u32::from_be_bytes(ordinal))
            }
            None => None,
        };
        let region: Arc<str> = row.arn.split(':').nth(3).unwrap_or_default().into();
        let page_request = PageRequest {
            reverse,
            from,
            limit: page_size(request.max_results),
            bytes_max: self.settings.limits.history_page_bytes_max,
        };
        // A redrive may bring another definition while the events are read.
        let mut known = row;
        let page = loop {
            let programs = Programs::of(&self.catalogue, &known).map_err(internal)?;
            let page = read_page(&*self.store, key, &programs, &region, page_request);
            match self.store.row(key).map_err(internal)? {
                Some(row) if row.redrive_edits().len() > known.redrive_edits().len() => known = row,
                _ => break page.map_err(internal)?,
            }
        };
        let next_token = match page.next {
            Some(ordinal) => Some(self.tokens.issue(scope, &ordinal.to_be_bytes(), now_ms)?),
            None => None,
        };
        let include_execution_data = request.include_execution_data.unwrap_or(true);
        Ok(HistoryPage { events: page.events, next_token, include_execution_data })
    }
}
