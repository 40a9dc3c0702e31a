//! The sentences that the city's pages are made of. Writers fill them; readers find what was filled in.

use super::plain;

/// Field of the report, and how pages say it: `{b}` is the brand, `{v}` the value, `{p}` a product.
pub(super) const PHRASES: [(&str, &str); 32] = [
    ("identity.founding_year", "{b} در سال {v} بنیان گذاشته شد"),
    ("identity.founding_year", "سال تأسیس {b}، {v} است"),
    ("identity.founding_year", "{b} was founded in {v}"),
    ("identity.headquarters", "دفتر مرکزی {b} در {v} است"),
    (
        "identity.headquarters",
        "{b} از دفتر خود در {v} اداره می‌شود",
    ),
    ("identity.chief_executive", "مدیرعامل {b}، {v} است"),
    (
        "identity.chief_executive",
        "به گفتهٔ {v}، مدیرعامل {b}، فروش رو به رشد است",
    ),
    ("identity.campaigns", "{b} کمپین «{v}» را آغاز کرد"),
    ("identity.campaigns", "کمپین تازهٔ {b} «{v}» نام دارد"),
    ("identity.legal_name", "نام ثبتی {b} «{v}» است"),
    ("identity.national_id", "شناسهٔ ملی {b} {v} است"),
    ("identity.employees", "شمار کارکنان {b} {v} نفر است"),
    ("identity.employees", "در {b} {v} نفر کار می‌کنند"),
    ("relationships.parent", "{b} زیرمجموعهٔ {v} است"),
    ("relationships.parent", "مالک {b}، {v} است"),
    ("relationships.parent", "{b} belongs to {v}"),
    ("relationships.subsidiaries", "{b} مالک {v} است"),
    (
        "relationships.sister_brands",
        "{v} برند دیگر هلدینگ {b} است",
    ),
    ("relationships.competitors", "{v} رقیب {b} است"),
    ("relationships.competitors", "رقیب اصلی {b}، {v} است"),
    (
        "relationships.complementary_brands",
        "{v} همکار مکمل {b} است",
    ),
    ("categorisation.industry.fa", "{b} در صنعت {v} فعالیت می‌کند"),
    (
        "categorisation.distribution_channels",
        "{b} از راه {v} فروخته می‌شود",
    ),
    ("customers.segments.who", "مشتریان {b} بیشتر {v} هستند"),
    ("customers.praise", "مشتریان {b} از {v} راضی‌اند"),
    ("customers.praise", "خریداران {b} از {v} تعریف می‌کنند"),
    ("customers.complaints", "مشتریان {b} از {v} گلایه دارند"),
    ("products.price", "{p} از محصولات {b} است و {v} قیمت دارد"),
    ("products.price", "قیمت {p} در سبد {b} {v} است"),
    ("date", "تاریخ انتشار: {v}"),
    ("date", "Published: {v}"),
    (
        "left",
        "{v} از مدیرعاملی {b} کناره‌گیری کرد تا {p} را بنیان بگذارد",
    ),
];

/// What a sentence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saying {
    pub field: &'static str,
    pub brand: String,
    pub value: String,
    pub product: String,
}

/// The ways in which pages say this.
pub(super) fn of_field(field: &str) -> Vec<&'static str> {
    let all = PHRASES.iter().filter(|(of, _)| *of == field);
    all.map(|(_, phrase)| *phrase).collect()
}

/// A sentence that says this.
pub(super) fn say(phrase: &str, brand: &str, value: &str, product: &str) -> String {
    let said = phrase.replace("{p}", product).replace("{v}", value);
    said.replace("{b}", brand) + "."
}

/// What a sentence says, if it says anything that is known.
pub(super) fn read(sentence: &str) -> Option<Saying> {
    let original: Vec<char> = sentence
        .trim()
        .trim_end_matches('.')
        .trim()
        .chars()
        .collect();
    let folded: Vec<char> = original.iter().map(|&c| plain(c)).collect();
    PHRASES
        .iter()
        .find_map(|(field, phrase)| fit(field, phrase, &folded, &original))
}

fn fit(field: &'static str, phrase: &str, folded: &[char], original: &[char]) -> Option<Saying> {
    let mut saying = Saying {
        field,
        brand: String::new(),
        value: String::new(),
        product: String::new(),
    };
    let phrase: Vec<char> = phrase.chars().map(plain).collect();
    let (mut at, mut i) = (0, 0);
    while i < phrase.len() {
        if phrase[i] != '{' {
            if folded.get(at) != Some(&phrase[i]) {
                return None;
            }
            (at, i) = (at + 1, i + 1);
            continue;
        }
        let slot = phrase[i + 1];
        i += 3;
        let next: String = phrase[i..].iter().take_while(|c| **c != '{').collect();
        let next: Vec<char> = next.chars().collect();
        let end = match next.is_empty() {
            true => folded.len(),
            false => (at + 1..=folded.len().checked_sub(next.len())?)
                .find(|&end| folded[end..end + next.len()] == next[..])?,
        };
        let taken: String = original.get(at..end)?.iter().collect();
        let place = match slot {
            'b' => &mut saying.brand,
            'v' => &mut saying.value,
            _ => &mut saying.product,
        };
        place.push_str(taken.trim());
        at = end;
    }
    let short = [&saying.brand, &saying.value, &saying.product]
        .iter()
        .all(|part| part.chars().count() < 60);
    (at == folded.len() && short).then_some(saying)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_said_is_read_again() {
        use super::*;

        for (field, phrase) in PHRASES {
            let sentence = say(phrase, "نوژان", "۱۲ هزار تومان", "پنیر سفید");
            let saying = read(&sentence.replace('ی', "ي")).expect(phrase);
            assert_eq!(saying.field, field, "{sentence}");
            assert_eq!(saying.value, "۱۲ هزار تومان", "{sentence}");
            if field != "date" {
                assert_eq!(saying.brand, "نوژان", "{sentence}");
            }
        }
        assert_eq!(read("این جمله چیزی نمی‌گوید."), None);
    }
}
