//! Task drivers: Lambda functions run as processes, by endpoint and by URL
