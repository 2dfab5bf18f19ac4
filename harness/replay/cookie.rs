//! A cookie jar for one scenario.

use crate::snapshot::{Zone, moment};

/// More cookies than a browser keeps for a server are a mistake or an attack.
const MOST: usize = 180;

/// One cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) name: String,
    pub(super) value: String,
    path: String,
    /// Which step set it.
    pub(super) set_by: String,
}

/// The cookies that a server set.
#[derive(Clone, Debug, Default)]
pub(super) struct Jar {
    cookies: Vec<Cookie>,
}

impl Jar {
    /// Takes a `Set-Cookie` value. `target` is the path that was asked, `now` the clock.
    pub(super) fn take(&mut self, line: &str, target: &str, now: i64, step: &str) {
        let mut parts = line.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let mut cookie = Cookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            path: default_path(target),
            set_by: step.to_owned(),
        };
        let mut expired = false;
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.trim().to_ascii_lowercase().as_str() {
                "path" if value.trim().starts_with('/') => {
                    value.trim().clone_into(&mut cookie.path);
                }
                "max-age" => expired |= value.trim().parse::<i64>().is_ok_and(|age| age <= 0),
                "expires" => expired |= is_past(value.trim(), now),
                _ => {}
            }
        }
        self.cookies
            .retain(|known| known.name != cookie.name || known.path != cookie.path);
        if !expired && self.cookies.len() < MOST {
            self.cookies.push(cookie);
        }
    }

    /// Returns the cookies for a path, those with the longest path first.
    pub(super) fn matching(&self, target: &str) -> Vec<&Cookie> {
        let path = target.split('?').next().unwrap_or_default();
        let mut matching: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| {
                path.strip_prefix(cookie.path.as_str()).is_some_and(|rest| {
                    rest.is_empty() || cookie.path.ends_with('/') || rest.starts_with('/')
                })
            })
            .collect();
        matching.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        matching
    }

    /// Returns all cookies.
    pub(super) fn all(&self) -> &[Cookie] {
        &self.cookies
    }

    /// Returns all values, for recognising them in pages.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().map(|cookie| cookie.value.as_str())
    }
}

fn default_path(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(end) => path[..end].to_owned(),
    }
}

fn is_past(value: &str, now: i64) -> bool {
    let formats = ["D, d-M-Y H:i:s \\G\\M\\T", "D, d M Y H:i:s \\G\\M\\T"];
    formats
        .iter()
        .filter_map(|format| moment::parse(format, value))
        .filter_map(|moment| moment.distance(now, &Zone::utc()))
        .any(|distance| distance <= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_sent_where_their_path_says_until_they_expire() {
        let mut jar = Jar::default();
        let sent = |jar: &Jar, target: &str| -> Vec<String> {
            jar.matching(target)
                .iter()
                .map(|cookie| format!("{}={}", cookie.name, cookie.value))
                .collect()
        };
        jar.take("PHPSESSID=abc; path=/", "/a/b.php", 0, "login");
        jar.take("x=1", "/a/b.php", 0, "login");
        jar.take("PHPSESSID=def; path=/", "/a/b.php", 0, "again");
        assert_eq!(sent(&jar, "/a/c.php?x"), ["x=1", "PHPSESSID=def"]);
        assert_eq!(sent(&jar, "/ab"), ["PHPSESSID=def"]);
        jar.take(
            "x=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT",
            "/a/",
            1_000,
            "logout",
        );
        jar.take("PHPSESSID=; path=/; Max-Age=0", "/", 0, "logout");
        assert_eq!(sent(&jar, "/a/c.php"), [""; 0]);
    }
}
