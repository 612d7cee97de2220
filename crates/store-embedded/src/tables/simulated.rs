//! Tables that lose what was not synced.
