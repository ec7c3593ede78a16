//! Files as they come, one part each or one alone.

use causeway_core::{Class, Via};

use super::broken::Broken;
use super::content::is_file_part;
use super::flight::{Coming, Flight};
use super::part::{CANNOT_UNDERSTAND, Refusal};
use crate::body::RequestBody;
use crate::multipart::read::{Head, Reader, Step};

/// Takes in all files of a multipart body. `first`: the head of the first part, where that was read already.
pub(super) async fn take_parts(
    flight: &mut Flight,
    mut reader: Reader,
    body: &mut RequestBody,
    mut first: Option<Head>,
) -> Result<(), Broken> {
    // A file that does not come to its end loses its sender with this, and is dropped by the archive.
    let mut coming: Option<Coming> = None;
    loop {
        let step = first.take().map_or_else(|| reader.step(), |head| Ok(Step::Begin(head)))?;
        match step {
            Step::NeedMore => match body.chunk().await? {
                Some(chunk) => reader.feed(chunk),
                None => return Ok(reader.finish()?),
            },
            Step::Begin(head) if is_file_part(head.content_type.as_deref()) => {
                coming = Some(flight.begin(via(head.via.as_deref())).await?);
            }
            Step::Begin(_) => {
                let words = "a part's Content-Type is not application/dicom".to_owned();
                let index = flight.number()?;
                flight.refuse(index, Refusal::nameless(CANNOT_UNDERSTAND, words, Class::Peer));
            }
            Step::Data(data) => {
                if let Some(coming) = &mut coming {
                    flight.data(coming, data).await;
                }
            }
            Step::End => {
                if let Some(coming) = coming.take() {
                    coming.end().await;
                }
            }
            Step::Finished => return Ok(()),
        }
    }
}

/// The nodes that an instance has passed, where its sender is one and says so. What is no path says nothing.
fn via(header: Option<&str>) -> Via {
    header.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Takes in the one file that a body is.
pub(super) async fn take_single(flight: &mut Flight, body: &mut RequestBody) -> Result<(), Broken> {
    let mut coming = flight.begin(Via::default()).await?;
    while let Some(chunk) = body.chunk().await? {
        flight.data(&mut coming, chunk).await;
    }
    coming.end().await;
    Ok(())
}
