//! Writes a study into a folder: `cargo run -p causeway-testkit --example sample_study -- FOLDER SEED ct|mr SERIES INSTANCES`.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

use std::path::Path;

use causeway_testkit::sample::{Modality, Study};

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, seed, modality, series, instances] = words.as_slice() else {
        println!("FOLDER SEED ct|mr SERIES INSTANCES");
        return Ok(());
    };
    let modality = if modality == "ct" { Modality::Ct } else { Modality::Mr };
    let number = |text: &String| text.parse().map_err(std::io::Error::other);
    let seed = seed.parse().map_err(std::io::Error::other)?;
    let study = Study::new(seed, modality, number(series)?, number(instances)?);
    let paths = study.write_to(Path::new(folder))?;
    println!("{} files of study {} in {folder}", paths.len(), study.uid().as_str());
    Ok(())
}
