//! A multipart body in pieces as they arrive: parts begin, give their bytes, end. Chunks are sliced, not copied;
//! whatever the cuts between them, the parts are the same.
//!
//! ```text
//!  Preamble ──delimiter──► Head ──empty line──► Body ──delimiter──► Head …
//!                                                 └──closing delimiter──► Epilogue
//! ```
//!
//! Foreign bytes: heads, the preamble and what is held back are bounded; a length that a part claims is not
//! believed, its boundary is.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;

/// Longest boundary, in characters (RFC 2046 §5.1.1).
pub(crate) const MAX_BOUNDARY_CHARS: usize = 70;
/// Most bytes of the header fields of one part.
pub(crate) const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most header fields of one part.
pub(crate) const MAX_HEAD_FIELDS: usize = 32;
/// Most bytes before the first part.
pub(crate) const MAX_PREAMBLE_BYTES: usize = 64 * 1024;
/// Most blanks between a delimiter and its line end.
const MAX_PADDING_BYTES: usize = 64;

/// What a body broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    /// Empty, too long, or with characters it may not have.
    #[error("the boundary is not 1 to {MAX_BOUNDARY_CHARS} characters of those that RFC 2046 allows")]
    Boundary,
    /// More before the first part than anyone needs.
    #[error("no part begins within the first {MAX_PREAMBLE_BYTES} bytes")]
    Preamble,
    /// More header fields, or longer ones, than anyone needs.
    #[error("the header fields of a part are more than {MAX_HEAD_BYTES} bytes or {MAX_HEAD_FIELDS} fields")]
    HeadTooLong,
    /// No header fields at all.
    #[error("the header fields of a part cannot be read")]
    Head,
    /// The end is missing.
    #[error("the body ends before its closing boundary")]
    Truncated,
}

/// What the header fields of a part say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Head {
    /// Content-Type, as it came.
    pub(crate) content_type: Option<String>,
    /// Content-Location, as it came.
    pub(crate) content_location: Option<String>,
    /// Content-Transfer-Encoding, as it came: from days when bodies went by mail.
    pub(crate) transfer_encoding: Option<String>,
    /// Causeway-Via, as it came: the nodes that an instance has passed.
    pub(crate) via: Option<String>,
}

impl Head {
    /// Whether the part's bytes are what they are, and not coded for the mail.
    pub(crate) fn is_plain(&self) -> bool {
        let encoding = self.transfer_encoding.as_deref().unwrap_or_default().trim();
        ["", "binary", "8bit", "7bit"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain))
    }
}

/// What was found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing more without another chunk.
    NeedMore,
    /// A part begins.
    Begin(Head),
    /// Bytes of the part, never empty.
    Data(Bytes),
    /// The part is whole.
    End,
    /// The last part was; whatever follows is to be ignored.
    Finished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble {
        skipped: usize,
    },
    Head {
        searched: usize,
    },
    /// At the first byte of a part, where a delimiter may stand without a line end before it.
    BodyStart,
    Body,
    Epilogue,
}

/// Reads a multipart body.
pub(crate) struct Reader {
    /// Line end, two dashes, boundary.
    delimiter: Finder<'static>,
    pending: Bytes,
    state: State,
}

/// What stands behind a delimiter.
enum Behind {
    /// A line end: another part. Bytes up to and with it.
    Part(usize),
    /// Two dashes: the end.
    Closing,
    /// Neither: it was no delimiter.
    Data,
    /// Too little to tell.
    Unknown,
}

const LINE_END: &[u8] = b"\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";

impl Reader {
    /// A reader for parts that `boundary` separates.
    pub(crate) fn new(boundary: &str) -> Result<Self, MultipartError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
        let fine = (1..=MAX_BOUNDARY_CHARS).contains(&boundary.len())
            && boundary.bytes().all(|b| allowed(b) || b"!#$%&*;@[]^`{|}~".contains(&b))
            && !boundary.ends_with(' ');
        if !fine {
            return Err(MultipartError::Boundary);
        }
        let delimiter = format!("\r\n--{boundary}");
        let delimiter = Finder::new(delimiter.as_bytes()).into_owned();
        // The first delimiter may stand at the very beginning, where no line ended before it: as if one had.
        Ok(Self { delimiter, pending: Bytes::from_static(LINE_END), state: State::Preamble { skipped: 0 } })
    }

    /// Adds a chunk. What was held back is at most a head, or the beginning of a delimiter, so little is copied.
    pub(crate) fn feed(&mut self, chunk: Bytes) {
        if self.state == State::Epilogue {
            return;
        }
        if self.pending.is_empty() {
            self.pending = chunk;
            return;
        }
        let held = std::mem::take(&mut self.pending);
        let mut joined = held.try_into_mut().unwrap_or_else(|shared| {
            let mut copy = BytesMut::with_capacity(shared.len() + chunk.len());
            copy.extend_from_slice(&shared);
            copy
        });
        joined.extend_from_slice(&chunk);
        self.pending = joined.freeze();
    }

    /// What comes next in what was fed so far.
    pub(crate) fn step(&mut self) -> Result<Step, MultipartError> {
        loop {
            let step = match self.state {
                State::Preamble { skipped } => self.preamble(skipped)?,
                State::Head { searched } => Some(self.head(searched)?),
                State::BodyStart => self.body_start(),
                State::Body => Some(self.body()),
                State::Epilogue => Some(Step::Finished),
            };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    /// Whether the body may end here.
    pub(crate) fn finish(&self) -> Result<(), MultipartError> {
        if self.state == State::Epilogue { Ok(()) } else { Err(MultipartError::Truncated) }
    }

    /// Delimiter without its line end.
    fn dashed(&self) -> &[u8] {
        self.delimiter.needle().get(LINE_END.len()..).unwrap_or_default()
    }

    fn preamble(&mut self, skipped: usize) -> Result<Option<Step>, MultipartError> {
        let (passed, next) = match self.find() {
            Found::Delimiter { at, next } => (at, Some(next)),
            Found::Data(length) => (length, None),
        };
        let skipped = skipped.saturating_add(passed);
        if skipped > MAX_PREAMBLE_BYTES {
            return Err(MultipartError::Preamble);
        }
        self.pending.advance(passed);
        self.state = State::Preamble { skipped };
        Ok(match next {
            Some(Next::Part(length)) => self.enter_head(length),
            Some(Next::Closing) => self.enter_epilogue(),
            None => Some(Step::NeedMore),
        })
    }

    fn head(&mut self, searched: usize) -> Result<Step, MultipartError> {
        if self.pending.starts_with(LINE_END) {
            self.pending.advance(LINE_END.len());
            self.state = State::BodyStart;
            return Ok(Step::Begin(Head::default()));
        }
        let from = searched.saturating_sub(HEAD_END.len());
        let found = memchr::memmem::find(self.pending.get(from..).unwrap_or_default(), HEAD_END);
        let Some(end) = found.map(|at| from + at + HEAD_END.len()) else {
            if self.pending.len() > MAX_HEAD_BYTES {
                return Err(MultipartError::HeadTooLong);
            }
            self.state = State::Head { searched: self.pending.len() };
            return Ok(Step::NeedMore);
        };
        if end > MAX_HEAD_BYTES {
            return Err(MultipartError::HeadTooLong);
        }
        let head = parse_head(&self.pending.split_to(end))?;
        self.state = State::BodyStart;
        Ok(Step::Begin(head))
    }

    /// A part without bytes may have its delimiter right behind the empty line.
    fn body_start(&mut self) -> Option<Step> {
        let dashed = self.dashed();
        let shared = self.pending.len().min(dashed.len());
        if self.pending.get(..shared) != dashed.get(..shared) {
            self.state = State::Body;
            return None;
        }
        match self.behind(dashed.len()) {
            Behind::Part(length) => {
                self.enter_head(length);
                Some(Step::End)
            }
            Behind::Closing => {
                self.enter_epilogue();
                Some(Step::End)
            }
            Behind::Data => {
                self.state = State::Body;
                None
            }
            Behind::Unknown => Some(Step::NeedMore),
        }
    }

    fn body(&mut self) -> Step {
        match self.find() {
            Found::Data(0) => Step::NeedMore,
            Found::Data(length) => Step::Data(self.pending.split_to(length)),
            Found::Delimiter { at: 0, next: Next::Part(length) } => {
                self.enter_head(length);
                Step::End
            }
            Found::Delimiter { at: 0, next: Next::Closing } => {
                self.enter_epilogue();
                Step::End
            }
            Found::Delimiter { at, .. } => Step::Data(self.pending.split_to(at)),
        }
    }

    fn enter_head(&mut self, length: usize) -> Option<Step> {
        self.pending.advance(length);
        self.state = State::Head { searched: 0 };
        None
    }

    fn enter_epilogue(&mut self) -> Option<Step> {
        self.pending.clear();
        self.state = State::Epilogue;
        None
    }

    /// The first delimiter in what is pending, or how many bytes surely hold none.
    fn find(&self) -> Found {
        let mut from = 0;
        let width = self.delimiter.needle().len();
        while let Some(at) = self.delimiter.find(self.pending.get(from..).unwrap_or_default()) {
            let at = from + at;
            match self.behind(at + width) {
                Behind::Part(end) => return Found::Delimiter { at, next: Next::Part(end - at) },
                Behind::Closing => return Found::Delimiter { at, next: Next::Closing },
                Behind::Unknown => return Found::Data(at),
                Behind::Data => from = at + 1,
            }
        }
        Found::Data(self.pending.len() - held_back(&self.pending, self.delimiter.needle()))
    }

    /// What stands behind a delimiter that ends at `end`; `Part` counts from the beginning of what is pending.
    fn behind(&self, end: usize) -> Behind {
        let Some(rest) = self.pending.get(end..) else { return Behind::Unknown };
        match rest {
            [b'-', b'-', ..] => return Behind::Closing,
            [] | [b'-'] => return Behind::Unknown,
            _ => {}
        }
        let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        match rest.get(padding..) {
            _ if padding > MAX_PADDING_BYTES => Behind::Data,
            Some([b'\r', b'\n', ..]) => Behind::Part(end + padding + LINE_END.len()),
            Some([] | [b'\r']) => Behind::Unknown,
            _ => Behind::Data,
        }
    }
}

enum Found {
    /// A delimiter at this place.
    Delimiter { at: usize, next: Next },
    /// None in this many bytes.
    Data(usize),
}

enum Next {
    /// Another part, after this many bytes of delimiter, padding and line end.
    Part(usize),
    Closing,
}

/// How many bytes at the end of `haystack` may be the beginning of `needle`.
fn held_back(haystack: &[u8], needle: &[u8]) -> usize {
    let longest = haystack.len().min(needle.len().saturating_sub(1));
    let tail = haystack.get(haystack.len() - longest..).unwrap_or_default();
    let mut candidates = memchr::memchr_iter(b'\r', tail).map(|at| tail.get(at..).unwrap_or_default());
    candidates.find(|suffix| needle.starts_with(suffix)).map_or(0, <[u8]>::len)
}

fn parse_head(bytes: &[u8]) -> Result<Head, MultipartError> {
    let unfolded = unfold(bytes);
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEAD_FIELDS];
    let parsed = match httparse::parse_headers(&unfolded, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => fields,
        Err(httparse::Error::TooManyHeaders) => return Err(MultipartError::HeadTooLong),
        Ok(httparse::Status::Partial) | Err(_) => return Err(MultipartError::Head),
    };
    let field = |name: &str| {
        let found = parsed.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        found.map(|field| String::from_utf8_lossy(field.value).into_owned())
    };
    Ok(Head {
        content_type: field("content-type"),
        content_location: field("content-location"),
        via: field("causeway-via"),
        transfer_encoding: field("content-transfer-encoding"),
    })
}

/// Joins folded lines (RFC 2822 §2.2.3), which older libraries still write.
fn unfold(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let folds: Vec<usize> = memchr::memmem::find_iter(bytes, LINE_END)
        .filter(|at| matches!(bytes.get(at + LINE_END.len()), Some(b' ' | b'\t')))
        .collect();
    for at in folds {
        if let Some(end) = out.get_mut(at..at + LINE_END.len()) {
            end.fill(b' ');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All parts of `body`, fed in pieces of the lengths that `cuts` repeats.
    fn parts(boundary: &str, body: &[u8], cuts: &[usize]) -> Result<Vec<(Head, Vec<u8>)>, MultipartError> {
        let mut reader = Reader::new(boundary)?;
        let mut cuts = cuts.iter().copied().cycle();
        let mut rest = Bytes::copy_from_slice(body);
        let mut out: Vec<(Head, Vec<u8>)> = Vec::new();
        let mut whole = 0;
        loop {
            match reader.step()? {
                Step::NeedMore if rest.is_empty() => {
                    reader.finish()?;
                    unreachable!("a finished reader asks for nothing");
                }
                Step::NeedMore => {
                    let length = cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len());
                    reader.feed(rest.split_to(length));
                }
                Step::Begin(head) => out.push((head, Vec::new())),
                Step::Data(data) => {
                    assert!(!data.is_empty());
                    out.last_mut().unwrap().1.extend_from_slice(&data);
                }
                Step::End => whole += 1,
                Step::Finished => {
                    assert_eq!(whole, out.len());
                    return Ok(out);
                }
            }
        }
    }

    fn bodies(boundary: &str, body: &[u8]) -> Result<Vec<Vec<u8>>, MultipartError> {
        let whole: Vec<Vec<u8>> =
            parts(boundary, body, &[usize::MAX])?.into_iter().map(|(_, data)| data).collect();
        let bytewise: Vec<Vec<u8>> = parts(boundary, body, &[1])?.into_iter().map(|(_, data)| data).collect();
        assert_eq!(whole, bytewise);
        Ok(whole)
    }

    #[test]
    fn preamble_epilogue_and_padding_are_ignored() {
        let body =
            b"hello\r\n--b \t\r\nContent-Type: a/b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\nbye\r\n--b\r\n";
        assert_eq!(bodies("b", body).unwrap(), [b"one".to_vec(), b"two".to_vec()]);
    }

    #[test]
    fn a_line_end_before_the_first_delimiter_is_not_needed_and_does_not_harm() {
        assert_eq!(bodies("b", b"--b\r\n\r\nx\r\n--b--").unwrap(), [b"x".to_vec()]);
        assert_eq!(bodies("b", b"\r\n--b\r\n\r\nx\r\n--b--").unwrap(), [b"x".to_vec()]);
    }

    #[test]
    fn a_longer_boundary_that_begins_the_same_is_data() {
        let body = b"--b\r\n\r\none\r\n--bb\r\n--b-\r\nstill\r\n--b--";
        assert_eq!(bodies("b", body).unwrap(), [b"one\r\n--bb\r\n--b-\r\nstill".to_vec()]);
    }

    #[test]
    fn a_part_may_be_empty() {
        assert_eq!(bodies("b", b"--b\r\nA: b\r\n\r\n\r\n--b\r\nA: b\r\n\r\n--b--").unwrap(), [b"", b""]);
        assert_eq!(bodies("b", b"--b--").unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn the_content_type_of_a_part_is_read_even_when_folded() {
        let body =
            b"--b\r\nX: y\r\ncontent-TYPE: application/dicom;\r\n\ttransfer-syntax=1.2\r\n\r\nx\r\n--b--";
        let all = parts("b", body, &[3]).unwrap();
        let content_type = all[0].0.content_type.as_deref().unwrap();
        let media = crate::media::MediaType::parse(content_type).unwrap();
        assert_eq!(media.essence, "application/dicom");
        assert_eq!(media.parameter("transfer-syntax"), Some("1.2"));
    }

    #[test]
    fn a_body_without_its_end_is_truncated() {
        for body in ["", "--b\r\n\r\nx", "--b\r\n\r\nx\r\n--b", "--b\r\n\r\nx\r\n--b-", "--b\r\nA: b", "--b"]
        {
            assert_eq!(bodies("b", body.as_bytes()), Err(MultipartError::Truncated), "{body:?}");
        }
    }

    #[test]
    fn a_boundary_is_held_to_its_length_and_characters() {
        assert!(Reader::new(&"b".repeat(MAX_BOUNDARY_CHARS - 1)).is_ok());
        assert!(Reader::new(&"b".repeat(MAX_BOUNDARY_CHARS)).is_ok());
        assert!(Reader::new(&"b".repeat(MAX_BOUNDARY_CHARS + 1)).is_err());
        assert!(Reader::new("a b").is_ok());
        for boundary in ["", "a ", "a\r\nb", "a\u{e9}", "a\"b"] {
            assert!(Reader::new(boundary).is_err(), "{boundary:?}");
        }
    }

    #[test]
    fn a_head_is_held_to_its_length_at_and_above_the_bound() {
        let body = |head: usize| {
            let value = "v".repeat(head - "A: \r\n\r\n".len());
            format!("--b\r\nA: {value}\r\n\r\nx\r\n--b--")
        };
        assert!(bodies("b", body(MAX_HEAD_BYTES).as_bytes()).is_ok());
        assert_eq!(bodies("b", body(MAX_HEAD_BYTES + 1).as_bytes()), Err(MultipartError::HeadTooLong));
        let fields = |count| format!("--b\r\n{}\r\nx\r\n--b--", "A: b\r\n".repeat(count));
        assert!(bodies("b", fields(MAX_HEAD_FIELDS).as_bytes()).is_ok());
        assert_eq!(bodies("b", fields(MAX_HEAD_FIELDS + 1).as_bytes()), Err(MultipartError::HeadTooLong));
    }

    #[test]
    fn a_preamble_is_held_to_its_length() {
        let body = |length: usize| [vec![b'x'; length], b"\r\n--b\r\n\r\nx\r\n--b--".to_vec()].concat();
        // The line end that is taken for granted counts too.
        let most = MAX_PREAMBLE_BYTES - LINE_END.len();
        assert!(bodies("b", &body(most)).is_ok());
        assert_eq!(bodies("b", &body(most + 1)), Err(MultipartError::Preamble));
    }

    #[test]
    fn chunks_are_sliced_and_not_copied() {
        let mut reader = Reader::new("b").unwrap();
        reader.feed(Bytes::from_static(b"--b\r\n\r\n"));
        assert_eq!(reader.step(), Ok(Step::Begin(Head::default())));
        assert_eq!(reader.step(), Ok(Step::NeedMore));
        let chunk = Bytes::from_static(b"0123456789\r\n--b--");
        reader.feed(chunk.clone());
        let Ok(Step::Data(data)) = reader.step() else { panic!("the part has bytes") };
        assert_eq!((data.as_ptr(), data.len()), (chunk.as_ptr(), 10));
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let bits = prop_oneof![
            Just(b"\r\n--b".to_vec()),
            Just(b"\r\n--".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"--b".to_vec()),
            Just(b"\r".to_vec()),
            prop::collection::vec(any::<u8>(), 0..20),
        ];
        prop::collection::vec(bits, 0..8).prop_map(|bits| bits.concat())
    }

    /// Data that holds no delimiter line, which is what a sender promises.
    fn innocent(data: &[u8]) -> bool {
        let framed = [b"\r\n", data, b"\r\n"].concat();
        memchr::memmem::find(&framed, b"\r\n--b").is_none()
    }

    proptest! {
        #[test]
        fn parts_are_the_same_however_the_body_is_cut(
            data in prop::collection::vec(piece().prop_filter("holds a delimiter", |d| innocent(d)), 0..5),
            cuts in prop::collection::vec(1usize..30, 1..8),
        ) {
            let mut body = Vec::new();
            for part in &data {
                body.extend_from_slice(b"--b\r\nContent-Type: application/dicom\r\n\r\n");
                body.extend_from_slice(part);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--b--\r\n");
            let read: Vec<Vec<u8>> = parts("b", &body, &cuts).unwrap().into_iter().map(|(_, data)| data).collect();
            prop_assert_eq!(read, data);
        }

        #[test]
        fn hostile_bytes_give_parts_or_an_error_and_cuts_change_nothing(
            body in prop::collection::vec(piece(), 0..10).prop_map(|pieces| pieces.concat()),
            cuts in prop::collection::vec(1usize..10, 1..6),
        ) {
            prop_assert_eq!(parts("b", &body, &cuts), parts("b", &body, &[usize::MAX]));
        }

        #[test]
        fn little_is_held_back_within_a_part(
            body in prop::collection::vec(piece(), 0..10).prop_map(|pieces| pieces.concat()),
        ) {
            let mut reader = Reader::new("b").unwrap();
            reader.feed(Bytes::from_static(b"--b\r\n\r\n"));
            reader.feed(Bytes::from(body));
            while let Ok(step) = reader.step() {
                if matches!(step, Step::NeedMore | Step::Finished) { break; }
            }
            if reader.state == State::Body {
                prop_assert!(reader.pending.len() <= b"\r\n--b".len() + MAX_PADDING_BYTES + 2);
            }
        }
    }
}
