//! What a browser does between two requests: cookies, hidden fields, the charset of forms, redirects, `Referer`.

use std::{borrow::Cow, collections::BTreeMap};

use url::Url;

use super::{cookie::Jar, error::ReplayError, form};
use crate::{
    charset::{Charset, Detection, Reading, as_browser, detect, form as encoding},
    exchange::{Answer, Request, Server},
    scenario::{Capture, Extract, Part, PartContent, Scenario, Sent, Step},
};

/// A value that one answer gave and a later request used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Correlation {
    /// The scenario.
    pub scenario: String,
    /// What it is: `cookie PHPSESSID`, `hidden field token`, `capture id`.
    pub value: String,
    /// The step whose answer gave it.
    pub seen_in: String,
    /// The step whose request used it.
    pub used_in: String,
}

/// The page that is shown.
#[derive(Clone, Debug)]
struct Page {
    url: Url,
    /// Kept for forms alone.
    body: Vec<u8>,
    charset: Charset,
    step: String,
}

/// A browser with the memory of one scenario.
#[derive(Debug)]
pub(super) struct Browser {
    base: Url,
    scenario: String,
    default: Charset,
    /// Whether any step sends a form, with the hidden fields of its page.
    has_forms: bool,
    pub(super) jar: Jar,
    variables: BTreeMap<String, (String, String)>,
    page: Option<Page>,
    /// What was seen and used.
    pub(super) correlations: Vec<Correlation>,
}

impl Browser {
    pub(super) fn new(
        server: &Server,
        scenario: &Scenario,
        default: Charset,
    ) -> Result<Self, ReplayError> {
        let is_form = |step: &Step| match step.sent {
            Sent::Form(_) | Sent::Multipart(_) => true,
            Sent::Nothing | Sent::Body(_) => false,
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
            has_forms: scenario.steps.iter().any(is_form),
            jar: Jar::default(),
            variables: BTreeMap::new(),
            page: None,
            correlations: Vec::new(),
        })
    }

    /// Makes the request of a step.
    pub(super) fn request(&mut self, step: &Step) -> Result<Request, ReplayError> {
        let charset = self.page.as_ref().map_or(self.default, |page| page.charset);
        let target = self.fill(&step.target, &step.name)?;
        let mut target = encoding::target(&target, charset);
        let mut headers = Vec::new();
        for (name, value) in &step.headers {
            headers.push((name.clone(), self.fill(value, &step.name)?));
        }
        let body = match &step.sent {
            Sent::Nothing => None,
            Sent::Form(fields) => {
                let fields = self.fields(fields, &target, step)?;
                let encoded = encoding::urlencoded(&fields, charset);
                if matches!(step.method.as_str(), "GET" | "HEAD") {
                    target.push(if target.contains('?') { '&' } else { '?' });
                    target.push_str(&encoded);
                    None
                } else {
                    default_header(
                        &mut headers,
                        "Content-Type",
                        "application/x-www-form-urlencoded",
                    );
                    Some(encoded.into_bytes())
                }
            }
            Sent::Body(text) => {
                let text = self.fill(text, &step.name)?;
                Some(encoding::encode(&text, charset))
            }
            Sent::Multipart(parts) => {
                let names: Vec<String> = parts.iter().map(|part| part.name.clone()).collect();
                let hidden = self.hidden(&target, &names, step);
                let parts = self.filled_parts(parts, &step.name)?;
                let (kind, body) = form::multipart(&hidden, &parts, charset)?;
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
                self.jar
                    .take(&line.value_text(), &request.target, now, step);
            }
        }
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
            self.variables
                .insert(capture.name.clone(), (value, step.to_owned()));
        }
        if let (true, Ok(url)) = (is_html, self.base.join(&request.target)) {
            self.page = Some(Page {
                url,
                body: if self.has_forms {
                    answer.body.clone()
                } else {
                    Vec::new()
                },
                charset,
                step: step.to_owned(),
            });
        }
        Ok(())
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
        let cookies = self.jar.matching(&request.target);
        if !cookies.is_empty() {
            let pairs: Vec<String> = cookies
                .iter()
                .map(|cookie| format!("{}={}", cookie.name, cookie.value))
                .collect();
            for cookie in cookies {
                self.correlations.push(Correlation {
                    scenario: self.scenario.clone(),
                    value: format!("cookie {}", cookie.name),
                    seen_in: cookie.set_by.clone(),
                    used_in: step.to_owned(),
                });
            }
            default_header(&mut request.headers, "Cookie", &pairs.join("; "));
        }
        if let Some(page) = &self.page {
            let url = page.url.to_string();
            default_header(&mut request.headers, "Referer", &url);
        }
    }

    fn fields(
        &mut self,
        fields: &[(String, String)],
        target: &str,
        step: &Step,
    ) -> Result<Vec<(String, String)>, ReplayError> {
        let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
        let mut all = self.hidden(target, &names, step);
        for (name, value) in fields {
            all.push((name.clone(), self.fill(value, &step.name)?));
        }
        Ok(all)
    }

    fn hidden(&mut self, target: &str, given: &[String], step: &Step) -> Vec<(String, String)> {
        let (Some(page), Ok(target)) = (&self.page, self.base.join(target)) else {
            return Vec::new();
        };
        let text = as_browser(&page.body, page.charset);
        let fields = form::hidden_fields(&text, &page.url, &target, given);
        for (name, _) in &fields {
            self.correlations.push(Correlation {
                scenario: self.scenario.clone(),
                value: format!("hidden field {}", name.escape_debug()),
                seen_in: page.step.clone(),
                used_in: step.name.clone(),
            });
        }
        fields
    }

    fn filled_parts(&mut self, parts: &[Part], step: &str) -> Result<Vec<Part>, ReplayError> {
        let mut filled = Vec::new();
        for part in parts {
            let content = match &part.content {
                PartContent::Text(text) => PartContent::Text(self.fill(text, step)?),
                file @ PartContent::File { .. } => file.clone(),
            };
            filled.push(Part {
                name: part.name.clone(),
                content,
            });
        }
        Ok(filled)
    }

    /// Puts captured values in the place of `${name}`.
    fn fill(&mut self, text: &str, step: &str) -> Result<String, ReplayError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                filled.push_str("${");
                rest = after;
                continue;
            };
            let (value, seen_in) =
                self.variables
                    .get(name)
                    .ok_or_else(|| ReplayError::NoValue {
                        name: name.to_owned(),
                    })?;
            if value.chars().any(char::is_control) {
                return Err(ReplayError::HostileValue {
                    name: name.to_owned(),
                });
            }
            filled.push_str(value);
            self.correlations.push(Correlation {
                scenario: self.scenario.clone(),
                value: format!("capture {name}"),
                seen_in: seen_in.clone(),
                used_in: step.to_owned(),
            });
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Decodes a page as its snapshot shows it.
fn text(body: &[u8], charset: Charset, default: Charset) -> Option<String> {
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
