//! Deterministic simulator, random workflows, oracle and checkers
