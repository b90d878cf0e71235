//! Snapshots of the renderers.
