//! The headers of a column of names. A cell with one of them is not the name of a brand.

use std::{collections::HashSet, sync::LazyLock};

use crate::text;

/// Headers of the name.
pub const NAME: [&str; 10] = [
    "Brand Name",
    "Brand",
    "Name",
    "Company",
    "نام برند",
    "برند",
    "نام",
    "اسم برند",
    "نام تجاری",
    "شرکت",
];

/// More headers of the name, where a list has none of those above.
pub const MORE_NAMES: [&str; 23] = [
    "Company Name",
    "Trade Name",
    "Brand Title",
    "Brands",
    "Brand fa",
    "Persian Brand Name",
    "نام شرکت",
    "اسم شرکت",
    "نام کمپانی",
    "عنوان برند",
    "نام برندها",
    "برندها",
    "نشان تجاری",
    "نام نشان تجاری",
    "نام برند فارسی",
    "نام فارسی برند",
    "نام فارسی",
    "اسم",
    "العلامة التجارية",
    "اسم العلامة التجارية",
    "الماركة",
    "اسم الشركة",
    "الشركة",
];

/// Bytes of a cell that may be a header.
const LONGEST_HEADER: usize = 120;

/// Whether a cell is the header of a column of names.
pub fn heads_names(cell: &str) -> bool {
    is_header_of_names(cell, &text::key(cell))
}

/// The same of a cell with its [key](text::key).
pub fn is_header_of_names(cell: &str, key: &str) -> bool {
    static KEYS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let all = NAME.iter().chain(&MORE_NAMES);
        all.map(|name| text::key(name)).collect()
    });
    if KEYS.contains(key) {
        return true;
    }
    if !cell.contains(['(', '[', '（', '/', '|', '\\', '-', '–', '\n', '·', '•']) {
        return false;
    }
    let parts = parts(cell);
    !parts.is_empty() && parts.iter().all(|part| KEYS.contains(part))
}

/// The keys of what a header says in several languages, without what stands in brackets.
pub fn parts(cell: &str) -> Vec<String> {
    if cell.len() > LONGEST_HEADER {
        return Vec::new();
    }
    let (mut outside, mut depth) = (String::new(), 0usize);
    for c in cell.chars() {
        match c {
            '(' | '[' | '（' => depth += 1,
            ')' | ']' | '）' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    if text::clean(&outside).is_empty() {
        cell.clone_into(&mut outside);
    }
    let outside = outside.replace(" - ", "\n").replace(" – ", "\n");
    let parts = outside.split(['/', '|', '\\', '\n', '\r', '·', '•']);
    let keys = parts.map(text::key);
    keys.filter(|key| !key.is_empty()).collect()
}
