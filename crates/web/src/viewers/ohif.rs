//! What OHIF has to know of this node. OHIF reads `app-config.js` beside its page; the node adds to it what sets its
//! one data source and its path, and leaves the rest as whoever keeps the viewer wrote it.

/// The file that OHIF takes its settings from.
pub(super) const SETTINGS: &str = "app-config.js";
/// What is added at its end. It finds the node by its own URL, so that it holds behind every proxy.
const ADDED: &[u8] = include_bytes!("ohif.js");

/// The settings with the node's own.
pub(super) fn settings(file: &[u8]) -> Vec<u8> {
    [file, b"\n", ADDED].concat()
}
