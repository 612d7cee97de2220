//! The pure interpreter: compile, step, apply, project
