//! A clinical document (HL7 CDA Release 2) as text that anyone can read (PS3.18 Table 8.7.4-1): its titles and the
//! narrative of its sections, which by the rules of CDA say all that a reader has to know.
//!
//! Lives here: [`tell`]; `walk`, from XML to blocks of text; `form`, the two forms of them. Never here: coded entries,
//! which are for machines. The text is foreign: nothing of it is ever markup.

mod form;
mod walk;

use crate::report::Form;

/// Longest document that is told, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 8 * 1024 * 1024;
/// Elements within elements, at most.
const MAX_DEPTH: usize = 128;

/// Why a document is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CdaError {
    /// It is longer than [`MAX_DOCUMENT_BYTES`]; part of a document would be taken for all of it.
    #[error("the document is longer than {MAX_DOCUMENT_BYTES} bytes, which is the most that is told as text")]
    TooLong,
    /// It is no XML that is read.
    #[error("the document cannot be read: {0}")]
    Xml(String),
    /// Elements nest deeper than is read.
    #[error("elements of the document nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// It has no sections with a narrative.
    #[error("the document is no clinical document, or has no text in its sections")]
    NoText,
}

/// A piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    /// Of the document, 1, or of a section within so many others.
    Title(usize, String),
    /// Who or what it is about.
    About(&'static str, String),
    Paragraph(String),
    Item(String),
    /// Cells of a row of a table.
    Row(Vec<String>),
}

/// The document as text in UTF-8.
///
/// # Errors
/// When it is too long or too deep, no XML, or has no text.
pub fn tell(document: &[u8], form: Form) -> Result<Vec<u8>, CdaError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(CdaError::TooLong);
    }
    let blocks = walk::blocks(document)?;
    Ok(match form {
        Form::Html => form::html(&blocks),
        Form::Plain => form::plain(&blocks),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
 <title>Discharge &amp; plan</title><effectiveTime value="20240131"/>
 <recordTarget><patientRole><patient><name><given>Jane</given><family>Doe</family></name>
  <birthTime value="19700102"/></patient></patientRole></recordTarget>
 <author><assignedAuthor><assignedPerson><name>Dr. <family>Who</family></name></assignedPerson></assignedAuthor></author>
 <component><structuredBody><component><section><title>Findings</title>
  <text>Loose words.<paragraph>One<br/>two &lt;b&gt; <content styleCode="Bold">three</content></paragraph>
   <list><item>first</item><item>second</item></list>
   <table><thead><tr><th>Name</th><th>Value</th></tr></thead><tbody><tr><td>K</td><td>4.1</td></tr></tbody></table>
  </text>
  <entry><observation><text>for machines</text></observation></entry>
  <component><section><title>Inner</title><text><paragraph>deep</paragraph></text></section></component>
 </section></component></structuredBody></component>
</ClinicalDocument>"#;

    fn told(document: &str, form: Form) -> String {
        String::from_utf8(tell(document.as_bytes(), form).unwrap()).unwrap()
    }

    #[test]
    fn titles_and_narrative_are_told_in_order() {
        let wanted = "Discharge & plan\n================\n\nDate: 2024-01-31\nPatient: Jane Doe\nBorn: 1970-01-02\n\
                      Author: Dr. Who\n\nFindings\n--------\n\nLoose words.\n\nOne\ntwo <b> three\n\n- first\n- second\n\n\
                      Name | Value\nK | 4.1\n\nInner\n-----\n\ndeep\n";
        assert_eq!(told(DOCUMENT, Form::Plain), wanted);
    }

    #[test]
    fn nothing_of_a_document_is_markup() {
        let page = told(DOCUMENT, Form::Html);
        assert!(page.contains("<h1>Discharge &amp; plan</h1>") && page.contains("<h2>Findings</h2>"));
        assert!(page.contains("two &lt;b&gt; three") && page.contains("<h3>Inner</h3>"));
        assert!(page.contains("<ul>\n<li>first</li>\n<li>second</li>\n</ul>"));
        assert!(page.contains("<tr><td>K</td><td>4.1</td></tr>"));
        assert!(!page.contains("for machines") && !page.contains("<b>"));
    }

    #[test]
    fn what_is_no_clinical_document_is_refused() {
        for document in ["", "x", "<ClinicalDocument/>", "<a><section><text>x</text></section></a>"] {
            assert!(tell(document.as_bytes(), Form::Plain).is_err(), "{document}");
        }
        let entity =
            DOCUMENT.replace("<ClinicalDocument", "<!DOCTYPE x [<!ENTITY e \"e\">]><ClinicalDocument");
        assert!(matches!(tell(entity.as_bytes(), Form::Plain), Err(CdaError::Xml(_))));
        assert!(matches!(tell(&DOCUMENT.as_bytes()[..900], Form::Plain), Err(CdaError::Xml(_))));
    }

    #[test]
    fn length_and_depth_are_bounded_at_below_and_above() {
        let long = |bytes: usize| {
            let filled = format!("{DOCUMENT}{}", " ".repeat(bytes - DOCUMENT.len()));
            tell(filled.as_bytes(), Form::Plain).map(drop)
        };
        assert!(long(MAX_DOCUMENT_BYTES - 1).is_ok() && long(MAX_DOCUMENT_BYTES).is_ok());
        assert_eq!(long(MAX_DOCUMENT_BYTES + 1), Err(CdaError::TooLong));
        // Three elements stand around those that nest.
        let deep = |depth: usize| {
            let (open, close) = ("<content>".repeat(depth - 3), "</content>".repeat(depth - 3));
            let document = format!(
                "<ClinicalDocument><section><text>{open}x{close}</text></section></ClinicalDocument>"
            );
            tell(document.as_bytes(), Form::Plain).map(drop)
        };
        assert!(deep(MAX_DEPTH - 1).is_ok() && deep(MAX_DEPTH).is_ok());
        assert_eq!(deep(MAX_DEPTH + 1), Err(CdaError::TooDeep));
    }

    proptest! {
        #[test]
        fn broken_documents_are_told_or_refused(at in 0_usize..2_000, byte: u8) {
            let mut document = DOCUMENT.as_bytes().to_vec();
            let length = document.len();
            document[at % length] = byte;
            for form in [Form::Html, Form::Plain] {
                let _ = tell(&document, form);
            }
        }
    }
}
