//! In which form each value of many instances goes out, or that it does not. Pure.

use std::collections::HashMap;

use axum::http::HeaderMap;
use causeway_archive::Listed;
use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use causeway_core::{StoredInstance, Uid};

use crate::config::MissingAccept;
use crate::problem::Problem;
use crate::wado::pixels::{self, Alone, Form};

/// The forms that were asked for, by what is stored.
pub(super) struct Forms {
    /// Of what is no coded frame: octets, whatever the transfer syntax.
    plain: Option<Form>,
    /// Of coded frames in each transfer syntax.
    coded: HashMap<Uid, Option<Form>>,
    /// Why something has none.
    refused: Option<Problem>,
}

impl Forms {
    /// For instances in these transfer syntaxes.
    ///
    /// # Errors
    /// 400 or 406, when the request cannot be read or none of it has a form.
    pub(super) fn choose<'a>(
        stored: impl Iterator<Item = &'a Uid>,
        headers: &HeaderMap,
        query: Option<&str>,
        missing: MissingAccept,
    ) -> Result<Self, Problem> {
        let explicit = Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN)
            .map_err(|_| Problem::not_acceptable("there is no form to give this in"))?;
        let mut forms = Self { plain: None, coded: HashMap::new(), refused: None };
        let form = |syntax: &Uid| pixels::choose(syntax, Alone::Never, headers, query, missing);
        let plain = form(&explicit);
        forms.plain = forms.noting(plain);
        for syntax in stored {
            if !forms.coded.contains_key(syntax) {
                let form = forms.noting(form(syntax));
                forms.coded.insert(syntax.clone(), form);
            }
        }
        match forms.refused.take_if(|_| forms.plain.is_none() && forms.coded.values().all(Option::is_none)) {
            Some(problem) => Err(problem),
            None => Ok(forms),
        }
    }

    fn noting(&mut self, form: Result<Form, Problem>) -> Option<Form> {
        form.map_err(|problem| self.refused = Some(problem)).ok()
    }

    /// The form of a value of an instance; none where there is none that was asked for.
    pub(super) fn of(&self, instance: &StoredInstance, listed: &Listed) -> Option<&Form> {
        match listed.at {
            Some(_) => self.plain.as_ref(),
            None => self.coded.get(&instance.transfer_syntax)?.as_ref(),
        }
    }

    /// Whether everything has a form.
    pub(super) const fn fit_all(&self) -> bool {
        self.refused.is_none()
    }

    /// Why what is there has no form.
    pub(super) fn refusal(&self) -> Problem {
        let words = self.refused.as_ref().map_or("there is no form to give this in", Problem::detail);
        Problem::not_acceptable(words.to_owned())
    }

    /// What decides how instances in this transfer syntax go out.
    pub(super) fn noted(&self, stored: &Uid) -> String {
        format!("{:?} {:?}", self.plain, self.coded.get(stored))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::http::header::ACCEPT;

    use super::*;

    const JPEG: &str = "1.2.840.10008.1.2.4.50";
    const VIDEO: &str = "1.2.840.10008.1.2.4.102";

    fn choose(stored: &[&str], accept: &str) -> Result<Forms, StatusCode> {
        let stored: Vec<Uid> = stored.iter().map(|uid| Uid::parse(uid).unwrap()).collect();
        let headers = [(ACCEPT, accept.parse().unwrap())].into_iter().collect();
        Forms::choose(stored.iter(), &headers, None, MissingAccept::Default)
            .map_err(|problem| problem.status())
    }

    fn medias(forms: &Forms, stored: &str) -> [Option<&'static str>; 2] {
        let coded = forms.coded.get(&Uid::parse(stored).unwrap()).unwrap();
        [forms.plain.as_ref().map(|form| form.media), coded.as_ref().map(|form| form.media)]
    }

    #[test]
    fn octets_are_a_form_of_everything_that_can_be_decoded() {
        let octets = "multipart/related; type=\"application/octet-stream\"";
        let forms = choose(&[EXPLICIT_VR_LITTLE_ENDIAN, JPEG], octets).unwrap();
        assert!(forms.fit_all());
        let octets = choose(&[JPEG, VIDEO], octets).unwrap();
        assert!(!octets.fit_all());
        assert_eq!(medias(&octets, VIDEO), [Some("application/octet-stream"), None]);
        assert_eq!(octets.refusal().status(), StatusCode::NOT_ACCEPTABLE);
    }

    #[test]
    fn a_media_type_of_coded_frames_fits_those_and_nothing_else() {
        let forms = choose(&[JPEG, VIDEO], "multipart/related; type=\"image/jpeg\"").unwrap();
        assert_eq!(medias(&forms, JPEG), [None, Some("image/jpeg")]);
        assert_eq!(medias(&forms, VIDEO), [None, None]);
        assert!(!forms.fit_all());
    }

    #[test]
    fn single_parts_and_what_fits_nothing_are_refused() {
        for accept in
            ["application/octet-stream", "image/jpeg", "multipart/related; type=\"image/jls\"", "text/csv"]
        {
            assert_eq!(choose(&[JPEG], accept).map(drop), Err(StatusCode::NOT_ACCEPTABLE), "{accept}");
        }
    }
}
