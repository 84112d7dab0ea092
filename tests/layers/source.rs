//! What the files of src/ import: read from their `use` lines and the paths in their code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A file of src/, its module path from the crate's root, and its code without comments, strings and tests.
pub(crate) struct Module {
    pub(crate) file: String,
    pub(crate) path: Vec<String>,
    pub(crate) code: String,
}

impl Module {
    /// The directory or file below src/ it belongs to.
    pub(crate) fn layer(&self) -> &str {
        self.path.first().map_or("lib", String::as_str)
    }

    /// Whether the code has these words, a path of them also where `use` brings it in by braces.
    pub(crate) fn says(&self, words: &str) -> bool {
        let is_it = |(_, path): (bool, Vec<String>)| path.join("::").contains(words);
        self.code.contains(words) || uses(&self.code).into_iter().any(is_it)
    }

    fn is_directory(&self) -> bool {
        self.file.ends_with("/mod.rs") || self.path.is_empty() || self.file == "src/notify/main.rs"
    }
}

pub(crate) fn modules() -> Vec<Module> {
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    files.sort();
    let is_test = |file: &String| file.ends_with("tests.rs") || file.contains("/tests/");
    files
        .into_iter()
        .filter(|file| !is_test(file))
        .map(|file| {
            let code = without_tests(&without_text(&fs::read_to_string(&file).unwrap()));
            // A module within a file only renames.
            let code = without(&code, "pub mod parsers ");
            let path = file.trim_start_matches("src/").trim_end_matches(".rs");
            let mut path: Vec<String> = path.split('/').map(str::to_owned).collect();
            match path.last().map(String::as_str) {
                Some("mod") => drop(path.pop()),
                Some("main") if path.len() > 1 => drop(path.pop()),
                Some("lib") => path.clear(),
                _ => {}
            }
            Module { file, path, code }
        })
        .collect()
}

pub(crate) fn collect(directory: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path.to_str().unwrap().to_owned());
        }
    }
}

/// The code with comments and the contents of strings left out.
fn without_text(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
            out.push('\n');
        } else if rest.starts_with("r#\"") {
            rest = rest.split_once("\"#").map_or("", |(_, rest)| rest);
        } else if first == '"' {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|&(_, c)| {
                let is_end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                is_end
            });
            rest = end.map_or("", |(end, _)| &rest[end + 1..]);
        } else if rest.starts_with("'\"'") || rest.starts_with("b'\"'") {
            rest = &rest[rest.find("\"'").unwrap() + 2..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// The code without `#[cfg(test)]` items.
fn without_tests(code: &str) -> String {
    without(code, "#[cfg(test)]")
}

/// The code without the items, braces included, that begin with `mark`.
fn without(code: &str, mark: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once(mark) {
        out.push_str(before);
        let end = after.find(['{', ';']).unwrap_or(after.len());
        rest = if after[end..].starts_with('{') {
            let mut depth = 0;
            let close = after[end..].char_indices().find(|&(_, c)| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth == 0
            });
            close.map_or("", |(close, _)| &after[end + close + 1..])
        } else {
            after.get(end + 1..).unwrap_or("")
        };
    }
    out + rest
}

/// Each path that `use` brings in, with its braces resolved, and whether it is re-exported.
pub(crate) fn uses(code: &str) -> Vec<(bool, Vec<String>)> {
    let mut found = Vec::new();
    for statement in code.split(';') {
        let statement = statement
            .rsplit(['}', ']'])
            .find(|part| part.contains("use "))
            .unwrap_or(statement);
        // A tree of braces was cut by the split above: take the statement from its `use` on.
        let Some(start) = code_start(statement) else {
            continue;
        };
        let whole = {
            let offset = statement.as_ptr() as usize - code.as_ptr() as usize + start;
            let text = &code[offset..];
            text.split(';').next().unwrap_or("")
        };
        let is_public = whole.starts_with("pub");
        let tree = whole.split_once("use ").map_or("", |(_, tree)| tree);
        expand(
            &tree.split_whitespace().collect::<Vec<_>>().join(" "),
            &mut Vec::new(),
            &mut |path| {
                found.push((is_public, path.to_vec()));
            },
        );
    }
    found
}

/// Where a `use` begins in this piece of code, its visibility included.
fn code_start(piece: &str) -> Option<usize> {
    let at = piece
        .match_indices("use ")
        .map(|(at, _)| at)
        .find(|&at| piece[..at].ends_with(['\n', ' ']) || at == 0)?;
    let line = piece[..at].rfind('\n').map_or(0, |line| line + 1);
    Some(line + (piece[line..].len() - piece[line..].trim_start().len()))
}

fn expand(tree: &str, prefix: &mut Vec<String>, take: &mut dyn FnMut(&[String])) {
    let tree = tree.trim();
    if let Some((head, inner)) = tree.split_once('{') {
        let before = prefix.len();
        prefix.extend(
            head.split("::")
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned),
        );
        let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
        let (mut depth, mut start) = (0, 0);
        for (at, c) in inner.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&inner[start..at], prefix, take);
                    start = at + 1;
                }
                _ => {}
            }
        }
        expand(&inner[start..], prefix, take);
        prefix.truncate(before);
    } else if !tree.is_empty() {
        let path = tree.split(" as ").next().unwrap_or(tree);
        let before = prefix.len();
        prefix.extend(
            path.split("::")
                .map(|part| part.trim().to_owned())
                .filter(|part| part != "self"),
        );
        take(prefix);
        prefix.truncate(before);
    }
}

/// Paths that stand in the code itself: `crate::a::B` and `super::b::C`.
pub(crate) fn inline(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for root in ["crate::", "super::", "memory_monitor::"] {
        for (at, _) in code.match_indices(root) {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            if code[..at].ends_with(is_word) || code[at + root.len()..].starts_with('{') {
                continue;
            }
            let end = code[at..]
                .find(|c| !is_word(c))
                .map_or(code.len(), |end| at + end);
            found.push(
                code[at..end]
                    .split("::")
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect(),
            );
        }
    }
    found
}

/// The path from the crate's root; None for another crate.
fn absolute(from: &Module, path: &[String], names: &BTreeSet<String>) -> Option<Vec<String>> {
    let own = &from.path;
    let parent = if from.is_directory() {
        own.len()
    } else {
        own.len().saturating_sub(1)
    };
    let mut base: Vec<String> = match path.first()?.as_str() {
        "crate" if from.layer() == "notify" => vec!["notify".to_owned()],
        "crate" | "memory_monitor" => Vec::new(),
        "super" => own[..own.len().saturating_sub(1)].to_vec(),
        "self" => own.clone(),
        // In a directory's own file, a bare name is one of its modules.
        first if from.is_directory() => {
            let mut base = own[..parent].to_vec();
            base.push(first.to_owned());
            names.contains(&base.join("::")).then_some(base)?
        }
        _ => return None,
    };
    for part in &path[1..] {
        if part == "super" {
            base.pop();
        } else {
            base.push(part.clone());
        }
    }
    Some(base)
}

/// The imports of every file: from its index to that of the file that defines what is imported.
pub(crate) fn imports(modules: &[Module]) -> BTreeMap<usize, BTreeSet<usize>> {
    let index: BTreeMap<String, usize> = (0..modules.len())
        .map(|index| (modules[index].path.join("::"), index))
        .collect();
    let names: BTreeSet<String> = index.keys().cloned().collect();
    // What a directory re-exports, by its full path.
    let mut exported: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for module in modules.iter().filter(|module| module.is_directory()) {
        for (_, path) in uses(&module.code)
            .into_iter()
            .filter(|(is_public, _)| *is_public)
        {
            let Some(target) = absolute(module, &path, &names) else {
                continue;
            };
            let mut name = module.path.clone();
            name.extend(target.last().cloned());
            exported.insert(name, target);
        }
    }
    let file_of = |path: &[String]| -> Option<usize> {
        let mut path = path.to_vec();
        for _ in 0..4 {
            match (0..=path.len())
                .rev()
                .find_map(|end| Some((end, exported.get(&path[..end])?)))
            {
                Some((end, target)) if target[..] != path[..end] => {
                    path = target.iter().chain(&path[end..]).cloned().collect();
                }
                _ => break,
            }
        }
        (0..=path.len())
            .rev()
            .find_map(|end| index.get(&path[..end].join("::")).copied())
    };
    let mut all = BTreeMap::new();
    for (from, module) in modules.iter().enumerate() {
        let mut targets = BTreeSet::new();
        let used = uses(&module.code);
        let used = used
            .into_iter()
            .filter(|(is_public, _)| !*is_public)
            .map(|(_, path)| path);
        for path in used.chain(inline(&module.code)) {
            if let Some(path) = absolute(module, &path, &names) {
                let target = file_of(&path).filter(|&target| target != from);
                targets.extend(target);
            }
        }
        all.insert(from, targets);
    }
    all
}

#[test]
fn the_reader_of_imports_sees_what_it_should() {
    let code = "use a::{self, b::{C, D as E}, F};\npub use x::Y;\nfn f() { use super::z; crate::q::r(); }\n";
    let seen: Vec<String> = uses(code)
        .into_iter()
        .map(|(public, path)| format!("{public} {}", path.join("::")))
        .collect();
    assert_eq!(
        seen,
        [
            "false a",
            "false a::b::C",
            "false a::b::D",
            "false a::F",
            "true x::Y",
            "false super::z"
        ]
    );
    let paths: Vec<String> = inline("crate::q::r(); xcrate::no; super::super::s")
        .into_iter()
        .map(|path| path.join("::"))
        .collect();
    assert_eq!(paths, ["crate::q::r", "super::super::s"]);
    assert_eq!(
        without_tests("a;\n#[cfg(test)]\nmod tests { x { y } }\nb;"),
        "a;\n\nb;"
    );
    assert_eq!(without_text("a // b\nc \"use \\\" d\" e"), "a \nc  e");
}
