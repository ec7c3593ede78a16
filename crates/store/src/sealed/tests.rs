//! Whatever is read of a sealed object is what was put, or an error.
#![expect(clippy::cast_possible_truncation, reason = "lengths of tests are short")]

use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::{GetRange, ObjectStoreExt as _};
use proptest::prelude::*;

use super::*;

const ONE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const TWO: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const SEGMENT: usize = SEGMENT_BYTES as usize;

struct Subject {
    behind: Arc<InMemory>,
    sealed: Sealed,
}

impl Subject {
    fn new(plain: Plain) -> Self {
        Self::over(Arc::new(InMemory::new()), &format!("one {ONE}"), plain)
    }

    fn over(behind: Arc<InMemory>, keys: &str, plain: Plain) -> Self {
        let ring = Keys::parse(keys).unwrap().into();
        Self { sealed: Sealed::new(Arc::clone(&behind) as Arc<dyn ObjectStore>, ring, plain), behind }
    }

    async fn put_raw(&self, path: &Path, bytes: Vec<u8>) {
        self.behind.put(path, bytes.into()).await.unwrap();
    }

    async fn raw(&self, path: &Path) -> Vec<u8> {
        self.behind.get(path).await.unwrap().bytes().await.unwrap().to_vec()
    }

    async fn read(&self, path: &Path, range: Option<GetRange>) -> Result<Bytes> {
        let options = GetOptions { range, ..GetOptions::default() };
        self.sealed.get_opts(path, options).await?.bytes().await
    }
}

fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index * 7 % 253) as u8).collect()
}

fn path(name: &str) -> Path {
    Path::from(name)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// Lengths about the ends of segments, and others.
fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![
        (0_usize..4, -2_isize..3).prop_map(|(count, more)| (count * SEGMENT).saturating_add_signed(more)),
        0..4 * SEGMENT,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_range_of_any_object_is_what_was_put(
        length in lengths(), start in lengths(), end in lengths(), is_sealed: bool, is_strict: bool,
    ) {
        prop_assume!(is_sealed || length > 0);
        let plain = if is_strict && is_sealed { Plain::Refuse } else { Plain::Read };
        run(async {
            let (subject, at, content) = (Subject::new(plain), path("a/b"), body(length));
            if is_sealed {
                subject.sealed.put(&at, content.clone().into()).await.unwrap();
            } else {
                subject.put_raw(&at, content.clone()).await;
            }
            assert_eq!(subject.sealed.head(&at).await.unwrap().size, length as u64);
            assert_eq!(subject.read(&at, None).await.unwrap(), content);
            if start < end {
                let found = subject.read(&at, Some((start as u64..end as u64).into())).await;
                match content.get(start..end.min(length)) {
                    Some(expected) if start < length => assert_eq!(found.unwrap(), expected),
                    _ => assert!(found.is_err() || length == 0, "{found:?}"),
                }
            }
            if start < length {
                let found = subject.read(&at, Some(GetRange::Offset(start as u64))).await.unwrap();
                assert_eq!(found, content[start..]);
                let found = subject.read(&at, Some(GetRange::Suffix(start as u64 + 1))).await.unwrap();
                assert_eq!(found, content[length - start - 1..]);
            }
        });
    }

    #[test]
    fn a_byte_that_was_changed_is_an_error(length in lengths(), at: prop::sample::Index, bit in 0..8_u32) {
        run(async {
            let (subject, name) = (Subject::new(Plain::Refuse), path("a"));
            let lenient =
                Subject::over(Arc::clone(&subject.behind), &format!("one {ONE}"), Plain::Read);
            subject.sealed.put(&name, body(length).into()).await.unwrap();
            let mut raw = subject.raw(&name).await;
            let at = at.index(raw.len());
            raw[at] ^= 1 << bit;
            subject.put_raw(&name, raw).await;
            let error = subject.read(&name, None).await.unwrap_err();
            assert!(Fault::of(&error).is_some(), "{error}");
            // Behind the first bytes it is no plain object either, wherever the range begins.
            if at >= MAGIC.len() {
                let within = Some(GetRange::Offset((at / (SEGMENT + 72) * SEGMENT) as u64));
                for range in [None, within] {
                    let error = lenient.read(&name, range).await.unwrap_err();
                    assert!(Fault::of(&error).is_some() || length == 0, "{error}");
                }
            }
        });
    }

    #[test]
    fn an_object_that_was_cut_or_lengthened_is_an_error(length in lengths(), bytes in lengths()) {
        run(async {
            let (subject, name) = (Subject::new(Plain::Refuse), path("a"));
            subject.sealed.put(&name, body(length).into()).await.unwrap();
            let mut raw = subject.raw(&name).await;
            prop_assume!(bytes != raw.len());
            raw.resize(bytes, 0);
            subject.put_raw(&name, raw).await;
            // A range, too: the whole length is sealed into each segment.
            assert!(subject.read(&name, None).await.is_err());
            assert!(subject.read(&name, Some((0..1).into())).await.is_err());
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn segments_that_changed_places_and_objects_in_the_place_of_others_are_errors() {
    let subject = Subject::new(Plain::Refuse);
    let (one, two) = (path("one"), path("two"));
    for name in [&one, &two] {
        subject.sealed.put(name, body(2 * SEGMENT).into()).await.unwrap();
    }
    let (first, second) = (subject.raw(&one).await, subject.raw(&two).await);
    subject.put_raw(&two, first.clone()).await;
    let half = first.len() / 2;
    let swapped = [&first[half..], &first[..half]].concat();
    let mixed = [&first[..half], &second[half..]].concat();
    for raw in [swapped, mixed] {
        subject.put_raw(&one, raw).await;
        assert!(matches!(Fault::of(&subject.read(&one, None).await.unwrap_err()), Some(Fault::Changed(_))));
    }
    let error = subject.read(&two, None).await.unwrap_err();
    assert!(matches!(Fault::of(&error), Some(Fault::Changed(_))), "{error}");
}

#[tokio::test]
async fn a_plain_object_is_refused_unless_it_is_to_be_read_and_a_key_that_is_lacking_is_named() {
    let strict = Subject::new(Plain::Refuse);
    let name = path("a");
    strict.put_raw(&name, body(100)).await;
    assert_eq!(Fault::of(&strict.read(&name, None).await.unwrap_err()), Some(&Fault::Plain));
    assert_eq!(Fault::of(&strict.sealed.head(&name).await.unwrap_err()), Some(&Fault::Plain));
    strict.sealed.put(&name, body(100).into()).await.unwrap();
    let rotated = format!("two {TWO}\none {ONE}");
    let later = Subject::over(Arc::clone(&strict.behind), &rotated, Plain::Refuse);
    assert_eq!(later.read(&name, None).await.unwrap(), body(100));
    let without = Subject::over(Arc::clone(&strict.behind), &format!("two {TWO}"), Plain::Refuse);
    let error = without.read(&name, None).await.unwrap_err();
    assert!(error.to_string().contains("put the line of one back"), "{error}");
    let other = Subject::over(Arc::clone(&strict.behind), &format!("one {TWO}"), Plain::Refuse);
    assert!(matches!(Fault::of(&other.read(&name, None).await.unwrap_err()), Some(Fault::Changed(_))));
}

#[tokio::test]
async fn parts_of_any_length_make_the_object_and_none_other() {
    let subject = Subject::new(Plain::Refuse);
    for (whole, part) in [(0, 1), (1, 1), (3 * SEGMENT, SEGMENT), (3 * SEGMENT + 5, 100_000), (70_000, 999)] {
        let name = path("a");
        let mut options = PutMultipartOptions::default();
        options.extensions.insert(WholeBytes(whole as u64));
        let mut upload = subject.sealed.put_multipart_opts(&name, options).await.unwrap();
        for chunk in body(whole).chunks(part) {
            upload.put_part(Bytes::copy_from_slice(chunk).into()).await.unwrap();
        }
        upload.complete().await.unwrap();
        assert_eq!(subject.read(&name, None).await.unwrap(), body(whole));
    }
    for given in [4_usize, 6] {
        let mut options = PutMultipartOptions::default();
        options.extensions.insert(WholeBytes(5));
        let mut upload = subject.sealed.put_multipart_opts(&path("b"), options).await.unwrap();
        let put = upload.put_part(body(given).into()).await;
        assert!(put.is_err() || upload.complete().await.is_err());
        assert!(subject.sealed.head(&path("b")).await.is_err());
    }
}

#[tokio::test]
async fn what_is_put_aside_opens_there_and_no_other_copy_is_made() {
    let subject = Subject::new(Plain::Refuse);
    let key = layout::new_key();
    let (from, to) = (layout::object_path(&key), path(&format!("aside/{key}.{}", layout::new_key())));
    subject.sealed.put(&from, body(9).into()).await.unwrap();
    subject.sealed.copy(&from, &to).await.unwrap();
    assert_eq!(subject.read(&to, None).await.unwrap(), body(9));
    let error = subject.sealed.copy(&from, &path("elsewhere")).await.unwrap_err();
    assert_eq!(Fault::of(&error), Some(&Fault::Name));
}
