//! The answers to a query, one after another. While a page is handed out the next one is read.

use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use causeway_core::{Attributes, Query};

use super::page::{Page, Place, Question};
use crate::Catalog;
use crate::error::Error;

type Coming = Pin<Box<dyn Future<Output = Result<Page, Error>> + Send>>;

/// The answers to a query. Dropping them ends a search that is under way.
pub struct Answers {
    catalog: Catalog,
    question: Arc<Question>,
    page: VecDeque<Attributes>,
    /// The page behind this one; none behind the last.
    coming: Option<Coming>,
    /// Where those behind the limit begin, once it is reached.
    behind: Option<Place>,
    /// How many more may be given.
    left: Option<u32>,
    /// Matches to pass over that SQL could not.
    to_skip: u32,
}

impl Answers {
    pub(super) fn begin(catalog: Catalog, query: Query) -> Self {
        let left = query.limit;
        let question = Arc::new(Question::of(query));
        let (place, to_skip) = question.start();
        let page = VecDeque::new();
        let mut answers = Self { catalog, question, page, coming: None, behind: None, left, to_skip };
        if left == Some(0) {
            answers.behind = Some(place);
        } else {
            answers.coming = Some(answers.read(place));
        }
        answers
    }

    /// The next answer; `None` after the last. May be dropped while it waits.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn next(&mut self) -> Result<Option<Attributes>, Error> {
        loop {
            if self.left == Some(0) {
                return Ok(None);
            }
            if let Some(answer) = self.page.pop_front() {
                if self.to_skip > 0 {
                    self.to_skip -= 1;
                    continue;
                }
                self.left = self.left.map(|left| left - 1);
                return Ok(Some(answer));
            }
            let Some(coming) = &mut self.coming else { return Ok(None) };
            let page = coming.as_mut().await;
            self.coming = None;
            self.turn(page?);
        }
    }

    /// How many answers there are behind the limit, once the last within it was given; counting stops at `up_to`. It goes on
    /// from where the answers ended.
    ///
    /// # Errors
    /// As for [`Answers::next`].
    pub async fn behind(&mut self, up_to: u64) -> Result<u64, Error> {
        let place = self.behind.take();
        self.question = Arc::new(self.question.for_counting());
        if self.question.is_counted_by_sql() && self.to_skip == 0 {
            let read = self.page.len() as u64;
            let Some(place) = place.filter(|_| read < up_to) else { return Ok(read.min(up_to)) };
            let question = Arc::clone(&self.question);
            let reads =
                self.catalog.engine.read(move |connection| question.count(connection, place, up_to - read));
            return Ok(read + reads.await?);
        }
        self.left = Some(u32::try_from(up_to).unwrap_or(u32::MAX));
        self.coming = place.map(|place| self.read(place));
        let mut count = 0;
        while self.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Takes a page, and has the next one read unless this one is all that is wanted.
    fn turn(&mut self, page: Page) {
        self.page = page.answers;
        let have = u32::try_from(self.page.len()).unwrap_or(u32::MAX);
        let enough = self.left.is_some_and(|left| left.saturating_add(self.to_skip) <= have);
        let Some(place) = page.next else { return };
        if enough {
            self.behind = Some(place);
        } else {
            let mut coming = self.read(place);
            // A first look hands the work over to a reader's thread; what comes of it is asked for later.
            if let Poll::Ready(page) = coming.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                coming = Box::pin(ready(page));
            }
            self.coming = Some(coming);
        }
    }

    fn read(&self, place: Place) -> Coming {
        let (catalog, question) = (self.catalog.clone(), Arc::clone(&self.question));
        Box::pin(async move { catalog.engine.read(move |connection| question.page(connection, place)).await })
    }
}
