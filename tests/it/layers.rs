//! The layers of the program: a module imports only what stands below it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// From the top to the bottom. Modules of one layer do not import each other.
const LAYERS: [&[&str]; 14] = [
    &["main", "lib"],
    &["fuzzing"],
    &["commands"],
    &["cli"],
    &["sandbox"],
    &["runner"],
    &["otel"],
    &["render"],
    &["ownership"],
    &["research"],
    &["list"],
    &["llm", "search", "sheets", "webhook"],
    &["http"],
    &["store"],
];

/// Values: they import each other and nothing above.
const VALUES: [&str; 12] = [
    "brand",
    "config",
    "error_groups",
    "error_kind",
    "event",
    "exit",
    "files",
    "money",
    "report",
    "span",
    "text",
    "say",
];

#[test]
fn modules_import_only_what_stands_below_them() {
    let mut upward = Vec::new();
    for file in sources(Path::new("src")) {
        // Tests may import what they like.
        if file.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        let module = module_of(&file);
        let text = fs::read_to_string(&file).unwrap();
        for imported in imports(without_tests(&text)) {
            if imported != module && layer(&imported) <= layer(&module) && !are_values(&imported) {
                upward.push(format!("{} imports {imported}", file.display()));
            }
        }
    }
    assert!(upward.is_empty(), "upward imports: {upward:#?}");
}

#[test]
fn every_top_level_module_has_a_layer() {
    let modules: BTreeSet<String> = sources(Path::new("src"))
        .iter()
        .map(|file| module_of(file))
        .collect();
    for module in modules {
        layer(&module);
    }
}

#[test]
fn imports_are_found_in_groups_and_in_paths() {
    let text = "use crate::{\n    brand::{Brand, Row},\n    exit::Exit,\n    store,\n};\n\
                // crate::comment::is_none\nfn f() { crate::money::Usd::ZERO; }\n";
    let found: Vec<String> = imports(text).into_iter().collect();
    assert_eq!(found, ["brand", "exit", "money", "store"]);
}

fn are_values(module: &str) -> bool {
    VALUES.contains(&module)
}

/// The number of the layer that a module is in, from the top.
fn layer(module: &str) -> usize {
    let found = LAYERS.iter().position(|layer| layer.contains(&module));
    let values = || are_values(module).then_some(LAYERS.len());
    found
        .or_else(values)
        .unwrap_or_else(|| panic!("{module} is in no layer"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The module of the top level that a file belongs to.
fn module_of(file: &Path) -> String {
    let below = file.strip_prefix("src").unwrap();
    let first = below.components().next().unwrap().as_os_str();
    first.to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// Tests may import what they like: they stand at the end of a file, or in one of their own.
fn without_tests(text: &str) -> &str {
    match text.find("#[cfg(test)]\nmod tests {") {
        Some(end) => &text[..end],
        None => text,
    }
}

/// The modules of the top level that are named behind `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(heads(group)),
            None => found.extend(head(rest)),
        }
    }
    found
}

/// The first names of the entries of a group, which may be nested.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut entry, mut heads) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.extend(head(&std::mem::take(&mut entry))),
            c => entry.push(c),
        }
    }
    heads.extend(head(&entry));
    heads
}

/// The name that a path begins with.
fn head(path: &str) -> Option<String> {
    let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let name: String = path.trim_start().chars().take_while(is_name).collect();
    (!name.is_empty()).then_some(name)
}
