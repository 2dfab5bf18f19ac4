//! What a browser does between two requests: cookies, hidden fields, the charset of forms, redirects, `Referer`.

use std::borrow::Cow;

use url::Url;

use super::{
    error::ReplayError,
    form::{self, Form},
    link::Link,
    memory::Memory,
    shown::ShownPage,
};
use crate::{
    charset::{Charset, Detection, Reading, decode_exactly, detect, form as encoding},
    exchange::{Answer, Request, Server},
    outcome::Carried,
    scenario::{Capture, Extract, Part, PartContent, Scenario, Sent, Step},
};

/// A browser with the memory of one scenario.
#[derive(Debug)]
pub(super) struct Browser {
    base: Url,
    scenario: String,
    default: Charset,
    /// Whether any step asks for something that is on the page before.
    keeps_pages: bool,
    pub(super) memory: Memory,
}

impl Browser {
    pub(super) fn new(
        server: &Server,
        scenario: &Scenario,
        default: Charset,
    ) -> Result<Self, ReplayError> {
        let asks_page = |step: &Step| match &step.sent {
            Sent::Form(_) | Sent::Multipart(_) => true,
            Sent::Body(text) if text.contains("${") => true,
            Sent::Nothing | Sent::Body(_) => {
                let mut headers = step.headers.iter();
                step.target.contains("${") || headers.any(|(_, value)| value.contains("${"))
            }
        };
        let base = Url::parse(&format!("http://{}/", server.authority)).map_err(|_| {
            ReplayError::Redirect {
                location: server.authority.clone(),
            }
        })?;
        Ok(Self {
            base,
            scenario: scenario.name.clone(),
            default,
            keeps_pages: scenario.steps.iter().any(asks_page),
            memory: Memory::default(),
        })
    }

    /// Makes the request of a step.
    pub(super) fn request(&mut self, step: &Step) -> Result<Request, ReplayError> {
        let charset = self.memory.charset(self.default);
        let mut target = self.memory.target(step, self.default)?;
        let mut headers = Vec::new();
        for (name, value) in &step.headers {
            headers.push((name.clone(), self.memory.fill(value, step, self.default)?));
        }
        let body = match &step.sent {
            Sent::Nothing => None,
            Sent::Form(fields) => {
                let form = self.form(&target, fields.iter().map(|(name, _)| name), step);
                let fields = self.fields(fields, &form, step)?;
                let encoded = encoding::urlencoded(&fields, charset);
                if matches!(step.method.as_str(), "GET" | "HEAD") {
                    target.push(if target.contains('?') { '&' } else { '?' });
                    target.push_str(&encoded);
                    None
                } else {
                    target = self.memory.action(target, &form, step);
                    default_header(
                        &mut headers,
                        "Content-Type",
                        "application/x-www-form-urlencoded",
                    );
                    Some(encoded.into_bytes())
                }
            }
            Sent::Body(text) => {
                let text = self.memory.fill(text, step, self.default)?;
                Some(encoding::encode(&text, charset))
            }
            Sent::Multipart(parts) => {
                let form = self.form(&target, parts.iter().map(|part| &part.name), step);
                let parts = self.parts(parts, &form, step)?;
                target = self.memory.action(target, &form, step);
                let (kind, body) = form::multipart(&parts, charset)?;
                default_header(&mut headers, "Content-Type", &kind);
                Some(body)
            }
        };
        let mut request = Request {
            method: step.method.clone(),
            version: step.version,
            target,
            headers,
            body,
        };
        self.decorate(&mut request, &step.name);
        Ok(request)
    }

    /// Takes notice of an answer; the captures are those of its step, none for an answer on the way.
    pub(super) fn receive(
        &mut self,
        step: &str,
        request: &Request,
        answer: &Answer,
        now: i64,
        captures: &[Capture],
    ) -> Result<(), ReplayError> {
        for line in answer.headers.iter().filter(|line| line.is("set-cookie")) {
            let is_plain = line.value.iter().all(|byte| (0x20..0x7f).contains(byte));
            if is_plain && line.value.len() <= 8192 {
                self.memory
                    .jar
                    .take(&line.value_text(), &request.target, now, step);
            }
        }
        self.memory.led = self.led(request, answer, step);
        let content_type = answer.header("Content-Type");
        let content_type = content_type.as_deref();
        let is_html = content_type.is_some_and(is_html);
        if !is_html && captures.is_empty() {
            return Ok(());
        }
        let Detection { charset, .. } = detect(content_type, &answer.body, self.default);
        let text = if captures.is_empty() {
            None
        } else {
            text(&answer.body, charset, self.default)
        };
        for capture in captures {
            let value = captured(capture, answer, text.as_deref()).ok_or_else(|| {
                ReplayError::NothingCaptured {
                    name: capture.name.clone(),
                }
            })?;
            self.memory.capture(&capture.name, value, step);
        }
        // A browser does not show the page of a redirect.
        let is_shown = is_html && !Self::is_redirect(answer);
        if let (true, Ok(url)) = (is_shown, self.base.join(&request.target)) {
            let holds_ids = self.memory.see(&answer.body);
            let is_kept = self.keeps_pages || holds_ids;
            let body = is_kept.then_some(answer.body.as_slice());
            let page = ShownPage::new(url, charset, step, body, holds_ids);
            self.memory.page = Some(page);
        }
        Ok(())
    }

    /// Returns where a redirect leads.
    fn led(&mut self, request: &Request, answer: &Answer, step: &str) -> Option<(Link, String)> {
        if !Self::is_redirect(answer) {
            return None;
        }
        let location = answer.header("Location")?;
        self.memory.see(location.as_bytes());
        let current = self.base.join(&request.target).ok()?;
        let link = Link::of(
            &location,
            &current,
            &self.base,
            self.memory.charset(self.default),
        )?;
        Some((link, step.to_owned()))
    }

    /// Returns whether a browser would go on from this answer by itself.
    pub(super) fn is_redirect(answer: &Answer) -> bool {
        matches!(answer.status(), Some(301..=303 | 307 | 308))
            && answer.header("Location").is_some()
    }

    /// Returns the request that follows a redirect, where the answer is one.
    pub(super) fn redirect(
        &mut self,
        step: &str,
        request: &Request,
        answer: &Answer,
    ) -> Result<Option<Request>, ReplayError> {
        let keeps_method = match answer.status() {
            Some(301..=303) => false,
            Some(307 | 308) => true,
            Some(_) | None => return Ok(None),
        };
        let Some(location) = answer.header("Location") else {
            return Ok(None);
        };
        let outside = || ReplayError::Redirect {
            location: location.to_string(),
        };
        let current = self.base.join(&request.target).map_err(|_| outside())?;
        let url = current.join(&location).map_err(|_| outside())?;
        if url.scheme() != "http"
            || url.host() != self.base.host()
            || url.port() != self.base.port()
        {
            return Err(outside());
        }
        let mut target = url.path().to_owned();
        if let Some(query) = url.query() {
            target.push('?');
            target.push_str(query);
        }
        let mut next = if keeps_method {
            let kind = |name: &String| name.eq_ignore_ascii_case("content-type");
            Request {
                method: request.method.clone(),
                version: request.version,
                target,
                headers: request
                    .headers
                    .iter()
                    .filter(|(name, _)| kind(name))
                    .cloned()
                    .collect(),
                body: request.body.clone(),
            }
        } else {
            Request {
                version: request.version,
                ..Request::get(&target)
            }
        };
        self.decorate(&mut next, step);
        Ok(Some(next))
    }

    /// Adds cookies and the page before.
    fn decorate(&mut self, request: &mut Request, step: &str) {
        let cookies = self.memory.jar.matching(&request.target);
        if !cookies.is_empty() {
            let pairs: Vec<String> = cookies
                .iter()
                .map(|cookie| format!("{}={}", cookie.name, cookie.value))
                .collect();
            let sources = cookies.iter().map(|cookie| {
                let value = format!("cookie {}", cookie.name);
                (value, cookie.set_by.clone())
            });
            for (value, seen_in) in sources.collect::<Vec<_>>() {
                self.memory.carry(value, seen_in, step);
            }
            default_header(&mut request.headers, "Cookie", &pairs.join("; "));
        }
        if let Some(page) = &self.memory.page {
            let url = page.url.to_string();
            default_header(&mut request.headers, "Referer", &url);
        }
    }

    /// Returns the form of the page before that is sent to `target`.
    fn form<'a>(
        &mut self,
        target: &str,
        given: impl Iterator<Item = &'a String>,
        step: &Step,
    ) -> Form {
        let given: Vec<String> = given.cloned().collect();
        let target = self.base.join(target);
        target.map_or_else(
            |_| Form::default(),
            |target| self.memory.form(&target, &given, step),
        )
    }

    /// Returns what the browser carried from step to step.
    pub(super) fn into_carried(self) -> Vec<Carried> {
        self.memory.into_carried(&self.scenario)
    }

    fn fields(
        &mut self,
        fields: &[(String, String)],
        form: &Form,
        step: &Step,
    ) -> Result<Vec<(String, String)>, ReplayError> {
        let mut all = form.hidden.clone();
        for (name, value) in fields {
            all.push((name.clone(), self.memory.fill(value, step, self.default)?));
        }
        all.sort_by_key(|(name, _)| form.place(name));
        Ok(all)
    }

    fn parts(
        &mut self,
        parts: &[Part],
        form: &Form,
        step: &Step,
    ) -> Result<Vec<Part>, ReplayError> {
        let hidden = form.hidden.iter().map(|(name, value)| Part {
            name: name.clone(),
            content: PartContent::Text(value.clone()),
        });
        let mut all: Vec<Part> = hidden.collect();
        for part in parts {
            let content = match &part.content {
                PartContent::Text(text) => {
                    PartContent::Text(self.memory.fill(text, step, self.default)?)
                }
                file @ PartContent::File { .. } => file.clone(),
            };
            all.push(Part {
                name: part.name.clone(),
                content,
            });
        }
        all.sort_by_key(|part| form.place(&part.name));
        Ok(all)
    }
}

/// Decodes a page for captures, as its snapshot shows it; a byte that is no character is U+FFFD.
fn text(body: &[u8], charset: Charset, default: Charset) -> Option<String> {
    if let Ok(decoded) = decode_exactly(body, charset) {
        return Some(decoded.text);
    }
    let reading = Reading::of(body, charset, default)?;
    let text = reading.decode(body, charset)?;
    Some(reading.seen(&text).into_owned())
}

/// Returns whether a content type is that of a page.
fn is_html(content_type: &str) -> bool {
    content_type.to_ascii_lowercase().contains("html")
}

fn default_header(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    if !headers
        .iter()
        .any(|(known, _)| known.eq_ignore_ascii_case(name))
    {
        headers.push((name.to_owned(), value.to_owned()));
    }
}

fn captured(capture: &Capture, answer: &Answer, text: Option<&str>) -> Option<String> {
    let found = |regex: &regex::Regex, text: &str| {
        let captures = regex.captures(text)?;
        let found = captures.get(1).or_else(|| captures.get(0))?;
        Some(found.as_str().to_owned())
    };
    match &capture.from {
        Extract::Body(regex) => found(regex, text?),
        Extract::Header(name, None) => answer.header(name).map(Cow::into_owned),
        Extract::Header(name, Some(regex)) => found(regex, &answer.header(name)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exchange::{Framing, HeaderLine},
        scenario::State,
    };

    fn step(request: &str, sent: Sent) -> Step {
        let (method, target) = request.split_once(' ').unwrap();
        Step {
            name: "step".to_owned(),
            method: method.to_owned(),
            version: None,
            target: target.to_owned(),
            headers: Vec::new(),
            sent,
            captures: Vec::new(),
            follow: false,
            holes: Vec::new(),
        }
    }

    #[test]
    fn fields_are_sent_in_the_order_of_the_form_and_others_behind_them() {
        let fields = [("a", "1"), ("heslo", "h"), ("meno", "m"), ("t[]", "x")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let parts = fields.clone().map(|(name, value)| Part {
            name,
            content: PartContent::Text(value),
        });
        let scenario = Scenario {
            name: "login".to_owned(),
            title: "Login".to_owned(),
            mutates: false,
            state: State::Shared,
            steps: vec![
                step("GET /login.php", Sent::Nothing),
                step("POST /login.php", Sent::Form(fields.into())),
                step("POST /login.php", Sent::Multipart(parts.into())),
            ],
        };
        let server = Server::parse("http://x").unwrap();
        let mut browser = Browser::new(&server, &scenario, Charset::UTF_8).unwrap();
        let page = b"<form action=login.php><select name=t[]></select><input name=meno>\
            <input type=hidden name=token value=k><input name=heslo type=password></form>";
        let answer = Answer {
            status_line: b"HTTP/1.1 200 OK".to_vec(),
            headers: vec![HeaderLine {
                name: b"Content-Type".to_vec(),
                value: b"text/html".to_vec(),
            }],
            framing: Framing::Close,
            wire_length: page.len(),
            body: page.to_vec(),
            coded: None,
            anomalies: Vec::new(),
        };
        let request = browser.request(&scenario.steps[0]).unwrap();
        browser.receive("form", &request, &answer, 0, &[]).unwrap();
        let sent = |browser: &mut Browser, index: usize| {
            let request = browser.request(&scenario.steps[index]).unwrap();
            String::from_utf8(request.body.unwrap()).unwrap()
        };
        let body = sent(&mut browser, 1);
        assert_eq!(body, "t%5B%5D=x&meno=m&token=k&heslo=h&a=1");
        let body = sent(&mut browser, 2);
        let names = body.split("name=\"").skip(1);
        let names: Vec<&str> = names.filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(names, ["t[]", "meno", "token", "heslo", "a"]);
    }
}
