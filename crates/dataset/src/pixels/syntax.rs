//! Which transfer syntax a JPEG or JPEG-LS stream is one of, by its own headers (PS3.5 §8.2.1, §8.2.3).

use super::jpeg_header::{Header, SOF55, segment};

/// Of JPEG by its process and, where it is lossless, its predictor; none for a process that has no transfer syntax.
pub(crate) fn jpeg_syntax(head: &[u8]) -> Option<&'static str> {
    let header = Header::read("JPEG", head).ok()?;
    match header.frame {
        0xC0 => Some("1.2.840.10008.1.2.4.50"),
        0xC1 => Some("1.2.840.10008.1.2.4.51"),
        0xC3 if first_parameter(&header, head)? == 1 => Some("1.2.840.10008.1.2.4.70"),
        0xC3 => Some("1.2.840.10008.1.2.4.57"),
        _ => None,
    }
}

/// Of JPEG-LS by how near it is to what was compressed.
pub(crate) fn jpeg_ls_syntax(head: &[u8]) -> Option<&'static str> {
    let header = Header::read("JPEG-LS", head).ok().filter(|header| header.frame == SOF55)?;
    let is_exact = first_parameter(&header, head)? == 0;
    Some(if is_exact { "1.2.840.10008.1.2.4.80" } else { "1.2.840.10008.1.2.4.81" })
}

/// What stands behind the components of the first scan: the predictor, or NEAR.
fn first_parameter(header: &Header, head: &[u8]) -> Option<u8> {
    let scan = segment(head, header.scan_at)?;
    let components = usize::from(*scan.first()?);
    scan.get(1 + 2 * components).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(frame: u8, parameter: u8) -> Vec<u8> {
        let frame = [0xFF, 0xD8, 0xFF, frame, 0, 11, 8, 0, 2, 0, 3, 1, 1, 0x11, 0];
        [frame.as_slice(), &[0xFF, 0xDA, 0, 8, 1, 1, 0, parameter, 0, 0, 9]].concat()
    }

    #[test]
    fn the_process_tells_the_syntax() {
        for (frame, parameter, last) in [(0xC0, 0, "50"), (0xC1, 0, "51"), (0xC3, 1, "70"), (0xC3, 6, "57")] {
            let found = jpeg_syntax(&stream(frame, parameter)).unwrap();
            assert!(found.ends_with(last), "{frame:X} {found}");
        }
        assert_eq!(jpeg_syntax(&stream(0xC2, 0)), None);
        assert_eq!(jpeg_syntax(b""), None);
        assert!(jpeg_ls_syntax(&stream(SOF55, 0)).unwrap().ends_with("80"));
        assert!(jpeg_ls_syntax(&stream(SOF55, 2)).unwrap().ends_with("81"));
        assert_eq!(jpeg_ls_syntax(&stream(0xC0, 0)), None);
    }
}
