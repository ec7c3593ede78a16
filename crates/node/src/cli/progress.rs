//! Bars that show how far something is; hidden by themselves where there is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of bytes, with words behind it.
pub(super) fn bytes(total: u64) -> ProgressBar {
    bar(total, "{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left  {msg}")
}

/// A bar of objects, of which there are so many.
pub(super) fn objects(total: u64) -> ProgressBar {
    bar(total, "{bar:40} {human_pos}/{human_len}  {per_sec:0}  {eta} left  {msg}")
}

/// A bar of instances, with words behind it; its length may not be known yet.
pub(super) fn instances() -> ProgressBar {
    bar(0, "{bar:40} {pos}/{len}  {msg}")
}

fn bar(total: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
