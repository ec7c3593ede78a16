//! Bytes to command sets: every length checked, unknown elements ignored, padding of either kind dropped.

use causeway_core::{AeTitle, Status, Tag, Uid};

use super::{
    CCancelRq, CEchoRq, CEchoRsp, CFindRq, CFindRsp, CGetRq, CMoveRq, CStoreRq, CStoreRsp, Command,
    CommandField, Malformed, NRq, NRsp, Operation, Other, Priority, Progress, RetrieveRsp,
};

/// Tags of the command dictionary (PS3.7 §E.1) that are read or written.
pub(super) mod tag {
    use causeway_core::Tag;

    pub(crate) const AFFECTED_SOP_CLASS: Tag = Tag::new(0, 0x0002);
    pub(crate) const REQUESTED_SOP_CLASS: Tag = Tag::new(0, 0x0003);
    pub(crate) const COMMAND_FIELD: Tag = Tag::new(0, 0x0100);
    pub(crate) const MESSAGE_ID: Tag = Tag::new(0, 0x0110);
    pub(crate) const MESSAGE_ID_RESPONDED: Tag = Tag::new(0, 0x0120);
    pub(crate) const MOVE_DESTINATION: Tag = Tag::new(0, 0x0600);
    pub(crate) const PRIORITY: Tag = Tag::new(0, 0x0700);
    pub(crate) const DATA_SET_TYPE: Tag = Tag::new(0, 0x0800);
    pub(crate) const STATUS: Tag = Tag::new(0, 0x0900);
    pub(crate) const OFFENDING_ELEMENT: Tag = Tag::new(0, 0x0901);
    pub(crate) const ERROR_COMMENT: Tag = Tag::new(0, 0x0902);
    pub(crate) const ERROR_ID: Tag = Tag::new(0, 0x0903);
    pub(crate) const AFFECTED_SOP_INSTANCE: Tag = Tag::new(0, 0x1000);
    pub(crate) const REQUESTED_SOP_INSTANCE: Tag = Tag::new(0, 0x1001);
    pub(crate) const EVENT_TYPE_ID: Tag = Tag::new(0, 0x1002);
    pub(crate) const ATTRIBUTE_IDENTIFIER_LIST: Tag = Tag::new(0, 0x1005);
    pub(crate) const ACTION_TYPE_ID: Tag = Tag::new(0, 0x1008);
    pub(crate) const REMAINING: Tag = Tag::new(0, 0x1020);
    pub(crate) const COMPLETED: Tag = Tag::new(0, 0x1021);
    pub(crate) const FAILED: Tag = Tag::new(0, 0x1022);
    pub(crate) const WARNING: Tag = Tag::new(0, 0x1023);
    pub(crate) const MOVE_ORIGINATOR: Tag = Tag::new(0, 0x1030);
    pub(crate) const MOVE_ORIGINATOR_MESSAGE_ID: Tag = Tag::new(0, 0x1031);
}

/// Command Data Set Type that says "none" (PS3.7 §E.1); every other value says that one follows.
const NO_DATA_SET: u16 = 0x0101;
/// Longest text read out of a command set.
const MAX_TEXT_CHARS: usize = 64;
/// Most tags of one list that are kept.
const MAX_TAGS: usize = 4096;
/// Invalid argument value (PS3.7 §C.5.5).
const INVALID_ARGUMENT: Status = Status(0x0115);

/// A command set as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The command.
    pub command: Command,
    /// Whether a data set follows.
    pub has_data_set: bool,
}

/// Reads a command set.
///
/// # Errors
/// In words, when it cannot be told what the message is or whom to answer.
pub fn decode(bytes: &[u8]) -> Result<Decoded, &'static str> {
    let fields = Fields::read(bytes)?;
    let field = CommandField(fields.short(tag::COMMAND_FIELD).ok_or("a command set has no Command Field")?);
    // A peer that leaves the type out has no data set that we could expect.
    let has_data_set = fields.short(tag::DATA_SET_TYPE).is_some_and(|kind| kind != NO_DATA_SET);
    let command = if field.is_response() {
        response(&fields, field)?
    } else if field == CommandField::C_CANCEL_RQ {
        let message_id_responded =
            fields.short(tag::MESSAGE_ID_RESPONDED).ok_or("a C-CANCEL-RQ does not say what it cancels")?;
        Command::CCancelRq(CCancelRq { message_id_responded })
    } else {
        let message_id = fields.short(tag::MESSAGE_ID).ok_or("a request has no Message ID")?;
        request(&fields, field, message_id).unwrap_or_else(|(status, words)| {
            Command::Malformed(Malformed { request: fields.other(field), status, words })
        })
    };
    Ok(Decoded { command, has_data_set })
}

/// What is wrong with a request, and the words for it.
type Fault = (Status, &'static str);

/// Why there is no UID.
enum Lack {
    Missing,
    Invalid,
}

fn request(fields: &Fields<'_>, field: CommandField, message_id: u16) -> Result<Command, Fault> {
    Ok(match field {
        CommandField::C_ECHO_RQ => Command::CEchoRq(CEchoRq { message_id, sop_class: fields.sop_class()? }),
        CommandField::C_STORE_RQ => Command::CStoreRq(CStoreRq {
            message_id,
            sop_class: fields.sop_class()?,
            sop_instance: fields.sop_instance()?,
            priority: fields.priority(),
            move_originator: fields
                .title(tag::MOVE_ORIGINATOR)
                .zip(fields.short(tag::MOVE_ORIGINATOR_MESSAGE_ID)),
        }),
        CommandField::C_FIND_RQ => Command::CFindRq(CFindRq {
            message_id,
            sop_class: fields.sop_class()?,
            priority: fields.priority(),
        }),
        CommandField::C_MOVE_RQ => Command::CMoveRq(CMoveRq {
            message_id,
            sop_class: fields.sop_class()?,
            priority: fields.priority(),
            destination: fields
                .title(tag::MOVE_DESTINATION)
                .ok_or((Status::MOVE_DESTINATION_UNKNOWN, "the Move Destination is no AE title"))?,
        }),
        CommandField::C_GET_RQ => Command::CGetRq(CGetRq {
            message_id,
            sop_class: fields.sop_class()?,
            priority: fields.priority(),
        }),
        _ => match fields.operation(field)? {
            Some(operation) => Command::NRq(fields.normalized(operation, message_id)?),
            None => Command::Other(fields.other(field)),
        },
    })
}

fn response(fields: &Fields<'_>, field: CommandField) -> Result<Command, &'static str> {
    let message_id_responded =
        fields.short(tag::MESSAGE_ID_RESPONDED).ok_or("a response does not say what it answers")?;
    let status = Status(fields.short(tag::STATUS).ok_or("a response has no Status")?);
    let sop_class = fields.uid(tag::AFFECTED_SOP_CLASS).ok();
    let comment = fields.comment();
    let offending = fields.tags(tag::OFFENDING_ELEMENT);
    Ok(match field {
        CommandField::C_ECHO_RSP => Command::CEchoRsp(CEchoRsp { message_id_responded, sop_class, status }),
        CommandField::C_STORE_RSP => {
            let sop_instance = fields.uid(tag::AFFECTED_SOP_INSTANCE).ok();
            Command::CStoreRsp(CStoreRsp {
                message_id_responded,
                sop_class,
                sop_instance,
                status,
                comment,
                offending,
            })
        }
        CommandField::C_FIND_RSP => {
            Command::CFindRsp(CFindRsp { message_id_responded, sop_class, status, comment, offending })
        }
        CommandField::C_MOVE_RSP | CommandField::C_GET_RSP => {
            let progress = fields.progress();
            let rsp = RetrieveRsp { message_id_responded, sop_class, status, progress, comment, offending };
            if field == CommandField::C_GET_RSP { Command::CGetRsp(rsp) } else { Command::CMoveRsp(rsp) }
        }
        _ if field.is_normalized() => {
            let type_id = fields.short(tag::EVENT_TYPE_ID).or_else(|| fields.short(tag::ACTION_TYPE_ID));
            let sop_instance = fields.uid(tag::AFFECTED_SOP_INSTANCE).ok();
            let listed = fields.tags(tag::ATTRIBUTE_IDENTIFIER_LIST);
            Command::NRsp(NRsp {
                field,
                message_id_responded,
                sop_class,
                sop_instance,
                type_id,
                status,
                comment,
                offending: if listed.is_empty() { offending } else { listed },
                error_id: fields.short(tag::ERROR_ID),
            })
        }
        _ => Command::Other(fields.other(field)),
    })
}

/// The elements of a command set that are looked for, in the order they came.
struct Fields<'a>(Vec<(Tag, &'a [u8])>);

impl<'a> Fields<'a> {
    fn read(mut bytes: &'a [u8]) -> Result<Self, &'static str> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let Some((&[g0, g1, e0, e1, l0, l1, l2, l3], rest)) = bytes.split_first_chunk::<8>() else {
                return Err("a command set ends within an element's header");
            };
            let tag = Tag::new(u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
            if tag.group() != 0 {
                return Err("a command set holds an element outside group 0000");
            }
            let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
            let Some((value, rest)) = rest.split_at_checked(length) else {
                return Err("an element of a command set is longer than the set");
            };
            fields.push((tag, value));
            bytes = rest;
        }
        Ok(Self(fields))
    }

    fn get(&self, tag: Tag) -> Option<&'a [u8]> {
        self.0.iter().find(|(at, _)| *at == tag).map(|(_, value)| *value)
    }

    fn short(&self, tag: Tag) -> Option<u16> {
        self.get(tag)?.first_chunk::<2>().map(|value| u16::from_le_bytes(*value))
    }

    /// The text at `tag` without padding; none when it is not ASCII.
    fn text(&self, tag: Tag) -> Option<&'a str> {
        let text = std::str::from_utf8(self.get(tag)?).ok()?;
        Some(text.trim_matches(['\0', ' ']))
    }

    fn uid(&self, tag: Tag) -> Result<Uid, Lack> {
        let value = self.get(tag).ok_or(Lack::Missing)?;
        std::str::from_utf8(value).ok().and_then(|text| Uid::parse(text).ok()).ok_or(Lack::Invalid)
    }

    /// The SOP class of a C-request.
    fn sop_class(&self) -> Result<Uid, Fault> {
        self.uid(tag::AFFECTED_SOP_CLASS).map_err(|lack| match lack {
            Lack::Missing => (Status::MISSING_ATTRIBUTE, "the Affected SOP Class UID is missing"),
            Lack::Invalid => (INVALID_ARGUMENT, "the Affected SOP Class UID is no UID"),
        })
    }

    /// The SOP instance of a C-STORE-RQ.
    fn sop_instance(&self) -> Result<Uid, Fault> {
        self.uid(tag::AFFECTED_SOP_INSTANCE).map_err(|lack| match lack {
            Lack::Missing => (Status::MISSING_ATTRIBUTE, "the Affected SOP Instance UID is missing"),
            Lack::Invalid => (Status::INVALID_SOP_INSTANCE, "the Affected SOP Instance UID is no UID"),
        })
    }

    fn title(&self, tag: Tag) -> Option<AeTitle> {
        AeTitle::parse(self.text(tag)?).ok()
    }

    fn priority(&self) -> Priority {
        match self.short(tag::PRIORITY) {
            Some(1) => Priority::High,
            Some(2) => Priority::Low,
            _ => Priority::Medium,
        }
    }

    fn comment(&self) -> Option<String> {
        let value = self.get(tag::ERROR_COMMENT)?;
        let text = String::from_utf8_lossy(value);
        let text = text.trim_matches(['\0', ' ']);
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        (!text.is_empty()).then(|| text.chars().map(clean).take(MAX_TEXT_CHARS).collect())
    }

    fn progress(&self) -> Progress {
        Progress {
            remaining: self.short(tag::REMAINING),
            completed: self.short(tag::COMPLETED),
            failed: self.short(tag::FAILED),
            warning: self.short(tag::WARNING),
        }
    }

    /// What a normalized request asks; none for a field that is none.
    fn operation(&self, field: CommandField) -> Result<Option<Operation>, Fault> {
        let type_id = |tag, words| self.short(tag).ok_or((Status::MISSING_ATTRIBUTE, words));
        Ok(Some(match field {
            CommandField::N_EVENT_REPORT_RQ => {
                Operation::EventReport(type_id(tag::EVENT_TYPE_ID, "the Event Type ID is missing")?)
            }
            CommandField::N_GET_RQ => Operation::Get(self.tags(tag::ATTRIBUTE_IDENTIFIER_LIST)),
            CommandField::N_SET_RQ => Operation::Set,
            CommandField::N_ACTION_RQ => {
                Operation::Action(type_id(tag::ACTION_TYPE_ID, "the Action Type ID is missing")?)
            }
            CommandField::N_CREATE_RQ => Operation::Create,
            CommandField::N_DELETE_RQ => Operation::Delete,
            _ => return Ok(None),
        }))
    }

    fn normalized(&self, operation: Operation, message_id: u16) -> Result<NRq, Fault> {
        let (class, instance) = if operation.field().names_requested() {
            (tag::REQUESTED_SOP_CLASS, tag::REQUESTED_SOP_INSTANCE)
        } else {
            (tag::AFFECTED_SOP_CLASS, tag::AFFECTED_SOP_INSTANCE)
        };
        let sop_class = self.uid(class).map_err(|lack| match lack {
            Lack::Missing => (Status::MISSING_ATTRIBUTE, "the SOP Class UID is missing"),
            Lack::Invalid => (INVALID_ARGUMENT, "the SOP Class UID is no UID"),
        })?;
        let sop_instance = match self.uid(instance) {
            Ok(uid) => Some(uid),
            // The performer chooses; some send the element empty.
            Err(_) if operation == Operation::Create && self.text(instance).is_none_or(str::is_empty) => None,
            Err(Lack::Missing) => return Err((Status::MISSING_ATTRIBUTE, "the SOP Instance UID is missing")),
            Err(Lack::Invalid) => {
                return Err((Status::INVALID_SOP_INSTANCE, "the SOP Instance UID is no UID"));
            }
        };
        Ok(NRq { message_id, operation, sop_class, sop_instance })
    }

    /// The tags of a list (VR AT).
    fn tags(&self, list: Tag) -> Vec<Tag> {
        let value = self.get(list).unwrap_or_default();
        let (tags, _) = value.as_chunks::<4>();
        let tag = |[g0, g1, e0, e1]: &[u8; 4]| {
            Tag::new(u16::from_le_bytes([*g0, *g1]), u16::from_le_bytes([*e0, *e1]))
        };
        tags.iter().take(MAX_TAGS).map(tag).collect()
    }

    fn other(&self, field: CommandField) -> Other {
        let uid = |affected, requested| self.uid(affected).or_else(|_| self.uid(requested)).ok();
        Other {
            field,
            message_id: self.short(tag::MESSAGE_ID),
            message_id_responded: self.short(tag::MESSAGE_ID_RESPONDED),
            sop_class: uid(tag::AFFECTED_SOP_CLASS, tag::REQUESTED_SOP_CLASS),
            sop_instance: uid(tag::AFFECTED_SOP_INSTANCE, tag::REQUESTED_SOP_INSTANCE),
            status: self.short(tag::STATUS).map(Status),
            comment: self.comment(),
        }
    }
}
