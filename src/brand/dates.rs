//! The recognition of dates, times and percentages as spreadsheets show them, in the calendars and languages of list
//! owners. All texts are [folded](crate::text::fold).

/// The months in English, in Persian and in Arabic, [folded](text::fold), the English ones by their first letters.
const ENGLISH_MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const OTHER_MONTHS: [&str; 27] = [
    "فروردین",
    "اردیبهشت",
    "خرداد",
    "تیر",
    "مرداد",
    "امرداد",
    "شهریور",
    "مهر",
    "ابان",
    "آبان",
    "آذر",
    "دی",
    "بهمن",
    "اسفند",
    "ینایر",
    "فبرایر",
    "مارس",
    "ابریل",
    "مایو",
    "یونیو",
    "یولیو",
    "اغسطس",
    "سبتمبر",
    "اکتوبر",
    "نوفمبر",
    "دیسمبر",
    "ژانویه",
];
const ENGLISH_DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const OTHER_DAYS: [&str; 7] = [
    "شنبه",
    "یکشنبه",
    "دوشنبه",
    "سهشنبه",
    "چهارشنبه",
    "پنجشنبه",
    "جمعه",
];

/// A day as spreadsheets show it, with a time behind it or none; folded.
pub fn is_date(folded: &str) -> bool {
    let (day, time) = match folded.split_once(['t', ' ']) {
        Some((day, time)) if is_day_of_numbers(day) => (day, time),
        _ => (folded, ""),
    };
    let numbers =
        is_day_of_numbers(day) && (time.is_empty() || is_time(time.trim_end_matches('z')));
    numbers || is_day_of_words(folded)
}

/// `1402/05/01`, `24.07.2024`, `7/24/24`, `1403/05`.
fn is_day_of_numbers(day: &str) -> bool {
    let Some(mark) = day.chars().find(|c| matches!(c, '/' | '-' | '.')) else {
        return false;
    };
    let parts: Vec<&str> = day.split(mark).collect();
    let read: Option<Vec<u16>> = parts.iter().map(|part| number(part)).collect();
    let Some(numbers) = read else {
        return false;
    };
    let is_year = |i: usize| parts[i].len() == 4 && (1200..=2199).contains(&numbers[i]);
    let is_short_year = |i: usize| parts[i].len() == 2 && mark != '.';
    let is_day_and_month = |one: usize, other: usize| {
        let (few, many) = (
            numbers[one].min(numbers[other]),
            numbers[one].max(numbers[other]),
        );
        (1..=12).contains(&few) && (1..=31).contains(&many)
    };
    match numbers.len() {
        3 => {
            (is_year(0) && is_day_and_month(1, 2))
                || (is_year(2) || is_short_year(2)) && is_day_and_month(0, 1)
                || is_short_year(0)
                    && parts[0] != "00"
                    && is_day_and_month(1, 2)
                    && parts[1].len() == 2
        }
        2 => mark != '.' && is_year(0) && parts[1].len() == 2 && (1..=12).contains(&numbers[1]),
        _ => false,
    }
}

/// A whole number of at most four digits.
fn number(part: &str) -> Option<u16> {
    let digits = (1..=4).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
    digits.then(|| part.parse().ok()).flatten()
}

/// `24 July 2024`, `5-Mar`, `Mar-24`, «۳ مرداد ۱۴۰۳»: nothing but numbers, one month and the day of the week.
fn is_day_of_words(folded: &str) -> bool {
    let is_joined = folded.contains('-') && !folded.contains(' ');
    let words: Vec<&str> = folded
        .split([' ', '-', ',', '،', '.', '/'])
        .filter(|word| !word.is_empty())
        .collect();
    let english = |word: &str, names: &[&str]| {
        let beginning = word.get(..3).is_some_and(|three| names.contains(&three));
        beginning && word.chars().all(|c| c.is_ascii_lowercase()) && is_whole(word)
    };
    let (mut months, mut years, mut days) = (0, 0, 0);
    for word in &words {
        let day_of_month = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        match number(day_of_month) {
            Some(number) if word.len() == 4 && (1200..=2199).contains(&number) => years += 1,
            Some(_) if day_of_month.len() <= 2 => days += 1,
            _ if english(word, &ENGLISH_MONTHS) || OTHER_MONTHS.contains(word) => months += 1,
            _ if english(word, &ENGLISH_DAYS) || OTHER_DAYS.contains(word) => {}
            _ => return false,
        }
    }
    let has_english = words.iter().any(|word| english(word, &ENGLISH_MONTHS));
    months == 1
        && (years == 1 && days <= 1
            || years == 0 && is_joined && has_english && (1..=2).contains(&days))
}

/// Whether an English word that begins as a month or a day of the week is one, or the short form of one.
fn is_whole(word: &str) -> bool {
    const LONG: [&str; 22] = [
        "january",
        "february",
        "march",
        "april",
        "june",
        "july",
        "august",
        "september",
        "sept",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "tues",
        "wednesday",
        "thursday",
        "thurs",
        "friday",
        "saturday",
        "sunday",
        "thur",
    ];
    word.len() == 3 || LONG.contains(&word)
}

/// `07:24`, `7:24:05 PM`; folded.
pub fn is_time(folded: &str) -> bool {
    let bare = ["am", "pm", "ق.ظ", "ب.ظ", "ص", "م"]
        .iter()
        .find_map(|half| folded.strip_suffix(half))
        .unwrap_or(folded);
    let parts: Vec<&str> = bare.trim().split(':').collect();
    let is_part = |part: &&str| {
        let whole = part.split_once('.').map_or(*part, |(whole, _)| whole);
        whole.len() == 2 && number(whole).is_some_and(|n| n < 60)
    };
    matches!(parts.len(), 2..=3) && number(parts[0]).is_some() && parts[1..].iter().all(is_part)
}

/// `50%`, «۱۲٫۵٪»; folded.
pub fn is_percentage(folded: &str) -> bool {
    let number = folded.trim_matches(['%', '٪']);
    let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '٫' | ',');
    number.len() < folded.len() && !number.is_empty() && number.trim().chars().all(is_of_number)
}
