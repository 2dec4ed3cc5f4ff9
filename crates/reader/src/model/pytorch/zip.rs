//! The zip of `torch.save`: its entries are stored as they are.

/// Signature and length of the record at the end, which has a comment of any length behind it.
const END: ([u8; 4], usize) = (*b"PK\x05\x06", 22);
/// Signature and length of an entry of the directory, without name, extra field and comment.
const ENTRY: ([u8; 4], usize) = (*b"PK\x01\x02", 46);
/// Signature and length of an entry's own header, without name and extra field.
const LOCAL: ([u8; 4], usize) = (*b"PK\x03\x04", 30);

/// Names and bytes of the entries; what is wrong with the file, else.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<(String, &[u8])>, String> {
    let last = bytes.len().checked_sub(END.1).ok_or("it was cut")?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let end = (first..=last)
        .rev()
        .find(|&at| bytes[at..].starts_with(&END.0))
        .ok_or("its directory is missing: it was cut")?;
    let count = number(bytes, end + 10, 2)?;
    let mut at = number(bytes, end + 16, 4)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let head = part(bytes, at, ENTRY.1)?;
        if !head.starts_with(&ENTRY.0) {
            return Err("its directory is damaged".into());
        }
        let name_length = number(head, 28, 2)?;
        let name = String::from_utf8_lossy(part(bytes, at + ENTRY.1, name_length)?);
        if number(head, 10, 2)? != 0 {
            return Err(format!("{name} is compressed, which torch.save never does"));
        }
        let (size, local) = (number(head, 24, 4)?, number(head, 42, 4)?);
        let head = part(bytes, local, LOCAL.1)?;
        if !head.starts_with(&LOCAL.0) {
            return Err(format!("{name} is not where the directory says"));
        }
        let data = local + LOCAL.1 + number(head, 26, 2)? + number(head, 28, 2)?;
        entries.push((name.into_owned(), part(bytes, data, size)?));
        let entry = part(bytes, at, ENTRY.1)?;
        at += ENTRY.1 + name_length + number(entry, 30, 2)? + number(entry, 32, 2)?;
    }
    Ok(entries)
}

fn part(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    bytes
        .get(at..)
        .and_then(|rest| rest.get(..length))
        .ok_or_else(|| "an entry lies behind the end: it was cut".into())
}

/// A little-endian number of `length` bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> Result<usize, String> {
    let bytes = part(bytes, at, length)?;
    Ok(bytes.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)))
}
