//! Instances as one ZIP archive of a DICOM File-set (PS3.10 §8, PS3.12 Annex V): `DICOM/PT…/ST…/SE…/IM…`, and behind them
//! their DICOMDIR. What a person downloads, to open it or to burn it on a disk.
//!
//! Lives here: the answer. In `format` the letters of the archive, in `names` those of its files, in `packing` the stream.

mod format;
mod names;
mod packing;

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use causeway_archive::Archive;
use futures_util::stream;

use super::parts::Parcel;
use crate::capabilities::about::Parameter;
use crate::percent;
use crate::problem::Problem;
use names::MAX_FILES;
use packing::Packing;

/// Query parameters of an archive, as a capabilities description tells them.
pub(crate) const OF_AN_ARCHIVE: &[Parameter] = &[Parameter {
    name: "readme",
    kind: "xs:string",
    options: &["yes", "no"],
    words: "whether a ZIP archive has a README.TXT",
}];

/// Whether there is a file that tells people what they have before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readme {
    With,
    Without,
}

impl Readme {
    /// What the query parameter `readme` asks for.
    pub(super) fn asked(query: Option<&str>) -> Result<Self, Problem> {
        let raw = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("readme="));
        match raw.map(percent::decode).transpose().as_ref().map(Option::as_deref) {
            Ok(None | Some("no")) => Ok(Self::Without),
            Ok(Some("yes")) => Ok(Self::With),
            Ok(Some(_)) | Err(_) => Err(Problem::bad_request("readme is yes or no")),
        }
    }
}

/// The archive of `parcels`, called after `noun` and the digest over all that is in it.
pub(super) async fn answer(
    archive: Archive,
    parcels: Vec<Parcel>,
    readme: Readme,
    noun: &str,
    digest: [u8; 32],
) -> Result<Response, Problem> {
    if parcels.len() > MAX_FILES {
        let words = format!("an archive holds at most {MAX_FILES} files; ask for one series at a time");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, words));
    }
    let mut packing = Packing::new(archive, parcels, readme, digest);
    // The first file is opened before the status goes out, so that what fails at once is told in a status.
    let first = packing.next().await?;
    let rest = stream::try_unfold(packing, |mut packing| async {
        Ok::<_, packing::PackingError>(packing.next().await?.map(|bytes| (bytes, packing)))
    });
    let all = futures_util::StreamExt::chain(stream::iter(first.map(Ok)), rest);
    let mut response = Response::new(Body::from_stream(all));
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{noun}-{short}.zip\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readme_is_there_when_it_is_asked_for() {
        let asked = |query: &str| Readme::asked(Some(query)).map_err(|problem| problem.status());
        assert_eq!(Readme::asked(None).ok(), Some(Readme::Without));
        assert_eq!(asked("accept=application/zip"), Ok(Readme::Without));
        assert_eq!(asked("readme=no"), Ok(Readme::Without));
        assert_eq!(asked("accept=application/zip&readme=yes"), Ok(Readme::With));
        for query in ["readme=", "readme=1", "readme=YES", "readme=%"] {
            assert_eq!(asked(query), Err(StatusCode::BAD_REQUEST), "{query}");
        }
    }
}
