//! What several rounds show: text that varies in a way that is understood becomes a hole, the rest is an error.

use std::collections::BTreeMap;

use super::{
    alignment::{moved, partners},
    clock_evidence::{PageDays, Place},
    kind::{
        FINE_DECIMALS, age, common_formats, duration, is_stamped, is_unmeasurable, may_be_duration,
        number, numbered, token,
    },
    names::{NONCE, Names},
    token::{Known, Token, TokenKind, tokens},
    varied::{Motion, Varied},
};
use crate::{
    charset::Reading,
    scenario::HandWrittenHole,
    snapshot::{Alphabet, Hole, HoleKind, ServerPart, Template, Zone, moment},
};

/// How far the clock in a page may be from the head's `Date` while it is recorded: pages take time to be made.
pub(super) const SLACK: i64 = 2;

/// Fewer characters don't make a token: words of a page vary too.
const SHORTEST_TOKEN: usize = 8;

/// So many lines in each other's places are in a random order.
const FEWEST_MOVED: usize = 2;

/// What the rounds so far leave open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubt {
    /// Something may be the clock or not, which a round in another minute would tell.
    pub(super) clock: bool,
    /// A decimal that stood still may be a duration, which more rounds would tell.
    pub(super) duration: bool,
}

/// One text as one round saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    pub(super) text: &'a str,
    /// The server's clock then.
    pub(super) now: i64,
    pub(super) known: Known<'a>,
}

/// What turns sights into templates.
#[derive(Debug)]
pub(super) struct Learner<'a> {
    pub(super) zone: &'a Zone,
    /// How the texts stand for their bytes.
    pub(super) reading: Reading,
    pub(super) names: &'a mut Names,
    /// Whether what is not understood is taken as the first round saw it: scenarios that change data change their own pages.
    pub(super) lenient: bool,
    /// Whether the value of `Location` is learnt: a number there names a row.
    pub(super) in_location: bool,
    /// Holes that a person wrote.
    pub(super) written: &'a [HandWrittenHole],
    /// How many holes without identity this answer has of each word.
    pub(super) local: BTreeMap<&'static str, usize>,
    /// What the page says of days elsewhere.
    pub(super) days: PageDays,
    pub(super) doubt: Doubt,
    /// Reasons of holes that a person wrote, and whether what they hold has varied.
    pub(super) wanted: BTreeMap<String, bool>,
    /// The names of values that belong together within this answer only.
    pub(super) within: BTreeMap<Vec<String>, String>,
    /// Where numbers vary on any page.
    pub(super) elsewhere: &'a Varied,
    /// Where they vary in this answer.
    pub(super) varied: Varied,
}

impl Learner<'_> {
    /// Makes a template of a text of many lines.
    pub(super) fn text(&mut self, sights: &[Sight<'_>]) -> Result<Template, String> {
        let mut template = Template::default();
        let Some((first, others)) = sights.split_first() else {
            return Ok(template);
        };
        let lines: Vec<&str> = first.text.split_inclusive('\n').collect();
        self.days = PageDays::of(first, self.zone);
        let others_lines: Vec<Vec<&str>> = others
            .iter()
            .map(|other| other.text.split_inclusive('\n').collect())
            .collect();
        if !self.lenient && others_lines.iter().all(|other| other.len() == lines.len()) {
            let moved = moved(&lines, &others_lines);
            if moved >= FEWEST_MOVED {
                return Err(format!("{moved} lines stand in a random order"));
            }
        }
        let partners: Vec<Vec<Option<&str>>> = others_lines
            .iter()
            .map(|other| partners(&lines, other))
            .collect();
        for (index, line) in lines.iter().enumerate() {
            let mut row = vec![Sight {
                text: line,
                ..*first
            }];
            for (other, partners) in others.iter().zip(&partners) {
                match partners.get(index).copied().flatten() {
                    Some(text) => row.push(Sight { text, ..*other }),
                    None if self.lenient => row.push(Sight {
                        text: line,
                        ..*first
                    }),
                    None => return Err(format!("line {} stands in one round only", index + 1)),
                }
            }
            let line = self
                .line(&row)
                .map_err(|what| format!("line {}: {what}", index + 1))?;
            template.push(line);
        }
        if !self.lenient {
            for other in others {
                if other.text.split_inclusive('\n').count() != lines.len() {
                    return Err("the number of lines varies".to_owned());
                }
            }
        }
        Ok(template)
    }

    /// Makes a template of one line or header value.
    pub(super) fn line(&mut self, sights: &[Sight<'_>]) -> Result<Template, String> {
        // Most lines are the same in all rounds, and then so are their tokens.
        let is_same = sights.windows(2).all(|pair| pair[0].text == pair[1].text);
        let rows: Vec<Vec<Token<'_>>> = sights
            .iter()
            .take(if is_same { 1 } else { sights.len() })
            .map(|sight| tokens(sight.text, &sight.known))
            .collect();
        let nows: Vec<i64> = sights.iter().map(|sight| sight.now).collect();
        let Some(first) = rows.first() else {
            return Ok(Template::default());
        };
        if rows.iter().any(|row| row.len() != first.len()) {
            return match self.one_span(sights) {
                Some(template) => Ok(template),
                None if self.lenient => self.line(&sights[..1]),
                None => Err(self.varies(sights.iter().map(|sight| sight.text))),
            };
        }
        let mut template = Template::default();
        for index in 0..first.len() {
            let column: Vec<&Token<'_>> = if is_same {
                vec![&first[index]; sights.len()]
            } else {
                rows.iter().map(|row| &row[index]).collect()
            };
            match self.column(&column, &nows, first, index) {
                Some(Some(hole)) => template.push_hole(hole),
                Some(None) => template.push_text(first[index].text),
                None if self.numbered(&column, &mut template) => {}
                None if self.lenient => template.push_text(first[index].text),
                None => return Err(self.varies(column.iter().map(|token| token.text))),
            }
        }
        Ok(template)
    }

    /// Decides on one token of all rounds: text, a hole, or not understood.
    #[expect(
        clippy::option_option,
        reason = "not understood is neither text nor hole"
    )]
    fn column(
        &mut self,
        column: &[&Token<'_>],
        nows: &[i64],
        row: &[Token<'_>],
        index: usize,
    ) -> Option<Option<Hole>> {
        let texts: Vec<&str> = column.iter().map(|token| token.text).collect();
        let first = column.first()?;
        let same = texts.iter().all(|text| *text == first.text);
        if let TokenKind::Server(part) = first.kind
            && column.iter().all(|token| token.kind == first.kind)
        {
            return Some(Some(server(part)));
        }
        if column.iter().all(|token| token.kind == TokenKind::Secret) {
            return self.secret(&texts).map(Some);
        }
        if let Some(hole) = self.written(column) {
            return Some(Some(hole));
        }
        if let Some(formats) = common_formats(column) {
            let place = Place::of(row, index, *nows.first()?, self.zone);
            if same && self.days.are_data(&formats, &place) {
                return Some(None);
            }
            if let Some(kind) = self.clock(&formats, &texts, nows, same, &place) {
                return Some(Some(self.hole(kind)));
            }
            return same.then_some(None);
        }
        if let Some(kind) = age(row, index, &texts) {
            return Some(Some(self.hole(kind)));
        }
        if same {
            return Some(self.still(row, index, texts.len()));
        }
        self.varied.note(row, index, true);
        let unix = [moment::UNIX];
        if texts
            .iter()
            .all(|text| moment::parse(moment::UNIX, text).is_some())
            && let Some(kind) = self.clock(&unix, &texts, nows, false, &Place::default())
        {
            return Some(Some(self.hole(kind)));
        }
        if numbered(&texts).is_some() {
            return None;
        }
        let kind = duration(&texts)
            .or_else(|| number(&texts))
            .or_else(|| token(&texts, SHORTEST_TOKEN))?;
        if self.lenient && self.may_be_data(&kind, &texts) {
            return None;
        }
        let word = kind.word();
        Some(Some(if self.is_short_number(&kind, &texts) {
            self.named_within(kind, word, &texts)
        } else if is_stamped(&texts, nows) {
            // Even one page may be made in two seconds.
            let name = self.names.fresh(NONCE);
            Hole { name, kind }
        } else if kind.is_identity() {
            self.named(kind, word, &texts)
        } else {
            self.hole(kind)
        }))
    }

    /// Decides on a number that stood still: a hole where it moves on most other pages, and in doubt where it does on some.
    fn still(&mut self, row: &[Token<'_>], index: usize, rounds: usize) -> Option<Hole> {
        let token = row.get(index)?;
        if rounds < 2 || self.lenient {
            return None;
        }
        if is_unmeasurable(row, index) {
            self.varied.note(row, index, true);
            return duration(&[token.text]).map(|kind| self.hole(kind));
        }
        self.varied.note(row, index, false);
        self.doubt.duration |= may_be_duration(token);
        match self.elsewhere.motion(row, index) {
            Motion::Still => None,
            Motion::Open => {
                self.doubt.duration = true;
                None
            }
            Motion::Moves => {
                let kind = duration(&[token.text]).or_else(|| number(&[token.text]))?;
                let word = kind.word();
                let name = self.names.fresh(word);
                Some(if kind.is_identity() {
                    Hole { name, kind }
                } else {
                    self.hole(kind)
                })
            }
        }
    }

    /// Whether a scenario that changes data may have changed this by itself: then it is no noise, and the first round's value
    /// is what a replay must show. Numbers of rows are known by the redirect that leads to them, durations by their decimals.
    fn may_be_data(&self, kind: &HoleKind, texts: &[&str]) -> bool {
        match kind {
            HoleKind::Number { .. } => !self.in_location && !self.names.is_known(texts),
            HoleKind::Duration { most, .. } => *most < FINE_DECIMALS,
            HoleKind::Clock { .. }
            | HoleKind::Recent { .. }
            | HoleKind::Token { .. }
            | HoleKind::Age { .. }
            | HoleKind::Server { .. }
            | HoleKind::Secret { .. }
            | HoleKind::Free { .. } => false,
        }
    }

    /// Makes the hole that a person asked for.
    fn written(&mut self, column: &[&Token<'_>]) -> Option<Hole> {
        let number = match column.first()?.kind {
            TokenKind::Written(number) => number,
            TokenKind::Moment(_)
            | TokenKind::Decimal
            | TokenKind::Word
            | TokenKind::Server(_)
            | TokenKind::Secret
            | TokenKind::Other => return None,
        };
        if column
            .iter()
            .any(|token| token.kind != TokenKind::Written(number))
        {
            return None;
        }
        let longest = column
            .iter()
            .map(|token| token.text.chars().count())
            .max()?;
        let reason = self.written.get(number)?.reason.clone();
        let varied = column.windows(2).any(|pair| pair[0].text != pair[1].text);
        *self.wanted.entry(reason.clone()).or_default() |= varied;
        // Rounded, so that recording again finds the same bound.
        let most = (longest * 2).next_power_of_two().max(64);
        let still = column.len() > 1 && !varied;
        let holds_stray = |token: &&Token<'_>| self.reading.stray_bytes(token.text) > 0;
        let stray = column.iter().any(holds_stray);
        Some(self.hole(HoleKind::Free {
            most,
            reason,
            still,
            stray,
        }))
    }

    /// Shows what varies; bytes that are no characters as bytes.
    fn varies<'t>(&self, texts: impl Iterator<Item = &'t str>) -> String {
        let is_shown = |text: &str| self.reading.stray_bytes(text) > 0;
        let shown: Vec<String> = texts
            .take(3)
            .map(|text| {
                let short: String = text.trim_end().chars().take(60).collect();
                if is_shown(&short) {
                    format!("`{}`", self.reading.show(&short))
                } else {
                    format!("`{}`", short.escape_debug())
                }
            })
            .collect();
        shown.join(" against ")
    }

    /// Where token counts differ: one span of base64 between equal text.
    fn one_span(&mut self, sights: &[Sight<'_>]) -> Option<Template> {
        let texts: Vec<&str> = sights.iter().map(|sight| sight.text).collect();
        let first = texts.first()?;
        let is_inside = |character: char| {
            character.is_ascii() && Alphabet::Base64.holds(&character.to_string())
        };
        let mut prefix = first.len();
        let mut suffix = first.len();
        for text in &texts[1..] {
            prefix = prefix.min(
                first
                    .bytes()
                    .zip(text.bytes())
                    .take_while(|(a, b)| a == b)
                    .count(),
            );
            suffix = suffix.min(
                first
                    .bytes()
                    .rev()
                    .zip(text.bytes().rev())
                    .take_while(|(a, b)| a == b)
                    .count(),
            );
        }
        while prefix > 0
            && (!first.is_char_boundary(prefix) || first[..prefix].ends_with(is_inside))
        {
            prefix -= 1;
        }
        let mut end = first.len() - suffix;
        while end < first.len()
            && (!first.is_char_boundary(end) || first[end..].starts_with(is_inside))
        {
            end += 1;
        }
        let suffix = first.len() - end;
        let mut values = Vec::new();
        for text in &texts {
            values.push(text.get(prefix..text.len().checked_sub(suffix)?)?);
        }
        let kind = token(&values, SHORTEST_TOKEN)?;
        let mut template = Template::literal(&first[..prefix]);
        template.push_hole(self.named(kind, "token", &values));
        template.push_text(&first[end..]);
        Some(template)
    }
}

fn server(part: ServerPart) -> Hole {
    Hole {
        name: "server".to_owned(),
        kind: HoleKind::Server { part },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 10:22:33 UTC.
    const NOW: i64 = 1_795_515_753;

    fn learned(first: &str, second: &str) -> String {
        learned_as(first, second, false)
    }

    fn learned_as(first: &str, second: &str, lenient: bool) -> String {
        let zone = Zone::parse("Europe/Bratislava").unwrap();
        let mut names = Names::default();
        let mut learner = learner(&zone, &mut names, lenient);
        match learner.text(&[sight(first, NOW), sight(second, NOW + 3)]) {
            Ok(template) => template.marked().0,
            Err(what) => format!("unstable: {what}"),
        }
    }

    fn learner<'a>(zone: &'a Zone, names: &'a mut Names, lenient: bool) -> Learner<'a> {
        static NOWHERE: std::sync::LazyLock<Varied> = std::sync::LazyLock::new(Varied::default);
        Learner {
            zone,
            reading: Reading::Declared,
            names,
            lenient,
            in_location: false,
            written: &[],
            local: BTreeMap::new(),
            days: PageDays::default(),
            doubt: Doubt::default(),
            wanted: BTreeMap::new(),
            within: BTreeMap::new(),
            elsewhere: &NOWHERE,
            varied: Varied::default(),
        }
    }

    fn sight(text: &str, now: i64) -> Sight<'_> {
        let known = Known {
            authority: "192.0.2.10",
            secrets: &[],
            written: &[],
        };
        Sight { text, now, known }
    }

    #[test]
    fn what_varies_is_a_hole_only_where_its_kind_is_known() {
        let table = [
            ("same", "same", "same"),
            ("o 11:22:33", "o 11:22:36", "o {{time-1}}"),
            ("dnes 24.11.2026", "dnes 24.11.2026", "dnes {{time-1}}"),
            ("od 1.9.2026", "od 1.9.2026", "od 1.9.2026"),
            ("11:22 a 11:23", "11:22 a 11:23", "{{time-1}} a 11:23"),
            ("za 0.0123 s", "za 0.4 s", "za {{duration-1}} s"),
            (
                "za 0,000 sekúnd",
                "za 0,000 sekúnd",
                "za {{duration-1}} sekúnd",
            ),
            ("za 0.00 s", "za 0.00 s", "za 0.00 s"),
            ("za 0.010 s", "za 0.010 s", "za 0.010 s"),
            (
                "bilancia 0.000 EUR",
                "bilancia 0.000 EUR",
                "bilancia 0.000 EUR",
            ),
            (
                "t=0123abcd&t=0123abcd",
                "t=9876abcd&t=9876abcd",
                "t={{token-1}}&t={{token-1}}",
            ),
            (
                "t=0123abcd&t=0123abce",
                "t=9876abcd&t=9876abce",
                "t={{token-1}}&t={{token-2}}",
            ),
            ("id 17", "id 18", "id {{number-1}}"),
            ("1795515753", "1795515756", "{{time-1}}"),
            ("x aB3+/x9Q0kk= y", "x 9f/Q+abbcdd= y", "x {{token-1}} y"),
            ("Jano", "Fero", "unstable: line 1: `Jano` against `Fero`"),
            ("a\nb\n", "a\n", "unstable: line 2 stands in one round only"),
            (
                "naposledy 24.11.2026 09:00:00",
                "naposledy 24.11.2026 11:22:33",
                "naposledy {{time-1}}",
            ),
            (
                "http://192.0.2.10/x",
                "http://192.0.2.10/x",
                "http://{{server}}/x",
            ),
            (
                "vyprší 24.11.2026 12:22:33",
                "vyprší 24.11.2026 12:22:36",
                "vyprší {{time-1}}",
            ),
            (
                "5 minút",
                "päť minút",
                "unstable: line 1: `5` against `päť`",
            ),
        ];
        for (first, second, expected) in table {
            assert_eq!(learned(first, second), expected, "{first} / {second}");
        }
    }

    #[test]
    fn numbers_with_words_and_clocks_of_other_kinds_are_understood() {
        let table = [
            (
                "x=1; Max-Age=2592000; path=/",
                "x=1; Max-Age=2591999; path=/",
                "x=1; Max-Age={{age-1}}; path=/",
            ),
            ("Max-Age=0", "Max-Age=0", "Max-Age=0"),
            (
                "<p id=all_10196156 for=x_10196156>",
                "<p id=all_1396156 for=x_1396156>",
                "<p id=all_{{number-1}} for=x_{{number-1}}>",
            ),
            (
                "<a id=results_1028_all href=#results_1028_all>",
                "<a id=results_912_all href=#results_912_all>",
                "<a id=results_{{number-1}}_all href=#results_{{number-1}}_all>",
            ),
            (
                "r_17_a",
                "r_18_b",
                "unstable: line 1: `r_17_a` against `r_18_b`",
            ),
            ("left: 76px", "left: 170px", "left: {{number-1}}px"),
            ("za 0.0041s", "za 0.07s", "za {{duration-1}}s"),
            ("o 11:22 AM", "o 11:22 AM", "o {{time-1}}"),
            ("o 10:22:33", "o 10:22:36", "o {{time-1}}"),
            ("od=11%3A22", "od=11%3A22", "od={{time-1}}"),
            (
                "a=0123456789abcdef6b056569 b=0123456789abcdef6b056569",
                "a=fedcba98765432106b05656c b=fedcba98765432106b05656c",
                "a={{nonce-1}} b={{nonce-2}}",
            ),
        ];
        for (first, second, expected) in table {
            assert_eq!(learned(first, second), expected, "{first} / {second}");
        }
    }

    #[test]
    fn short_numbers_that_are_equal_by_chance_belong_together_on_one_page_only() {
        let zone = Zone::parse("Europe/Bratislava").unwrap();
        let mut names = Names::default();
        let mut page = |texts: [&str; 2]| {
            let mut learner = learner(&zone, &mut names, false);
            let sights = texts.map(|text| sight(text, NOW));
            learner.text(&sights).unwrap().marked().0
        };
        assert_eq!(
            page(["took 45 (45) of 123456", "took 46 (46) of 123457"]),
            "took {{number-1}} ({{number-1}}) of {{number-2}}"
        );
        assert_eq!(
            page(["took 45 of 123456", "took 46 of 123457"]),
            "took {{number-3}} of {{number-2}}"
        );
    }

    #[test]
    fn cookies_and_passwords_in_pages_are_never_kept() {
        let zone = Zone::parse("Europe/Bratislava").unwrap();
        let page = |texts: [&str; 2], secrets: [&[String]; 2]| {
            let mut names = Names::default();
            let mut learner = learner(&zone, &mut names, false);
            let sights = [0, 1].map(|round| {
                let mut sight = sight(texts[round], NOW);
                sight.known.secrets = secrets[round];
                sight
            });
            learner.text(&sights).unwrap()
        };
        let password = ["tajne-heslo 1".to_owned()];
        let text = "<input value=\"tajne-heslo 1\"> tajne-heslo 1";
        let kept = page([text, text], [&password, &password]);
        assert_eq!(
            kept.marked().0,
            "<input value=\"{{secret-1}}\"> {{secret-1}}"
        );
        assert!(
            matches!(&kept.holes()[0].kind, HoleKind::Secret { digest } if !digest.contains("tajne"))
        );
        let (first, second) = (["e85f31a749".to_owned()], ["f96a42b85a".to_owned()]);
        let kept = page(["?sid=e85f31a749", "?sid=f96a42b85a"], [&first, &second]);
        assert_eq!(kept.marked().0, "?sid={{session-1}}");
    }

    #[test]
    fn a_list_in_random_order_is_no_list_of_numbers_that_vary() {
        let table = [
            (
                "<li>1\n<li>2\n<li>3\n",
                "<li>3\n<li>2\n<li>1\n",
                "unstable: 2 lines stand in a random order",
            ),
            (
                "<li>1\n<li>2\n<li>3\n",
                "<li>4\n<li>2\n<li>5\n",
                "<li>{{number-1}}\n<li>2\n<li>{{number-2}}\n",
            ),
            // The number that came stands elsewhere as it stood.
            (
                "<li>1\n<li>2\n<li>2\n",
                "<li>2\n<li>2\n<li>2\n",
                "<li>{{number-1}}\n<li>2\n<li>2\n",
            ),
        ];
        for (first, second, expected) in table {
            assert_eq!(learned(first, second), expected, "{first} / {second}");
        }
    }

    #[test]
    fn what_a_scenario_changes_itself_is_no_noise() {
        let table = [
            ("25 žiakov", "26 žiakov", "25 žiakov"),
            ("priemer 1,57", "priemer 1,62", "priemer 1,57"),
            ("za 0.0123 s", "za 0.0456 s", "za {{duration-1}} s"),
            ("a\nb\n", "a\nc\nb\n", "a\nb\n"),
            ("Jano", "Fero", "Jano"),
            ("o 11:22:33", "o 11:22:36", "o {{time-1}}"),
        ];
        for (first, second, expected) in table {
            assert_eq!(
                learned_as(first, second, true),
                expected,
                "{first} / {second}"
            );
        }
    }
}
