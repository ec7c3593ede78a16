//! Who reserved the blocks of private attributes (PS3.5 §7.8.1), as one data set or item tells it.

use causeway_core::Tag;

/// The creators of the group at hand: attributes come in order of their tags, so no other group is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Creators {
    group: u16,
    blocks: Vec<(u16, String)>,
}

impl Creators {
    /// Whether `tag` is where a creator reserves a block.
    pub(crate) const fn is_creator(tag: Tag) -> bool {
        tag.is_private() && matches!(tag.element(), 0x0010..=0x00FF)
    }

    /// Takes note that `name` stands at `tag`.
    pub(crate) fn note(&mut self, tag: Tag, name: &str) {
        if !Self::is_creator(tag) {
            return;
        }
        if self.group != tag.group() {
            self.group = tag.group();
            self.blocks.clear();
        }
        self.blocks.retain(|(block, _)| *block != tag.element());
        if !name.is_empty() {
            self.blocks.push((tag.element(), name.to_owned()));
        }
    }

    /// Who reserved the block of `tag`.
    pub(crate) fn of(&self, tag: Tag) -> Option<&str> {
        if !tag.is_private() || tag.group() != self.group {
            return None;
        }
        let wanted = tag.element() >> 8;
        let found = self.blocks.iter().find(|(block, _)| *block == wanted);
        found.map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_belongs_to_the_creator_of_its_own_group() {
        let mut creators = Creators::default();
        creators.note(Tag::new(0x0029, 0x0010), "ACME");
        creators.note(Tag::new(0x0029, 0x0011), "OTHER");
        creators.note(Tag::new(0x0010, 0x0010), "Name^Of");
        assert_eq!(creators.of(Tag::new(0x0029, 0x1001)), Some("ACME"));
        assert_eq!(creators.of(Tag::new(0x0029, 0x11FF)), Some("OTHER"));
        assert_eq!(creators.of(Tag::new(0x0029, 0x1201)), None);
        assert_eq!(creators.of(Tag::new(0x0029, 0x0010)), None);
        assert_eq!(creators.of(Tag::new(0x002B, 0x1001)), None);
        creators.note(Tag::new(0x002B, 0x0010), "NEXT");
        assert_eq!(creators.of(Tag::new(0x002B, 0x1001)), Some("NEXT"));
        assert_eq!(creators.of(Tag::new(0x0029, 0x1001)), None);
    }

    #[test]
    fn the_last_of_two_creators_of_a_block_counts_and_an_empty_one_is_none() {
        let mut creators = Creators::default();
        let (tag, within) = (Tag::new(0x0029, 0x0010), Tag::new(0x0029, 0x1001));
        creators.note(tag, "A");
        creators.note(tag, "B");
        assert_eq!(creators.of(within), Some("B"));
        creators.note(tag, "");
        assert_eq!(creators.of(within), None);
    }
}
