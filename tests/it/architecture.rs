//! The rules of ARCHITECTURE.md and CONTRIBUTING.md that a program can check: who uses whom, and what a file looks like.
//!
//! The table of allowed edges is read out of ARCHITECTURE.md itself, so that document and code can't drift apart. The
//! checks are functions from text to findings; the last tests here show each of them failing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// No file is longer without its tests.
const LONGEST: usize = 400;

/// Names that say nothing about what a module owns.
const EMPTY_NAMES: [&str; 5] = ["util", "helpers", "common", "misc", "imp"];

/// The call that replaces bytes it can't read.
const LOSSY: &str = "from_utf8_lossy";

/// Module by module, which others it may use.
type Table = BTreeMap<String, BTreeSet<String>>;

/// One file of Rust.
struct Source {
    /// Its path below the package: `harness/rootfs/walk.rs`.
    path: String,
    /// What it holds.
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Returns the library's module that the file belongs to; none for the binary, for lib.rs and for tests.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("harness/")?;
        let module = inside.split('/').next()?.trim_end_matches(".rs");
        (!matches!(module, "main" | "lib" | "cli")).then_some(module)
    }

    /// Returns whether the file belongs to the binary.
    fn is_of_the_binary(&self) -> bool {
        self.path == "harness/main.rs" || self.path.starts_with("harness/cli/")
    }
}

/// Reads a file of the package.
fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Reads every file of Rust below a folder of the package, in the order of their paths.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(sources(&path));
        } else if Path::new(&path)
            .extension()
            .is_some_and(|extension| extension == "rs")
        {
            found.push(Source {
                text: read(&path),
                path,
            });
        }
    }
    found.sort_by(|first, second| first.path.cmp(&second.path));
    found
}

/// Returns the code without comments and without what stands in literals.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[length..];
        }
    }
    code
}

/// Returns how many bytes at the start of `rest` are a comment or a literal.
fn skipped(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    // A lifetime has no quote behind its first character.
    if rest.starts_with('\'') && (rest.starts_with("'\\") || rest.chars().nth(2) == Some('\'')) {
        return quoted(rest, '\'');
    }
    let starts_a_word = !before.is_some_and(|before| before.is_alphanumeric() || before == '_');
    let raw = rest
        .strip_prefix("br")
        .or_else(|| rest.strip_prefix('r'))
        .filter(|_| starts_a_word);
    raw.map_or(0, |raw| {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if !raw[hashes..].starts_with('"') {
            return 0;
        }
        let end = format!("\"{}", "#".repeat(hashes));
        let start = rest.len() - raw.len() + hashes + 1;
        rest[start..]
            .find(&end)
            .map_or(rest.len(), |found| start + found + end.len())
    })
}

/// Returns the length of a literal that ends with `quote`, escapes heeded.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return index + quote.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Returns the names that directly follow `crate::` in code, those of a group `crate::{…}` too.
fn used_names(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (index, _) in code.match_indices("crate::") {
        // `migrate_crate::` is another word.
        if code[..index].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = &code[index + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => names.extend(word(rest)),
            Some(group) => names.extend(first_level(group).filter_map(word)),
        }
    }
    names
}

/// Returns the word at the start of a text.
fn word(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Splits what follows `{` at its own commas, up to the `}` that closes it.
fn first_level(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let mut start = 0;
    let mut parts = Vec::new();
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..index]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.into_iter()
}

/// Reads the table below `| module | may use |`.
fn allowed_edges(document: &str) -> Table {
    let rows = document
        .lines()
        .skip_while(|line| *line != "| module | may use |")
        .skip(2);
    let rows = rows.map_while(|line| line.strip_prefix('|')?.strip_suffix('|')?.split_once('|'));
    let names = |cell: &str| {
        cell.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    rows.map(|(module, used)| (module.trim().to_owned(), names(used)))
        .collect()
}

/// Returns the modules that lib.rs declares, in its order.
fn declared_modules(lib: &str) -> Vec<String> {
    let names = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

/// Compares the table with the modules that exist and with what the code uses, both ways.
fn edge_findings(modules: &[String], table: &Table, sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut used = Table::new();
    for source in sources {
        let code = code(&source.text);
        let names = used_names(&code);
        if source.is_of_the_binary() && !names.is_empty() {
            findings.push(format!(
                "{}: the binary reaches the library as `migrate_verify`, not as `crate::`",
                source.path
            ));
        }
        if code.contains("super::super::") {
            findings.push(format!(
                "{}: `super::super::` hides which module is used: write `crate::`",
                source.path
            ));
        }
        let Some(module) = source.module() else {
            continue;
        };
        for name in names.into_iter().filter(|name| name != module) {
            if !table
                .get(module)
                .is_some_and(|allowed| allowed.contains(&name))
            {
                findings.push(format!(
                    "{}: the table does not let {module} use {name}",
                    source.path
                ));
            }
            used.entry(module.to_owned()).or_default().insert(name);
        }
    }
    findings.extend(
        modules
            .iter()
            .filter(|module| !table.contains_key(*module))
            .map(|module| format!("the table has no row for {module}")),
    );
    for (module, allowed) in table {
        let Some(position) = modules.iter().position(|name| name == module) else {
            findings.push(format!(
                "the table has a row for {module}, which lib.rs does not declare"
            ));
            continue;
        };
        for name in allowed {
            if !modules[..position].contains(name) {
                findings.push(format!(
                    "{module} may use {name}, which does not stand above it in lib.rs"
                ));
            }
            if !used.get(module).is_some_and(|names| names.contains(name)) {
                findings.push(format!(
                    "{module} may use {name} and does not: remove it from the table"
                ));
            }
        }
    }
    findings
}

/// Checks what every file must look like.
fn shape_findings(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    let mut findings = Vec::new();
    if !text.starts_with("//! ") {
        findings.push(format!(
            "{path}: it does not start with `//!`: what it owns and why"
        ));
    }
    let names = path.trim_end_matches(".rs").split('/');
    findings.extend(
        names
            .filter(|name| EMPTY_NAMES.contains(name))
            .map(|name| format!("{path}: `{name}` names no thing of the domain")),
    );
    if !path.starts_with("harness/") {
        return findings;
    }
    let lines = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
        .lines()
        .count();
    if lines > LONGEST {
        findings.push(format!(
            "{path}: {lines} lines without its tests, more than {LONGEST}"
        ));
    }
    let code = code(text);
    if code.contains(LOSSY) {
        findings.push(format!(
            "{path}: `{LOSSY}` replaces bytes: decode with `charset`"
        ));
    }
    if path.ends_with("/mod.rs") || path == "harness/lib.rs" {
        findings.extend(
            logic(&code)
                .map(|item| format!("{path}: more than documentation, `mod` and `use`: `{item}`")),
        );
    }
    findings
}

/// Finds files that no `mod` line declares: the compiler never sees them, and tests in them never run.
fn orphan_findings(sources: &[Source]) -> Vec<String> {
    let declares = |parents: &[String], name: &str| {
        let line = format!("mod {name};");
        let parents = sources
            .iter()
            .filter(|source| parents.contains(&source.path));
        parents
            .flat_map(|parent| parent.text.lines())
            .any(|text| text == line || text.ends_with(&format!(" {line}")))
    };
    let mut findings = Vec::new();
    for Source { path, .. } in sources {
        let place = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let Some((folder, name)) = place.rsplit_once('/') else {
            continue;
        };
        let parents = ["mod", "lib", "main"].map(|parent| format!("{folder}/{parent}.rs"));
        if !parents.contains(path) && !declares(&parents, name) {
            findings.push(format!("{path}: no `mod {name};` declares it"));
        }
    }
    findings
}

/// Returns the first item that is neither `mod name;` nor `use …;`.
fn logic(code: &str) -> Option<String> {
    let mut rest = code.trim_start();
    while !rest.is_empty() {
        if let Some(attribute) = rest.strip_prefix("#[").or_else(|| rest.strip_prefix("#![")) {
            rest = attribute
                .split_once(']')
                .map_or("", |(_, rest)| rest)
                .trim_start();
            continue;
        }
        let line = rest.lines().next().unwrap_or_default().trim_end();
        let item = line
            .strip_prefix("pub(crate) ")
            .or_else(|| line.strip_prefix("pub(super) "))
            .or_else(|| line.strip_prefix("pub "))
            .unwrap_or(line);
        if !(item.starts_with("use ") || item.starts_with("mod ") && item.ends_with(';')) {
            return Some(line.to_owned());
        }
        rest = rest
            .split_once(';')
            .map_or("", |(_, rest)| rest)
            .trim_start();
    }
    None
}

/// Fails with every finding, a line each.
fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn modules_use_each_other_as_the_table_in_the_architecture_allows() {
    let modules = declared_modules(&read("harness/lib.rs"));
    let table = allowed_edges(&read("ARCHITECTURE.md"));
    assert!(
        modules.len() > 10 && table.len() > 10,
        "lib.rs and ARCHITECTURE.md are read"
    );
    assert_none(&edge_findings(&modules, &table, &sources("harness")));
}

#[test]
fn every_file_has_the_shape_that_the_conventions_ask_for() {
    let mut sources = sources("harness");
    sources.extend(self::sources("tests/it"));
    assert!(sources.len() > 100, "the files are found");
    assert_none(&sources.iter().flat_map(shape_findings).collect::<Vec<_>>());
    assert_none(&orphan_findings(&sources));
}

#[test]
fn an_edge_that_the_table_lacks_is_found() {
    insta::assert_snapshot!(findings_of("use crate::image::Image;\nfn f() { crate::report::render(); }\n"), @"
    harness/rootfs/walk.rs: the table does not let rootfs use report
    rootfs may use digest and does not: remove it from the table
    ");
}

#[test]
fn an_edge_inside_a_group_is_found() {
    insta::assert_snapshot!(findings_of("use crate::{\n    digest::{Sha256Digest, X},\n    image::{self, Y},\n    report,\n};\n"), @"harness/rootfs/walk.rs: the table does not let rootfs use report");
}

#[test]
fn what_stands_in_comments_and_literals_is_no_edge() {
    let text = "//! [`crate::report`]\nuse crate::{digest, image};\n/* crate::report */\nconst A: &str = \"a \\\" crate::report\";\n\
        const B: &str = r#\"\" crate::report\"#;\nfn f<'a>(x: &'a str) -> char { '\"' }\nconst C: char = '\\'';\n";
    insta::assert_snapshot!(findings_of(text), @"");
}

#[test]
fn an_edge_of_the_table_that_no_code_uses_is_found() {
    insta::assert_snapshot!(findings_of("use crate::digest;\n"), @"rootfs may use image and does not: remove it from the table");
}

#[test]
fn a_way_around_the_table_is_found() {
    insta::assert_snapshot!(findings_of("use crate::{digest, image};\nuse super::super::report;\n"), @"harness/rootfs/walk.rs: `super::super::` hides which module is used: write `crate::`");
}

#[test]
fn a_table_that_does_not_fit_the_modules_is_found() {
    let modules = ["digest", "image"].map(str::to_owned);
    let table =
        allowed_edges("| module | may use |\n| --- | --- |\n| digest | image |\n| gone | |\n");
    let source = Source::new("harness/digest.rs", "use crate::image;\n");
    insta::assert_snapshot!(edge_findings(&modules, &table, &[source]).join("\n"), @"
    the table has no row for image
    digest may use image, which does not stand above it in lib.rs
    the table has a row for gone, which lib.rs does not declare
    ");
}

#[test]
fn a_binary_that_names_the_library_crate_is_found() {
    let source = Source::new("harness/cli/run.rs", "use crate::outcome::Verdict;\n");
    insta::assert_snapshot!(edge_findings(&[], &Table::new(), &[source]).join("\n"), @"harness/cli/run.rs: the binary reaches the library as `migrate_verify`, not as `crate::`");
}

#[test]
fn a_file_of_the_wrong_shape_is_found() {
    let long = format!(
        "//! Long.\n{}\n#[cfg(test)]\nmod tests {{\n}}\n",
        "// x\n".repeat(LONGEST)
    );
    let table = [
        ("harness/image/util.rs", "//! Ours.\n".to_owned()),
        ("harness/image/open.rs", "use std::fs;\n".to_owned()),
        (
            "harness/image/lossy.rs",
            format!("//! Ours.\nfn f() {{ String::{LOSSY}(&[]); }}\n"),
        ),
        ("harness/image/long.rs", long),
        (
            "harness/image/mod.rs",
            "//! Ours.\nmod open;\npub use open::{A, B};\npub fn open() {}\n".to_owned(),
        ),
        (
            "harness/lib.rs",
            "//! Ours.\n#[cfg(test)]\nmod example {\n}\n".to_owned(),
        ),
    ];
    let findings: Vec<String> = table
        .iter()
        .flat_map(|(path, text)| shape_findings(&Source::new(path, text)))
        .collect();
    insta::assert_snapshot!(findings.join("\n"), @"
    harness/image/util.rs: `util` names no thing of the domain
    harness/image/open.rs: it does not start with `//!`: what it owns and why
    harness/image/lossy.rs: `from_utf8_lossy` replaces bytes: decode with `charset`
    harness/image/long.rs: 401 lines without its tests, more than 400
    harness/image/mod.rs: more than documentation, `mod` and `use`: `pub fn open() {}`
    harness/lib.rs: more than documentation, `mod` and `use`: `mod example {`
    ");
}

#[test]
fn a_file_of_the_right_shape_is_not_found() {
    let at_the_limit = format!(
        "//! Long.\n{}\n#[cfg(test)]\nmod tests {{\n{}}}\n",
        "// x\n".repeat(LONGEST - 2),
        "// x\n".repeat(LONGEST)
    );
    let module = "//! Ours, with fn and `impl` in words.\n\nmod open;\n#[cfg(test)]\nmod example;\npub mod tar;\n\npub use open::{\n    A,\n    B,\n};\n";
    let table = [
        ("harness/image/long.rs", at_the_limit.as_str()),
        ("harness/image/mod.rs", module),
        ("tests/it/pages.rs", "//! Pages.\nfn f() {}\n"),
    ];
    let findings: Vec<String> = table
        .iter()
        .flat_map(|(path, text)| shape_findings(&Source::new(path, text)))
        .collect();
    assert_none(&findings);
}

#[test]
fn a_file_that_no_module_declares_is_found() {
    let sources = [
        Source::new("harness/lib.rs", "pub mod image;\npub mod digest;\n"),
        Source::new("harness/digest.rs", ""),
        Source::new("harness/image/mod.rs", "mod open;\n"),
        Source::new("harness/image/open.rs", ""),
        Source::new("harness/image/lost.rs", ""),
        Source::new("tests/it/main.rs", "mod env;\n"),
        Source::new("tests/it/env/mod.rs", ""),
        Source::new("tests/it/pages.rs", ""),
    ];
    insta::assert_snapshot!(orphan_findings(&sources).join("\n"), @"
    harness/image/lost.rs: no `mod lost;` declares it
    tests/it/pages.rs: no `mod pages;` declares it
    ");
}

/// Returns the findings on a module `rootfs` that may use `digest` and `image`.
fn findings_of(text: &str) -> String {
    let modules = ["digest", "image", "rootfs"].map(str::to_owned);
    let table = allowed_edges(
        "words\n\n| module | may use |\n| --- | --- |\n| digest | |\n| image | |\n| rootfs | digest, image |\n\nmore\n",
    );
    edge_findings(
        &modules,
        &table,
        &[Source::new("harness/rootfs/walk.rs", text)],
    )
    .join("\n")
}
