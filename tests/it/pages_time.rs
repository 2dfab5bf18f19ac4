//! Pages that name the day: recorded today, replayed on another one.

use std::sync::atomic::{AtomicI64, Ordering};

use migrate_verify::{outcome::Verdict, replay::Clock};

use crate::{
    env::{LegacyServer, now},
    pages::{Project, asking, findings},
};

/// How far the clocks of these tests are moved.
static MOVED: AtomicI64 = AtomicI64::new(0);

/// A clock that can be moved.
fn moved() -> i64 {
    now() + MOVED.load(Ordering::SeqCst)
}

/// A clock that runs ten times as fast as the real one.
fn fast() -> i64 {
    /// When it was first asked.
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    /// Where it began: with a minute, so that the rounds fall into it.
    static BEGIN: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    let start = START.get_or_init(std::time::Instant::now);
    let begin = BEGIN.get_or_init(|| now() / 60 * 60);
    begin + i64::try_from(start.elapsed().as_millis()).unwrap() * 10 / 1000
}

fn with_clock(clock: fn() -> i64, path: &str) -> Project {
    let mut project = asking(path);
    project.options.clock = Clock::new(clock);
    project
}

#[tokio::test]
async fn a_page_that_names_the_day_is_silent_on_every_other_day_and_loud_where_its_clock_is_off() {
    let project = with_clock(moved, "/kalendar.php");
    let server = LegacyServer::at(moved, 0, |_, _| {});
    let recorded = project.record(&server).await;
    assert_eq!(
        Verdict::of(&recorded.cases),
        Verdict::Verified,
        "{:#?}",
        recorded.cases
    );
    for days in [0, 1, 2, 3, 4, 5, 6, 182, 365] {
        MOVED.store(days * 86_400, Ordering::SeqCst);
        let found = findings(&project.replay(&server).await);
        assert_eq!(found, "", "{days} days later");
        for shift in [-86_400, 86_400, 7 * 86_400] {
            let wrong = LegacyServer::at(moved, shift, |_, _| {});
            let found = findings(&project.replay(&wrong).await);
            for line in [3, 5, 7, 9, 10] {
                assert!(
                    found.contains(&format!("body line {line} | time")),
                    "{days} {shift} {line}: {found}"
                );
            }
            assert!(
                !found.contains("body line 11") && !found.contains("body line 12"),
                "{found}"
            );
        }
        let utc = LegacyServer::at(moved, 0, |_, reply| {
            let text = encoding_rs::WINDOWS_1250.decode(&reply.body).0.into_owned();
            let text = text
                .replace("CET", "UTC")
                .replace("CEST", "UTC")
                .replace("+0100", "+0000")
                .replace("+0200", "+0000");
            reply.body = crate::env::cp1250(&text);
        });
        let found = findings(&project.replay(&utc).await);
        assert!(found.contains("body line 8 | time zone | "), "{found}");
        assert!(found.contains("date.timezone is another"), "{found}");
    }
    MOVED.store(0, Ordering::SeqCst);
}

#[tokio::test]
async fn a_fixed_time_that_was_recorded_in_its_minute_stays_text_and_a_running_one_is_a_hole() {
    for (path, fixed) in [("/stoji", true), ("/ide", false)] {
        let project = with_clock(fast, path);
        let server = LegacyServer::at(fast, 0, |_, _| {});
        let recorded = project.record(&server).await;
        assert_eq!(
            Verdict::of(&recorded.cases),
            Verdict::Verified,
            "{:#?}",
            recorded.cases
        );
        let text =
            std::fs::read_to_string(project.env.path().join("snapshots/one/01-page.snap")).unwrap();
        assert_eq!(!text.contains("\"H:i\""), fixed, "{text}");
        assert_eq!(findings(&project.replay(&server).await), "");
    }
}

#[tokio::test]
async fn a_duration_that_came_out_the_same_in_the_first_rounds_is_a_hole_and_a_rate_that_never_moves_is_text()
 {
    let project = asking("/rychla");
    let server = LegacyServer::start();
    let recorded = project.record(&server).await;
    assert_eq!(
        Verdict::of(&recorded.cases),
        Verdict::Verified,
        "{:#?}",
        recorded.cases
    );
    let text =
        std::fs::read_to_string(project.env.path().join("snapshots/one/01-page.snap")).unwrap();
    assert!(
        text.contains("Kurz 30,1260 | za {{duration-1}} s"),
        "{text}"
    );
    assert_eq!(findings(&project.replay(&server).await), "");
    let other = LegacyServer::with(0, |_, reply| reply.replace("30,1260", "30,1261"));
    let found = findings(&project.replay(&other).await);
    assert!(found.contains("30,1261"), "{found}");
}
