//! What a visitor remembers from one answer to later requests, and what of it was carried.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::{
    cookie::Jar,
    error::ReplayError,
    form::Form,
    link::Link,
    shown::{Found, ShownPage},
};
use crate::{
    charset::{Charset, form as encoding},
    outcome::Carried,
    scenario::Step,
};

/// The memory of one scenario.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) jar: Jar,
    /// Session ids that came in links.
    sessions: BTreeSet<String>,
    /// Captured values, each with the step that captured it.
    captured: BTreeMap<String, (String, String)>,
    pub(super) page: Option<ShownPage>,
    /// Where the last answer leads, if it is a redirect that is not followed, and the step that had it.
    pub(super) led: Option<(Link, String)>,
    /// What was carried, and which step gave it; then the steps that used it.
    carried: BTreeMap<(String, String), Vec<String>>,
}

impl Memory {
    /// Remembers a captured value.
    pub(super) fn capture(&mut self, name: &str, value: String, step: &str) {
        self.captured
            .insert(name.to_owned(), (value, step.to_owned()));
    }

    /// Returns the charset in which the next request is made.
    pub(super) fn charset(&self, default: Charset) -> Charset {
        self.page.as_ref().map_or(default, |page| page.charset)
    }

    /// Makes the target of a step: its values filled in, with the session's id where the page's own links to it have that.
    pub(super) fn target(&mut self, step: &Step, default: Charset) -> Result<String, ReplayError> {
        let filled = self.filled(&step.target, step, default, |value, _| value.to_owned())?;
        let target = encoding::target(&filled, self.charset(default));
        let page = self.page.as_ref();
        let Some((page, (query, name, id))) =
            page.and_then(|page| Some((page, page.session_query(&target)?)))
        else {
            return Ok(target);
        };
        let seen_in = page.step.clone();
        self.carry(format!("session id {name} in links"), seen_in, &step.name);
        self.sessions.insert(id);
        let (path, _) = target.split_once('?').unwrap_or((&target, ""));
        Ok(format!("{path}?{query}"))
    }

    /// Finds the form of the page before that is sent to `target`.
    pub(super) fn form(&mut self, target: &Url, given: &[String], step: &Step) -> Form {
        let Some(page) = &self.page else {
            return Form::default();
        };
        let form = page.form(target, given);
        let seen_in = page.step.clone();
        for (name, _) in &form.hidden {
            let value = format!("hidden field {}", name.escape_debug());
            self.carry(value, seen_in.clone(), &step.name);
        }
        form
    }

    /// Puts values in the place of `${name}`.
    pub(super) fn fill(
        &mut self,
        text: &str,
        step: &Step,
        default: Charset,
    ) -> Result<String, ReplayError> {
        self.filled(text, step, default, |value, charset| {
            encoding::decode(value, charset).unwrap_or_else(|| value.to_owned())
        })
    }

    /// Puts values in the place of `${name}`: captured ones, or else what the page before has under this name, percent-encoded, as
    /// `written` makes it.
    fn filled(
        &mut self,
        text: &str,
        step: &Step,
        default: Charset,
        written: impl Fn(&str, Charset) -> String,
    ) -> Result<String, ReplayError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                filled.push_str("${");
                rest = after;
                continue;
            };
            let (value, what, seen_in) = match self.captured.get(name) {
                Some((value, seen_in)) => (value.clone(), "capture", seen_in.clone()),
                None => self.found(name, step, default, &written)?,
            };
            if value.chars().any(char::is_control) {
                return Err(ReplayError::HostileValue {
                    name: name.to_owned(),
                });
            }
            filled.push_str(&value);
            self.carry(format!("{what} {name}"), seen_in, &step.name);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Finds what the answer before has under a name, or a cookie: its value, what it is and which step gave it.
    fn found(
        &self,
        name: &str,
        step: &Step,
        default: Charset,
        written: impl Fn(&str, Charset) -> String,
    ) -> Result<(String, &'static str, String), ReplayError> {
        if let Some((link, seen_in)) = &self.led
            && link.path == step.target.split('?').next().unwrap_or_default()
            && let Some(value) = link.parameter(name)
        {
            let charset = self.charset(default);
            return Ok((
                written(value, charset),
                "redirect parameter",
                seen_in.clone(),
            ));
        }
        let (found, charset, seen_in) = match &self.page {
            None => (Found::Nothing, default, ""),
            Some(page) => {
                let target = encoding::target(&step.target, page.charset);
                (page.value(name, &target), page.charset, page.step.as_str())
            }
        };
        match (found, self.jar.named(name)) {
            (Found::One { value, what }, _) => {
                Ok((written(&value, charset), what, seen_in.to_owned()))
            }
            (Found::Several(count), _) => Err(ReplayError::SeveralValues {
                name: name.to_owned(),
                step: seen_in.to_owned(),
                count,
            }),
            (Found::Nothing, Some(cookie)) => {
                Ok((cookie.value.clone(), "cookie", cookie.set_by.clone()))
            }
            (Found::Nothing, None) => Err(ReplayError::NoValue {
                name: name.to_owned(),
            }),
        }
    }

    /// Notes that a step used what another one gave.
    pub(super) fn carry(&mut self, value: String, seen_in: String, step: &str) {
        let used_in = self.carried.entry((value, seen_in)).or_default();
        if used_in.last().is_none_or(|last| last != step) {
            used_in.push(step.to_owned());
        }
    }

    /// Returns what was carried from step to step.
    pub(super) fn into_carried(self, scenario: &str) -> Vec<Carried> {
        let carried = self.carried.into_iter();
        carried
            .map(|((value, seen_in), used_in)| Carried {
                scenario: scenario.to_owned(),
                value,
                seen_in,
                used_in,
            })
            .collect()
    }

    /// Returns the values by which the server knows this visitor.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let sessions = self.sessions.iter().map(String::as_str);
        self.jar.values().chain(sessions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exchange::{Answer, Framing},
        scenario::Sent,
    };

    /// Remembers a page, and makes the target of a step.
    fn target(page: &str, request: &str) -> (Result<String, String>, Memory) {
        let mut memory = Memory::default();
        let url = Url::parse("http://x/skola/zoznam.php").unwrap();
        let answer = Answer {
            status_line: b"HTTP/1.1 200 OK".to_vec(),
            headers: Vec::new(),
            framing: Framing::Close,
            wire_length: 0,
            body: encoding::encode(page, Charset::WINDOWS_1250),
            coded: None,
            anomalies: Vec::new(),
        };
        let shown = ShownPage::new(url, Charset::WINDOWS_1250, "list", &answer, true);
        memory.page = Some(shown);
        let jar = &mut memory.jar;
        jar.take("lang=sk; path=/", "/skola/zoznam.php", 0, "form");
        let step = Step {
            name: "detail".to_owned(),
            method: "GET".to_owned(),
            version: None,
            target: request.to_owned(),
            headers: Vec::new(),
            sent: Sent::Nothing,
            captures: Vec::new(),
            follow: false,
            holes: Vec::new(),
        };
        let made = memory.target(&step, Charset::UTF_8);
        (made.map_err(|error| error.to_string()), memory)
    }

    #[test]
    fn a_value_that_no_step_captures_is_taken_from_the_page_before_where_it_has_one() {
        let page = "<a href='detail.php?id=17&amp;t=1.A'>x</a><a href='detail.php?id=9&amp;t=1.B'>y</a>\
            <a href='/skola/uprav.php?id=4&m=ž%20a'>z</a><form><input TYPE=Hidden name=token value='a b/ž'></form>";
        let table = [
            (
                "/skola/detail.php?t=1.A&id=${id}",
                "/skola/detail.php?t=1.A&id=17",
            ),
            (
                "/skola/detail.php?t=1.B&id=${id}",
                "/skola/detail.php?t=1.B&id=9",
            ),
            ("/skola/uprav.php?id=${id}", "/skola/uprav.php?id=4"),
            ("/skola/uprav.php?m=${m}", "/skola/uprav.php?m=%9E%20a"),
            ("/x.php?t=${token}&l=${lang}", "/x.php?t=a+b%2F%9E&l=sk"),
        ];
        for (request, expected) in table {
            assert_eq!(target(page, request).0.as_deref(), Ok(expected));
        }
        let several = target(page, "/skola/detail.php?id=${id}").0.unwrap_err();
        assert_eq!(
            several,
            "`${id}` may be each of 2 values that the page of step `list` has under this name: `capture` the one that is meant"
        );
        for nowhere in ["/detail.php?id=${id}", "/skola/detail.php?x=${x}"] {
            let error = target(page, nowhere).0.unwrap_err();
            assert!(error.contains("has no value"), "{error}");
        }
    }

    #[test]
    fn a_session_id_is_sent_where_all_links_to_a_page_have_the_same_one() {
        const ID: &str = "0123456789abcdef0123456789abcdef";
        let with = |text: &str| text.replace("SID", &format!("PHPSESSID={ID}"));
        let other = format!("PHPSESSID={}", ID.replace('0', "f"));
        let table = [
            ("a.php?SID", "a.php", Some("a.php?SID")),
            ("a.php?SID", "b.php", None),
            ("a.php?x=1&SID", "a.php", None),
            ("a.php?x=1&SID", "a.php?x=1", Some("a.php?x=1&SID")),
            ("a.php?SID&x=1", "a.php?x=1", Some("a.php?SID&x=1")),
            ("a.php?SID a.php", "a.php", None),
            ("a.php?SID a.php?OTHER", "a.php", None),
            ("a.php?SID", "a.php?SID", None),
            ("a.php?PHPSESSID=1", "a.php", None),
            ("a.php?lang=sk", "a.php", None),
        ];
        for (addresses, request, expected) in table {
            let links = addresses.split(' ');
            let links = links.map(|one| format!("<form action={one}></form>"));
            let page = with(&links.collect::<String>()).replace("OTHER", &other);
            let (made, memory) = target(&page, &with(&format!("/skola/{request}")));
            let sent = with(expected.unwrap_or(request));
            assert_eq!(made, Ok(format!("/skola/{sent}")), "{addresses} {request}");
            let known = memory.secrets().any(|secret| secret == ID);
            assert_eq!(known, expected.is_some(), "{addresses} {request}");
        }
    }
}
