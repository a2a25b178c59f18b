//! Checks what the documents say about the repository: which crates there are and which uses which, which tests prove a
//! promise, and links.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

type Names = BTreeSet<String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The crates below `crates/`, each with the ones that it names in `[dependencies]`.
fn dependencies() -> BTreeMap<String, Names> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let crates = root().canonicalize().unwrap().join("crates");
    let short = |name: &str| name.trim_start_matches("daybook-").to_owned();
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        if !manifest.starts_with(&crates) {
            continue;
        }
        let dependencies = package["dependencies"].as_array().unwrap();
        let own = dependencies
            .iter()
            .filter(|dependency| dependency["kind"].is_null() && dependency["path"].is_string());
        let names = own.map(|dependency| short(dependency["name"].as_str().unwrap()));
        found.insert(short(package["name"].as_str().unwrap()), names.collect());
    }
    found
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// The code spans of a text.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The first two cells of each row under a table's head.
fn rows<'p>(page: &'p str, head: &str) -> Vec<(&'p str, &'p str)> {
    let rows = page
        .lines()
        .skip_while(|line| *line != head)
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        (cells[1], cells[2])
    });
    cells.collect()
}

/// The rows of the table under `| crate | may use |`.
fn table() -> BTreeMap<String, Names> {
    let page = read("docs/architecture.md");
    let quoted = |cell: &str| -> Names { spans(cell).map(str::to_owned).collect() };
    let mut table = BTreeMap::new();
    for (name, uses) in rows(&page, "| crate | may use |") {
        let name = quoted(name).into_iter().next().unwrap();
        let may_use = match uses.trim() {
            "all of the above" => table.keys().cloned().collect(),
            uses => quoted(uses),
        };
        table.insert(name, may_use);
    }
    table
}

#[test]
fn crates_use_what_the_table_in_the_architecture_says() {
    let (actual, table) = (dependencies(), table());
    assert_eq!(
        actual.keys().collect::<Vec<_>>(),
        table.keys().collect::<Vec<_>>(),
        "docs/architecture.md has a row for each crate"
    );
    for (name, uses) in actual {
        let missing: Vec<_> = uses.difference(&table[&name]).collect();
        assert!(missing.is_empty(), "{name} must not use {missing:?}");
        // The binary may use everything.
        if name != "daybook" {
            let unused: Vec<_> = table[&name].difference(&uses).collect();
            assert!(unused.is_empty(), "{name} does not use {unused:?}");
        }
    }
}

/// The floors of the drawing under `## The map`, from the ground up.
fn floors() -> Vec<Names> {
    let page = read("docs/architecture.md");
    let (_, map) = page.split_once("## The map").unwrap();
    let drawing = map.split("```").nth(1).unwrap();
    let floors = drawing.lines().filter(|line| !line.is_empty()).rev();
    let names = floors.map(|floor| -> Names {
        // What is on the floor stands behind a wider gap.
        let names = floor.split("   ").next().unwrap();
        names.split_whitespace().map(str::to_owned).collect()
    });
    names.collect()
}

#[test]
fn crates_use_only_what_stands_on_lower_floors() {
    let (actual, mut below) = (dependencies(), Names::new());
    for floor in floors() {
        for name in &floor {
            let beside: Vec<_> = actual[name].difference(&below).collect();
            assert!(beside.is_empty(), "{name} does not stand above {beside:?}");
        }
        below.extend(floor);
    }
    assert_eq!(
        actual.into_keys().collect::<Names>(),
        below,
        "docs/architecture.md has a floor for each crate"
    );
}

#[test]
fn the_readme_names_every_crate() {
    let page = read("README.md");
    let rows = rows(&page, "| `crates/` | holds |").into_iter();
    let named: Names = rows
        .flat_map(|(name, _)| spans(name))
        .map(str::to_owned)
        .collect();
    assert_eq!(named, dependencies().into_keys().collect::<Names>());
}

/// Counts the lines of Rust below `crates/*/src`.
#[test]
fn no_crate_has_more_than_a_quarter_of_the_code() {
    let lines: BTreeMap<String, usize> = dependencies()
        .into_keys()
        .map(|name| {
            let folder = root().join("crates").join(&name).join("src");
            let texts = files(&folder, "rs");
            let count = texts.iter().map(|(_, text)| text.lines().count()).sum();
            (name, count)
        })
        .collect();
    let all: usize = lines.values().sum();
    for (name, count) in lines {
        assert!(count * 4 <= all, "{name} has {count} lines of {all}");
    }
}

/// A page names its tests in code spans, each after the file or the folder that it is in. `usual` is the folder of files
/// that are named alone. Returns how many tests it names.
fn check_tests_of(page: &str, usual: Option<&str>) -> usize {
    let mut named = 0;
    let mut place = root().join(usual.unwrap_or("crates"));
    for line in read(page).lines() {
        if let (true, Some(usual)) = (line.starts_with('|'), usual) {
            place = root().join(usual);
        }
        for span in spans(line) {
            let folder = match span.starts_with("crates/") {
                true => Some(""),
                false => usual.filter(|_| span.ends_with(".rs")),
            };
            if let Some(folder) = folder {
                place = root().join(folder).join(span);
                assert!(place.exists(), "{page}: {span} is not there");
            } else if is_name(span) {
                let known = tests_in(&place).contains(span);
                assert!(known, "{page}: {} has no test {span}", place.display());
                named += 1;
            }
        }
    }
    named
}

/// Whether a code span may be the name of a test.
fn is_name(span: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    span.contains('_') && span.bytes().all(is_part)
}

/// The names of the tests in a file or below a folder.
fn tests_in(place: &Path) -> Names {
    let texts = match place.is_dir() {
        true => files(place, "rs"),
        false => vec![(place.to_owned(), fs::read_to_string(place).unwrap())],
    };
    texts.iter().flat_map(|(_, text)| tests_of(text)).collect()
}

/// The functions that are marked as tests.
fn tests_of(text: &str) -> Names {
    let (mut found, mut is_test) = (Names::new(), false);
    for line in text.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            let function = line.strip_prefix("async ").unwrap_or(line);
            let test = function.strip_prefix("fn ").filter(|_| is_test);
            let name = test.and_then(|rest| rest.split('(').next());
            found.extend(name.map(str::to_owned));
            is_test = false;
        }
    }
    found
}

#[test]
fn promises_name_tests_that_there_are() {
    let named = check_tests_of("docs/promises.md", None);
    assert!(named > 50, "only {named} tests were found");
}

#[test]
fn what_is_defended_names_tests_that_there_are() {
    let named = check_tests_of("docs/security.md", Some("crates/api/tests/http"));
    assert!(named > 30, "only {named} tests were found");
}

/// The last column of the checklists says what fails when a step is forgotten.
#[test]
fn checklists_name_tests_that_there_are() {
    let (page, tests) = (read("docs/adding.md"), tests_in(&root().join("crates")));
    let cells = page.lines().filter_map(|line| line.split('|').nth(3));
    let mut named = 0;
    for span in cells.flat_map(spans).filter(|span| is_name(span)) {
        assert!(tests.contains(span), "there is no test {span}");
        named += 1;
    }
    assert!(named > 15, "only {named} tests were found");
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut pages = files(&root().join("docs"), "md");
    let readme = root().join("README.md");
    pages.push((readme.clone(), fs::read_to_string(readme).unwrap()));
    let mut followed = 0;
    for (page, text) in pages {
        for target in text.split("](").skip(1) {
            let target = target.split(')').next().unwrap();
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = match file {
                "" => page.clone(),
                _ => page.parent().unwrap().join(file),
            };
            assert!(linked.exists(), "{}: {target} is not there", page.display());
            if !anchor.is_empty() {
                let anchors = anchors(&fs::read_to_string(&linked).unwrap());
                assert!(
                    anchors.contains(anchor),
                    "{}: {target} is no heading",
                    page.display()
                );
            }
            followed += 1;
        }
    }
    assert!(followed > 50, "only {followed} links were found");
}

/// As a page of Markdown names its headings: in lower case, without punctuation, hyphens for spaces.
fn anchors(page: &str) -> Names {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

fn files(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}
