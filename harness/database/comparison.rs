//! A database compared with a recording or with another database: cases for the server, its tables, their rows.
//!
//! ```text
//! database/server            settings that change what data means
//! database/tables            which tables there are
//! database/ziaci/schema      columns, keys, engine, charset and collation in effect
//! database/ziaci/rows        every value, byte by byte
//! database/views|triggers|routines|events|grants|collations
//! ```
//!
//! A case that could not be looked at is broken and never the same; what stands in no case was not compared.

use std::path::Path;

use super::{
    address::{DatabaseAddress, Target},
    collations,
    connection::Connection,
    contents::{Contents, Kind},
    description::{self, Description},
    dump_objects,
    error::DatabaseError,
    name::Name,
    objects::{Names, hidden, is_withheld},
    schema::text,
    server,
    source::Source,
    table_comparison::compare_table,
    tolerance::{Tolerance, Tolerances},
};
use crate::{
    outcome::{Case, CaseId, Difference},
    progress::{Event, Observer},
};

/// What a comparison leaves out, for the report.
pub const NOT_COMPARED: [&str; 5] = [
    "database: times of update, sizes, and the order of rows on disk",
    "database: logins that have no right of their own in the database; others and their rights only where the login of the recording may read the database mysql",
    "database: passwords: only of which kind they are",
    "database: what system-versioned tables held before",
    "database: the row format of engines other than MyISAM, unless a table asks for one",
];

/// Compares a live database with what was recorded in `folder`.
pub async fn compare_with_snapshot(
    address: &DatabaseAddress,
    folder: &Path,
    observer: &dyn Observer,
) -> Vec<Case> {
    let recorded = Source::Recorded(folder.to_owned());
    compare(&recorded, &Source::Live(address.clone()), observer).await
}

/// Compares two live databases; the first is the one that is right.
pub async fn compare_live(
    first: &DatabaseAddress,
    second: &DatabaseAddress,
    observer: &dyn Observer,
) -> Vec<Case> {
    let (first, second) = (Source::Live(first.clone()), Source::Live(second.clone()));
    compare(&first, &second, observer).await
}

/// Compares everything, or says why nothing was; the first is the one that is right.
pub async fn compare(expected: &Source, actual: &Source, observer: &dyn Observer) -> Vec<Case> {
    let compared = compare_within(expected, actual, &[], observer).await;
    compared.map_or_else(
        |error| vec![Case::broken(CaseId::new(&["database", "tables"]), &error)],
        |compared| compared.cases,
    )
}

/// What came of a comparison.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The cases.
    pub cases: Vec<Case>,
    /// What each tolerance let pass, for the report.
    pub tolerated: Vec<String>,
}

/// Compares everything but what tolerances let pass; the only error is a tolerance that can't be used ([`DatabaseError::Tolerance`]).
pub async fn compare_within(
    expected: &Source,
    actual: &Source,
    tolerances: &[Tolerance],
    observer: &dyn Observer,
) -> Result<Comparison, DatabaseError> {
    let mut tolerances = Tolerances::new(tolerances);
    let what = "database".to_owned();
    observer.observe(Event::Started { what: what.clone() });
    let opened = async {
        Ok((
            Contents::open(expected).await?,
            Contents::open(actual).await?,
        ))
    };
    let opened: Result<(Contents, Contents), DatabaseError> = opened.await;
    let mut cases = Vec::new();
    let result = match opened {
        Ok((mut expected, mut actual)) => {
            let sides = (&mut expected, &mut actual);
            compare_contents(sides, &mut tolerances, observer, &mut cases).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        if matches!(error, DatabaseError::Tolerance { .. }) {
            return Err(error);
        }
        let id = if cases.is_empty() { "server" } else { "tables" };
        cases.push(Case::broken(CaseId::new(&["database", id]), &error));
    }
    observer.observe(Event::Finished {
        what,
        how: format!("{} cases", cases.len()),
    });
    let tolerated = tolerances.told();
    Ok(Comparison { cases, tolerated })
}

async fn compare_contents(
    (expected, actual): (&mut Contents, &mut Contents),
    tolerances: &mut Tolerances<'_>,
    observer: &dyn Observer,
    cases: &mut Vec<Case>,
) -> Result<(), DatabaseError> {
    let with_dump = expected.is_dump() || actual.is_dump();
    if !with_dump {
        cases.push(compare_servers(expected, actual).await?);
    }
    let known = expected.names().await?;
    tolerances.check(expected, &known).await?;
    let found = actual.names().await?;
    cases.push(compare_names(&known, &found));
    let both: Vec<&Name> = known
        .tables
        .iter()
        .filter(|name| found.tables.contains(name))
        .collect();
    for (done, name) in (1_u64..).zip(&both) {
        cases.extend(compare_table(expected, actual, name, tolerances).await);
        observer.observe(Event::Counted {
            what: "database".to_owned(),
            done,
            total: both.len() as u64,
        });
    }
    for kind in Kind::ALL {
        if !(with_dump && kind.is_optional()) {
            cases.extend(compare_objects(expected, actual, kind, (&known, &found)).await);
        }
    }
    Ok(())
}

/// Compares what a database holds beside its tables; no case where the old server does not tell what another may lack.
async fn compare_objects(
    expected: &mut Contents,
    actual: &mut Contents,
    kind: Kind,
    (known, found): (&Names, &Names),
) -> Option<Case> {
    let id = CaseId::new(&["database", kind.as_str()]);
    let both = async {
        expected.mend().await?;
        actual.mend().await?;
        Ok::<_, DatabaseError>((
            expected.objects(kind, known).await?,
            actual.objects(kind, found).await?,
        ))
    };
    Some(match both.await {
        Err(error) => Case::broken(id, &error),
        Ok((first, second)) => {
            if kind.is_optional() && hidden(&first).is_some() && !is_withheld(&first) {
                // What the old server does not tell is listed as not compared.
                return None;
            }
            let dumps = [expected.is_dump(), actual.is_dump()];
            if kind.may_lack_in_dumps() && is_silence(&[&first, &second], dumps) {
                return None;
            }
            if let Some(reason) = hidden(&first).or(hidden(&second)) {
                return Some(Case::not_run(id, reason));
            }
            let no_triggers = kind == Kind::Triggers
                && (dumps[0] && first.0.is_empty() || dumps[1] && second.0.is_empty());
            let [first, second] = match kind {
                Kind::Collations => collations::common(&first, &second),
                Kind::Views | Kind::Triggers | Kind::Routines | Kind::Events | Kind::Grants
                    if dumps.contains(&true) =>
                {
                    [first, second].map(|side| dump_objects::as_in_dumps(kind, side))
                }
                Kind::Views | Kind::Triggers | Kind::Routines | Kind::Events | Kind::Grants => {
                    [first, second]
                }
            };
            let mut differences = description::compare("", &first, &second);
            if no_triggers {
                dump_objects::explain_triggers(&mut differences);
            }
            Case::compared(
                id,
                differences,
                format!(
                    "{} on the old server, {} on the candidate",
                    first.0.len(),
                    second.0.len()
                ),
            )
        }
    })
}

/// Returns whether a dump does not say what it has of a kind, and the other side has nothing: that is listed as not compared.
fn is_silence(sides: &[&Description; 2], dumps: [bool; 2]) -> bool {
    let silent = |which: usize| dumps[which] && hidden(sides[which]).is_some();
    let nothing = |which: usize| silent(which) || sides[which].0.is_empty();
    (silent(0) || silent(1)) && nothing(0) && nothing(1)
}

/// Compares settings, after making sure that there are two databases.
async fn compare_servers(
    expected: &mut Contents,
    actual: &mut Contents,
) -> Result<Case, DatabaseError> {
    let first = expected.server().await?;
    let second = actual.server().await?;
    let same = match (&mut *expected, &mut *actual) {
        (Contents::Live(one, address), Contents::Live(other, second))
            if address.name == second.name =>
        {
            is_one_server(one, other).await?
        }
        (Contents::Live(..) | Contents::Dump(_), _)
        | (Contents::Recorded(_), Contents::Recorded(_) | Contents::Dump(_)) => false,
        (Contents::Recorded(_), Contents::Live(_, address)) => match &address.target {
            // A guest's socket can't be the old server's, and a good copy may well call itself the same.
            Target::Socket(_) => false,
            Target::Tcp { .. } => server::is_same(&first, &second),
        },
    };
    if same {
        let shown = |contents: &Contents| match contents {
            Contents::Live(connection, _) => connection.address.clone(),
            Contents::Recorded(folder) => folder.display().to_string(),
            Contents::Dump(dump) => dump.path.display().to_string(),
        };
        return Err(DatabaseError::SameServer {
            first: shown(expected),
            second: shown(actual),
        });
    }
    let (known, found, only) = server::comparable(&first, &second);
    let compared = known.0.first().map_or(0, |settings| settings.facts.len());
    let mut evidence = format!(
        "{} against {}: {compared} settings",
        server::title(&first),
        server::title(&second)
    );
    if !only.is_empty() {
        evidence.push_str("; only one server has ");
        evidence.push_str(&only.join(", "));
    }
    let id = CaseId::new(&["database", "server"]);
    if compared == 0 {
        return Ok(Case::not_run(id, evidence));
    }
    Ok(Case::compared(
        id,
        description::compare("", &known, &found),
        evidence,
    ))
}

/// Returns whether two connections lead to one server: a lock that one takes is seen by the other.
async fn is_one_server(
    first: &mut Connection,
    second: &mut Connection,
) -> Result<bool, DatabaseError> {
    let what = "the server's identity";
    let own = first.rows(what, "SELECT CONNECTION_ID()").await?;
    let id = own.first().map(|row| text(row, 0)).unwrap_or_default();
    let lock = format!("migrate-verify-{}-{id}", std::process::id());
    let taken = first
        .rows(what, format!("SELECT GET_LOCK('{lock}', 0)"))
        .await?;
    if taken.first().map(|row| text(row, 0)).as_deref() != Some("1") {
        return Err(DatabaseError::Answer {
            what: what.to_owned(),
            address: first.address.clone(),
            reason: "it grants no lock",
        });
    }
    let seen = second
        .rows(what, format!("SELECT IS_USED_LOCK('{lock}')"))
        .await?;
    first
        .rows(what, format!("SELECT RELEASE_LOCK('{lock}')"))
        .await?;
    Ok(seen
        .first()
        .and_then(|row| row.first())
        .is_some_and(Option::is_some))
}

fn compare_names(known: &Names, found: &Names) -> Case {
    let id = CaseId::new(&["database", "tables"]);
    let mut differences = Vec::new();
    for name in known
        .tables
        .iter()
        .filter(|name| !found.tables.contains(name))
    {
        let actual = if found.views.contains(name) {
            "a view"
        } else {
            "absent"
        };
        differences.push(Difference::new(
            name.to_string(),
            "missing",
            "a table",
            actual,
        ));
    }
    for name in found
        .tables
        .iter()
        .filter(|name| !known.tables.contains(name))
    {
        let expected = if known.views.contains(name) {
            "a view"
        } else {
            "absent"
        };
        differences.push(Difference::new(
            name.to_string(),
            "extra",
            expected,
            "a table",
        ));
    }
    let evidence = format!(
        "{} tables on the old server, {} on the candidate",
        known.tables.len(),
        found.tables.len()
    );
    let hidden = known.hidden.as_ref().or(found.hidden.as_ref());
    if let Some(reason) = hidden.filter(|_| differences.is_empty()) {
        return Case::not_run(id, reason.clone());
    }
    if known.tables.is_empty() && differences.is_empty() {
        return Case::not_run(id, "neither database has a table");
    }
    Case::compared(id, differences, evidence)
}
