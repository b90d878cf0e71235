//! The library behind the `postmortem` command.
