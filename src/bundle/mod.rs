//! The only input I/O: reads bundles and parses their members.
