//! A message of syslog without what differs from time to time and from machine to machine: time, host, process number, numbers in it.
//!
//! What a program sends to /dev/log is `Mmm dd hh:mm:ss program[pid]: text` (syslog(3); RFC 3164, section 4.1); what a daemon wrote into
//! /var/log has the host's name after the time. rsyslog may write the time as in RFC 3339.

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// Who says it.
    pub program: String,
    /// What, numbers as `#`.
    pub text: String,
}

impl Message {
    /// Reads what a program sent.
    pub fn sent(line: &str) -> Self {
        Self::said(without_time(line))
    }

    /// Reads a line of a log file; nothing if it has no time, as the lines of other logs.
    pub fn logged(line: &str) -> Option<Self> {
        let rest = without_time(line);
        let (_host, rest) = rest.split_once(' ').filter(|_| rest.len() < line.len())?;
        Some(Self::said(rest))
    }

    fn said(text: &str) -> Self {
        let (program, text) = parts(text);
        Self {
            program: program.to_owned(),
            text: shape(text),
        }
    }
}

/// Takes apart what a program sent: who says it, and what, numbers as they are.
pub fn program_and_text(line: &str) -> (&str, &str) {
    parts(without_time(line))
}

fn parts(said: &str) -> (&str, &str) {
    let Some((program, text)) = said.split_once(": ") else {
        return ("", said);
    };
    let name = program.split('[').next().unwrap_or(program);
    if name.contains(' ') {
        // A sentence with a colon, no program's name.
        return ("", said);
    }
    (name, text)
}

fn without_time(line: &str) -> &str {
    let is_time = |word: &str| {
        word.len() == 8
            && word.split(':').count() == 3
            && word
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b':')
    };
    if line.starts_with(|c: char| c.is_ascii_digit()) {
        let (time, rest) = line.split_once(' ').unwrap_or((line, ""));
        return if time.len() > 18 && time.contains('T') {
            rest
        } else {
            line
        };
    }
    // The day has two places, and the first one may be blank.
    let time = line
        .get(7..15)
        .filter(|time| line.is_char_boundary(3) && is_time(time));
    time.and_then(|_| line.get(16..)).unwrap_or(line)
}

/// Replaces numbers, those of base 16 too, by `#`.
fn shape(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let mut shaped = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = rest.len() - rest.trim_start_matches(is_word).len();
        if length == 0 {
            shaped.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, behind) = rest.split_at(length);
        let digits = word.trim_start_matches("0x");
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit())
            || (digits.bytes().all(|byte| byte.is_ascii_hexdigit())
                && digits.bytes().any(|byte| byte.is_ascii_digit()));
        shaped.push_str(if is_number { "#" } else { word });
        rest = behind;
    }
    shaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_is_the_same_whoever_wrote_it_down_and_when() {
        let sent =
            Message::sent("Nov 25 23:40:01 mysqld[812]: InnoDB: error 13 at 0x7fa2 after 12ms");
        let logged = [
            "Mar  3 04:05:06 oldbox mysqld[7]: InnoDB: error 28 at 0xbf01 after 12ms",
            "2009-03-03T04:05:06.123456+01:00 oldbox mysqld[7]: InnoDB: error 28 at 0xbf01 after 12ms",
        ];
        for line in logged {
            assert_eq!(Message::logged(line), Some(sent.clone()));
        }
        assert_eq!(
            (sent.program.as_str(), sent.text.as_str()),
            ("mysqld", "InnoDB: error # at # after 12ms")
        );
    }

    #[test]
    fn other_words_are_another_message_and_other_lines_are_none() {
        let of = |line: &str| Message::logged(line);
        assert_ne!(
            of("Mar  3 04:05:06 h a: table is full"),
            of("Mar  3 04:05:06 h a: table is marked as crashed")
        );
        assert_ne!(of("Mar  3 04:05:06 h a: x"), of("Mar  3 04:05:06 h b: x"));
        assert_eq!(of("090303  4:05:06 [ERROR] x"), None);
        assert_eq!(of(""), None);
        assert_eq!(Message::sent("učiteľ: no time").text, "no time");
        assert_eq!(Message::sent("a sentence with a colon: here").program, "");
    }
}
