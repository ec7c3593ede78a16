//! Clinical documents (HL7 CDA): what is told of them is UTF-8, and as a page it runs nothing.
//!
//! Input: the document.

use causeway_dataset::cda::tell;
use causeway_dataset::report::Form;

pub(crate) fn run(data: &[u8]) {
    if let Ok(page) = tell(data, Form::Html) {
        assert!(std::str::from_utf8(&page).is_ok_and(|page| !page.contains("<script")));
    }
    if let Ok(text) = tell(data, Form::Plain) {
        assert!(std::str::from_utf8(&text).is_ok());
    }
}
