//! Command sets to bytes: implicit VR little endian, ordered, even lengths, the group length right (PS3.7 §6.3).

use causeway_core::{AeTitle, Status, Tag, Uid};

use super::decode::tag;
use super::{Command, CommandField, NRq, NRsp, Operation, Other, Priority, Progress};

/// Command Data Set Type of a message without a data set (PS3.7 §E.1).
const NO_DATA_SET: u16 = 0x0101;
/// Any other value says that a data set follows; this one is what most peers send.
const WITH_DATA_SET: u16 = 0x0001;
/// Longest Error Comment: VR LO (PS3.5 §6.2).
const MAX_COMMENT_BYTES: usize = 64;

/// The bytes of `command`; `has_data_set` says whether a data set follows in the message.
#[must_use]
pub fn encode(command: &Command, has_data_set: bool) -> Vec<u8> {
    let mut set = Writer { out: Vec::with_capacity(256) };
    let kind = if has_data_set { WITH_DATA_SET } else { NO_DATA_SET };
    write(&mut set, command, kind);
    let mut out = Vec::with_capacity(set.out.len() + 12);
    out.extend_from_slice(&[0, 0, 0, 0, 4, 0, 0, 0]);
    // A set is bounded by its fields: far below 4 GiB.
    out.extend_from_slice(&u32::try_from(set.out.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.append(&mut set.out);
    out
}

/// Writes the fields in order of their tags.
fn write(set: &mut Writer, command: &Command, kind: u16) {
    match command {
        Command::CEchoRq(rq) => {
            set.request(command.field(), &rq.sop_class, rq.message_id, None, None, kind);
        }
        Command::CEchoRsp(rsp) => {
            let head = (rsp.sop_class.as_ref(), rsp.message_id_responded);
            set.response(command.field(), head, kind, rsp.status, &[], None);
        }
        Command::CStoreRq(rq) => {
            set.request(command.field(), &rq.sop_class, rq.message_id, None, Some(rq.priority), kind);
            set.uid(tag::AFFECTED_SOP_INSTANCE, &rq.sop_instance);
            if let Some((title, message_id)) = &rq.move_originator {
                set.title(tag::MOVE_ORIGINATOR, title);
                set.short(tag::MOVE_ORIGINATOR_MESSAGE_ID, *message_id);
            }
        }
        Command::CStoreRsp(rsp) => {
            let head = (rsp.sop_class.as_ref(), rsp.message_id_responded);
            set.response(command.field(), head, kind, rsp.status, &rsp.offending, rsp.comment.as_deref());
            if let Some(uid) = &rsp.sop_instance {
                set.uid(tag::AFFECTED_SOP_INSTANCE, uid);
            }
        }
        Command::CFindRq(rq) => {
            set.request(command.field(), &rq.sop_class, rq.message_id, None, Some(rq.priority), kind);
        }
        Command::CFindRsp(rsp) => {
            let head = (rsp.sop_class.as_ref(), rsp.message_id_responded);
            set.response(command.field(), head, kind, rsp.status, &rsp.offending, rsp.comment.as_deref());
        }
        Command::CMoveRq(rq) => {
            let destination = Some(&rq.destination);
            set.request(command.field(), &rq.sop_class, rq.message_id, destination, Some(rq.priority), kind);
        }
        Command::CGetRq(rq) => {
            set.request(command.field(), &rq.sop_class, rq.message_id, None, Some(rq.priority), kind);
        }
        Command::CMoveRsp(rsp) | Command::CGetRsp(rsp) => {
            let head = (rsp.sop_class.as_ref(), rsp.message_id_responded);
            set.response(command.field(), head, kind, rsp.status, &rsp.offending, rsp.comment.as_deref());
            set.progress(&rsp.progress);
        }
        Command::CCancelRq(rq) => {
            set.short(tag::COMMAND_FIELD, command.field().0);
            set.short(tag::MESSAGE_ID_RESPONDED, rq.message_id_responded);
            set.short(tag::DATA_SET_TYPE, kind);
        }
        Command::NRq(rq) => set.normalized_request(rq, kind),
        Command::NRsp(rsp) => set.normalized_response(rsp, kind),
        Command::Other(other) => set.other(other, kind),
        Command::Malformed(malformed) => set.other(&malformed.request, kind),
    }
}

struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn element(&mut self, tag: Tag, value: &[u8], pad: u8) {
        self.out.extend_from_slice(&tag.group().to_le_bytes());
        self.out.extend_from_slice(&tag.element().to_le_bytes());
        let length = value.len() + value.len() % 2;
        self.out.extend_from_slice(&u32::try_from(length).unwrap_or(0).to_le_bytes());
        self.out.extend_from_slice(value);
        if value.len() % 2 == 1 {
            self.out.push(pad);
        }
    }

    fn short(&mut self, tag: Tag, value: u16) {
        self.element(tag, &value.to_le_bytes(), 0);
    }

    fn uid(&mut self, tag: Tag, uid: &Uid) {
        self.element(tag, uid.as_str().as_bytes(), 0);
    }

    /// A list of tags (VR AT); nothing when it is empty.
    fn tags(&mut self, list: Tag, tags: &[Tag]) {
        if !tags.is_empty() {
            let halves = tags.iter().flat_map(|tag| [tag.group(), tag.element()]);
            let value: Vec<u8> = halves.flat_map(u16::to_le_bytes).collect();
            self.element(list, &value, 0);
        }
    }

    fn title(&mut self, tag: Tag, title: &AeTitle) {
        self.element(tag, title.as_str().as_bytes(), b' ');
    }

    fn request(
        &mut self,
        field: CommandField,
        sop_class: &Uid,
        message_id: u16,
        destination: Option<&AeTitle>,
        priority: Option<Priority>,
        kind: u16,
    ) {
        self.uid(tag::AFFECTED_SOP_CLASS, sop_class);
        self.short(tag::COMMAND_FIELD, field.0);
        self.short(tag::MESSAGE_ID, message_id);
        if let Some(title) = destination {
            self.title(tag::MOVE_DESTINATION, title);
        }
        if let Some(priority) = priority {
            let value = match priority {
                Priority::Medium => 0,
                Priority::High => 1,
                Priority::Low => 2,
            };
            self.short(tag::PRIORITY, value);
        }
        self.short(tag::DATA_SET_TYPE, kind);
    }

    fn response(
        &mut self,
        field: CommandField,
        (sop_class, responded): (Option<&Uid>, u16),
        kind: u16,
        status: Status,
        offending: &[Tag],
        comment: Option<&str>,
    ) {
        if let Some(uid) = sop_class {
            self.uid(tag::AFFECTED_SOP_CLASS, uid);
        }
        self.short(tag::COMMAND_FIELD, field.0);
        self.short(tag::MESSAGE_ID_RESPONDED, responded);
        self.short(tag::DATA_SET_TYPE, kind);
        self.status(status, offending, comment);
    }

    fn status(&mut self, status: Status, offending: &[Tag], comment: Option<&str>) {
        self.short(tag::STATUS, status.0);
        self.tags(tag::OFFENDING_ELEMENT, offending);
        if let Some(text) = comment {
            // LO without a character set of its own: ASCII, and a backslash would part values.
            let clean = |c: char| if matches!(c, ' '..='~') && c != '\\' { c } else { '?' };
            let text: String = text.chars().map(clean).take(MAX_COMMENT_BYTES).collect();
            self.element(tag::ERROR_COMMENT, text.as_bytes(), b' ');
        }
    }

    fn progress(&mut self, progress: &Progress) {
        let counts = [
            (tag::REMAINING, progress.remaining),
            (tag::COMPLETED, progress.completed),
            (tag::FAILED, progress.failed),
            (tag::WARNING, progress.warning),
        ];
        for (tag, count) in counts {
            if let Some(count) = count {
                self.short(tag, count);
            }
        }
    }

    fn normalized_request(&mut self, rq: &NRq, kind: u16) {
        let field = rq.operation.field();
        let requested = field.names_requested();
        self.uid(if requested { tag::REQUESTED_SOP_CLASS } else { tag::AFFECTED_SOP_CLASS }, &rq.sop_class);
        self.short(tag::COMMAND_FIELD, field.0);
        self.short(tag::MESSAGE_ID, rq.message_id);
        self.short(tag::DATA_SET_TYPE, kind);
        if let Some(uid) = &rq.sop_instance {
            self.uid(if requested { tag::REQUESTED_SOP_INSTANCE } else { tag::AFFECTED_SOP_INSTANCE }, uid);
        }
        match &rq.operation {
            Operation::EventReport(id) => self.short(tag::EVENT_TYPE_ID, *id),
            Operation::Action(id) => self.short(tag::ACTION_TYPE_ID, *id),
            Operation::Get(tags) => self.tags(tag::ATTRIBUTE_IDENTIFIER_LIST, tags),
            Operation::Set | Operation::Create | Operation::Delete => {}
        }
    }

    fn normalized_response(&mut self, rsp: &NRsp, kind: u16) {
        let head = (rsp.sop_class.as_ref(), rsp.message_id_responded);
        let (offending, attributes) =
            if rsp.lists_attributes() { (&[][..], &*rsp.offending) } else { (&*rsp.offending, &[][..]) };
        self.response(rsp.field, head, kind, rsp.status, offending, rsp.comment.as_deref());
        if let Some(id) = rsp.error_id {
            self.short(tag::ERROR_ID, id);
        }
        if let Some(uid) = &rsp.sop_instance {
            self.uid(tag::AFFECTED_SOP_INSTANCE, uid);
        }
        let is_event = rsp.field == CommandField::N_EVENT_REPORT_RQ.response();
        if let Some(id) = rsp.type_id.filter(|_| is_event) {
            self.short(tag::EVENT_TYPE_ID, id);
        }
        self.tags(tag::ATTRIBUTE_IDENTIFIER_LIST, attributes);
        if let Some(id) = rsp.type_id.filter(|_| !is_event) {
            self.short(tag::ACTION_TYPE_ID, id);
        }
    }

    fn other(&mut self, other: &Other, kind: u16) {
        let requested = other.field.names_requested();
        if let Some(uid) = &other.sop_class {
            self.uid(if requested { tag::REQUESTED_SOP_CLASS } else { tag::AFFECTED_SOP_CLASS }, uid);
        }
        self.short(tag::COMMAND_FIELD, other.field.0);
        if let Some(id) = other.message_id {
            self.short(tag::MESSAGE_ID, id);
        }
        if let Some(id) = other.message_id_responded {
            self.short(tag::MESSAGE_ID_RESPONDED, id);
        }
        self.short(tag::DATA_SET_TYPE, kind);
        if let Some(status) = other.status {
            self.status(status, &[], other.comment.as_deref());
        }
        if let Some(uid) = &other.sop_instance {
            self.uid(if requested { tag::REQUESTED_SOP_INSTANCE } else { tag::AFFECTED_SOP_INSTANCE }, uid);
        }
    }
}
