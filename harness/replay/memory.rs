//! What a visitor remembers from one answer to later requests, and what of it was carried.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::{
    cookie::Jar,
    error::ReplayError,
    form::Form,
    link::Link,
    session::{SessionNames, SessionQuery},
    shown::{Found, ShownPage},
};
use crate::{
    charset::{Charset, form as encoding},
    outcome::Carried,
    scenario::{Sent, Step},
};

/// So many session ids of links are remembered.
const MOST_SESSIONS: usize = 180;

/// So many carried values of a scenario are told apart.
const MOST_CARRIED: usize = 1000;

/// A name is shown up to this length.
const LONGEST_NAME: usize = 80;

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

/// A value that was seen.
struct Seen {
    /// Percent-encoded.
    value: String,
    charset: Charset,
    what: &'static str,
    /// The step whose answer had it.
    step: String,
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

    /// Remembers the ids of sessions that a page holds; returns whether it holds any.
    pub(super) fn see(&mut self, body: &[u8]) -> bool {
        let ids = self.session_names().ids(body);
        let holds_ids = !ids.is_empty();
        let room = MOST_SESSIONS.saturating_sub(self.sessions.len());
        self.sessions.extend(ids.into_iter().take(room));
        holds_ids
    }

    fn session_names(&self) -> SessionNames {
        let cookies = self.jar.all().iter();
        SessionNames::of(cookies.map(|cookie| (cookie.name.as_str(), cookie.value.as_str())))
    }

    /// Makes the target of a step: its values filled in. One that sends nothing is asked as by somebody who follows a link: with the session's id
    /// that the links to it have.
    pub(super) fn target(&mut self, step: &Step, default: Charset) -> Result<String, ReplayError> {
        let filled = self.filled(&step.target, step, default, |value, _| {
            Some(value.to_owned())
        })?;
        let target = encoding::target(&filled, self.charset(default));
        if !matches!(step.sent, Sent::Nothing) {
            return Ok(target);
        }
        if let Some((link, seen_in)) = self.led.clone()
            && let Some(sent) = self.with_session(&target, &[link], &seen_in, step)
        {
            return Ok(sent);
        }
        let Some(page) = self.page.as_ref().filter(|page| page.holds_ids) else {
            return Ok(target);
        };
        let (links, seen_in) = (page.links(), page.step.clone());
        let sent = self.with_session(&target, &links, &seen_in, step);
        Ok(sent.unwrap_or(target))
    }

    /// Returns where a form is sent: to its action, with the session's id that this has.
    pub(super) fn action(&mut self, target: String, form: &Form, step: &Step) -> String {
        let (Some(action), Some(page)) = (&form.action, &self.page) else {
            return target;
        };
        let seen_in = page.step.clone();
        let sent = self.with_session(&target, std::slice::from_ref(action), &seen_in, step);
        sent.unwrap_or(target)
    }

    /// Returns the target with the session's id that links to it have.
    fn with_session(
        &mut self,
        target: &str,
        links: &[Link],
        seen_in: &str,
        step: &Step,
    ) -> Option<String> {
        let SessionQuery { query, name } = self.session_names().query(target, links)?;
        let what = format!("session id {name} in links");
        self.carry(what, seen_in.to_owned(), &step.name);
        let (path, _) = target.split_once('?').unwrap_or((target, ""));
        Some(format!("{path}?{query}"))
    }

    /// Finds the form of the page before that is sent to `target`.
    pub(super) fn form(&mut self, target: &Url, given: &[String], step: &Step) -> Form {
        let Some(page) = &self.page else {
            return Form::default();
        };
        let form = page.form(target, given);
        let seen_in = page.step.clone();
        for (name, _) in &form.hidden {
            let name: String = name.chars().take(LONGEST_NAME).collect();
            self.carry(format!("hidden field {name}"), seen_in.clone(), &step.name);
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
        self.filled(text, step, default, encoding::decode)
    }

    /// Puts values in the place of `${name}`: captured ones, or else what was seen under this name, percent-encoded, as `written` makes it.
    fn filled(
        &mut self,
        text: &str,
        step: &Step,
        default: Charset,
        written: impl Fn(&str, Charset) -> Option<String>,
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
            let no_value = || ReplayError::NoValue {
                name: name.to_owned(),
            };
            let (value, what, seen_in) = if let Some((value, by)) = self.captured.get(name) {
                (value.clone(), "capture", by.clone())
            } else {
                let seen = self.seen(name, step, default)?.ok_or_else(no_value)?;
                let value = written(&seen.value, seen.charset).ok_or_else(no_value)?;
                (value, seen.what, seen.step)
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

    /// Looks for a name in where the last answer leads, on the last page, and among the cookies that are sent.
    fn seen(&self, name: &str, step: &Step, default: Charset) -> Result<Option<Seen>, ReplayError> {
        let charset = self.charset(default);
        let target = encoding::target(&step.target, charset);
        let seen = |value: &str, what, step: &str| {
            Ok(Some(Seen {
                value: value.to_owned(),
                charset,
                what,
                step: step.to_owned(),
            }))
        };
        if let Some((link, seen_in)) = &self.led
            && link.path == target.split('?').next().unwrap_or_default()
            && let Some(value) = link.parameter(name)
        {
            return seen(value, "redirect parameter", seen_in);
        }
        if let Some(page) = &self.page {
            match page.value(name, &target) {
                Found::One { value, what } => return seen(&value, what, &page.step),
                Found::Several(count) => {
                    return Err(ReplayError::SeveralValues {
                        name: name.to_owned(),
                        step: page.step.clone(),
                        count,
                    });
                }
                Found::Nothing => {}
            }
        }
        let cookies = self.jar.matching(&target);
        match cookies.into_iter().find(|cookie| cookie.name == name) {
            Some(cookie) => {
                let value = encoding::component(&cookie.value, charset);
                seen(&value, "cookie", &cookie.set_by)
            }
            None => Ok(None),
        }
    }

    /// Notes that a step used what another one gave.
    pub(super) fn carry(&mut self, what: String, seen_in: String, step: &str) {
        let mut key = (what, seen_in);
        if self.carried.len() >= MOST_CARRIED && !self.carried.contains_key(&key) {
            "more than are shown".clone_into(&mut key.0);
        }
        let used_in = self.carried.entry(key).or_default();
        if used_in.last().is_none_or(|last| last != step) {
            used_in.push(step.to_owned());
        }
    }

    /// Returns what was carried from step to step.
    pub(super) fn into_carried(self, scenario: &str) -> Vec<Carried> {
        let carried = self.carried.into_iter();
        carried
            .map(|((what, seen_in), used_in)| Carried {
                scenario: scenario.to_owned(),
                what,
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

    /// Remembers a page, and makes the target of a step.
    fn target(page: &str, request: &str) -> Result<String, String> {
        let mut memory = Memory::default();
        let url = Url::parse("http://x/skola/zoznam.php").unwrap();
        let body = encoding::encode(page, Charset::WINDOWS_1250);
        let ids = memory.see(&body);
        let shown = ShownPage::new(url, Charset::WINDOWS_1250, "list", Some(&body), ids);
        memory.page = Some(shown);
        let jar = &mut memory.jar;
        jar.take("lang=s&k; path=/", "/skola/zoznam.php", 0, "form");
        jar.take("elsewhere=1; path=/iny", "/skola/zoznam.php", 0, "form");
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
        made.map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_that_no_step_captures_is_taken_from_the_page_before_where_it_has_one() {
        let page = "<a href='detail.php?id=17&amp;t=1.A'>x</a><a href='detail.php?id=9&amp;t=1.B'>y</a>\
            <a href='/skola/uprav.php?id=4&m=ž%20a&x='>z</a><form><input TYPE=Hidden name=token value='a b/ž'>\
            <input type=hidden name=x value=8></form>";
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
            ("/skola/uprav.php?x=${x}", "/skola/uprav.php?x=8"),
            ("/x.php?t=${token}&l=${lang}", "/x.php?t=a+b%2F%9E&l=s%26k"),
        ];
        for (request, expected) in table {
            assert_eq!(target(page, request).as_deref(), Ok(expected));
        }
        let several = target(page, "/skola/detail.php?id=${id}").unwrap_err();
        assert_eq!(
            several,
            "`${id}` may be each of 2 values that the page of step `list` has under this name: `capture` the one that is meant"
        );
        for nowhere in [
            "/detail.php?id=${id}",
            "/skola/detail.php?y=${y}",
            "/x.php?e=${elsewhere}",
        ] {
            let error = target(page, nowhere).unwrap_err();
            assert!(error.contains("has no value"), "{error}");
        }
    }

    #[test]
    fn a_form_with_a_hidden_session_is_no_link_without_one() {
        let page = "<a href=a.php?PHPSESSID=0123456789abcdef>a</a><a href='#top'>top</a>\
            <form action=a.php><input type=hidden name=PHPSESSID value=0123456789abcdef></form>";
        let asked = target(page, "/skola/a.php");
        assert_eq!(
            asked.as_deref(),
            Ok("/skola/a.php?PHPSESSID=0123456789abcdef")
        );
    }
}
