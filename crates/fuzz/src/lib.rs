//! What is fuzzed: each target takes any bytes, hands them to a reader of foreign bytes, and panics when that reader
//! breaks its word: panics itself, does not end, contradicts itself, or writes what nobody can read.
//!
//! Lives here: the targets, and by the feature `engine` the program that runs them under libFuzzer. Their seeds are
//! in `testdata/fuzz/<target>` and run as ordinary tests. Never here: anything that the product imports.

mod chunks;
mod door;
mod targets;

/// One thing that is fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of its folder of seeds.
    pub name: &'static str,
    /// Takes any bytes. Panics when something is wrong.
    pub run: fn(&[u8]),
}

/// Everything that is fuzzed.
pub const TARGETS: &[Target] = &[
    Target { name: "acceptor", run: targets::acceptor::run },
    Target { name: "requestor", run: targets::requestor::run },
    Target { name: "clinical", run: targets::clinical::run },
    Target { name: "command", run: targets::command::run },
    Target { name: "data_set", run: targets::data_set::run },
    Target { name: "decompress", run: targets::decompress::run },
    Target { name: "described_json", run: targets::described::run_json },
    Target { name: "described_xml", run: targets::described::run_xml },
    Target { name: "file", run: targets::file::run },
    Target { name: "frame", run: targets::frame::run },
    Target { name: "frames", run: targets::frames::run },
    Target { name: "identifier", run: targets::identifier::run },
    Target { name: "link", run: targets::link::run },
    Target { name: "picture", run: targets::picture::run },
    Target { name: "presentation", run: targets::presentation::run },
    Target { name: "sealed_object", run: targets::sealed::run_object },
    Target { name: "store_keys", run: targets::sealed::run_keys },
    Target { name: "transform", run: targets::transform::run },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
