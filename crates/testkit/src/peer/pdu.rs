//! PDUs by hand (PS3.8 §9.3, Annex D and E): what a script sends, right or wrong. Every length is the length of what
//! is given, so that only what a test means to be wrong is wrong.

/// Type of A-ASSOCIATE-RQ.
pub const ASSOCIATE_RQ: u8 = 1;
/// Type of A-ASSOCIATE-AC.
pub const ASSOCIATE_AC: u8 = 2;
/// Type of A-ASSOCIATE-RJ.
pub const ASSOCIATE_RJ: u8 = 3;
/// Type of P-DATA-TF.
pub const P_DATA: u8 = 4;
/// An A-RELEASE-RQ.
pub const RELEASE_RQ: [u8; 10] = [5, 0, 0, 0, 0, 4, 0, 0, 0, 0];
/// An A-RELEASE-RP.
pub const RELEASE_RP: [u8; 10] = [6, 0, 0, 0, 0, 4, 0, 0, 0, 0];
/// An A-ABORT of a service user.
pub const ABORT: [u8; 10] = [7, 0, 0, 0, 0, 4, 0, 0, 0, 0];
/// Message control header: the last fragment of a command (PS3.8 §E.2).
pub const LAST_OF_COMMAND: u8 = 3;
/// Message control header: the last fragment of a data set.
pub const LAST_OF_DATA_SET: u8 = 2;
/// DICOM's application context (PS3.7 §A.2.1).
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// Implicit VR little endian.
pub const IMPLICIT: &str = "1.2.840.10008.1.2";
/// What is called, padded to 16 bytes.
const CALLED: &[u8; 16] = b"CAUSEWAY        ";
/// A length of a PDU or an item that was cut off at what its field can say.
const CUT_OFF: &str = "no script needs what is longer than its length field";

/// A PDU of a type and a body.
#[must_use]
pub fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    debug_assert!(u32::try_from(body.len()).is_ok(), "{CUT_OFF}");
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&[kind, 0][..], &length.to_be_bytes(), body].concat()
}

/// An item or sub-item of an A-ASSOCIATE PDU.
#[must_use]
pub fn item(kind: u8, value: &[u8]) -> Vec<u8> {
    debug_assert!(u16::try_from(value.len()).is_ok(), "{CUT_OFF}");
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    [&[kind, 0][..], &length.to_be_bytes(), value].concat()
}

/// The item that proposes a presentation context (PS3.8 §9.3.2.2).
#[must_use]
pub fn proposed_context(id: u8, abstract_syntax: &str, transfer_syntax: &str) -> Vec<u8> {
    let syntaxes = [item(0x30, abstract_syntax.as_bytes()), item(0x40, transfer_syntax.as_bytes())];
    item(0x20, &[&[id, 0, 0, 0][..], &syntaxes.concat()].concat())
}

/// The item that answers a presentation context: 0 accepts it (PS3.8 §9.3.3.2).
#[must_use]
pub fn answered_context(id: u8, result: u8, transfer_syntax: &str) -> Vec<u8> {
    item(0x21, &[&[id, 0, result, 0][..], &item(0x40, transfer_syntax.as_bytes())].concat())
}

/// An A-ASSOCIATE-RQ by `calling` with these presentation context items, for protocol version bits `version`.
#[must_use]
pub fn associate_rq(calling: &str, version: u8, contexts: &[u8]) -> Vec<u8> {
    pdu(ASSOCIATE_RQ, &association(calling, version, contexts))
}

/// An A-ASSOCIATE-AC with these presentation context items. The AE titles are some: nobody may test them.
#[must_use]
pub fn associate_ac(contexts: &[u8]) -> Vec<u8> {
    pdu(ASSOCIATE_AC, &association("ANYONE", 1, contexts))
}

/// The body that A-ASSOCIATE-RQ and -AC have in common; P-DATA-TF PDUs of 16 KiB are announced.
fn association(calling: &str, version: u8, contexts: &[u8]) -> Vec<u8> {
    let user = [item(0x51, &16_384_u32.to_be_bytes()), item(0x52, b"1.2.826.0.1.3680043.8.498.1")].concat();
    [
        &[0, version, 0, 0][..],
        CALLED,
        format!("{calling:<16.16}").as_bytes(),
        &[0; 32],
        &item(0x10, APPLICATION_CONTEXT.as_bytes()),
        contexts,
        &item(0x50, &user),
    ]
    .concat()
}

/// An A-ASSOCIATE-RJ (PS3.8 §9.3.4).
#[must_use]
pub const fn associate_rj(result: u8, source: u8, reason: u8) -> [u8; 10] {
    [ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, result, source, reason]
}

/// A presentation data value (PS3.8 §9.3.5.1).
#[must_use]
pub fn pdv(context: u8, control: u8, fragment: &[u8]) -> Vec<u8> {
    debug_assert!(u32::try_from(fragment.len() + 2).is_ok(), "{CUT_OFF}");
    let length = u32::try_from(fragment.len() + 2).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &[context, control], fragment].concat()
}

/// A P-DATA-TF of one presentation data value.
#[must_use]
pub fn p_data(context: u8, control: u8, fragment: &[u8]) -> Vec<u8> {
    pdu(P_DATA, &pdv(context, control, fragment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_standard_draws_it() {
        let request = associate_rq("SCRIPTED", 1, &proposed_context(1, "1.2", "1.3"));
        assert_eq!(request[..10], [1, 0, 0, 0, 0, 158, 0, 1, 0, 0]);
        assert_eq!(request.len(), 6 + 158);
        assert_eq!(&request[10..26], b"CAUSEWAY        ");
        let context = [0x20, 0, 0, 18, 1, 0, 0, 0, 0x30, 0, 0, 3, b'1', b'.', b'2', 0x40, 0, 0, 3];
        let at = 74 + 4 + APPLICATION_CONTEXT.len();
        assert_eq!(request[at..at + context.len()], context);
    }

    #[test]
    fn a_fragment_carries_its_two_headers() {
        assert_eq!(p_data(3, 2, &[9]), [4, 0, 0, 0, 0, 7, 0, 0, 0, 3, 3, 2, 9]);
    }
}
