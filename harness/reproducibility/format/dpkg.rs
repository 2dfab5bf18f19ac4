//! dpkg's lists of packages, `status` and `available`: which field of which package differs.

use std::collections::BTreeMap;

use crate::rootfs::escape;

/// Bytes of a field that are shown.
const SHOWN: usize = 60;

/// A package's fields, each with the lines that continue it.
type Fields<'a> = BTreeMap<&'a [u8], &'a [u8]>;

/// Says in which field of which package two lists differ.
pub(in super::super) fn explain_dpkg(first: &[u8], second: &[u8]) -> Option<String> {
    let (first, second) = (packages(first)?, packages(second)?);
    let (first_fields, second_fields) = (by_name(&first), by_name(&second));
    let mut differing = 0;
    let mut told = None;
    for name in first_fields.keys().chain(second_fields.keys()) {
        let pair = (first_fields.get(name), second_fields.get(name));
        if pair.0 == pair.1 {
            continue;
        }
        let sentence = match pair {
            (Some(one), Some(other)) => {
                differing += 1;
                field(one, other)
            }
            (Some(_), None) => "it is only in the first".to_owned(),
            (None, _) => "it is only in the second".to_owned(),
        };
        told.get_or_insert_with(|| format!("package `{}`: {sentence}", escape(name)));
    }
    let Some(told) = told else {
        return Some("the same packages in another order".to_owned());
    };
    // Each package that both have was met twice.
    Some(match differing / 2 {
        0 | 1 => told,
        differing => format!("{told}; {differing} packages differ"),
    })
}

/// Tells whether two lists have the same packages, but for their order and the version that each was configured from.
pub(in super::super) fn differ_in_order(first: &[u8], second: &[u8]) -> bool {
    let read = |bytes| {
        let mut packages = packages(bytes)?;
        for (_, fields) in &mut packages {
            fields.remove(&b"Config-Version"[..]);
        }
        packages.sort_unstable();
        Some(packages)
    };
    read(first).is_some_and(|first| Some(first) == read(second))
}

/// Returns the first field in which two packages differ.
fn field(first: &Fields<'_>, second: &Fields<'_>) -> String {
    let value = |fields: &Fields<'_>, name: &[u8]| match fields.get(name) {
        Some(value) if value.len() > SHOWN => format!("`{}…`", escape(&value[..SHOWN])),
        Some(value) => format!("`{}`", escape(value)),
        None => "nothing".to_owned(),
    };
    let mut names = first.keys().chain(second.keys());
    match names.find(|name| first.get(*name) != second.get(*name)) {
        Some(name) => format!(
            "field {}: {} became {}",
            escape(name),
            value(first, name),
            value(second, name)
        ),
        None => "the same fields".to_owned(),
    }
}

fn by_name<'a>(packages: &[(&'a [u8], Fields<'a>)]) -> BTreeMap<&'a [u8], Fields<'a>> {
    packages.iter().cloned().collect()
}

/// Splits a list into packages; `None` where it is none.
fn packages(bytes: &[u8]) -> Option<Vec<(&[u8], Fields<'_>)>> {
    if !bytes.starts_with(b"Package: ") {
        return None;
    }
    let mut packages = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|pair| pair == b"\n\n");
        let paragraph = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| rest[end..].trim_ascii_start());
        let fields = fields(paragraph)?;
        packages.push((*fields.get(&b"Package"[..])?, fields));
    }
    Some(packages)
}

fn fields(paragraph: &[u8]) -> Option<Fields<'_>> {
    let mut fields = Fields::new();
    let mut rest = paragraph.trim_ascii();
    while !rest.is_empty() {
        let colon = rest.iter().position(|&byte| byte == b':')?;
        // A line that begins with a blank continues the field before it.
        let end = rest
            .windows(2)
            .position(|pair| pair[0] == b'\n' && !matches!(pair[1], b' ' | b'\t'))
            .unwrap_or(rest.len());
        fields.insert(&rest[..colon], rest.get(colon + 1..end)?.trim_ascii());
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_packages_is_told_by_package_and_field() {
        let apache =
            "Package: apache2\nStatus: install ok installed\nConffiles:\n /etc/a 1\n /etc/b 2\n";
        let login = "Package: login\nStatus: install ok installed\n";
        let plain = format!("{apache}\n{login}");
        let table = [
            (
                plain.replace("b 2", "b 3"),
                "package `apache2`: field Conffiles: `/etc/a 1%0A /etc/b 2` became `/etc/a 1%0A /etc/b 3`",
            ),
            (
                plain.replace("ok installed", "ok unpacked"),
                "package `apache2`: field Status: `install ok installed` became `install ok unpacked`; 2 packages differ",
            ),
            (
                format!("{login}\n{apache}"),
                "the same packages in another order",
            ),
            (
                apache.to_owned(),
                "package `login`: it is only in the first",
            ),
            (
                plain.replace("login\n", "login\nConfig-Version: 1\n"),
                "package `login`: field Config-Version: nothing became `1`",
            ),
        ];
        for (other, expected) in table {
            assert_eq!(
                explain_dpkg(plain.as_bytes(), other.as_bytes()).as_deref(),
                Some(expected)
            );
        }
        assert_eq!(explain_dpkg(b"Package lists\n", plain.as_bytes()), None);
    }
}
