//! `init`: a project to start from, with what each key means.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use migrate_verify::outcome::Verdict;

use super::{context::Context, failure::Failure, output};

/// The files, in the order in which a person reads them.
const FILES: [(&str, &str); 2] = [
    (
        "migrate-verify.toml",
        include_str!("init/migrate-verify.toml"),
    ),
    ("scenarios/home.toml", include_str!("init/home.toml")),
];

/// What comes next.
const NEXT: [&str; 2] = [
    "write into migrate-verify.toml what the old server is, and into scenarios/ what people do with it",
    "migrate-verify doctor",
];

/// Writes a project into `folder`; a file that is there already is never touched.
pub(crate) fn init(context: &Context, folder: &Path) -> Result<Verdict, Failure> {
    for (name, _) in FILES {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            let error = Failure::usage(format!("{} exists", path.display()));
            return Err(error.hint("name another folder: nothing is overwritten"));
        }
    }
    for (name, content) in FILES {
        let path = folder.join(name);
        write(&path, content).map_err(|error| {
            Failure::inconclusive(&error).hint(format!("it could not write {}", path.display()))
        })?;
    }
    if context.json() {
        let files = FILES.map(|(name, _)| name);
        output::json(&serde_json::json!({ "schema_version": 1, "files": files }));
        return Ok(Verdict::Verified);
    }
    for (name, _) in FILES {
        output::line(&folder.join(name).display().to_string());
    }
    for line in NEXT {
        output::message("next", line);
    }
    Ok(Verdict::Verified)
}

fn write(path: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create_new(path)?.write_all(content.as_bytes())
}
