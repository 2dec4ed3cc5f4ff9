//! The letters of a name, as far as they tell one name from another: without case, accents,
//! punctuation, width, and with the spellings of a letter that keyboards and modalities lack.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Letters that are written in more than one way where they are not to be had.
const SPELLINGS: [(char, &[&str]); 21] = [
    ('ä', &["a", "ae"]),
    ('ö', &["o", "oe"]),
    ('ő', &["o", "oe"]),
    ('ü', &["u", "ue"]),
    ('ű', &["u", "ue"]),
    ('ß', &["ss", "sz"]),
    ('å', &["a", "aa"]),
    ('ø', &["o", "oe"]),
    ('æ', &["ae", "a"]),
    ('œ', &["oe", "o"]),
    ('ł', &["l"]),
    ('đ', &["d", "dj"]),
    ('ð', &["d", "dh"]),
    ('þ', &["th"]),
    ('ı', &["i"]),
    ('ħ', &["h"]),
    ('ŧ', &["t"]),
    ('ŋ', &["n", "ng"]),
    ('ə', &["e", "a"]),
    ('ς', &["σ"]),
    ('ñ', &["n", "ny"]),
];

/// Characters of names that have an older or traditional form: each pair is that form and the one
/// it is compared as.
const FORMS: &str = "張张陳陈劉刘黃黄楊杨趙赵吳吴孫孙馬马國国華华東东偉伟麗丽強强軍军傑杰濤涛鳳凤龍龙竜龙蘭兰\
    雲云鄭郑謝谢許许鄧邓馮冯蔣蒋葉叶羅罗蕭萧韓韩盧卢鐘钟鍾钟譚谭陸陆賈贾顧顾龔龚嚴严錢钱湯汤澤沢泽沢邊辺邉辺\
    齋斎齊斉濱浜廣广広广髙高﨑崎嵜崎櫻桜嶋島嶌島冨富淵渕眞真惠恵靜静榮栄荣栄德徳瀨瀬藪薮曾曽彌弥壽寿樂乐賢贤\
    輝辉寶宝義义愛爱蓮莲潔洁紅红雙双連连進进達达遠远飛飞凱凯";

/// At most so many letters of several spellings are spelled in every combination.
const COMBINED: usize = 5;

/// The spellings of one letter, the most common first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter(Vec<String>);

/// A word of a name.
pub(super) type Word = Vec<Letter>;

/// The words of a name.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = vec![Word::new()];
    for c in text.nfkc().flat_map(char::to_lowercase).nfc() {
        if is_accent(c) || matches!(c, '\'' | '’' | '‘' | 'ʼ' | '`' | '´' | '.') {
            continue;
        }
        if !c.is_alphanumeric() && !is_combining_mark(c) {
            words.push(Word::new());
        } else if let Some(word) = words.last_mut() {
            word.push(letter(c));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn letter(c: char) -> Letter {
    if let Some((_, spellings)) = SPELLINGS.iter().find(|(special, _)| *special == c) {
        return Letter(spellings.iter().map(|s| (*s).to_owned()).collect());
    }
    let c = match c {
        // Katakana as Hiragana.
        'ァ'..='ヶ' => char::from_u32(u32::from(c) - 0x60).unwrap_or(c),
        c => c,
    };
    let mut forms = FORMS.chars();
    while let (Some(form), Some(common)) = (forms.next(), forms.next()) {
        if form == c {
            return Letter(vec![common.to_string()]);
        }
    }
    let bare: String = c.nfd().filter(|c| !is_accent(*c)).collect();
    Letter(vec![bare.nfc().collect()])
}

/// Marks that may be left out: accents of Latin, Greek and Cyrillic letters, vowel points of Hebrew
/// and Arabic. Marks of other scripts are letters of their own.
fn is_accent(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{591}'..='\u{5c7}'
            | '\u{64b}'..='\u{65f}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
    )
}

/// Words as one.
pub(super) fn joined(words: &[Word]) -> Word {
    words.concat()
}

/// All ways to write a word, or, if there are too many, those that keep to one way throughout.
fn spellings(word: &Word) -> Vec<String> {
    let several = word.iter().filter(|letter| letter.0.len() > 1).count();
    if several > COMBINED {
        let way = |n: usize| {
            let nth = |letter: &Letter| letter.0[n.min(letter.0.len() - 1)].clone();
            word.iter().map(nth).collect()
        };
        return vec![way(0), way(1)];
    }
    word.iter().fold(vec![String::new()], |begun, letter| {
        let longer =
            |b: &String| -> Vec<String> { letter.0.iter().map(|l| format!("{b}{l}")).collect() };
        begun.iter().flat_map(longer).collect()
    })
}

/// Whether two words are the same in one of their spellings.
pub(super) fn same(a: &Word, b: &Word) -> bool {
    let others = spellings(b);
    spellings(a).iter().any(|a| others.contains(a))
}

/// Whether one word may be the other, misspelled or spelled by another habit: `Philipp` and
/// `Filip`, `Muller` and `Mueller`.
pub(super) fn sounds_alike(a: &Word, b: &Word) -> bool {
    same(a, b) || (skeleton(a) == skeleton(b) && !skeleton(a).is_empty())
}

/// Whether two long words differ by one letter at most.
pub(super) fn one_letter_off(a: &Word, b: &Word) -> bool {
    const LONG: usize = 5;
    let (a, b): (Vec<char>, Vec<char>) = (common(a).chars().collect(), common(b).chars().collect());
    if a.len().min(b.len()) < LONG || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let back = a.iter().rev().zip(b.iter().rev());
    let back = back.take_while(|(a, b)| a == b).count();
    front + back + 1 >= a.len().max(b.len())
}

fn common(word: &Word) -> String {
    word.iter().map(|letter| letter.0[0].as_str()).collect()
}

fn skeleton(word: &Word) -> String {
    let text = common(word)
        .replace("ph", "f")
        .replace("ck", "k")
        .replace("th", "t")
        .replace('y', "i")
        .replace("ae", "a")
        .replace("oe", "o")
        .replace("ue", "u");
    let mut skeleton = String::new();
    for c in text.chars() {
        if !skeleton.ends_with(c) {
            skeleton.push(c);
        }
    }
    skeleton
}

/// Whether a word is the initial of the other.
pub(super) fn is_initial(a: &Word, b: &Word) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let letter = short.len() == 1 && short[0].0[0].is_ascii();
    letter && long.len() > 1 && same(short, &long[..1].to_vec())
}

/// A script, as far as it tells which names can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Thai,
    Kana,
    Hangul,
    Han,
    Other,
}

fn script(c: char) -> Option<Script> {
    Some(match c {
        '0'..='9' => return None,
        'a'..='z' | '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Greek,
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        '\u{590}'..='\u{5ff}' => Script::Hebrew,
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => Script::Arabic,
        '\u{e00}'..='\u{e7f}' => Script::Thai,
        '\u{3040}'..='\u{30ff}' => Script::Kana,
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}' => {
            Script::Hangul
        }
        '々' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => {
            Script::Han
        }
        _ => Script::Other,
    })
}

/// Whether some letters of both are of one script.
pub(super) fn share_script(a: &Word, b: &Word) -> bool {
    let scripts = |word: &Word| -> Vec<Script> {
        let letters: String = common(word);
        letters.chars().filter_map(script).collect()
    };
    let others = scripts(b);
    scripts(a).iter().any(|script| others.contains(script))
}
