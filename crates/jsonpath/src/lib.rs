//! JSONPath and reference paths as Step Functions reads them
