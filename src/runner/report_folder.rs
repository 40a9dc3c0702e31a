//! The folder that a brand's report is put into.

use crate::{
    brand::{Brand, BrandKey},
    text,
};

/// Bytes of a folder's name; file systems allow 255, Windows counts whole paths.
const FOLDER_BYTES: usize = 120;

/// A folder's name made of the brand's: Persian letters stay, what no file system takes goes. Where something went, or
/// another brand has the name, a part of the key's hash makes it the brand's own.
pub fn new_folder(brand: &Brand, taken: impl Fn(&str) -> bool) -> String {
    let plain = plain_folder(&brand.name);
    let lossless =
        plain == text::clean(&brand.name) && brand.key.as_str() == text::key(&brand.name);
    if lossless && !taken(&plain.to_lowercase()) {
        return plain;
    }
    format!("{plain} {}", &hash(&brand.key)[..8])
}

/// The brand's name, as far as every file system takes it.
pub fn plain_folder(name: &str) -> String {
    let mut folder = String::new();
    for c in text::clean(name).chars() {
        let c = if c.is_control() || "<>:\"/\\|?*'`$&;".contains(c) {
            '_'
        } else {
            c
        };
        if folder.len() + c.len_utf8() > FOLDER_BYTES {
            break;
        }
        folder.push(c);
    }
    let folder = folder.trim_matches(['.', ' ', '-', '~']).to_owned();
    if folder.is_empty() || is_reserved(&folder) {
        return format!("_{folder}");
    }
    folder
}

/// Names that Windows keeps for devices, and files that stand beside the folders.
fn is_reserved(folder: &str) -> bool {
    let stem = folder
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_uppercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|n| {
            n.chars().count() == 1 && n.chars().all(|c| c.is_ascii_digit() || "¹²³".contains(c))
        })
    };
    matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) || numbered("COM")
        || numbered("LPT")
        || matches!(
            folder.to_lowercase().as_str(),
            "index.html" | "brands.xlsx" | "changes.html" | "changes.md" | "companies.csv"
        )
}

fn hash(key: &BrandKey) -> String {
    blake3::hash(key.as_str().as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_keep_persian_and_fit_every_file_system() {
        assert_eq!(plain_folder("دیجی‌کالا"), "دیجی‌کالا");
        assert_eq!(plain_folder("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(plain_folder("CON"), "_CON");
        assert_eq!(plain_folder("com1.ir"), "_com1.ir");
        assert!(plain_folder(&"ک".repeat(200)).len() <= FOLDER_BYTES);
    }
}
