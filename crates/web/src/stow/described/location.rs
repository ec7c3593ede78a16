//! Where bulk data are said to be: a URL that names them in the metadata and at the head of their part alike, absolute
//! here and relative there as it may be (RFC 2557 §5).

use url::Url;

/// Makes names of one place the same.
pub(super) struct Locations {
    base: Option<Url>,
}

impl Locations {
    /// `base`: the URL of the service, below which the request's own is.
    pub(super) fn new(base: &str) -> Self {
        Self { base: Url::parse(&format!("{base}/studies")).ok() }
    }

    /// A place by its absolute URL; by the name itself where that is none.
    pub(super) fn resolve(&self, location: &str) -> String {
        let location = location.trim();
        let resolved = self.base.as_ref().and_then(|base| base.join(location).ok());
        resolved.map_or_else(|| location.to_owned(), String::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_whether_named_relative_or_absolute() {
        let locations = Locations::new("http://h:8080/dicom-web");
        let place = locations.resolve("http://h:8080/dicom-web/bulk/1");
        for name in ["bulk/1", " bulk/1 ", "/dicom-web/bulk/1", "./bulk/x/../1", "//h:8080/dicom-web/bulk/1"]
        {
            assert_eq!(locations.resolve(name), place, "{name}");
        }
        assert_ne!(locations.resolve("bulk/2"), place);
    }

    #[test]
    fn a_name_that_is_no_url_is_itself() {
        let locations = Locations::new("http://h/dicom-web");
        assert_eq!(locations.resolve("urn:uuid:1"), "urn:uuid:1");
        assert_eq!(locations.resolve("cid:x@y"), "cid:x@y");
        assert_eq!(locations.resolve("http://[bad"), "http://[bad");
        assert_eq!(Locations::new("").resolve("a"), "a");
    }
}
