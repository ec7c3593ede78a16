//! Command sets by hand (PS3.7 §6.3.1, Annex E): implicit VR little endian, the group length in front.

/// SOP class of C-ECHO.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";
/// SOP class of a CT image.
pub const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
/// (0000,0100) of C-STORE-RQ.
const C_STORE_RQ: u16 = 0x0001;
/// (0000,0100) of C-ECHO-RQ.
const C_ECHO_RQ: u16 = 0x0030;
/// The bit that makes a response's field of a request's.
const RESPONSE: u16 = 0x8000;
/// (0000,0800) when no data set follows.
const NO_DATA_SET: u16 = 0x0101;
/// (0000,0800) when one does.
const DATA_SET: u16 = 0x0000;

/// One element of group 0000.
#[must_use]
pub fn element(number: u16, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    [&[0, 0][..], &number.to_le_bytes(), &length.to_le_bytes(), value].concat()
}

/// A command set of these elements.
#[must_use]
pub fn command(elements: &[Vec<u8>]) -> Vec<u8> {
    let body = elements.concat();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [element(0x0000, &length.to_le_bytes()), body].concat()
}

/// A UID of even length.
fn uid(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(text.len().next_multiple_of(2), 0);
    bytes
}

fn number(element_number: u16, value: u16) -> Vec<u8> {
    element(element_number, &value.to_le_bytes())
}

/// A C-ECHO-RQ (PS3.7 §9.3.5.1).
#[must_use]
pub fn echo_rq(message_id: u16) -> Vec<u8> {
    command(&[
        element(0x0002, &uid(VERIFICATION)),
        number(0x0100, C_ECHO_RQ),
        number(0x0110, message_id),
        number(0x0800, NO_DATA_SET),
    ])
}

/// A C-ECHO-RSP of success (PS3.7 §9.3.5.2).
#[must_use]
pub fn echo_rsp(message_id: u16) -> Vec<u8> {
    command(&[
        element(0x0002, &uid(VERIFICATION)),
        number(0x0100, RESPONSE | C_ECHO_RQ),
        number(0x0120, message_id),
        number(0x0800, NO_DATA_SET),
        number(0x0900, 0),
    ])
}

/// A C-STORE-RQ (PS3.7 §9.3.1.1).
#[must_use]
pub fn store_rq(message_id: u16, sop_class: &str, sop_instance: &str) -> Vec<u8> {
    command(&[
        element(0x0002, &uid(sop_class)),
        number(0x0100, C_STORE_RQ),
        number(0x0110, message_id),
        number(0x0700, 0),
        number(0x0800, DATA_SET),
        element(0x1000, &uid(sop_instance)),
    ])
}

/// A C-STORE-RSP of success (PS3.7 §9.3.1.2).
#[must_use]
pub fn store_rsp(message_id: u16, sop_class: &str, sop_instance: &str) -> Vec<u8> {
    command(&[
        element(0x0002, &uid(sop_class)),
        number(0x0100, RESPONSE | C_STORE_RQ),
        number(0x0120, message_id),
        number(0x0800, NO_DATA_SET),
        number(0x0900, 0),
        element(0x1000, &uid(sop_instance)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_length_counts_what_follows_it_and_every_length_is_even() {
        let set = store_rq(7, CT_IMAGE, "1.2.3");
        assert_eq!(set[..8], [0, 0, 0, 0, 4, 0, 0, 0]);
        let counted = u32::from_le_bytes(set[8..12].try_into().unwrap());
        assert_eq!(usize::try_from(counted).unwrap(), set.len() - 12);
        assert_eq!(set.len() % 2, 0);
        assert_eq!(set[set.len() - 6..], *b"1.2.3\0");
    }
}
