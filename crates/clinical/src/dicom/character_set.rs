//! Specific Character Set (PS3.3, C.12.1.1.2; PS3.5, 6.1): from a text's bytes to Unicode.
//!
//! The tables are those of the Encoding Standard (`encoding_rs`); the switching by escape
//! sequences (ISO 2022) is here.

use encoding_rs::{
    EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, ISO_8859_2, ISO_8859_3, ISO_8859_4,
    ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_8, ISO_8859_15, SHIFT_JIS, UTF_8, WINDOWS_874,
    WINDOWS_1252, WINDOWS_1254,
};

const ESCAPE: u8 = 0x1B;

/// How the texts of a data set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharacterSet(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing is declared: ASCII, and by mistake UTF-8 or Latin-1.
    Undeclared,
    /// One encoding for a whole text.
    Whole(&'static Encoding),
    /// A set of single bytes to begin with, and escape sequences that switch to others.
    Switching(&'static Encoding),
}

impl CharacterSet {
    /// The character set that the value of Specific Character Set declares; as programs write it,
    /// with blanks, hyphens or underscores in any place.
    #[must_use]
    pub fn of(declared: &[u8]) -> Self {
        let declared = String::from_utf8_lossy(declared).to_ascii_uppercase();
        let plain =
            |term: &str| -> String { term.chars().filter(char::is_ascii_alphanumeric).collect() };
        let mut terms = declared.split('\\').map(plain);
        let first = terms.next().unwrap_or_default();
        let extended = terms.any(|term| !term.is_empty()) || first.starts_with("ISO2022");
        Self(match first.as_str() {
            "ISOIR192" | "UTF8" => Kind::Whole(UTF_8),
            "GB18030" => Kind::Whole(GB18030),
            "GBK" | "GB2312" => Kind::Whole(GBK),
            first => match single_byte(first) {
                Some(encoding) => Kind::Switching(encoding),
                None if extended => Kind::Switching(WINDOWS_1252),
                None => Kind::Undeclared,
            },
        })
    }

    /// The text that these bytes are. What is not in the character set becomes U+FFFD.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> String {
        match self.0 {
            Kind::Whole(encoding) => plain(encoding, bytes),
            Kind::Switching(encoding) => switching(encoding, bytes),
            Kind::Undeclared if bytes.contains(&ESCAPE) => switching(WINDOWS_1252, bytes),
            Kind::Undeclared => match str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => plain(WINDOWS_1252, bytes),
            },
        }
    }
}

/// The encoding of a defined term for single bytes, written without blanks and the like.
fn single_byte(term: &str) -> Option<&'static Encoding> {
    let number = term
        .strip_prefix("ISOIR")
        .or_else(|| term.strip_prefix("ISO2022IR"))?;
    Some(match number {
        "100" => WINDOWS_1252,
        "101" => ISO_8859_2,
        "109" => ISO_8859_3,
        "110" => ISO_8859_4,
        "144" => ISO_8859_5,
        "127" => ISO_8859_6,
        "126" => ISO_8859_7,
        "138" => ISO_8859_8,
        "148" => WINDOWS_1254,
        "203" => ISO_8859_15,
        "13" => SHIFT_JIS,
        "166" => WINDOWS_874,
        _ => return None,
    })
}

fn plain(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// What bytes below 0x80 stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Low {
    Ascii,
    /// JIS X 0208, in pairs.
    Jis0208,
    /// JIS X 0212, in pairs.
    Jis0212,
}

/// A text with escape sequences. Delimiters end what they switched to.
fn switching(initial: &'static Encoding, bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut low, mut high) = (Low::Ascii, initial);
    let mut rest = bytes;
    while let Some(&byte) = rest.first() {
        if byte == ESCAPE {
            let (switched, len) = escape(&rest[1..], low, high);
            (low, high) = switched;
            rest = &rest[(1 + len).min(rest.len())..];
            continue;
        }
        let len = match (low, byte) {
            (Low::Ascii, 0..0x80) | (_, 0..0x21) => 1,
            (Low::Jis0208 | Low::Jis0212, 0x21..0x7F) => 2,
            // A run of high bytes is decoded at once, so that pairs stay together.
            _ => rest.iter().take_while(|b| **b >= 0x80).count().max(1),
        };
        let (now, later) = rest.split_at(len.min(rest.len()));
        match (low, byte) {
            (Low::Jis0208, 0x21..0x7F) => {
                let escaped = [&[ESCAPE, b'$', b'B'][..], now].concat();
                text.push_str(&plain(ISO_2022_JP, &escaped));
            }
            (Low::Jis0212, 0x21..0x7F) => {
                let shifted: Vec<u8> = now.iter().map(|b| b | 0x80).collect();
                text.push_str(&plain(EUC_JP, &[&[0x8F][..], &shifted].concat()));
            }
            (_, 0..0x80) => text.push(char::from(byte)),
            _ => text.push_str(&plain(high, now)),
        }
        if matches!(byte, b'\r' | b'\n' | 0x0C) || (low == Low::Ascii && b"^=\\".contains(&byte)) {
            (low, high) = (Low::Ascii, initial);
        }
        rest = later;
    }
    text
}

/// What an escape sequence, without its first byte, switches to, and its length. An unknown one is
/// passed over.
fn escape(rest: &[u8], low: Low, high: &'static Encoding) -> ((Low, &'static Encoding), usize) {
    let (state, len) = match rest {
        [b'(', b'B' | b'J', ..] => ((Low::Ascii, high), 2),
        [b')', b'I', ..] => ((low, SHIFT_JIS), 2),
        [b'$', b'B' | b'@', ..] => ((Low::Jis0208, high), 2),
        [b'$', b'(', b'D', ..] => ((Low::Jis0212, high), 3),
        [b'$', b')', b'C', ..] => ((low, EUC_KR), 3),
        [b'$', b')', b'A', ..] => ((low, GBK), 3),
        [b'-', set, ..] => {
            let encoding = match set {
                b'A' => WINDOWS_1252,
                b'B' => ISO_8859_2,
                b'C' => ISO_8859_3,
                b'D' => ISO_8859_4,
                b'F' => ISO_8859_7,
                b'G' => ISO_8859_6,
                b'H' => ISO_8859_8,
                b'L' => ISO_8859_5,
                b'M' => WINDOWS_1254,
                b'T' => WINDOWS_874,
                b'b' => ISO_8859_15,
                _ => high,
            };
            ((low, encoding), 2)
        }
        _ => ((low, high), rest.len().min(2)),
    };
    (state, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(declared: &str, bytes: &[u8]) -> String {
        CharacterSet::of(declared.as_bytes()).decode(bytes)
    }

    /// The examples of PS3.5, annexes H, I, J and K.
    #[test]
    fn the_standards_own_examples_are_read() {
        let kanji =
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
        let expected = "Yamada^Tarou=山田^太郎=やまだ^たろう";
        assert_eq!(decoded("\\ISO 2022 IR 87", kanji), expected);
        let half = b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J";
        assert_eq!(
            decoded("ISO 2022 IR 13\\ISO 2022 IR 87", half),
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"
        );
        let korean = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf";
        assert_eq!(
            decoded("\\ISO 2022 IR 149", korean),
            "Hong^Gildong=洪^吉洞=홍^길동"
        );
        let utf8 = "Wang^XiaoDong=王^小東=";
        assert_eq!(decoded("ISO_IR 192", utf8.as_bytes()), utf8);
        let gb = b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=";
        assert_eq!(decoded("GB18030", gb), "Wang^XiaoDong=王^小东=");
        let gb2312 = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=";
        assert_eq!(
            decoded("\\ISO 2022 IR 58", gb2312),
            "Zhang^XiaoDong=张^小东="
        );
    }

    #[test]
    fn single_bytes_are_read_by_what_is_declared() {
        for (declared, bytes, expected) in [
            ("ISO_IR 100", &b"Buc^J\xe9r\xf4me"[..], "Buc^Jérôme"),
            ("ISO_IR 101", b"Wa\xb3\xeasa", "Wałęsa"),
            (
                "ISO_IR 126",
                b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2",
                "Διονυσιος",
            ),
            ("ISO_IR 144", b"\xbb\xee\xda^\xbb\xee\xda", "Люк^Люк"),
            ("ISO_IR 148", b"\xdd\xfe\xfdk", "İşık"),
            ("ISO_IR 166", b"\xcd\xa1", "อก"),
            ("ISO IR-100", b"Gro\xdf", "Groß"),
            (
                "ISO 2022 IR 100\\ISO 2022 IR 144",
                b"A\xe9^\x1b-L\xbb\xee\xda^\xe9",
                "Aé^Люк^é",
            ),
        ] {
            assert_eq!(decoded(declared, bytes), expected, "{declared}");
        }
    }

    #[test]
    fn what_is_not_declared_is_utf8_or_else_latin_1() {
        assert_eq!(decoded("", "Zoë".as_bytes()), "Zoë");
        assert_eq!(decoded("", b"Zo\xeb"), "Zoë");
        assert_eq!(decoded("ISO_IR 6", b"Zo\xeb"), "Zoë");
        assert_eq!(decoded("", b"\x1b$B;3\x1b(B"), "山");
    }

    #[test]
    fn broken_bytes_never_panic() {
        for declared in [
            "",
            "ISO_IR 192",
            "GB18030",
            "\\ISO 2022 IR 87\\ISO 2022 IR 159",
        ] {
            for bytes in [
                &b"\x1b"[..],
                b"\x1b$",
                b"\x1b$(",
                b"\x1b$(D\x21",
                b"\x1b$B;",
                b"\x1b$B\xff\xff",
                b"\xff\xfe\x1b-",
            ] {
                let _ = decoded(declared, bytes);
            }
        }
    }
}
