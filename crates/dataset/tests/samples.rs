//! Every sample file, the hostile ones included, through everything that reads: nothing panics, and what is sound
//! gives the same whichever way it is laid out. Samples are found beside the repository or by `CAUSEWAY_SAMPLES`.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use causeway_core::Uid;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Layout};
use causeway_dataset::file_meta::{self, FileMeta, Parsed, Part10Reader, Step};
use causeway_dataset::head::{Head, HeadCollector};
use causeway_dataset::json::{MetadataWriter, Options};
use causeway_dataset::transcode::Transcoder;
use causeway_dataset::{Error, identifier};

const PIECE_BYTES: usize = 4099;

fn samples() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    let folder = std::env::var_os("CAUSEWAY_SAMPLES").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("no samples at {}: nothing tested", folder.display());
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn parse(bytes: &[u8]) -> Result<(Parsed, Vec<u8>), Error> {
    let mut reader = Part10Reader::new();
    let mut pieces = bytes.chunks(PIECE_BYTES);
    for piece in pieces.by_ref() {
        if let Step::Done(parsed) = reader.feed(Bytes::copy_from_slice(piece))? {
            let data_set = parsed.rest.iter().chain(pieces.flatten()).copied().collect();
            return Ok((parsed, data_set));
        }
    }
    let parsed = reader.finish()?;
    let data_set = parsed.rest.to_vec();
    Ok((parsed, data_set))
}

fn head(data_set: &[u8], layout: Layout) -> Result<Head, Error> {
    let mut collector = HeadCollector::new(layout);
    for piece in data_set.chunks(PIECE_BYTES) {
        collector.feed(piece)?;
    }
    collector.finish()
}

fn metadata(data_set: &[u8], layout: Layout) -> Result<Vec<u8>, Error> {
    let options =
        Options { bulk_data_uri: "/bulk".to_owned(), max_inline_bytes: 1024, transfer_syntax: None };
    let mut writer = MetadataWriter::new(layout, options);
    let mut at = 0;
    while at < data_set.len() {
        let skippable = writer.skippable();
        if skippable > 0 {
            writer.skip(skippable);
            at = at.saturating_add(usize::try_from(skippable).unwrap_or(usize::MAX));
            continue;
        }
        let until = data_set.len().min(at + PIECE_BYTES);
        writer.feed(data_set.get(at..until).unwrap_or_default())?;
        at = until;
    }
    writer.finish()
}

fn relaid(data_set: &[u8], from: Layout, to: Layout) -> Result<Vec<u8>, Error> {
    let mut transcoder = Transcoder::new(from, to);
    let mut out = Vec::new();
    for piece in data_set.chunks(PIECE_BYTES) {
        out.extend(transcoder.feed(piece)?);
    }
    out.extend(transcoder.finish()?);
    Ok(out)
}

#[test]
fn every_sample_is_read() {
    let Some(folder) = samples() else { return };
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let is_dicom = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        !matches!(extension, Some("txt" | "md" | "xz"))
    };
    for path in paths.iter().filter(|path| is_dicom(path)) {
        let fail = |what: &str, error: Error| -> ! { panic!("{}: {what}: {error}", path.display()) };
        let (parsed, data_set) =
            parse(&std::fs::read(path).unwrap()).unwrap_or_else(|error| fail("meta", error));
        let layout = Layout::of(&parsed.meta.transfer_syntax);
        let kept = head(&data_set, layout).unwrap_or_else(|error| fail("head", error));
        assert!(kept.sop_instance.is_some() && kept.series.is_some(), "{}", path.display());
        assert!(kept.study.is_some() && !kept.is_lossy, "{}", path.display());
        let json = metadata(&data_set, layout).unwrap_or_else(|error| fail("json", error));
        assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok(), "{}", path.display());
        let explicit = Layout::ExplicitLittleEndian;
        let plain = relaid(&data_set, layout, explicit).unwrap_or_else(|error| fail("relay", error));
        assert_eq!(head(&plain, explicit).unwrap().attributes, kept.attributes, "{}", path.display());
        let relaid_json = metadata(&plain, explicit).unwrap();
        if relaid_json != json {
            let text = |json: &[u8]| String::from_utf8_lossy(json).into_owned();
            assert_eq!(text(&relaid_json), text(&json), "{}", path.display());
        }
        let mut file = file_meta::write(&FileMeta {
            sop_class: kept.sop_class.unwrap(),
            sop_instance: kept.sop_instance.unwrap(),
            transfer_syntax: Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN).unwrap(),
            receiving_ae: None,
            envelope: None,
        });
        file.extend(plain);
        let object = dicom_object::from_reader(file.as_slice());
        assert!(object.is_ok(), "{}: {:?}", path.display(), object.err());
    }
}

#[test]
fn no_malformed_file_makes_anything_panic() {
    let Some(folder) = samples() else { return };
    let archive = folder.join("malformed.tar.xz");
    if !archive.is_file() {
        eprintln!("no {}: nothing tested", archive.display());
        return;
    }
    let unpacked = tempfile::tempdir().unwrap();
    let done = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(unpacked.path()).status();
    if !done.is_ok_and(|status| status.success()) {
        eprintln!("tar cannot unpack {}: nothing tested", archive.display());
        return;
    }
    let mut paths = Vec::new();
    files(unpacked.path(), &mut paths);
    let mut refused = 0;
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        let _ = identifier::decode(&bytes, Layout::ImplicitLittleEndian);
        let Ok((parsed, data_set)) = parse(&bytes) else {
            refused += 1;
            continue;
        };
        let layout = Layout::of(&parsed.meta.transfer_syntax);
        let results = [
            head(&data_set, layout).map(drop),
            relaid(&data_set, layout, Layout::ImplicitLittleEndian).map(drop),
            relaid(&data_set, layout, Layout::ExplicitLittleEndian).map(drop),
        ];
        refused += usize::from(results.iter().any(Result::is_err));
        if let Ok(json) = metadata(&data_set, layout) {
            let read = serde_json::from_slice::<serde_json::Value>(&json).map_err(|error| error.to_string());
            // The reader gives up at 128 levels, of which each sequence takes three.
            let is_fine = read.as_ref().err().is_none_or(|error| error.contains("recursion limit"));
            assert!(is_fine, "{}: {read:?}", path.display());
        }
    }
    eprintln!("{} malformed files, {refused} of them refused", paths.len());
    assert!(!paths.is_empty());
}
