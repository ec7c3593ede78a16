//! Command sets: what goes out comes back, and hostile bytes are told apart without a panic.

use causeway_core::sop_class::VERIFICATION;
use proptest::prelude::*;

use super::*;

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn title(text: &str) -> AeTitle {
    AeTitle::parse(text).unwrap()
}

fn back(command: &Command, has_data_set: bool) -> Decoded {
    let bytes = encode(command, has_data_set);
    let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
    assert_eq!(&bytes[..8], [0, 0, 0, 0, 4, 0, 0, 0]);
    assert_eq!(length as usize, bytes.len() - 12, "the group length is right (PS3.7 §E.1)");
    decode(&bytes).unwrap()
}

#[test]
fn an_echo_request_is_the_bytes_that_every_peer_sends() {
    let command = Command::CEchoRq(CEchoRq { message_id: 7, sop_class: uid(VERIFICATION) });
    let mut expected = vec![0, 0, 0, 0, 4, 0, 0, 0, 56, 0, 0, 0];
    expected.extend([0, 0, 2, 0, 18, 0, 0, 0]);
    expected.extend(b"1.2.840.10008.1.1\0");
    expected.extend([0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0]);
    expected.extend([0, 0, 0x10, 1, 2, 0, 0, 0, 7, 0]);
    expected.extend([0, 0, 0, 8, 2, 0, 0, 0, 1, 1]);
    assert_eq!(encode(&command, false), expected);
}

#[test]
fn elements_are_ordered_and_even() {
    let command = Command::CMoveRsp(RetrieveRsp {
        message_id_responded: 3,
        sop_class: Some(uid("1.2.3")),
        status: Status(0xA900),
        progress: Progress { remaining: Some(1), completed: Some(2), failed: Some(3), warning: Some(4) },
        comment: Some("odd".to_owned()),
        offending: vec![Tag::new(8, 0x52)],
    });
    assert_eq!(back(&command, false), Decoded { command: command.clone(), has_data_set: false });
    let bytes = encode(&command, false);
    let (mut rest, mut before) = (bytes.as_slice(), None);
    while !rest.is_empty() {
        let tag = (u16::from_le_bytes([rest[0], rest[1]]), u16::from_le_bytes([rest[2], rest[3]]));
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        assert!(before < Some(tag), "{tag:?}");
        assert_eq!(length % 2, 0);
        before = Some(tag);
        rest = &rest[8 + length..];
    }
}

#[test]
fn padding_of_either_kind_and_unknown_elements_are_let_through() {
    let mut bytes = vec![0, 0, 2, 0, 18, 0, 0, 0];
    bytes.extend(b"1.2.840.10008.1.1 ");
    bytes.extend([0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0]);
    bytes.extend([0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0]);
    bytes.extend([0, 0, 0, 8, 2, 0, 0, 0, 1, 1]);
    bytes.extend([0, 0, 0x10, 0x50, 4, 0, 0, 0, 1, 2, 3, 4]);
    let decoded = decode(&bytes).unwrap();
    assert_eq!(decoded.command, Command::CEchoRq(CEchoRq { message_id: 1, sop_class: uid(VERIFICATION) }));
    assert!(!decoded.has_data_set);
}

#[test]
fn a_request_with_a_bad_field_is_malformed_and_can_be_refused_with_its_own_status() {
    let bytes = [
        &[0, 0, 2, 0, 4, 0, 0, 0][..],
        b"1.2\0",
        &[0, 0, 0, 1, 2, 0, 0, 0, 1, 0],
        &[0, 0, 0x10, 1, 2, 0, 0, 0, 9, 0],
        &[0, 0, 0, 8, 2, 0, 0, 0, 0, 0],
        &[0, 0, 0, 0x10, 6, 0, 0, 0],
        b"../../",
    ]
    .concat();
    let decoded = decode(&bytes).unwrap();
    assert!(decoded.has_data_set);
    let Some(Command::Other(answer)) = decoded.command.refuse(Status::UNRECOGNIZED_OPERATION) else {
        panic!("no answer to {:?}", decoded.command);
    };
    assert_eq!(answer.field, CommandField::C_STORE_RSP);
    assert_eq!(answer.message_id_responded, Some(9));
    assert_eq!(answer.status, Some(Status::INVALID_SOP_INSTANCE));
    assert!(answer.comment.is_some());
}

#[test]
fn what_cannot_be_answered_is_an_error() {
    for bytes in [
        &[][..],
        &[0, 0, 0, 1],
        &[0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0],
        &[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x30, 0],
        &[8, 0, 0, 1, 2, 0, 0, 0, 0x30, 0],
        &[0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0x80],
        &[0, 0, 0, 1, 2, 0, 0, 0, 0xFF, 0x0F],
    ] {
        assert!(decode(bytes).is_err(), "{bytes:?}");
    }
}

fn normalized(operation: Operation, sop_instance: Option<&str>) -> Command {
    Command::NRq(NRq {
        message_id: 4,
        operation,
        sop_class: uid("1.2.840.10008.1.20.1"),
        sop_instance: sop_instance.map(uid),
    })
}

#[test]
fn an_n_action_goes_out_by_requested_names_and_its_answer_by_affected_ones() {
    let request = normalized(Operation::Action(1), Some("1.2.840.10008.1.20.1.1"));
    let bytes = encode(&request, true);
    let holds = |element: [u8; 4]| bytes.windows(4).any(|window| window == element);
    assert!(holds([0, 0, 3, 0]) && holds([0, 0, 1, 0x10]) && holds([0, 0, 8, 0x10]));
    assert_eq!(back(&request, true).command, request);
    let answer = request.refuse(Status::UNRECOGNIZED_OPERATION).unwrap();
    assert_eq!(answer.field(), CommandField(0x8130));
    assert_eq!(back(&answer, false).command, answer);
    assert_eq!(answer.refuse(Status::SUCCESS), None);
}

#[test]
fn every_normalized_request_comes_back_and_is_answered_by_its_own_response() {
    for operation in [
        Operation::EventReport(2),
        Operation::Get(vec![Tag::new(8, 0x16), Tag::new(0x10, 0x10)]),
        Operation::Set,
        Operation::Action(1),
        Operation::Create,
        Operation::Delete,
    ] {
        let request = normalized(operation.clone(), Some("1.2.3"));
        assert_eq!(back(&request, false).command, request);
        let Command::NRq(rq) = &request else { panic!() };
        let answer = Command::NRsp(rq.answer(Status::SUCCESS));
        assert_eq!(answer.responded(), Some(4));
        assert_eq!(back(&answer, false).command, answer, "{operation:?}");
    }
}

#[test]
fn the_attributes_at_fault_stand_where_the_status_has_them() {
    let Command::NRq(rq) = normalized(Operation::Set, Some("1.2.3")) else { panic!() };
    for (status, element) in
        [(Status::MISSING_ATTRIBUTE, 0x1005_u16), (Status::INVALID_ATTRIBUTE_VALUE, 0x0901)]
    {
        let answer = Command::NRsp(NRsp {
            offending: vec![Tag::PATIENT_ID, Tag::MODALITY],
            error_id: Some(0xA710),
            ..rq.answer(status)
        });
        let bytes = encode(&answer, false);
        let header = [&[0, 0][..], &element.to_le_bytes(), &[8, 0, 0, 0]].concat();
        assert!(bytes.windows(8).any(|window| window == header), "{status}");
        assert_eq!(back(&answer, false).command, answer);
    }
}

#[test]
fn only_a_creation_may_leave_the_instance_to_the_performer() {
    let create = normalized(Operation::Create, None);
    assert_eq!(back(&create, true).command, create);
    let set = encode(&normalized(Operation::Set, None), true);
    assert!(matches!(
        decode(&set).unwrap().command,
        Command::Malformed(Malformed { status: Status(0x0120), .. })
    ));
}

#[test]
fn a_comment_is_cut_to_what_its_vr_holds() {
    let mut rsp = CStoreRq {
        message_id: 1,
        sop_class: uid("1.2"),
        sop_instance: uid("1.3"),
        priority: Priority::Medium,
        move_originator: None,
    }
    .answer(Status(0xC000));
    for (length, kept) in [(63, 63), (64, 64), (65, 64)] {
        rsp.comment = Some("x".repeat(length));
        let Command::CStoreRsp(read) = back(&Command::CStoreRsp(rsp.clone()), false).command else {
            panic!()
        };
        assert_eq!(read.comment.unwrap().len(), kept);
    }
    rsp.comment = Some("Müller\\x\n".to_owned());
    let Command::CStoreRsp(read) = back(&Command::CStoreRsp(rsp), false).command else { panic!() };
    assert_eq!(read.comment.as_deref(), Some("M?ller?x?"));
}

fn uids() -> impl Strategy<Value = Uid> {
    "[0-9]{1,5}(\\.[0-9]{1,8}){0,5}".prop_map(|text| uid(&text))
}

fn titles() -> impl Strategy<Value = AeTitle> {
    "[A-Z0-9_]{1,16}".prop_map(|text| title(&text))
}

fn priorities() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(Priority::Low), Just(Priority::Medium), Just(Priority::High)]
}

fn commands() -> impl Strategy<Value = Command> {
    let tags = prop::collection::vec((1_u16.., any::<u16>()).prop_map(|(g, e)| Tag::new(g, e)), 0..4);
    let comment = prop::option::of("[a-zA-Z0-9]{1,64}");
    let counts = (any::<Option<u16>>(), any::<Option<u16>>(), any::<Option<u16>>(), any::<Option<u16>>());
    prop_oneof![
        (any::<u16>(), uids())
            .prop_map(|(message_id, sop_class)| { Command::CEchoRq(CEchoRq { message_id, sop_class }) }),
        (any::<u16>(), uids(), uids(), priorities(), prop::option::of((titles(), any::<u16>()))).prop_map(
            |(message_id, sop_class, sop_instance, priority, move_originator)| {
                Command::CStoreRq(CStoreRq { message_id, sop_class, sop_instance, priority, move_originator })
            }
        ),
        (any::<u16>(), uids(), priorities()).prop_map(|(message_id, sop_class, priority)| {
            Command::CFindRq(CFindRq { message_id, sop_class, priority })
        }),
        (any::<u16>(), uids(), priorities(), titles()).prop_map(
            |(message_id, sop_class, priority, destination)| {
                Command::CMoveRq(CMoveRq { message_id, sop_class, priority, destination })
            }
        ),
        any::<u16>().prop_map(|message_id_responded| Command::CCancelRq(CCancelRq { message_id_responded })),
        (any::<u16>(), prop::option::of(uids()), any::<u16>(), counts, comment, tags).prop_map(
            |(message_id_responded, sop_class, status, counts, comment, offending)| {
                let (remaining, completed, failed, warning) = counts;
                Command::CMoveRsp(RetrieveRsp {
                    message_id_responded,
                    sop_class,
                    status: Status(status),
                    progress: Progress { remaining, completed, failed, warning },
                    comment,
                    offending,
                })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn what_goes_out_comes_back(command in commands(), has_data_set: bool) {
        prop_assert_eq!(back(&command, has_data_set), Decoded { command, has_data_set });
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn no_flipped_byte_makes_it_panic(command in commands(), at: prop::sample::Index, byte: u8) {
        let mut bytes = encode(&command, true);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(decoded) = decode(&bytes) {
            let _ = decoded.command.refuse(Status::PROCESSING_FAILURE).map(|answer| encode(&answer, false));
        }
    }
}
