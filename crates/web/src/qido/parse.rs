//! A search URL into a `Query` (PS3.18 §8.3.4, §10.6.1.2). Pure.
//!
//! Pairs are split at `&` and `=` before anything is decoded, so that an encoded one stays part of a value. Errors name the parameter, never its
//! value, which may be a patient's name.

use causeway_core::query::reading::{Dates, Empties, Names, Reading, Several};
use causeway_core::query::{Query, Zones};
use causeway_core::{Tag, Vr};

use super::Scope;
use super::fields::{self, Include};
use super::keys::{self, Match};
use crate::percent::{self, PercentError};

/// Most parameters of one search.
pub(crate) const MAX_PARAMETERS: usize = 256;
/// Longest name of a parameter that is repeated in a message, in bytes.
const MAX_NAME_BYTES: usize = 80;

/// A search as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    /// What to ask the archive.
    pub(crate) query: Query,
    /// Attributes that an answer shows empty when the entity has none.
    pub(crate) shown: Vec<(Tag, Vr)>,
    /// What was asked for and is not done, in words for Warning headers.
    pub(crate) warnings: Vec<String>,
}

/// Why a search URL cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// A name or value with broken percent-encoding.
    #[error("the value of {name} cannot be read: {error}")]
    Percent { name: String, error: PercentError },
    /// More than [`MAX_PARAMETERS`].
    #[error("a search takes at most {MAX_PARAMETERS} parameters")]
    TooMany,
    /// No parameter and no attribute has this name.
    #[error("{0} is neither a parameter of a search nor a keyword or tag of an attribute")]
    UnknownName(String),
    /// A sequence path deeper than [`keys::MAX_PATH_DEPTH`], or through something that is no sequence.
    #[error("{0} names no path through sequences that can be searched")]
    Path(String),
    /// The same attribute twice.
    #[error("{0} is there more than once; each attribute may be matched once")]
    Repeated(String),
    /// A flag or number that is none.
    #[error("{name} takes {wanted}")]
    Parameter { name: &'static str, wanted: &'static str },
    /// An attribute of a level below the resource's.
    #[error("{name} describes {below}, and cannot be matched in a search for {level}")]
    Below { name: String, below: &'static str, level: &'static str },
    /// A value that its VR does not allow.
    #[error("{name}: {reason}")]
    Value { name: String, reason: String },
}

/// What a search URL says, before anything is made of it.
#[derive(Default)]
struct Draft<'a> {
    matches: Vec<Match<'a>>,
    include: Include,
    limit: Option<u32>,
    offset: u32,
    reading: Reading,
}

/// Reads the query part of a search URL. `most`: answers that the node gives at once.
pub(crate) fn parse(scope: &Scope, query: &str, most: u32) -> Result<Search, QueryError> {
    let mut draft = Draft::default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    for (count, pair) in pairs.enumerate() {
        if count == MAX_PARAMETERS {
            return Err(QueryError::TooMany);
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        draft.take(name, value)?;
    }
    draft.finish(scope, most)
}

impl<'a> Draft<'a> {
    fn take(&mut self, name: &'a str, value: &'a str) -> Result<(), QueryError> {
        match name {
            "limit" => self.limit = Some(number("limit", value)?),
            "offset" => self.offset = number("offset", value)?,
            "includefield" => self.include.add(value)?,
            "fuzzymatching" => {
                self.reading.names = flag("fuzzymatching", value, [Names::Fuzzy, Names::Literal])?
            }
            "emptyvaluematching" => {
                self.reading.empties =
                    flag("emptyvaluematching", value, [Empties::Matched, Empties::Literal])?;
            }
            "multiplevaluematching" => {
                self.reading.several = flag("multiplevaluematching", value, [Several::All, Several::Any])?;
            }
            // Content negotiation, which is not the search's business.
            "accept" | "charset" => {}
            _ => {
                let found = keys::read_match(name, value)?;
                if self.matches.iter().any(|other| other.path == found.path) {
                    return Err(QueryError::Repeated(found.name));
                }
                self.matches.push(found);
            }
        }
        Ok(())
    }

    fn finish(self, scope: &Scope, most: u32) -> Result<Search, QueryError> {
        let mut warnings = self.include.warnings();
        let mut keys = Vec::with_capacity(self.matches.len() + 2);
        let unique = [(Tag::STUDY_INSTANCE_UID, &scope.study), (Tag::SERIES_INSTANCE_UID, &scope.series)];
        for (tag, uid) in unique {
            keys.extend(uid.iter().map(|uid| keys::exactly(tag, uid)));
        }
        let zone = keys::zone(&self.matches)?;
        let reading = Reading { dates: Dates::Combined, zone, ..self.reading };
        let asked = keys::build(&self.matches, scope, reading, &mut warnings)?;
        let fields = fields::fields(scope, &asked, &self.include);
        keys.extend(reading.together(asked));
        let query = Query {
            keys,
            returned: fields.returned,
            limit: Some(self.limit.map_or(most, |limit| limit.min(most))),
            offset: self.offset,
            zones: zone.map(Zones::of),
            ..Query::all(scope.level)
        };
        Ok(Search { query, shown: fields.shown, warnings })
    }
}

/// A number of PS3.18 §8.3.4.4, the largest we can count to where it is larger.
fn number(name: &'static str, value: &str) -> Result<u32, QueryError> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        return Err(QueryError::Parameter { name, wanted: "a number without sign" });
    }
    Ok(value.parse().unwrap_or(u32::MAX))
}

/// A switch: the first of `meanings` when it is on, the second when it is off.
fn flag<T: Copy>(name: &'static str, value: &str, meanings: [T; 2]) -> Result<T, QueryError> {
    let [on, off] = meanings;
    match value {
        "true" => Ok(on),
        "false" => Ok(off),
        _ => Err(QueryError::Parameter { name, wanted: "true or false" }),
    }
}

/// A parameter's name as it may be repeated in a message: the caller's own, but short and harmless.
pub(super) fn harmless(name: &str) -> String {
    let name = percent::decode(name).unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        .take(MAX_NAME_BYTES)
        .collect();
    if name.is_empty() { "a nameless parameter".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qido::fields::MAX_INCLUDED;
    use crate::qido::keys::MAX_PATH_DEPTH;
    use causeway_core::query::dates::{Range, date_range};
    use causeway_core::query::fuzzy::FuzzyName;
    use causeway_core::query::{Key, Matching, Returned};
    use causeway_core::{Level, Uid};
    use proptest::prelude::*;

    const STUDIES: Scope = Scope { level: Level::Study, study: None, series: None };

    fn at(level: Level, study: Option<&str>, series: Option<&str>) -> Scope {
        let uid = |text: &str| Uid::parse(text).unwrap();
        Scope { level, study: study.map(uid), series: series.map(uid) }
    }

    fn read(scope: &Scope, query: &str) -> Result<Search, QueryError> {
        parse(scope, query, 1000)
    }

    fn key(query: &str) -> Key {
        let mut keys = read(&at(Level::Instance, None, None), query).unwrap().query.keys;
        assert_eq!(keys.len(), 1, "{query}");
        keys.remove(0)
    }

    fn matching(query: &str) -> Matching {
        key(query).matching
    }

    fn single(text: &str) -> Matching {
        Matching::Single(text.to_owned())
    }

    fn shows(search: &Search, tag: Tag) -> bool {
        search.query.returned.shows(tag)
    }

    #[test]
    fn a_search_without_parameters_asks_for_everything_at_its_level() {
        let search = read(&STUDIES, "").unwrap();
        assert!(search.query.keys.is_empty() && search.warnings.is_empty());
        assert_eq!((search.query.limit, search.query.offset), (Some(1000), 0));
        assert!(shows(&search, Tag::PATIENT_NAME) && shows(&search, Tag::MODALITIES_IN_STUDY));
        assert!(!shows(&search, Tag::STUDY_DESCRIPTION));
    }

    #[test]
    fn an_attribute_is_named_by_keyword_or_by_tag_of_either_case() {
        for name in ["PatientID", "00100020", "0010002%30"] {
            assert_eq!(key(&format!("{name}=7")).tag, Tag::PATIENT_ID);
        }
        assert_eq!(key("0020000d=1.2").tag, Tag::STUDY_INSTANCE_UID);
        assert!(matches!(read(&STUDIES, "patientid=7"), Err(QueryError::UnknownName(_))));
        assert!(matches!(read(&STUDIES, "=7"), Err(QueryError::UnknownName(_))));
        assert!(matches!(read(&STUDIES, "0010002=7"), Err(QueryError::UnknownName(_))));
    }

    #[test]
    fn encoded_separators_belong_to_the_value() {
        assert_eq!(matching("PatientID=a%26b%3Dc%2Cd"), single("a&b=c,d"));
        assert_eq!(matching("PatientID=a=b"), single("a=b"));
        assert_eq!(matching("PatientID=a+b"), single("a+b"));
        assert_eq!(matching("PatientName=Doe,John"), single("Doe,John"));
        assert_eq!(matching("PatientName=%E5%B1%B1%E7%94%B0"), single("山田"));
    }

    #[test]
    fn uids_are_parted_by_commas_encoded_or_not() {
        let list =
            |uids: &[&str]| Matching::UidList(uids.iter().map(|uid| Uid::parse(uid).unwrap()).collect());
        assert_eq!(matching("StudyInstanceUID=1.2,1.3"), list(&["1.2", "1.3"]));
        assert_eq!(matching("StudyInstanceUID=1.2%5C1.3"), list(&["1.2", "1.3"]));
        assert_eq!(matching("StudyInstanceUID=1.2%2C1.3"), list(&["1.2", "1.3"]));
        assert!(matches!(read(&STUDIES, "StudyInstanceUID=../1"), Err(QueryError::Value { .. })));
    }

    #[test]
    fn the_path_s_own_uids_are_keys_too() {
        let search = read(&at(Level::Instance, Some("1.2"), Some("1.2.3")), "").unwrap();
        let tags: Vec<Tag> = search.query.keys.iter().map(|key| key.tag).collect();
        assert_eq!(tags, [Tag::STUDY_INSTANCE_UID, Tag::SERIES_INSTANCE_UID]);
    }

    #[test]
    fn what_the_path_names_is_not_repeated_in_each_answer_and_what_it_does_not_is() {
        let below = read(&at(Level::Series, Some("1.2"), None), "").unwrap();
        assert!(shows(&below, Tag::MODALITY) && !shows(&below, Tag::PATIENT_NAME));
        let all = read(&at(Level::Series, None, None), "").unwrap();
        assert!(shows(&all, Tag::MODALITY) && shows(&all, Tag::PATIENT_NAME));
        let of_study = read(&at(Level::Instance, Some("1.2"), None), "").unwrap();
        assert!(shows(&of_study, Tag::MODALITY) && !shows(&of_study, Tag::PATIENT_NAME));
        let of_series = read(&at(Level::Instance, Some("1.2"), Some("1.3")), "").unwrap();
        assert!(shows(&of_series, Tag::ROWS) && !shows(&of_series, Tag::MODALITY));
        assert!(shows(&of_series, Tag::TIMEZONE_OFFSET_FROM_UTC));
    }

    #[test]
    fn what_is_matched_or_included_is_shown_even_without_a_value() {
        let search = read(&STUDIES, "StudyDescription=*&includefield=00081048,IssuerOfPatientID").unwrap();
        for tag in [Tag::STUDY_DESCRIPTION, Tag::PHYSICIANS_OF_RECORD, Tag::ISSUER_OF_PATIENT_ID] {
            assert!(shows(&search, tag), "{tag}");
            assert!(search.shown.iter().any(|(shown, _)| *shown == tag), "{tag}");
        }
        assert!(search.query.keys.is_empty(), "a lone star asks for nothing");
        assert!(!search.shown.iter().any(|(tag, _)| *tag == Tag::TIMEZONE_OFFSET_FROM_UTC));
    }

    #[test]
    fn includefield_may_be_a_list_be_repeated_or_be_all() {
        let listed = read(&STUDIES, "includefield=00081030,00081048").unwrap();
        let repeated = read(&STUDIES, "includefield=StudyDescription&includefield=00081048").unwrap();
        assert_eq!(listed, repeated);
        assert_eq!(read(&STUDIES, "includefield=all").unwrap().query.returned, Returned::All);
        assert_eq!(read(&STUDIES, "includefield=00081030,all").unwrap().query.returned, Returned::All);
    }

    #[test]
    fn attributes_of_a_lower_level_are_not_included_and_unknown_ones_are_told() {
        let search = read(&STUDIES, "includefield=Modality,00080060,00091001,NoSuchThing").unwrap();
        assert!(!shows(&search, Tag::MODALITY));
        assert_eq!(search.warnings, ["The includefield NoSuchThing is not supported. It has been ignored."]);
    }

    #[test]
    fn a_key_below_the_level_of_the_search_is_an_error() {
        let error = read(&STUDIES, "Modality=CT").unwrap_err();
        assert!(matches!(error, QueryError::Below { .. }), "{error}");
        assert!(read(&at(Level::Series, None, None), "Modality=CT&PatientID=1").is_ok());
    }

    #[test]
    fn an_attribute_that_is_not_kept_is_ignored_with_a_warning() {
        let search = read(&STUDIES, "PixelSpacing=1&00091001=x").unwrap();
        assert!(search.query.keys.is_empty());
        assert_eq!(search.warnings.len(), 2);
        assert_eq!(search.warnings[0], "The PixelSpacing parameter is not supported. It has been ignored.");
    }

    #[test]
    fn limit_and_offset_are_numbers_and_the_node_s_own_limit_holds() {
        let limits = |query| read(&STUDIES, query).map(|search| (search.query.limit, search.query.offset));
        assert_eq!(limits("limit=25&offset=50"), Ok((Some(25), 50)));
        assert_eq!(limits("limit=1000"), Ok((Some(1000), 0)));
        assert_eq!(limits("limit=1001"), Ok((Some(1000), 0)));
        assert_eq!(limits("limit=99999999999999999999"), Ok((Some(1000), 0)));
        for query in ["limit=", "limit=-1", "limit=+1", "limit=1.5", "offset=x", "limit"] {
            assert!(matches!(limits(query), Err(QueryError::Parameter { .. })), "{query}");
        }
    }

    #[test]
    fn flags_are_true_or_false() {
        assert!(read(&STUDIES, "fuzzymatching=false&emptyvaluematching=true").is_ok());
        assert!(read(&STUDIES, "fuzzymatching=TRUE").is_err());
        assert!(read(&STUDIES, "multiplevaluematching=1").is_err());
    }

    #[test]
    fn fuzzy_matching_is_for_names_wherever_the_flag_stands() {
        let fuzzy = |text: &str| Matching::Fuzzy(FuzzyName::parse(text).unwrap());
        assert_eq!(matching("PatientName=doe*&fuzzymatching=true"), fuzzy("doe*"));
        assert_eq!(matching("fuzzymatching=true&PatientName=J%20Doe"), fuzzy("J Doe"));
        assert_eq!(matching("PatientID=doe&fuzzymatching=true"), single("doe"));
        assert_eq!(matching("PatientName=doe*"), Matching::Wildcard("doe*".to_owned()));
    }

    #[test]
    fn two_quotes_ask_for_no_value_when_that_is_switched_on() {
        assert_eq!(matching("PatientID=%22%22&emptyvaluematching=true"), Matching::Empty);
        assert_eq!(matching("PatientID=%22%22"), single("\"\""));
    }

    #[test]
    fn several_values_are_a_list_when_that_is_switched_on() {
        let any = |values: &[&str]| Matching::AnyOf(values.iter().map(ToString::to_string).collect());
        assert_eq!(matching("Modality=CT,MR&multiplevaluematching=true"), any(&["CT", "MR"]));
        assert_eq!(matching("PatientID=a%2Cb,c&multiplevaluematching=true"), any(&["a,b", "c"]));
        assert_eq!(matching("Modality=CT,MR"), single("CT,MR"));
        let all = Matching::AllOf(vec!["CT".to_owned(), "PT".to_owned()]);
        assert_eq!(matching("ModalitiesInStudy=CT,PT&multiplevaluematching=true"), all);
    }

    #[test]
    fn paths_through_one_sequence_are_met_by_one_item() {
        let query = "RequestAttributesSequence.ScheduledProcedureStepID=S1&00400275.00401001=R1";
        let found = key(query);
        assert_eq!(found.tag, Tag::REQUEST_ATTRIBUTES_SEQUENCE);
        let Matching::Sequence(keys) = found.matching else { panic!("it is a sequence") };
        let tags: Vec<Tag> = keys.iter().map(|key| key.tag).collect();
        assert_eq!(tags, [Tag::SCHEDULED_PROCEDURE_STEP_ID, Tag::REQUESTED_PROCEDURE_ID]);
        assert_eq!(keys[0].matching, single("S1"));
    }

    #[test]
    fn a_path_leads_through_sequences_and_not_too_deep() {
        let scope = at(Level::Series, None, None);
        for query in ["PatientID.PatientName=x", "RequestAttributesSequence=x", "Modality.00080060=x"] {
            assert!(matches!(read(&scope, query), Err(QueryError::Path(_))), "{query}");
        }
        let deep = |depth: usize| format!("{}=x", vec!["00400275"; depth].join("."));
        let path = |depth| keys::read_path(deep(depth).trim_end_matches("=x")).map(|path| path.len());
        assert_eq!(path(MAX_PATH_DEPTH), Ok(MAX_PATH_DEPTH));
        assert!(path(MAX_PATH_DEPTH + 1).is_err());
    }

    #[test]
    fn a_date_and_a_time_of_one_form_are_one_moment() {
        let combined = matching("StudyDate=20060705-20060707&StudyTime=1000-1800");
        let range = Range {
            from: Some("20060705100000000000".to_owned()),
            to: Some("20060707180059999999".to_owned()),
        };
        assert_eq!(combined, Matching::Combined { time: Tag::STUDY_TIME, range });
        let Matching::Combined { range, .. } = matching("StudyTime=1000-&StudyDate=20060705-") else {
            panic!("both are open at their end")
        };
        assert_eq!((range.from.as_deref(), range.to), (Some("20060705100000000000"), None));
    }

    #[test]
    fn a_zone_is_no_key_but_says_how_to_read_the_others() {
        let search = read(&STUDIES, "TimezoneOffsetFromUTC=%2B0100&StudyDate=20240101").unwrap();
        assert_eq!(search.query.zones.unwrap().wanted.to_string(), "+0100");
        assert_eq!((search.query.keys.len(), search.warnings.len()), (1, 0));
        assert!(shows(&read(&STUDIES, "00080201=-0500").unwrap(), Tag::TIMEZONE_OFFSET_FROM_UTC));
        assert_eq!(read(&STUDIES, "TimezoneOffsetFromUTC=").unwrap().query.zones, None);
        assert!(matches!(read(&STUDIES, "TimezoneOffsetFromUTC=CET"), Err(QueryError::Value { .. })));
    }

    #[test]
    fn a_date_and_a_time_of_two_forms_stay_two() {
        for query in [
            "StudyDate=20060705&StudyTime=1000-1800",
            "StudyDate=20060705-&StudyTime=-1800",
            "StudyDate=20060705-20060707&StudyTime=10",
            "StudyDate=20060705-20060707&ContentTime=1000-1800",
        ] {
            let keys = read(&at(Level::Instance, None, None), query).unwrap().query.keys;
            assert_eq!(keys.len(), 2, "{query}");
        }
        assert_eq!(matching("StudyDate=20060705"), Matching::Date(date_range("20060705").unwrap()));
    }

    #[test]
    fn errors_name_the_parameter_and_never_its_value() {
        for query in ["StudyDate=Secret", "StudyInstanceUID=Secret", "PatientName=Secret%zz", "limit=Secret"]
        {
            let words = read(&STUDIES, query).unwrap_err().to_string();
            assert!(!words.contains("Secret"), "{words}");
            assert!(words.contains(query.split_once('=').unwrap().0), "{words}");
        }
    }

    #[test]
    fn an_attribute_may_be_matched_once() {
        assert!(matches!(read(&STUDIES, "PatientID=1&00100020=2"), Err(QueryError::Repeated(_))));
        assert!(read(&STUDIES, "PatientID=1&PatientName=2").is_ok());
    }

    #[test]
    fn the_number_of_parameters_is_held_at_and_above_the_bound() {
        let query = |count: usize| vec!["limit=1"; count].join("&");
        assert!(read(&STUDIES, &query(MAX_PARAMETERS)).is_ok());
        assert_eq!(read(&STUDIES, &query(MAX_PARAMETERS + 1)), Err(QueryError::TooMany));
        let fields = |count: usize| format!("includefield={}", vec!["00081030"; count].join(","));
        assert!(read(&STUDIES, &fields(MAX_INCLUDED)).is_ok());
        assert!(read(&STUDIES, &fields(MAX_INCLUDED + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused_without_panic(query in "[ -~\u{e9}]{0,120}") {
            for level in [Level::Study, Level::Series, Level::Instance] {
                let _ = read(&at(level, None, None), &query);
            }
        }

        #[test]
        fn pairs_of_likely_pieces_are_read_or_refused_without_panic(
            pairs in prop::collection::vec((
                prop_oneof![
                    Just("PatientName"), Just("StudyDate"), Just("StudyTime"), Just("limit"),
                    Just("includefield"), Just("fuzzymatching"), Just("00400275.00400009"),
                    Just("RequestAttributesSequence"), Just("00400275.00400275.00400009"), Just("SOPClassUID"),
                ],
                prop_oneof![Just(""), Just("*"), Just("20240101-"), Just("%22%22"), Just("a,b"), Just("true"), Just("%5C")],
            ), 0..8),
        ) {
            let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let _ = read(&at(Level::Instance, None, None), &query.join("&"));
        }

        #[test]
        fn a_value_is_read_back_as_it_was_encoded(text in "[ -~&&[^*?\\\\\"]]{1,30}") {
            prop_assume!(!text.trim().is_empty());
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(matching(&format!("PatientID={encoded}")), single(text.trim()));
        }
    }
}
