//! The relationships between companies: whether a sentence really gives a company the role that a report claims. "B
//! belongs to A" does not make B the owner of A, and former owners own nothing.

use std::sync::LazyLock;

use crate::{
    report::fields::Role,
    text::{self, Phrases},
};

/// What a sentence says of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatedRole {
    So,
    /// It was so.
    Formerly,
    /// The other way round, or the opposite.
    Otherwise,
    /// Nothing of the kind.
    Nothing,
}

static OWNER: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&[
        "مالک",
        "متعلق",
        "زیرمجموعه",
        "زیر مجموعه",
        "هلدینگ",
        "شرکت مادر",
        "سهامدار",
        "سهام",
        "وابسته",
        "گروه",
        "صاحب",
        "از برندهای",
        "از شرکت های",
        "owned",
        "owner",
        "parent",
        "subsidiary",
        "belongs",
    ])
});
static SISTER: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&[
        "هلدینگ",
        "گروه",
        "زیرمجموعه",
        "زیر مجموعه",
        "برندهای",
        "خواهر",
        "هم خانواده",
        "دیگر برند",
        "sister",
        "group",
        "brands",
        "portfolio",
    ])
});
static RIVAL: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&[
        "رقیب",
        "رقبا",
        "رقابت",
        "رقیبان",
        "سهم بازار",
        "در برابر",
        "competitor",
        "competitors",
        "rival",
    ])
});
static CHIEF: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&[
        "مدیرعامل",
        "مدیر عامل",
        "مدیریت",
        "بنیانگذار",
        "ceo",
        "chief executive",
        "managing director",
        "head",
    ])
});

/// Words by which something has ended.
static ENDED: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&[
        "سابق",
        "پیشین",
        "اسبق",
        "ترک کرد",
        "ترک کرده",
        "جدا شد",
        "کنار رفت",
        "کناره گیری",
        "استعفا",
        "برکنار",
        "واگذار کرد",
        "واگذار شد",
        "فروخت",
        "former",
        "formerly",
        "left",
        "resigned",
        "stepped down",
        "sold",
    ])
});

static DENIED: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&[
        "نیست",
        "نبوده",
        "تکذیب",
        "ندارد",
        "not",
        "denied",
        "no longer",
        "دیگر نیست",
    ])
});

/// After these the owner is named, before them what it owns.
static OWNER_FOLLOWS: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&[
        "متعلق به",
        "زیرمجموعه",
        "زیر مجموعه",
        "وابسته به",
        "از برندهای",
        "از شرکت های",
        "owned by",
        "subsidiary of",
        "belongs to",
    ])
});

/// After these what is owned is named.
static OWNED_FOLLOWS: LazyLock<Phrases> =
    LazyLock::new(|| Phrases::of(&["مالک", "صاحب", "شرکت مادر", "owner of", "owns"]));

impl Role {
    /// What a quote says of this value in this role to the brand.
    pub fn said(self, quote: &str, value: &str, brand: &[String]) -> StatedRole {
        let words = text::words(quote);
        let cues = match self {
            Self::Owner | Self::Owned => &OWNER,
            Self::Sister => &SISTER,
            Self::Rival => &RIVAL,
            Self::Chief => &CHIEF,
            Self::Neighbour => return StatedRole::So,
        };
        if !cues.are_in(&words) {
            return StatedRole::Nothing;
        }
        if DENIED.are_in(&words) {
            return StatedRole::Otherwise;
        }
        if matches!(self, Self::Owner | Self::Owned) {
            let value = text::words(value);
            let (owner, property): (&[String], &[String]) = match self {
                Self::Owner => (&[value], brand),
                _ => (brand, &[value]),
            };
            if is_reversed(&words, owner, property) {
                return StatedRole::Otherwise;
            }
        }
        if matches!(self, Self::Owner | Self::Chief) && ENDED.are_in(&words) {
            return StatedRole::Formerly;
        }
        StatedRole::So
    }
}

static SPEAKS_OF_OWNER: LazyLock<Phrases> = LazyLock::new(|| {
    Phrases::of(&[
        "مالک",
        "متعلق",
        "زیرمجموعه",
        "زیر مجموعه",
        "سهامدار",
        "شرکت مادر",
        "owned",
        "subsidiary",
        "belongs to",
    ])
});

/// Whether folded words say whose something is.
pub fn speaks_of_owner(words: &str) -> bool {
    SPEAKS_OF_OWNER.are_in(words)
}

static SPEAKS_OF_CHIEF: LazyLock<Phrases> =
    LazyLock::new(|| Phrases::of(&["مدیرعامل", "مدیر عامل", "ceo", "chief executive"]));

/// Whether folded words say who leads a company.
pub fn speaks_of_chief(words: &str) -> bool {
    SPEAKS_OF_CHIEF.are_in(words)
}

/// Whether words say that the property owns the owner.
fn is_reversed(words: &str, owner: &[String], property: &[String]) -> bool {
    let place = |names: &[String]| {
        names
            .iter()
            .filter_map(|name| words.find(name.trim_end()))
            .min()
    };
    let (Some(owner), Some(property)) = (place(owner), place(property)) else {
        return false;
    };
    if let Some(at) = OWNER_FOLLOWS.first_in(words) {
        return owner < at && at < property;
    }
    match OWNED_FOLLOWS.first_in(words) {
        // «مالک کاله سولیکو است», «سولیکو مالک کاله است»: what is owned comes first after the cue.
        Some(at) => owner > at && (property < at || owner < property),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: Role, quote: &str, value: &str) -> StatedRole {
        role.said(quote, value, &[text::words("کاله")])
    }

    #[test]
    fn direction_counts() {
        use StatedRole::{Formerly, Nothing, Otherwise, So};
        for (role, quote, value, expected) in [
            (Role::Owner, "مالک کاله گروه سولیکو است", "گروه سولیکو", So),
            (Role::Owner, "گروه سولیکو مالک کاله است", "گروه سولیکو", So),
            (
                Role::Owner,
                "کاله زیرمجموعهٔ گروه سولیکو است",
                "گروه سولیکو",
                So,
            ),
            (Role::Owner, "کاله متعلق به سولیکو است", "سولیکو", So),
            (Role::Owner, "کاله مالک آمل‌شیر است", "آمل‌شیر", Otherwise),
            (
                Role::Owner,
                "آمل‌شیر زیرمجموعهٔ کاله است",
                "آمل‌شیر",
                Otherwise,
            ),
            (Role::Owned, "آمل‌شیر زیرمجموعهٔ کاله است", "آمل‌شیر", So),
            (
                Role::Owned,
                "کاله زیرمجموعهٔ سولیکو است",
                "سولیکو",
                Otherwise,
            ),
            (Role::Owner, "میهن رقیب کاله است", "میهن", Nothing),
            (Role::Rival, "میهن رقیب کاله است", "میهن", So),
            (Role::Chief, "مدیرعامل کاله رضا است", "رضا", So),
            (Role::Chief, "رضا، مدیرعامل پیشین کاله", "رضا", Formerly),
            (
                Role::Chief,
                "رضا کاله را ترک کرد تا مدیرعامل آرمان شود",
                "رضا",
                Formerly,
            ),
            (Role::Owner, "سولیکو سهام کاله را فروخت", "سولیکو", Formerly),
            (
                Role::Owner,
                "Kalleh is not owned by Soliko",
                "Soliko",
                Otherwise,
            ),
        ] {
            assert_eq!(said(role, quote, value), expected, "{quote}");
        }
    }
}
