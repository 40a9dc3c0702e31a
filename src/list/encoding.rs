//! The encodings in which programs on people's machines save text files.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1256};

/// Bytes at the beginning by which the encoding is known.
const SNIFFED: usize = 1 << 16;

/// The text of a file; `None` where it is in no encoding that is known, or only a part of it is.
pub fn decode(bytes: Vec<u8>) -> Option<String> {
    let Some(encoding) = sniff(&bytes[..bytes.len().min(SNIFFED)]) else {
        return String::from_utf8(bytes).ok();
    };
    let mark = match Encoding::for_bom(&bytes) {
        Some((marked, length)) if marked == encoding => length,
        _ => 0,
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..]);
    text.map(Into::into)
}

/// The encoding of a text that begins so, where it is another one than UTF-8.
fn sniff(begin: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(begin) {
        return (encoding == UTF_16LE || encoding == UTF_16BE).then_some(encoding);
    }
    // Each line end and each Latin letter has a zero byte in UTF-16, and other texts have none.
    let zeros = |parity: usize| {
        let bytes = begin.iter().skip(parity).step_by(2);
        bytes.filter(|&&byte| byte == 0).count()
    };
    match (zeros(0), zeros(1)) {
        (0, 0) => is_windows_1256(begin).then_some(WINDOWS_1256),
        (0, _) => Some(UTF_16LE),
        (_, 0) => Some(UTF_16BE),
        // The other byte of a few letters is zero too.
        (even, odd) if odd > 8 * even => Some(UTF_16LE),
        (even, odd) if even > 8 * odd => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether a text is Persian or Arabic as old versions of Windows have saved it, and Excel's “CSV” still does.
fn is_windows_1256(begin: &[u8]) -> bool {
    // The beginning may end within a letter.
    let whole = &begin[..begin
        .len()
        .saturating_sub(usize::from(begin.len() == SNIFFED) * 3)];
    let (mut wrong, mut right) = (0, 0);
    for chunk in whole.utf8_chunks() {
        right += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        wrong += usize::from(!chunk.invalid().is_empty());
    }
    let is_binary = whole
        .iter()
        .any(|&byte| byte < b' ' && !byte.is_ascii_whitespace());
    if wrong <= right || is_binary {
        return false;
    }
    // In a text of western Europe its letters would stand among Latin ones.
    let (decoded, _) = WINDOWS_1256.decode_without_bom_handling(whole);
    let (mut persian, mut mixed) = (0, 0);
    let mut before = ' ';
    for c in decoded.chars() {
        let is_persian = |c: char| matches!(c, '\u{0600}'..='\u{06FF}' | '\u{200C}' | '\u{200D}');
        match (is_persian(before), is_persian(c)) {
            (true, true) => persian += 1,
            (true, false) if c.is_alphabetic() => mixed += 1,
            (false, true) if before.is_alphabetic() => mixed += 1,
            _ => {}
        }
        before = c;
    }
    persian > mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "نام برند;وب‌سایت\r\nچای گلستان;golestan.com\r\nپگاه;pegah.ir\r\n";

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn a_text_is_read_in_the_encoding_that_it_is_in() {
        let (arabic, ..) = WINDOWS_1256.encode("اسم الشركة,موقع\nشركة الأغذية,a.com\n");
        let (persian, ..) =
            WINDOWS_1256.encode("نام برند;سايت\nچاي گلستان;golestan.com\nپگاه;pegah.ir\n");
        for (bytes, expected) in [
            (LIST.as_bytes().to_vec(), LIST.to_owned()),
            (
                utf16(&format!("\u{FEFF}{LIST}"), u16::to_le_bytes),
                LIST.to_owned(),
            ),
            (
                utf16(&format!("\u{FEFF}{LIST}"), u16::to_be_bytes),
                LIST.to_owned(),
            ),
            (utf16(LIST, u16::to_le_bytes), LIST.to_owned()),
            (utf16(LIST, u16::to_be_bytes), LIST.to_owned()),
            (
                arabic.to_vec(),
                "اسم الشركة,موقع\nشركة الأغذية,a.com\n".to_owned(),
            ),
            (
                persian.to_vec(),
                "نام برند;سايت\nچاي گلستان;golestan.com\nپگاه;pegah.ir\n".to_owned(),
            ),
            (Vec::new(), String::new()),
        ] {
            assert_eq!(decode(bytes), Some(expected));
        }
    }

    #[test]
    fn a_text_of_another_encoding_is_not_guessed() {
        for bytes in [
            &b"Brand\nM\xF6bel\nB\xFCro\nK\xF6ln\n"[..],
            b"Brand\n\xC7",
            b"Brand\n\x01\xC7\xE3\xC7\n",
        ] {
            assert_eq!(decode(bytes.to_vec()), None);
        }
        let with_a_stray = "Brand\nکاله\nمیهن\n\u{FFFD}";
        assert_eq!(decode(with_a_stray.into()).as_deref(), Some(with_a_stray));
        let cut = [&utf16("\u{FEFF}Brand\n", u16::to_le_bytes)[..], b"x"].concat();
        assert_eq!(decode(cut), None);
    }
}
