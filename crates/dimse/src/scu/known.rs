//! What a peer was found to take, and what need not be proposed to it for that. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Pair, RefusedContext, WantedContext};
use crate::association::Context;
use crate::negotiation::Refusal;

/// SOP class and transfer syntax, and whether the peer took them.
pub type Said = (Pair, bool);

/// What is known of a peer. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Known(Arc<BTreeMap<Pair, bool>>);

impl Known {
    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves out what the peer is known to refuse, for SOP classes of which it is known to take something that is
    /// proposed: an instance goes as that.
    pub(super) fn shorten(&self, contexts: Vec<WantedContext>) -> Vec<WantedContext> {
        if self.is_empty() {
            return contexts;
        }
        let takes = |context: &WantedContext| {
            let [transfer_syntax] = context.transfer_syntaxes.as_slice() else { return None };
            self.0.get(&(context.abstract_syntax.clone(), transfer_syntax.clone())).copied()
        };
        let (taken, unsure): (Vec<_>, Vec<_>) =
            contexts.iter().cloned().partition(|context| takes(context) == Some(true));
        let has_another =
            |context: &WantedContext| taken.iter().any(|it| it.abstract_syntax == context.abstract_syntax);
        let is_left_out = |context: &WantedContext| {
            unsure.contains(context) && takes(context) == Some(false) && has_another(context)
        };
        contexts.into_iter().filter(|context| !is_left_out(context)).collect()
    }
}

impl FromIterator<Said> for Known {
    fn from_iter<I: IntoIterator<Item = Said>>(said: I) -> Self {
        Self(Arc::new(said.into_iter().collect()))
    }
}

/// What the peer's answers say of it. A refusal that gives no reason, or that is a user's, may be another one tomorrow:
/// nothing is learnt of it.
pub(super) fn said(accepted: &[Context], refused: &[RefusedContext]) -> Vec<Said> {
    let taken = accepted.iter().map(|it| ((it.abstract_syntax.clone(), it.transfer_syntax.clone()), true));
    let for_good = |refusal: &Refusal| {
        matches!(refusal, Refusal::AbstractSyntaxNotSupported | Refusal::TransferSyntaxesNotSupported)
    };
    let not = refused.iter().filter(|it| for_good(&it.refusal)).flat_map(|it| {
        it.transfer_syntaxes.iter().map(|syntax| ((it.abstract_syntax.clone(), syntax.clone()), false))
    });
    taken.chain(not).collect()
}

#[cfg(test)]
mod tests {
    use causeway_core::Uid;

    use super::*;

    fn pair(sop_class: &str, transfer_syntax: &str) -> Pair {
        (Uid::parse(sop_class).unwrap(), Uid::parse(transfer_syntax).unwrap())
    }

    fn wanted(pairs: &[(&str, &str)]) -> Vec<WantedContext> {
        let context = |(sop_class, transfer_syntax): Pair| WantedContext {
            abstract_syntax: sop_class,
            transfer_syntaxes: vec![transfer_syntax],
        };
        pairs.iter().map(|(sop_class, syntax)| context(pair(sop_class, syntax))).collect()
    }

    #[test]
    fn what_is_refused_is_not_proposed_where_something_else_is_taken() {
        let all = [("1.1", "1.9.1"), ("1.2", "1.9.1"), ("1.1", "1.9.2"), ("1.2", "1.9.2"), ("1.1", "1.9.3")];
        let known: Known = [
            (pair("1.1", "1.9.1"), false),
            (pair("1.1", "1.9.2"), true),
            // Of this class nothing is known to be taken: it is proposed in every way.
            (pair("1.2", "1.9.1"), false),
        ]
        .into_iter()
        .collect();
        assert_eq!(known.shorten(wanted(&all)), wanted(&all[1..]));
        assert_eq!(Known::default().shorten(wanted(&all)), wanted(&all));
    }
}
