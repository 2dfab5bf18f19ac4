//! Holes: parts of an answer that are known to vary, each with the shape that it must keep.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{
    alphabet::{Alphabet, begins_anew, not_drawn, token_length},
    clock,
    moment::{self, describe},
    zone::Zone,
};
use crate::digest::Sha256Digest;

/// A part of an answer that is known to vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Its name: holes of one name in one scenario have the same value, where their kind is an identity.
    pub name: String,
    /// What it is.
    pub kind: HoleKind,
}

/// What a hole may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum HoleKind {
    /// The server's clock.
    Clock {
        /// The formats that the recorded text fits; the new one must fit one of them.
        formats: Vec<String>,
        /// Seconds by which the text is later than the clock: an expiry.
        offset: i64,
        /// By which time it goes.
        #[serde(default, skip_serializing_if = "ClockZone::is_own")]
        zone: ClockZone,
    },
    /// A moment of the last two days that is not the answer's own: a last visit.
    Recent {
        /// The formats that the recorded text fits.
        formats: Vec<String>,
    },
    /// A measured duration: `0.0123`.
    Duration {
        /// `.` or `,`.
        separator: char,
        /// The fewest decimals.
        least: usize,
        /// The most decimals.
        most: usize,
        /// The value stays below this.
        below: u64,
    },
    /// A session id, a form's token, a nonce.
    Token {
        /// The characters it is made of.
        alphabet: Alphabet,
        /// The fewest characters; one that is percent-encoded counts as one.
        least: usize,
        /// The most characters.
        most: usize,
        /// The fewest different characters: a token of one is not drawn.
        #[serde(default, skip_serializing_if = "is_zero")]
        variety: usize,
    },
    /// The number of a row, a counter.
    Number {
        /// The fewest digits: a large count that begins anew has lost something.
        #[serde(default, skip_serializing_if = "is_zero")]
        least: usize,
        /// The most digits.
        most: usize,
    },
    /// The seconds for which a cookie lives, counted on either side of a full second.
    Age {
        /// The recorded number.
        value: u64,
    },
    /// The server's own address.
    Server {
        /// Which part of it.
        part: ServerPart,
    },
    /// A value that did not vary but is nobody's business: only its digest is kept.
    Secret {
        /// The digest.
        digest: String,
    },
    /// What a person or a rule of this program says may differ.
    Free {
        /// The most characters.
        most: usize,
        /// Why.
        reason: String,
        /// Whether it held the same in all rounds, of two at least: nothing shows then that the hole is needed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        still: bool,
        /// Whether it held bytes that are no characters of the page's charset: one that held none must hold none.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stray: bool,
    },
}

/// By which time a clock on a page goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockZone {
    /// The old server's time zone.
    #[default]
    Own,
    /// UTC, as some applications show or send it, whatever the server's time zone is.
    Utc,
}

impl ClockZone {
    /// Returns whether it is the server's own zone.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

/// A part of a server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerPart {
    /// Host and port as in a link.
    Authority,
    /// The host.
    Host,
    /// The port.
    Port,
}

/// What a hole is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The clock when the answer came, in seconds since 1970.
    pub now: i64,
    /// The old server's time zone.
    pub zone: &'a Zone,
    /// How far a clock may be off.
    pub tolerance: i64,
    /// The asked server's host and port as in links.
    pub authority: &'a str,
}

/// Why a value does not fit its hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// In what respect.
    pub aspect: &'static str,
    /// What would fit.
    pub expected: String,
    /// Why, where it can be told.
    pub cause: Option<String>,
}

impl HoleKind {
    /// Returns the word for it in names and reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Clock { .. } | Self::Recent { .. } => "time",
            Self::Duration { .. } => "duration",
            Self::Token { .. } => "token",
            Self::Number { .. } => "number",
            Self::Age { .. } => "age",
            Self::Server { .. } => "server",
            Self::Secret { .. } => "secret",
            Self::Free { .. } => "free",
        }
    }

    /// Returns whether equal names mean equal values.
    pub fn is_identity(&self) -> bool {
        match self {
            Self::Token { .. } | Self::Number { .. } => true,
            Self::Clock { .. }
            | Self::Recent { .. }
            | Self::Duration { .. }
            | Self::Age { .. }
            | Self::Server { .. }
            | Self::Secret { .. }
            | Self::Free { .. } => false,
        }
    }

    /// Says how a value of this kind is checked, for the list of what was not compared by the byte.
    pub fn check_description(&self) -> Cow<'static, str> {
        let fixed = match self {
            Self::Clock { .. } => "checked against the clock in the old server's time zone",
            Self::Recent { .. } => "checked to be a moment of the last two days",
            Self::Duration { .. } => "checked for its shape and size",
            Self::Token { .. } | Self::Number { .. } => {
                "checked for its shape and to be the same wherever it stands"
            }
            Self::Age { .. } => "checked to be the recorded number of seconds, or one off",
            Self::Server { .. } => "checked to be the asked server's address",
            Self::Secret { .. } => "compared by digest",
            Self::Free { reason, .. } => return format!("not compared: {reason}").into(),
        };
        fixed.into()
    }

    /// Returns whether `value` has the shape, whatever the clock says.
    pub fn has_shape(&self, value: &str) -> bool {
        if value.is_empty() || value.len() > 4096 {
            return false;
        }
        match self {
            Self::Clock { formats, .. } | Self::Recent { formats } => formats
                .iter()
                .any(|format| moment::parse(format, value).is_some()),
            Self::Duration {
                separator,
                least,
                most,
                below,
            } => is_duration(value, *separator, *least, *most, *below),
            Self::Token {
                alphabet,
                least,
                most,
                variety: _,
            } => (*least..=*most).contains(&token_length(value)) && alphabet.holds(value),
            Self::Number { least: _, most } => {
                value.len() <= *most && value.bytes().all(|byte| byte.is_ascii_digit())
            }
            Self::Age { value: age } => value
                .parse::<u64>()
                .is_ok_and(|seconds| seconds.abs_diff(*age) <= 1),
            Self::Server { .. } => value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte)),
            Self::Secret { digest } => secret_digest(value) == *digest,
            Self::Free { most, .. } => value.chars().count() <= *most && !value.contains('\n'),
        }
    }

    /// Checks a value: its shape and, where the kind has one, its meaning.
    pub fn check(&self, value: &str, surroundings: &Surroundings<'_>) -> Result<(), Misfit> {
        let misfit = |expected: String| Misfit {
            aspect: self.word(),
            expected,
            cause: self.unlikely(value).map(str::to_owned),
        };
        if !self.has_shape(value) || self.unlikely(value).is_some() {
            return Err(misfit(self.describe(surroundings)));
        }
        match self {
            Self::Clock {
                formats,
                offset,
                zone,
            } => {
                let utc = Zone::utc();
                let surroundings = Surroundings {
                    zone: match zone {
                        ClockZone::Own => surroundings.zone,
                        ClockZone::Utc => &utc,
                    },
                    ..*surroundings
                };
                clock::check(self, formats, *offset, value, &surroundings)
            }
            Self::Recent { formats } => {
                let recent = formats
                    .iter()
                    .filter_map(|format| moment::parse(format, value))
                    .any(|moment| {
                        moment
                            .distance(surroundings.now, surroundings.zone)
                            .is_some_and(|distance| {
                                (-2 * 86_400..=surroundings.tolerance).contains(&distance)
                            })
                    });
                if recent {
                    Ok(())
                } else {
                    Err(misfit(self.describe(surroundings)))
                }
            }
            Self::Server { part } => {
                if value == part.of(surroundings.authority) {
                    Ok(())
                } else {
                    Err(misfit(self.describe(surroundings)))
                }
            }
            Self::Duration { .. }
            | Self::Token { .. }
            | Self::Number { .. }
            | Self::Age { .. }
            | Self::Secret { .. }
            | Self::Free { .. } => Ok(()),
        }
    }

    /// Returns why a value can't be one of this kind though it may have its shape.
    fn unlikely(&self, value: &str) -> Option<&'static str> {
        match self {
            _ if value.is_empty() => Some("the value is empty"),
            Self::Token { variety, .. } => not_drawn(value, *variety),
            Self::Number { least, .. } => begins_anew(value, *least),
            Self::Clock { .. }
            | Self::Recent { .. }
            | Self::Duration { .. }
            | Self::Age { .. }
            | Self::Server { .. }
            | Self::Secret { .. }
            | Self::Free { .. } => None,
        }
    }

    /// Says what would fit.
    pub fn describe(&self, surroundings: &Surroundings<'_>) -> String {
        match self {
            Self::Clock {
                formats, offset, ..
            } => format!(
                "a time {} within {} s of {}",
                formats.first().map_or("", String::as_str),
                surroundings.tolerance,
                describe(surroundings.now + offset, surroundings.zone)
            ),
            Self::Recent { formats } => format!(
                "a time {} of the last two days",
                formats.first().map_or("", String::as_str)
            ),
            Self::Duration {
                separator,
                least,
                most,
                below,
            } => {
                format!(
                    "a duration below {below} with {least} to {most} decimals behind `{separator}`"
                )
            }
            Self::Token {
                alphabet,
                least,
                most,
                variety: _,
            } => {
                format!("a token of {least} to {most} {}", alphabet.describe())
            }
            Self::Number { least: 0 | 1, most } => format!("a number of at most {most} digits"),
            Self::Number { least, most } => format!("a number of {least} to {most} digits"),
            Self::Age { value } => format!("{value} s, or one more or less"),
            Self::Server { part } => part.of(surroundings.authority),
            Self::Secret { .. } => {
                "the same value as on the old server (kept as a digest)".to_owned()
            }
            Self::Free { most, .. } => format!("1 to {most} characters"),
        }
    }
}

impl ServerPart {
    /// Returns this part of an address.
    pub fn of(self, authority: &str) -> String {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
            Some(_) | None => (authority, "80"),
        };
        match self {
            Self::Authority => authority.to_owned(),
            Self::Host => host.to_owned(),
            Self::Port => port.to_owned(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Returns the digest that is kept instead of a secret.
pub fn secret_digest(value: &str) -> String {
    Sha256Digest::of(value.as_bytes()).to_string()
}

fn is_duration(value: &str, separator: char, least: usize, most: usize, below: u64) -> bool {
    let all_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((whole, decimals)) = value.split_once(separator) else {
        return false;
    };
    all_digits(whole)
        && all_digits(decimals)
        && (least..=most).contains(&decimals.len())
        && whole.parse::<u64>().is_ok_and(|whole| whole < below)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_515_753;

    fn checked(kind: &HoleKind, value: &str) -> String {
        let zone = Zone::parse("Europe/Bratislava").unwrap();
        let surroundings = Surroundings {
            now: NOW,
            zone: &zone,
            tolerance: 120,
            authority: "192.0.2.1:8080",
        };
        match kind.check(value, &surroundings) {
            Ok(()) => "fits".to_owned(),
            Err(misfit) => misfit.cause.unwrap_or(misfit.expected),
        }
    }

    #[test]
    fn tokens_that_nobody_drew_and_counts_that_begin_anew_are_refused() {
        let token = |length: usize| HoleKind::Token {
            alphabet: Alphabet::Hex,
            least: length,
            most: length,
            variety: 2,
        };
        let count = HoleKind::Number { least: 3, most: 8 };
        let poor = "it has too few different characters to be drawn by chance";
        let nothing = "it is the digest of an empty text: what it was made of is missing";
        let anew = "it is far below what was recorded: a count begins anew, or rows are missing";
        let table = [
            (token(8), "00000000", poor),
            (token(8), "00000001", "fits"),
            (token(32), "d41d8cd98f00b204e9800998ecf8427e", nothing),
            (token(32), "d41d8cd98f00b204e9800998ecf8427f", "fits"),
            (count.clone(), "123", "fits"),
            (count, "0", anew),
        ];
        for (kind, value, expected) in table {
            assert_eq!(checked(&kind, value), expected, "{value}");
        }
    }

    #[test]
    fn holes_refuse_empty_values_other_shapes_and_absurd_sizes() {
        let clock = HoleKind::Clock {
            formats: vec!["d.m.Y H:i:s".to_owned()],
            offset: 0,
            zone: ClockZone::Own,
        };
        let duration = HoleKind::Duration {
            separator: '.',
            least: 4,
            most: 4,
            below: 60,
        };
        let token = HoleKind::Token {
            alphabet: Alphabet::Hex,
            least: 8,
            most: 8,
            variety: 0,
        };
        let number = HoleKind::Number { least: 1, most: 4 };
        let table = [
            (&clock, "24.11.2026 11:23:33", "fits"),
            (
                &clock,
                "24.11.2026 10:22:33",
                "time zone shifted by -1 h: the candidate's /etc/localtime, TZ or PHP's date.timezone is not the old server's",
            ),
            (
                &clock,
                "01.01.1970 01:00:00",
                "the candidate's clock is -1795515753 s off, or the time stands still",
            ),
            (&clock, "", "the value is empty"),
            (
                &clock,
                "2026-11-24 11:22:33",
                "a time d.m.Y H:i:s within 120 s of 2026-11-24 11:22:33 Europe/Bratislava",
            ),
            (&duration, "0.0123", "fits"),
            (
                &duration,
                "0.01",
                "a duration below 60 with 4 to 4 decimals behind `.`",
            ),
            (
                &duration,
                "99.0123",
                "a duration below 60 with 4 to 4 decimals behind `.`",
            ),
            (&token, "0123abcd", "fits"),
            (&token, "0123ABCD", "a token of 8 to 8 hex digits"),
            (&number, "12345", "a number of at most 4 digits"),
            (&number, "-1", "a number of at most 4 digits"),
        ];
        for (kind, value, expected) in table {
            assert_eq!(checked(kind, value), expected, "{value}");
        }
        let server = HoleKind::Server {
            part: ServerPart::Port,
        };
        assert_eq!(checked(&server, "8080"), "fits");
        assert_eq!(checked(&server, "80"), "8080");
    }

    #[test]
    fn a_time_in_gmt_is_not_said_to_be_in_another_zone() {
        let header = HoleKind::Clock {
            formats: vec!["D, d M Y H:i:s \\G\\M\\T".to_owned()],
            offset: 0,
            zone: ClockZone::Own,
        };
        assert_eq!(checked(&header, "Tue, 24 Nov 2026 10:22:33 GMT"), "fits");
        let late = checked(&header, "Tue, 24 Nov 2026 12:22:33 GMT");
        assert!(
            late.starts_with("the time is 7200 s off, in GMT, whatever the time zone"),
            "{late}"
        );
    }

    #[test]
    fn a_cookies_age_is_the_recorded_one_or_a_second_off() {
        let age = HoleKind::Age { value: 2_592_000 };
        for (value, fits) in [
            ("2592000", true),
            ("2591999", true),
            ("2591998", false),
            ("86400", false),
            ("", false),
        ] {
            assert_eq!(age.has_shape(value), fits, "{value}");
        }
    }
}
