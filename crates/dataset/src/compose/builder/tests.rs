//! Any order in gives one order out.

use proptest::prelude::*;

use super::*;
use crate::scanner::tests::scan;
use causeway_core::transfer_syntax::Layout;

/// One attribute of a made data set: what it holds, by number.
fn put(builder: &mut Builder, tag: Tag, kind: u8) -> Result<(), ComposeError> {
    match kind % 3 {
        0 => builder.put(tag, Vr::LO, None, &[b'x'; 3]),
        1 => builder.put_gap(tag, Vr::OB, None, tag.to_hex()),
        _ => {
            builder.begin_sequence(tag, None)?;
            builder.begin_item()?;
            builder.put_gap(Tag::PIXEL_DATA, Vr::OW, None, format!("in {}", tag.to_hex()))?;
            builder.put(Tag::ROWS, Vr::US, None, &[1, 0])?;
            builder.end_item()?;
            builder.end_sequence();
            Ok(())
        }
    }
}

proptest! {
    #[test]
    fn attributes_in_any_order_are_the_same_data_set(
        kinds in prop::collection::vec(any::<u8>(), 1..8),
        by in any::<prop::sample::Index>(),
    ) {
        let all: Vec<(Tag, u8)> =
            kinds.iter().zip(0x10_u16..).map(|(kind, at)| (Tag::new(0x0020, at), *kind)).collect();
        let made = |order: &[(Tag, u8)]| {
            let mut builder = Builder::new(10_000);
            order.iter().for_each(|(tag, kind)| put(&mut builder, *tag, *kind).unwrap());
            builder.finish().unwrap()
        };
        let expected = made(&all);
        prop_assert!(scan(&expected.bytes, Layout::ExplicitLittleEndian).is_ok());
        let mut turned = all.clone();
        turned.rotate_left(by.index(all.len()));
        turned.reverse();
        prop_assert_eq!(made(&turned), expected);
    }
}
