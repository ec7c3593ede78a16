//! What a hostile or broken peer sends, byte by byte, and what it gets for it: an answer and a closed connection,
//! in bounded time.

use std::time::Duration;

use causeway_core::limits::MAX_ASSOCIATE_PDU_BYTES;
use causeway_core::transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN;
use causeway_dimse::message::{CCancelRq, CFindRq, CStoreRq, Priority, decode, encode};
use causeway_dimse::scu::associate;
use causeway_dimse::{Command, Error, Rejection, Settings, Wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::common::{FIND, Served, serve, uid, usual};

const UNRECOGNIZED: [u8; 10] = [7, 0, 0, 0, 0, 4, 0, 0, 2, 1];
const UNEXPECTED: [u8; 10] = [7, 0, 0, 0, 0, 4, 0, 0, 2, 2];
const INVALID: [u8; 10] = [7, 0, 0, 0, 0, 4, 0, 0, 2, 6];
const BY_PROVIDER: [u8; 10] = [7, 0, 0, 0, 0, 4, 0, 0, 2, 0];
const RELEASE_RQ: [u8; 10] = [5, 0, 0, 0, 0, 4, 0, 0, 0, 0];
const RELEASE_RP: [u8; 10] = [6, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// What either side takes before it is read.
const BUFFER_BYTES: usize = 1 << 20;

struct Raw {
    stream: DuplexStream,
    server: JoinHandle<Result<Served, Error>>,
}

fn item(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind, 0][..], &length, value].concat()
}

fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

/// One presentation data value.
fn pdv(context: u8, control: u8, fragment: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fragment.len() + 2).unwrap().to_be_bytes();
    [&length[..], &[context, control], fragment].concat()
}

fn request(version: u8, application_context: &str, max_pdu: u32) -> Vec<u8> {
    let syntax = item(0x40, IMPLICIT_VR_LITTLE_ENDIAN.as_bytes());
    let context = [&[1, 0, 0, 0][..], &item(0x30, b"1.2.840.10008.1.1"), &syntax].concat();
    let body = [
        &[0, version, 0, 0][..],
        b"CALLED          CALLER          ",
        &[0; 32],
        &item(0x10, application_context.as_bytes()),
        &item(0x20, &context),
        &item(0x50, &item(0x51, &max_pdu.to_be_bytes())),
    ]
    .concat();
    pdu(1, &body)
}

fn good_request() -> Vec<u8> {
    request(1, "1.2.840.10008.3.1.1.1", 16_384)
}

/// A C-ECHO-RQ's command set.
fn echo() -> Vec<u8> {
    let mut set = vec![0, 0, 0, 0, 4, 0, 0, 0, 56, 0, 0, 0, 0, 0, 2, 0, 18, 0, 0, 0];
    set.extend(b"1.2.840.10008.1.1\0");
    set.extend([0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0, 0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0]);
    set.extend([0, 0, 0, 8, 2, 0, 0, 0, 1, 1]);
    set
}

impl Raw {
    fn new() -> Self {
        let (stream, far) = tokio::io::duplex(BUFFER_BYTES);
        Self { stream, server: tokio::spawn(serve(far, Settings::default())) }
    }

    async fn established() -> Self {
        let mut raw = Self::new();
        raw.write(&good_request()).await;
        assert_eq!(raw.pdu().await[0], 2);
        raw
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn pdu(&mut self) -> Vec<u8> {
        let mut header = [0; 6];
        self.stream.read_exact(&mut header).await.unwrap();
        let length = u32::from_be_bytes(header[2..].try_into().unwrap());
        let mut pdu = header.to_vec();
        pdu.resize(6 + length as usize, 0);
        self.stream.read_exact(&mut pdu[6..]).await.unwrap();
        pdu
    }

    /// All that comes until the far side closes, and how its association ended.
    async fn rest(mut self) -> (Vec<u8>, Result<Served, Error>) {
        self.stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        (rest, self.server.await.unwrap())
    }
}

async fn aborted(bytes: &[u8], raw: Raw, expected: [u8; 10]) {
    let mut raw = raw;
    raw.write(bytes).await;
    let (rest, ended) = raw.rest().await;
    assert_eq!(rest, expected, "{:02X?}", bytes.get(..20).unwrap_or(bytes));
    assert!(matches!(ended, Err(Error::Protocol(_))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn before_an_association_stands_only_a_request_has_a_place() {
    aborted(&pdu(4, &pdv(1, 3, &echo())), Raw::new(), UNEXPECTED).await;
    aborted(&pdu(2, &[0; 68]), Raw::new(), UNEXPECTED).await;
    aborted(&RELEASE_RQ, Raw::new(), UNEXPECTED).await;
    aborted(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Raw::new(), UNRECOGNIZED).await;
    aborted(&[0; 6], Raw::new(), UNRECOGNIZED).await;
    // Each nonsensical PDU is answered (AA-7), but not without end.
    let mut raw = Raw::new();
    raw.write(&[0; 6 * 100]).await;
    assert_eq!(raw.rest().await.0, UNRECOGNIZED.repeat(4));
    aborted(&pdu(1, &[0; 67]), Raw::new(), INVALID).await;
    aborted(&[1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 1], Raw::new(), INVALID).await;
}

#[tokio::test(start_paused = true)]
async fn the_length_of_a_request_is_held_at_and_above_its_bound() {
    let above = [&[1, 0][..], &(MAX_ASSOCIATE_PDU_BYTES + 1).to_be_bytes(), &[0; 8]].concat();
    aborted(&above, Raw::new(), INVALID).await;
    // As long as can be, and full of what is to be skipped: accepted.
    let mut body = good_request().split_off(6);
    let limit = MAX_ASSOCIATE_PDU_BYTES as usize;
    while body.len() + 4 <= limit {
        let fill = (limit - body.len() - 4).min(60_000);
        body.extend(item(0x7E, &vec![0; fill]));
    }
    body.truncate(limit);
    let mut raw = Raw::new();
    raw.write(&pdu(1, &body)).await;
    assert_eq!(raw.pdu().await[0], 2);
}

#[tokio::test(start_paused = true)]
async fn on_an_association_each_breach_is_answered_by_an_abort() {
    let cases: Vec<(Vec<u8>, [u8; 10])> = vec![
        (pdu(9, &[0; 4]), UNRECOGNIZED),
        (good_request(), UNEXPECTED),
        (RELEASE_RP.to_vec(), UNEXPECTED),
        (vec![4, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], INVALID),
        ([&[4, 0][..], &(256_u32 * 1024 + 1).to_be_bytes(), &[0; 9]].concat(), INVALID),
        // A value that is longer than its PDU, shorter than its header, or cut.
        (pdu(4, &[0, 0, 0, 100, 1, 3, 0, 0]), INVALID),
        (pdu(4, &[0, 0, 0, 1, 1, 3, 0, 0]), INVALID),
        (pdu(4, &[0xFF, 0xFF, 0xFF, 0xFF, 1, 3]), INVALID),
        (pdu(4, &[0, 0, 0]), INVALID),
        // A context that was not accepted, data where a command belongs, a command on two contexts.
        (pdu(4, &pdv(3, 3, &echo())), INVALID),
        (pdu(4, &pdv(1, 2, &[0; 8])), INVALID),
        (pdu(4, &[pdv(1, 1, &echo()), pdv(3, 3, &[])].concat()), INVALID),
        // A release PDU that is too long.
        (pdu(5, &[0; 5]), INVALID),
    ];
    for (bytes, expected) in cases {
        aborted(&bytes, Raw::established().await, expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_set_without_end_is_not_gathered_without_end() {
    let mut raw = Raw::established().await;
    let part = pdu(4, &pdv(1, 1, &[0; 16_000]));
    for _ in 0..5 {
        raw.write(&part).await;
    }
    let (rest, ended) = raw.rest().await;
    assert_eq!(rest, INVALID);
    assert!(matches!(ended, Err(Error::Protocol(_))));
}

#[tokio::test(start_paused = true)]
async fn a_command_set_that_is_none_is_aborted() {
    for set in [&b"\x00\x00\x00\x01\x02\x00\x00\x00\x30"[..], b"garbage!", &[]] {
        let mut raw = Raw::established().await;
        raw.write(&pdu(4, &pdv(1, 3, set))).await;
        let (rest, ended) = raw.rest().await;
        assert_eq!(rest[0], 7);
        assert!(matches!(ended, Err(Error::Protocol(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn fragments_may_be_cut_anywhere_and_be_empty() {
    let mut raw = Raw::established().await;
    let set = echo();
    let values = [pdv(1, 1, &set[..4]), pdv(1, 1, &[]), pdv(1, 1, &set[4..30])].concat();
    let whole =
        [pdu(4, &values), pdu(4, &[]), pdu(4, &pdv(1, 1, &set[30..])), pdu(4, &pdv(1, 3, &[]))].concat();
    for byte in whole {
        raw.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(raw.pdu().await[0], 4);
    raw.write(&RELEASE_RQ).await;
    let (rest, ended) = raw.rest().await;
    assert_eq!(rest, RELEASE_RP);
    assert_eq!(ended.unwrap().echoes, 1);
}

#[tokio::test(start_paused = true)]
async fn silence_is_closed_by_artim_without_a_word() {
    let began = Instant::now();
    let mut raw = Raw::new();
    let mut rest = Vec::new();
    raw.stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(matches!(raw.server.await.unwrap(), Err(Error::Timeout(Wait::AssociateRequest))));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_trickles_is_closed_by_artim_too() {
    let began = Instant::now();
    let mut raw = Raw::new();
    for byte in good_request() {
        if raw.stream.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(began.elapsed().as_secs() < 15);
    assert!(matches!(raw.server.await.unwrap(), Err(Error::Timeout(_))));
}

#[tokio::test(start_paused = true)]
async fn half_a_pdu_is_aborted_after_the_read_timeout_and_an_idle_peer_after_the_idle_timeout() {
    for (bytes, seconds) in [(&[4, 0, 0, 0][..], 60), (&pdu(4, &pdv(1, 3, &echo()))[..20], 60), (&[], 300)] {
        let mut raw = Raw::established().await;
        raw.write(bytes).await;
        let began = Instant::now();
        assert_eq!(raw.pdu().await[0], 7);
        assert_eq!(began.elapsed().as_secs(), seconds);
        // We never close: ARTIM ends it.
        let mut rest = Vec::new();
        raw.stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), seconds + 10);
        assert!(matches!(raw.server.await.unwrap(), Err(Error::Timeout(_))));
    }
}

/// A C-STORE-RQ that announces a data set by (0000,0800).
fn announcing() -> Vec<u8> {
    let (sop_class, sop_instance) = (uid("1.2.840.10008.1.1"), uid("1.2.3"));
    let priority = Priority::Medium;
    let rq = CStoreRq { message_id: 7, sop_class, sop_instance, priority, move_originator: None };
    encode(&Command::CStoreRq(rq), true)
}

#[tokio::test(start_paused = true)]
async fn a_data_set_that_was_announced_and_is_left_out_is_missed_in_words() {
    let command = pdu(4, &pdv(1, 3, &announcing()));
    for (place, expected, words) in [
        (pdu(4, &pdv(1, 3, &echo())), INVALID, "a fragment of another message came in its place"),
        (RELEASE_RQ.to_vec(), BY_PROVIDER, "a release came in its place"),
    ] {
        let mut raw = Raw::established().await;
        raw.write(&[command.clone(), place].concat()).await;
        let (rest, ended) = raw.rest().await;
        assert_eq!(rest, expected);
        let ended = ended.unwrap_err();
        assert!(matches!(ended, Error::Protocol(_)), "{ended:?}");
        assert!(ended.to_string().contains("(0000,0800)") && ended.to_string().contains(words), "{ended}");
    }
    let began = Instant::now();
    let mut raw = Raw::established().await;
    raw.write(&command).await;
    assert_eq!(raw.pdu().await, BY_PROVIDER);
    assert_eq!(began.elapsed().as_secs(), 60);
    assert!(matches!(raw.rest().await.1, Err(Error::Timeout(Wait::DataSet))));
}

#[tokio::test(start_paused = true)]
async fn an_empty_data_set_is_one_fragment_of_no_bytes() {
    let mut raw = Raw::established().await;
    raw.write(&pdu(4, &[pdv(1, 3, &announcing()), pdv(1, 2, &[])].concat())).await;
    assert_eq!(raw.pdu().await[0], 4, "it is answered");
    raw.write(&RELEASE_RQ).await;
    let (rest, ended) = raw.rest().await;
    assert_eq!(rest, RELEASE_RP);
    assert_eq!(ended.unwrap().stored.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_answer_is_given_up() {
    let (stream, far) = tokio::io::duplex(256);
    let server = tokio::spawn(serve(far, Settings::default()));
    let mut raw = Raw { stream, server };
    raw.write(&good_request()).await;
    raw.pdu().await;
    let message = pdu(4, &pdv(1, 3, &echo()));
    let limit = Duration::from_secs(5);
    while let Ok(written) = tokio::time::timeout(limit, raw.stream.write_all(&message)).await {
        written.unwrap();
    }
    assert!(matches!(raw.server.await.unwrap(), Err(Error::Timeout(Wait::Send))));
}

#[tokio::test(start_paused = true)]
async fn an_abort_in_any_state_ends_it_without_an_answer() {
    let abort = [7, 0, 0, 0, 0, 4, 0, 0, 0, 0];
    for mut raw in [Raw::new(), Raw::established().await] {
        raw.write(&abort).await;
        let (rest, ended) = raw.rest().await;
        assert_eq!(rest, b"");
        assert!(matches!(ended, Err(Error::Aborted(_))), "{ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_upper_layer_cannot_take_is_rejected_by_the_numbers() {
    let dicom = "1.2.840.10008.3.1.1.1";
    let cases = [
        (request(2, dicom, 0), [1, 2, 2], Rejection::ProtocolVersionNotSupported),
        (request(1, "1.2.3", 0), [1, 1, 2], Rejection::ApplicationContextNotSupported),
        (request(1, dicom, 127), [1, 1, 1], Rejection::MaximumLengthTooSmall),
    ];
    for (bytes, numbers, expected) in cases {
        let mut raw = Raw::new();
        raw.write(&bytes).await;
        let (rest, ended) = raw.rest().await;
        assert_eq!(rest[..7], [3, 0, 0, 0, 0, 4, 0]);
        assert_eq!(rest[7..], numbers);
        let Err(Error::Refused { rejection, .. }) = ended else { panic!("{ended:?}") };
        assert_eq!(rejection, expected);
    }
    let mut raw = Raw::new();
    raw.write(&request(1, dicom, 128)).await;
    assert_eq!(raw.pdu().await[0], 2);
}

#[tokio::test(start_paused = true)]
async fn a_release_in_the_middle_of_a_message_is_aborted() {
    let mut raw = Raw::established().await;
    raw.write(&[pdu(4, &pdv(1, 1, &echo()[..10])), RELEASE_RQ.to_vec()].concat()).await;
    let (rest, ended) = raw.rest().await;
    assert_eq!(rest[0], 7);
    assert!(matches!(ended, Err(Error::Protocol(_))));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_collides_with_a_release_is_answered_as_the_table_says() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let call = usual();
    let requestor = tokio::spawn(async move { associate(near, &call).await?.release().await });
    let mut request = vec![0; 4096];
    let count = far.read(&mut request).await.unwrap();
    assert_eq!(request[0], 1);
    // An acceptance without any context is still one.
    let user = item(0x50, &item(0x51, &[0, 0, 0, 0]));
    let body = [&request[6..74], &item(0x10, b"1.2.840.10008.3.1.1.1"), &user].concat();
    assert!(count > 74);
    far.write_all(&pdu(2, &body)).await.unwrap();
    let mut release = [0; 10];
    far.read_exact(&mut release).await.unwrap();
    assert_eq!(release, RELEASE_RQ);
    far.write_all(&RELEASE_RQ).await.unwrap();
    far.read_exact(&mut release).await.unwrap();
    assert_eq!(release, RELEASE_RP);
    far.write_all(&RELEASE_RP).await.unwrap();
    requestor.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn as_requestor_nonsense_and_silence_are_given_up_as_well() {
    for (bytes, timed_out) in
        [(&b"SSH-2.0-OpenSSH_9.2\r\n"[..], false), (&[], true), (&[2, 0, 0xFF, 0xFF, 0xFF, 0xFF], false)]
    {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(bytes).await.unwrap();
        let Err(error) = associate(near, &usual()).await else { panic!("associated") };
        assert_eq!(matches!(error, Error::Timeout(Wait::AssociateAnswer)), timed_out, "{error:?}");
        assert_eq!(matches!(error, Error::Protocol(_)), !timed_out, "{error:?}");
    }
}

/// A C-FIND-RQ that the door answers `count` times, of message id 9.
fn find(count: u16) -> Vec<u8> {
    let rq = CFindRq { message_id: 9, sop_class: uid(FIND), priority: Priority::Low };
    let command = encode(&Command::CFindRq(rq), true);
    [pdu(4, &pdv(1, 3, &command)), pdu(4, &pdv(1, 2, &count.to_le_bytes()))].concat()
}

fn cancel(message_id_responded: u16) -> Vec<u8> {
    encode(&Command::CCancelRq(CCancelRq { message_id_responded }), false)
}

impl Raw {
    /// The statuses of the C-FIND responses up to the final one.
    async fn find_statuses(&mut self) -> Vec<u16> {
        let mut statuses = Vec::new();
        while statuses.last().is_none_or(|status| *status == 0xFF00) {
            let pdu = self.pdu().await;
            // Responses of this door fit one fragment; those of the data set are left out.
            if pdu[11] & 1 == 1 {
                let Command::CFindRsp(rsp) = decode(&pdu[12..]).unwrap().command else {
                    panic!("no C-FIND-RSP")
                };
                statuses.push(rsp.status.0);
            }
        }
        statuses
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_in_pieces_is_seen_and_one_of_another_operation_is_not() {
    let mut raw = Raw::established().await;
    let wrong = pdu(4, &pdv(1, 3, &cancel(8)));
    let set = cancel(9);
    let right =
        [pdu(4, &pdv(1, 1, &set[..7])), pdu(4, &[pdv(1, 1, &set[7..9]), pdv(1, 3, &set[9..])].concat())];
    raw.write(&[find(5_000), wrong, right.concat()].concat()).await;
    assert_eq!(raw.find_statuses().await, [0xFE00]);
    raw.write(&[find(50), pdu(4, &pdv(1, 3, &cancel(8)))].concat()).await;
    let statuses = raw.find_statuses().await;
    assert_eq!((statuses.len(), statuses.last()), (51, Some(&0)));
}

#[tokio::test(start_paused = true)]
async fn after_a_cancel_no_answer_is_begun() {
    let mut raw = Raw::established().await;
    raw.write(&find(u16::MAX)).await;
    // The door answers until nothing more is taken, and hears the cancel while it waits.
    tokio::time::sleep(Duration::from_secs(1)).await;
    raw.write(&pdu(4, &pdv(1, 3, &cancel(9)))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mut answered_bytes, mut longest, mut last) = (0, 0, 0xFF00);
    while last == 0xFF00 {
        let pdu = raw.pdu().await;
        answered_bytes += pdu.len();
        longest = longest.max(pdu.len());
        if pdu[11] & 1 == 1
            && let Command::CFindRsp(rsp) = decode(&pdu[12..]).unwrap().command
        {
            last = rsp.status.0;
        }
    }
    assert_eq!(last, 0xFE00);
    // What was written already, the end of the message that was half written, and the last response.
    assert!(answered_bytes <= BUFFER_BYTES + 3 * longest, "{answered_bytes}");
    assert!(answered_bytes >= BUFFER_BYTES, "{answered_bytes}");
    raw.write(&pdu(4, &pdv(1, 3, &echo()))).await;
    let answer = raw.pdu().await;
    assert!(matches!(decode(&answer[12..]).unwrap().command, Command::CEchoRsp(_)));
}

#[tokio::test(start_paused = true)]
async fn another_request_before_the_answer_is_kept_for_its_turn() {
    let mut raw = Raw::established().await;
    raw.write(&[find(50), pdu(4, &pdv(1, 3, &echo()))].concat()).await;
    assert_eq!(raw.find_statuses().await.len(), 51);
    let answer = raw.pdu().await;
    assert!(matches!(decode(&answer[12..]).unwrap().command, Command::CEchoRsp(_)));
}

#[tokio::test(start_paused = true)]
async fn an_abort_while_an_operation_runs_ends_it() {
    let mut raw = Raw::established().await;
    raw.write(&[find(u16::MAX), vec![7, 0, 0, 0, 0, 4, 0, 0, 0, 0]].concat()).await;
    assert!(matches!(raw.server.await.unwrap(), Err(Error::Aborted(_))));
}

mod any_bytes {
    use proptest::prelude::*;

    use super::*;

    /// PDUs that are nearly right: any type, any context, any control byte, any length of value.
    fn nearly() -> impl Strategy<Value = Vec<u8>> {
        let value = (0_u8..5, 0_u8..5, prop_oneof![Just(echo()), prop::collection::vec(any::<u8>(), 0..40)])
            .prop_map(|(context, control, fragment)| pdv(context, control, &fragment));
        let whole = (prop_oneof![Just(4_u8), 0_u8..9], prop::collection::vec(value, 0..4))
            .prop_map(|(kind, values)| pdu(kind, &values.concat()));
        prop_oneof![4 => whole, 1 => prop::collection::vec(any::<u8>(), 0..40)]
    }

    proptest! {
        #[test]
        fn end_in_bounded_time_and_without_a_panic(
            established: bool,
            parts in prop::collection::vec(nearly(), 0..8),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut raw = if established { Raw::established().await } else { Raw::new() };
                raw.write(&parts.concat()).await;
                let began = Instant::now();
                // A panic of the door would show itself in joining.
                let _ = raw.rest().await;
                assert!(began.elapsed() < Duration::from_secs(600));
            });
        }
    }
}
