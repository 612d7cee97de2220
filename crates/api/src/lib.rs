//! The Step Functions wire protocol: types, errors, ARNs, pagination
