//! The recognition of cells that name no brand: placeholders of spreadsheets, words for "nothing", totals, headers,
//! dates. A few of them are real brand names, so each reason says how to type such a name.

use std::{collections::HashMap, sync::LazyLock};

use super::dates::{is_date, is_percentage, is_time};
use crate::text;

/// What spreadsheets show while a cell is still being fetched, as [`text::key`] has it, at the beginning.
const LOADING: [&str; 17] = [
    "درحالبار",
    "درحالدریافت",
    "درحالمحاسبه",
    "بارگیری",
    "بارگذاری",
    "جارالتحمیل",
    "جاریالتحمیل",
    "یتمالتحمیل",
    "loading",
    "calculating",
    "fetchingdata",
    "gettingdata",
    "chargementencours",
    "wirdgeladen",
    "cargando",
    "yükleniyor",
    "загрузка",
];

/// More characters than these are no word for a cell that is being fetched.
const LOADING_LONGEST: usize = 24;

/// What people and programs write for "nothing".
const NOTHING: [&str; 52] = [
    "?",
    "؟",
    "n/a",
    "na",
    "#n/a",
    "none",
    "nil",
    "null",
    "nan",
    "undefined",
    "unknown",
    "not available",
    "not applicable",
    "no data",
    "no name",
    "nothing",
    "tbd",
    "tba",
    "blank",
    "empty",
    "etc",
    "ندارد",
    "نداریم",
    "نامشخص",
    "مشخص نیست",
    "مشخص نشده",
    "نامعلوم",
    "معلوم نیست",
    "ناشناس",
    "نامعین",
    "هیچ",
    "هیچکدام",
    "هیچ‌کدام",
    "خالی",
    "تهی",
    "پوچ",
    "بی‌نام",
    "بدون نام",
    "بدون برند",
    "فاقد نام",
    "فاقد برند",
    "ناموجود",
    "موجود نیست",
    "اطلاعات ندارد",
    "برند ندارد",
    "و غیره",
    "لا يوجد",
    "لا شيء",
    "غير معروف",
    "غير محدد",
    "غير متوفر",
    "بدون اسم",
];

/// What a box to tick shows.
const TRUTHS: [&str; 8] = [
    "true",
    "false",
    "wahr",
    "falsch",
    "vrai",
    "verdadero",
    "falso",
    "doğru",
];

/// Beginnings of rows that add up others.
const TOTALS: [&str; 23] = [
    "total",
    "totals",
    "grand total",
    "sub total",
    "sum",
    "sum total",
    "average",
    "count",
    "جمع",
    "جمع کل",
    "جمع نهایی",
    "جمع‌بندی",
    "حاصل جمع",
    "مجموع",
    "مجموع کل",
    "سرجمع",
    "تعداد",
    "تعداد کل",
    "میانگین",
    "المجموع",
    "المجموع الكلي",
    "الإجمالي",
    "الاجمالي الكلي",
];

/// Why a name, with its [key](text::key), names no brand; `None` where it may name one. `owns` says whether the row's website bears such a name.
pub fn reason(name: &str, key: &str, owns: impl Fn(&str) -> bool) -> Option<String> {
    if name.starts_with('=') {
        return Some("a formula stands where a brand name should be: type the name as text".into());
    }
    if is_error(name) {
        return Some(format!(
            "the cell shows the spreadsheet error {}: mend its formula or type the name",
            text::shorten(name, 30)
        ));
    }
    if is_quoted(name) {
        return None;
    }
    if is_loading(key) {
        return Some(or_quoted(
            "the cell was still loading when the list was read: run again when the sheet shows the name",
            name,
        ));
    }
    let what = what(name, key)?;
    if owns(key) {
        return None;
    }
    Some(or_quoted(what, name))
}

const NOTHING_IS: &str =
    "the cell has a word for “nothing”: type the brand's name, or clear the row";
const TRUTH_IS: &str = "the cell holds true or false and no name: type the brand's name";
const HEADER_IS: &str = "the row repeats the header: leave it out of the list";
const TOTAL_IS: &str = "the row looks like a total: leave it out of the list";

/// What each of these words, as [`text::key`] has it, says of its cell.
static WORDS: LazyLock<HashMap<String, &str>> = LazyLock::new(|| {
    let all = [
        (&NOTHING[..], NOTHING_IS),
        (&TRUTHS[..], TRUTH_IS),
        (&TOTALS[..], TOTAL_IS),
    ];
    let keyed = |(words, is): (&[&'static str], _)| -> Vec<_> {
        words.iter().map(|word| (text::key(word), is)).collect()
    };
    all.into_iter().flat_map(keyed).collect()
});

/// Whether a cell adds up other rows or repeats the header, as lists do.
pub fn belongs_to_lists(name: &str) -> bool {
    matches!(what(name, &text::key(name)), Some(TOTAL_IS | HEADER_IS))
}

/// What keeps a cell from showing its value, and what to do; `None` where it shows one.
pub fn why_no_value(cell: &str) -> Option<&'static str> {
    let cell = text::clean(cell);
    if is_loading_cell(&cell) {
        return Some(
            "The sheet was still loading when it was read: run again when it shows the list",
        );
    }
    is_error(&cell).then_some("Its formula shows an error: open the sheet and mend it, or allow access to the other sheet there")
}

/// Whether a cell shows that its value is not there yet.
pub fn is_loading_cell(cell: &str) -> bool {
    cell.len() < 100 && is_loading(&text::key(cell))
}

/// What a cell holds, if that is no name as a rule.
fn what(name: &str, key: &str) -> Option<&'static str> {
    if let Some(is) = WORDS.get(key) {
        return Some(is);
    }
    let has = |signs: &[char]| name.contains(signs);
    if has(&['@']) && is_email(name) {
        return Some("the cell holds an e-mail address: type the brand's name");
    }
    if super::header::is_header_of_names(name, key) {
        return Some(HEADER_IS);
    }
    if has(&[':', '=', '：']) && is_counted_total(&text::fold(name)) {
        return Some(TOTAL_IS);
    }
    if !name.contains(char::is_numeric) {
        return None;
    }
    let folded = text::fold(name);
    if is_date(&folded) {
        return Some("the cell holds a date: type the name as text");
    }
    if is_time(&folded) {
        return Some("the cell holds a time: type the name as text");
    }
    is_percentage(&folded).then_some("the cell holds a percentage: type the name as text")
}

fn or_quoted(reason: &str, name: &str) -> String {
    format!(
        "{reason}. If a brand is called so, put it into quotation marks: «{}»",
        text::shorten(name, 40)
    )
}

/// Whether somebody has put a name into quotation marks.
fn is_quoted(name: &str) -> bool {
    [
        ('«', '»'),
        ('"', '"'),
        ('“', '”'),
        ('„', '“'),
        ('\'', '\''),
        ('‘', '’'),
        ('‹', '›'),
    ]
    .iter()
    .any(|&(open, close)| {
        let inner = name
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close));
        inner.is_some_and(|inner| !inner.trim().is_empty())
    })
}

/// `#REF!`, `#N/A`, `#NAME?`, `#GETTING_DATA`, `Err:502` and their like in other languages.
pub fn is_error(name: &str) -> bool {
    if let Some((word, number)) = name.split_once(':') {
        let number = text::fold(number);
        return matches!(&*text::fold(word), "err" | "error" | "خطا")
            && number.len() == 3
            && number.chars().all(|c| c.is_ascii_digit());
    }
    let Some(rest) = name.strip_prefix('#') else {
        return false;
    };
    let mut letters = rest.chars().filter(|c| c.is_alphabetic()).peekable();
    let shouts = letters.peek().is_some() && letters.all(char::is_uppercase);
    rest.starts_with("N/A")
        || matches!(rest, "NV" | "N/D" | "SPILL" | "GETTING_DATA")
        || shouts && rest.ends_with(['!', '?'])
}

fn is_loading(key: &str) -> bool {
    static BEGINNINGS: LazyLock<Vec<String>> =
        LazyLock::new(|| LOADING.iter().map(|word| text::key(word)).collect());
    key.chars().count() <= LOADING_LONGEST
        && BEGINNINGS.iter().any(|word| {
            let rest = key.strip_prefix(word.as_str());
            // «Loading Dock» is a name of its own.
            rest.is_some_and(|rest| !word.is_ascii() || !rest.chars().any(char::is_alphabetic))
        })
}

/// `Total: 12`, «جمع = ۱۲»; folded.
fn is_counted_total(folded: &str) -> bool {
    folded.split_once([':', '=']).is_some_and(|(word, number)| {
        WORDS.get(&text::key(word)) == Some(&TOTAL_IS) && !number.chars().any(char::is_alphabetic)
    })
}

fn is_email(name: &str) -> bool {
    let Some((who, host)) = name.strip_prefix("mailto:").unwrap_or(name).split_once('@') else {
        return false;
    };
    let host_is_one = host
        .split_once('.')
        .is_some_and(|(label, rest)| !label.is_empty() && !rest.is_empty());
    !who.is_empty() && host_is_one && !name.contains([' ', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(name: &str, owns: impl Fn(&str) -> bool) -> Option<String> {
        super::reason(name, &text::key(name), owns)
    }

    #[test]
    fn what_a_spreadsheet_shows_without_a_value_is_no_brand() {
        for (cells, word) in [
            (
                "#REF! ¦ #N/A ¦ #NAME? ¦ #VALUE! ¦ #DIV/0! ¦ #ERROR! ¦ #SPILL! ¦ #BEZUG! ¦ #ÜBERLAUF! ¦ Err:502 ¦ err: ۵۲۲ ¦ \
                 #GETTING_DATA ¦ #N/A Requesting Data...",
                "spreadsheet error",
            ),
            (
                "Loading... ¦ Loading… ¦ loading ¦ LOADING.... ¦ در حال بارگذاری... ¦ درحال بارگیری… ¦ در حال بار کردن ¦ \
                 جارٍ التحميل... ¦ جاري التحميل… ¦ Yükleniyor... ¦ Calculating...",
                "still loading",
            ),
            (
                "N/A ¦ n.a. ¦ NULL ¦ None ¦ (blank) ¦ -nil- ¦ نامشخص ¦ نا مشخص ¦ ندارد ¦ «ندارد ¦ لا يوجد ¦ Unknown ¦ ؟ ¦ (N/A)",
                "nothing",
            ),
            ("TRUE ¦ false ¦ WAHR", "true or false"),
            (
                "جمع کل ¦ جمع ¦ Total ¦ Grand Total ¦ Total: 12 ¦ مجموع ¦ Subtotal ¦ المجموع ¦ میانگین ¦ جمع کل = ۱۲",
                "total",
            ),
            (
                "Brand ¦ نام برند ¦ Company Name ¦ BRAND NAME: ¦ Brand / نام برند",
                "header",
            ),
            (
                "1402/05/01 ¦ ۱۴۰۲/۵/۱ ¦ 2024-07-24 ¦ 24.07.2024 ¦ 7/24/24 ¦ 24-07-24 ¦ 2024-07-24T07:24:00 ¦ 2024-07-24 07:24 ¦ \
                 1403/05 ¦ 5-Mar ¦ Mar-24 ¦ 24-Jul-2024 ¦ 24 July 2024 ¦ Wednesday, July 24, 2024 ¦ ۳ مرداد ۱۴۰۳ ¦ مهر ۱۴۰۳ ¦ \
                 24th July 2024",
                "a date",
            ),
            (
                "07:24 ¦ 7:24 ¦ 7:24 PM ¦ 07:24:05 ¦ ۰۷:۲۴ ¦ 07:24:05.5",
                "a time",
            ),
            ("50% ¦ ۵۰٪ ¦ 12.5 % ¦ ٪۵۰", "percentage"),
            ("info@kalleh.com ¦ mailto:info@kalleh.com", "e-mail"),
            ("=A2 ¦ =IMPORTRANGE(\"x\")", "formula"),
        ] {
            for cell in cells.split(" ¦ ") {
                let reason = reason(cell, |_| false).unwrap_or_default();
                assert!(reason.contains(word), "{cell}: {reason:?}");
            }
        }
    }

    #[test]
    fn brands_that_look_alike_are_brands() {
        let cells = "1881 ¦ 7UP ¦ ۴۲۰ ¦ ۱۳۷۲ ¦ 7 ¦ 0.5 ¦ 360 ¦ 7/11 ¦ 24/7 ¦ ۱۱۸ ¦ Total Energies ¦ Loading Dock ¦ Sum41 ¦ مهر ¦ آبان ۱۳ ¦ ۲۲ بهمن ¦ Nilper ¦ نیل ¦ NaN Bakery ¦ Nana ¦ Nothing Phone ¦ Trueman ¦ True Value ¦ Mayo ¦ Marshall 1962 ¦ May Fair ¦ Total Gas ¦ جمعه بازار ¦ جمع‌یار ¦ هیچ‌هایک ¦ تهیه غذای مهر ¦ Group 4 ¦ Brand Iran ¦ گروه صنعتی ¦ No.7 ¦ Dr.Oetker ¦ M&M's ¦ H2O ¦ #کالا ¦ #1 Shop ¦ C# ¦ B.T.S ¦ E.ON ¦ 1.2.3 ¦ هفت+ ¦ 3M ¦ 01 ¦ در حال ¦ بارگاه ¦ @cosme ¦ AT&T ¦ 50 Cent ¦ 100% Pure ¦ 19:00 Studio ¦ March ¦ Sunday ¦ Yahoo! ¦ «Total» ¦ \"TRUE\" ¦ “N/A” ¦ «1402/05/01»";
        for cell in cells.split(" ¦ ") {
            assert_eq!(reason(cell, |_| false), None, "{cell}");
        }
    }

    #[test]
    fn a_word_that_the_website_bears_is_a_brand() {
        assert_eq!(reason("Total", |key| key == "total"), None);
        assert!(reason("#REF!", |_| true).is_some());
        assert!(reason("Loading...", |_| true).is_some());
        let told = reason("Total", |_| false).unwrap();
        assert!(
            told.contains("put it into quotation marks: «Total»"),
            "{told}"
        );
    }
}
