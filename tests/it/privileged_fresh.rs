//! Scenarios that ask for a fresh state, on a real guest.

use std::fs;

use crate::env::DemoProject;

const LOGIN: &str = r#"
[[step]]
name = "prihlasovaci-formular"
request = "GET /prihlasenie.php"

[[step]]
name = "prihlasenie"
request = "POST /prihlasenie.php"
form = { meno = "novakova", heslo = "žltýkôň", ok = "Prihlásiť" }
"#;

/// A change of a pupil's telephone number.
fn saved(name: &str, telephone: &str) -> String {
    let fields = r#"priezvisko = "Šťastná", meno = "Ľubica", ulica = "Ul. Dr. Jánskeho 67", mesto = "Lovča", poznamka = "Dochádza autobusom č. 5; žiada skorší odchod.", ok = "Uložiť zmeny""#;
    format!(
        "[[step]]\nname = \"{name}-formular\"\nrequest = \"GET /uprav.php?id=314\"\n[[step]]\nname = \"{name}\"\nrequest = \"POST /uprav.php\"\nform = {{ id = \"314\", telefon = \"{telephone}\", {fields} }}\n"
    )
}

fn outcome(report: &serde_json::Value, id: &str) -> (String, String) {
    let stages = report["stages"].as_array().unwrap().iter();
    let mut cases = stages.flat_map(|stage| stage["cases"].as_array().unwrap());
    let case = cases.find(|case| case["id"] == id);
    let case = case.unwrap_or_else(|| panic!("no case {id} in {report:#}"));
    let text = |key: &str| case[key].as_str().unwrap().to_owned();
    (text("outcome"), text("reason"))
}

#[test]
fn privileged_a_group_has_a_state_of_its_own_and_a_scenario_that_needs_anothers_change_is_told_so()
{
    let project = DemoProject::with_pristine_server();
    fs::remove_dir_all(project.path("scenarios")).unwrap();
    fs::create_dir(project.path("scenarios")).unwrap();
    let look = "[[step]]\nname = \"ziak\"\nrequest = \"GET /ziak.php?id=314\"\n";
    let page =
        "title = \"The home page\"\n[[step]]\nname = \"uvod\"\nrequest = \"GET /index.php\"\n";
    fs::write(project.path("scenarios/uvod.toml"), page).unwrap();
    for (name, group, steps) in [
        ("a-zmena", "ziak", saved("zmena", "045/111 22 33")),
        (
            "b-pohlad",
            "ziak",
            format!("{look}{}", saved("este", "045/444 55 66")),
        ),
        (
            "c-pohlad",
            "iny",
            format!("{look}{}", saved("znova", "045/777 88 99")),
        ),
        // So that the old server holds in the end what it held before.
        ("d-vratenie", "ziak", saved("vratenie", "045/670 70 81")),
    ] {
        let scenario = format!(
            "title = \"{name}\"\nmutates = true\nstate = \"fresh\"\ngroup = \"{group}\"\n{LOGIN}{steps}"
        );
        fs::write(project.path(&format!("scenarios/{name}.toml")), scenario).unwrap();
    }
    let text = project.record_and_lock();
    let noted = "c-pohlad: was recorded after a-zmena, b-pohlad had changed the old server's data";
    assert!(text.contains(noted), "{text}");

    let (code, text) = project.run(&["run"]);
    assert_eq!(code, 1, "{text}");
    let text = fs::read_to_string(project.path("runs/latest/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    for same in [
        "replay/uvod/01-uvod",
        "replay/a-zmena/04-zmena",
        "replay/b-pohlad/03-ziak",
        "replay/d-vratenie/04-vratenie",
        "database/effects/b-pohlad/05-este",
        "database/fresh/ziak/state",
        "database/fresh/ziak/after-replay",
        "database/fresh/iny/state",
        "shutdown/fresh/iny/halt",
        "shutdown/second-boot/tables",
    ] {
        assert_eq!(outcome(&report, same).0, "same", "{same}: {report:#}");
    }
    // The old server showed what b-pohlad had left, and this guest does not have it.
    let (found, reason) = outcome(&report, "replay/c-pohlad/03-ziak");
    assert_eq!(found, "different");
    let told = "on the old server a-zmena, b-pohlad had changed data before";
    assert!(reason.contains(told), "{reason}");
}
