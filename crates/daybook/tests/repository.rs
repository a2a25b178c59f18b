//! Checks what the documents say about the repository: which crate uses which, which tests prove a promise, and links.
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
    let short = |name: &str| name.trim_start_matches("daybook-").to_owned();
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let path = package["manifest_path"].as_str().unwrap();
        if !path.contains("/crates/") {
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

/// The rows of the table under `| crate | may use |`.
fn table() -> BTreeMap<String, Names> {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let rows = page
        .lines()
        .skip_while(|line| *line != "| crate | may use |")
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let quoted = |cell: &str| -> Names {
        let parts = cell.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let mut table = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let name = quoted(cells[1]).into_iter().next().unwrap();
        let may_use = match cells[2].trim() {
            "all of the above" => table.keys().cloned().collect(),
            cell => quoted(cell),
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

/// A promise names its tests, and the files that they are in, in code spans.
#[test]
fn promises_name_tests_that_there_are() {
    let page = fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let tests: String = files(&root().join("crates"), "rs")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let mut named = 0;
    for span in page.split('`').skip(1).step_by(2) {
        if span.starts_with("crates/") {
            assert!(root().join(span).exists(), "{span} is not there");
        } else if span.contains('_')
            && span
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            assert!(
                tests.contains(&format!("fn {span}(")),
                "there is no test {span}"
            );
            named += 1;
        }
    }
    assert!(
        named > 50,
        "only {named} tests were found in docs/promises.md"
    );
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
