//! The hosts on which many companies have pages: there the path, not the host, tells whose page it is.

use url::Url;

/// Social networks, messengers, shops of applications, marketplaces, and places of links.
const SHARED: [&str; 78] = [
    "alibaba.com",
    "aliexpress.com",
    "amazon.com",
    "amazon.ae",
    "aparat.com",
    "apps.apple.com",
    "balad.ir",
    "bale.ai",
    "basalam.com",
    "behance.net",
    "bio.link",
    "ble.ir",
    "bsky.app",
    "cafebazaar.ir",
    "castbox.fm",
    "codal.ir",
    "crunchbase.com",
    "digikala.com",
    "discord.gg",
    "divar.ir",
    "docs.google.com",
    "dribbble.com",
    "drive.google.com",
    "e-estekhdam.com",
    "ebay.com",
    "eitaa.com",
    "emalls.ir",
    "etsy.com",
    "facebook.com",
    "fb.com",
    "fb.me",
    "gap.im",
    "github.com",
    "gmail.com",
    "goo.gl",
    "google.com",
    "instagram.com",
    "irantalent.com",
    "jobinja.ir",
    "jobvision.ir",
    "linkedin.com",
    "linktr.ee",
    "medium.com",
    "myket.ir",
    "neshan.org",
    "noon.com",
    "pinterest.com",
    "play.google.com",
    "rasmio.com",
    "rubika.ir",
    "sheypoor.com",
    "sites.google.com",
    "snapchat.com",
    "snapp.shop",
    "snappfood.ir",
    "soundcloud.com",
    "splus.ir",
    "t.me",
    "telegram.me",
    "telegram.org",
    "threads.com",
    "threads.net",
    "tiktok.com",
    "torob.com",
    "trendyol.com",
    "twitter.com",
    "virgool.io",
    "vk.com",
    "wa.me",
    "web.eitaa.com",
    "web.rubika.ir",
    "web.telegram.org",
    "whatsapp.com",
    "wikipedia.org",
    "x.com",
    "yek.link",
    "youtube.com",
    "zil.ink",
];

/// Beginnings of paths that say what kind of page follows, and not whose.
const KINDS: [&str; 24] = [
    "app", "apps", "brand", "c", "channel", "company", "dp", "g", "in", "p", "pages", "people",
    "product", "profile", "s", "school", "sellers", "seller", "shop", "store", "user", "v", "view",
    "wiki",
];

/// The shared host that an address is on.
fn shared(url: &Url) -> Option<&'static str> {
    let host = super::host(url);
    let is_on = |shared: &&&str| {
        let rest = host.strip_suffix(**shared);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    // Of several the longest is the nearest.
    let on = SHARED
        .iter()
        .filter(is_on)
        .max_by_key(|shared| shared.len());
    on.copied()
}

/// Whose page on a shared host it is; `None` where the host is no shared one, or the page is nobody's.
pub fn page(url: &Url) -> Option<String> {
    shared(url)?;
    let segments = url.path_segments()?.filter(|segment| !segment.is_empty());
    let segments: Vec<String> = segments
        .map(|segment| decoded(segment).to_lowercase())
        .collect();
    let kinds = segments
        .iter()
        .take_while(|segment| KINDS.contains(&segment.as_str()));
    let whose = segments.get(kinds.count());
    let by_number = url.query_pairs().find(|(name, _)| name == "id");
    match (whose.map(String::as_str), by_number) {
        (None | Some("profile.php" | "details"), Some((_, id))) => Some(id.to_lowercase()),
        (whose, _) => whose.map(|whose| whose.trim_start_matches('@').to_owned()),
    }
}

/// A part of a path as people read it.
fn decoded(segment: &str) -> String {
    let pair = format!("segment={segment}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(_, segment)| segment.into_owned())
}

/// What tells the website from those of others: its host, and on a shared one the page too.
pub fn place(url: &Url) -> String {
    match (shared(url), page(url)) {
        (Some(host), Some(page)) => format!("{host}/{page}"),
        _ => super::host(url),
    }
}

/// Whether the address is on a host that many companies share.
pub fn is_shared(url: &Url) -> bool {
    shared(url).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_counts_where_the_host_is_shared() {
        for (url, at) in [
            ("https://instagram.com/nik_shoes", "instagram.com/nik_shoes"),
            (
                "https://www.instagram.com/Nik_Shoes/?hl=fa",
                "instagram.com/nik_shoes",
            ),
            (
                "https://instagram.com/nik_shoes/reels",
                "instagram.com/nik_shoes",
            ),
            (
                "https://ir.linkedin.com/company/nik/about",
                "linkedin.com/nik",
            ),
            ("https://t.me/s/nik", "t.me/nik"),
            ("https://youtube.com/@nik", "youtube.com/nik"),
            ("https://facebook.com/profile.php?id=77", "facebook.com/77"),
            (
                "https://play.google.com/store/apps/details?id=ir.nik",
                "play.google.com/ir.nik",
            ),
            ("https://instagram.com/", "instagram.com"),
            ("https://fa.wikipedia.org/wiki/نیک", "wikipedia.org/نیک"),
            ("https://nik.ir/about", "nik.ir"),
            ("https://notinstagram.com/nik", "notinstagram.com"),
        ] {
            assert_eq!(place(&Url::parse(url).unwrap()), at, "{url}");
        }
    }
}
