//! Tests of conditions.

use proptest::prelude::*;

use super::*;
use crate::testing::record;

fn ask(source: &str) -> Verdict {
    Condition::parse(source).unwrap_or_else(|error| panic!("{source}: {error}")).ask(&record())
}

#[test]
fn conditions_over_attributes_and_the_association_hold_or_not() {
    for source in [
        "true",
        "Modality == 'CT'",
        "Modality in ['CT', 'MR'] && Rows >= 512",
        "Rows == 512.0",
        "PatientWeight > 71",
        "StudyDate >= '20260101'",
        "StudyDescription.lowerAscii().contains('head')",
        "StudyDescription.startsWith('CT') && StudyDescription.endsWith('\u{e9}')",
        "'PRIMARY' in ImageType",
        "ImageType.exists(value, value.startsWith('AX'))",
        "ImageType.all(value, value != 'DERIVED')",
        "ImageType.exists_one(value, value == 'AXIAL')",
        "size(ImageType.filter(value, value != 'AXIAL')) == 2",
        "ImageType.map(value, size(value))[0] == 8",
        "ImageType[1] == 'PRIMARY'",
        "calling_ae == 'PACS1' && remote == 'pacs-1' && source_address == '10.0.0.7' && door == 'dimse'",
        "sop_class_name == 'CT Image Storage' && sop_class == SOPClassUID || sop_class.endsWith('.2')",
        "transfer_syntax == '1.2.840.10008.1.2.1'",
        "AccessionNumber == '' && OtherPatientNames == []",
        "Columns > 512 || Modality == 'CT'",
        "Modality == 'MR' ? Rows == 256 : Rows == 512",
        "int(StudyDate) / 10000 == 2026",
    ] {
        assert_eq!(ask(source), Verdict::Holds, "{source}");
    }
    for source in
        ["false", "Modality == 'MR'", "Rows < 512", "'DERIVED' in ImageType", "calling_ae == 'pacs1'"]
    {
        assert_eq!(ask(source), Verdict::DoesNotHold, "{source}");
    }
}

#[test]
fn a_comparison_with_a_number_that_is_absent_does_not_hold_and_says_which() {
    assert_eq!(ask("Columns > 512"), Verdict::Lacks("Columns"));
    assert_eq!(ask("!(Columns > 512)"), Verdict::Lacks("Columns"));
    assert_eq!(ask("Modality == 'MR' && Columns > 512"), Verdict::DoesNotHold);
}

#[test]
fn a_failure_at_run_time_is_told_without_values() {
    assert_eq!(
        ask("int(Modality) == 1"),
        Verdict::Failed("a function in it cannot take the value of this instance")
    );
    assert_eq!(ask("Rows / 0 == 1"), Verdict::Failed("it divides by zero"));
    assert_eq!(
        ask("ImageType[9] == ''"),
        Verdict::Failed("it asks for a value beyond the last of an attribute")
    );
    assert_eq!(ask("Rows * 9223372036854775807 == 1"), Verdict::Failed("a number in it grows too large"));
}

fn words(source: &str) -> String {
    Condition::parse(source).expect_err(source).to_string()
}

#[test]
fn an_unknown_attribute_is_named_with_its_place_and_the_likeliest_other() {
    assert_eq!(
        words("Modality == 'CT' &&\n  Modalty == 'MR'"),
        "'Modalty' at line 2, column 3 is no attribute that a condition can ask for; 'Modality' is one"
    );
    assert!(words("modality == 'CT'").contains("'Modality' is one"));
    assert!(words("PixelData == ''").contains("'PixelData' at line 1, column 1 is no attribute"));
    assert!(words("instance.Modality == 'CT'").contains("'instance.Modality'"));
    assert!(words("ProcedureCodeSequence == 'x'").contains("it is a sequence"));
}

#[test]
fn a_wrong_type_is_named_with_its_attribute() {
    let said = words("Rows == 'CT'");
    assert!(said.contains("'==' at") && said.contains("a whole number and a text"), "{said}");
    assert!(said.contains("('Rows' is a whole number)"), "{said}");
    let said = words("Modality > 5");
    assert!(said.contains("('Modality' is a text)"), "{said}");
    assert!(words("ImageType == 'ORIGINAL'").contains("a list of text and a text"));
    assert!(words("'CT' in Modality").contains("a text and a text"));
    assert!(words("Rows.contains('5')").contains("'contains'"));
    assert!(words("Rows + 1.5 > 3").contains("'+'"));
    assert!(words("Rows && true").contains("'&&'"));
    assert!(words("['CT', 1].exists(v, v == 'CT')").contains("a text and a whole number"));
    assert!(words("Modality.exists(c, c == 'C')").contains("a text"));
}

#[test]
fn what_is_no_condition_is_refused_in_words() {
    assert!(words("Modality").contains("must say true or false; it gives text"));
    assert!(words("Modality == ").contains("cannot be read at line 1"));
    assert!(words("").contains("cannot be read"));
    assert!(words("Modality.matches('C.')").contains("'matches' at line 1"));
    assert!(words("has(Modality.x)").contains("'has'"));
    assert!(words("Modality == null").contains("null"));
    assert!(words("{'a': 1} == {'a': 1}").contains("a map"));
    assert!(words("timestamp('2026-01-01T00:00:00Z') == 1").contains("'timestamp'"));
}

#[test]
fn the_bounds_hold_at_below_and_above() {
    let pad = |bytes: usize| format!("true{}", " ".repeat(bytes - 4));
    assert!(Condition::parse(&pad(MAX_SOURCE_BYTES - 1)).is_ok());
    assert!(Condition::parse(&pad(MAX_SOURCE_BYTES)).is_ok());
    assert_eq!(words(&pad(MAX_SOURCE_BYTES + 1)), ConditionError::TooLarge.to_string());
    let nest = |levels: usize| format!("{}true{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Condition::parse(&nest(MAX_NESTING - 1)).is_ok());
    assert!(Condition::parse(&nest(MAX_NESTING)).is_ok());
    assert_eq!(words(&nest(MAX_NESTING + 1)), ConditionError::TooLarge.to_string());
}

#[test]
fn a_condition_that_may_take_too_many_steps_is_refused() {
    assert!(Condition::parse("ImageType.exists(a, ImageType.exists(b, a == b))").is_ok());
    let thrice = "ImageType.exists(a, ImageType.exists(b, ImageType.exists(c, a == b && b == c)))";
    assert!(words(thrice).contains("steps on one instance"));
    let grown =
        "ImageType.map(a, ImageType.map(b, a + b)).exists(l, l.exists(x, x == '' && l.exists(y, x == y)))";
    assert!(words(grown).contains("steps on one instance"));
}

#[test]
fn the_worst_expressions_within_the_bounds_do_not_exhaust_a_small_stack() {
    let hostile: Vec<String> = vec![
        format!("{}true", "!".repeat(2000)),
        format!("{}1 == 1", "-".repeat(2000)),
        format!("{}1 == 1", "1+".repeat(255)),
        format!("{}true", "true?true:".repeat(200)),
        format!("{}true", "true?true:".repeat(15)),
        format!("a{} == ''", ".a".repeat(1000)),
        format!("Modality{} == ''", ".trim()".repeat(280)),
        format!("{}true", "true||".repeat(127)),
        format!("{}true", "true&&".repeat(128)),
        "[".repeat(2000),
        format!("[{}] == []", "1,".repeat(1000)),
        "'".repeat(2000),
        format!("ImageType{} == ''", "[0]".repeat(600)),
    ];
    let small = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let thread = small.spawn(move || {
        for source in hostile {
            if let Ok(condition) = Condition::parse(&source) {
                let _ = condition.ask(&record());
            }
        }
    });
    thread.unwrap().join().unwrap();
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(source in "[ -~\n]{0,80}") {
        if let Ok(condition) = Condition::parse(&source) {
            let _ = condition.ask(&record());
        }
    }

    #[test]
    fn what_passes_the_check_never_fails_for_its_types(
        parts in prop::collection::vec(prop::sample::select(vec![
            "Modality == 'CT'", "Rows > 1", "Rows == 512.0", "PatientWeight < 3", "'A' in ImageType",
            "ImageType.exists(x, x == remote)", "StudyDate <= '2026'", "size(ImageType) > 0", "!(Rows > 2)",
            "Columns == 3", "(Rows > 2 ? Modality : remote) == 'CT'", "[Rows, Columns].exists(n, n > 0)",
        ]), 1..6),
        joints in prop::collection::vec(prop::sample::select(vec![" && ", " || ", " == ", " != "]), 5),
    ) {
        let mut source = String::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 { source.push_str(joints[index - 1]); }
            source.push('('); source.push_str(part); source.push(')');
        }
        // Chains of == are checked like anything else; only those that pass are asked.
        if let Ok(condition) = Condition::parse(&source) {
            prop_assert!(!matches!(condition.ask(&record()), Verdict::Failed(_)), "{}", source);
        }
    }
}
