//! Writing a DICOM file: explicit VR, little endian (PS3.10, 7; PS3.5, 7.1).

use std::collections::BTreeMap;

use super::data_set::DataSet;
use super::structure::{Vr, has_short_length};
use super::tags::{SOP_CLASS_UID, SOP_INSTANCE_UID, TRANSFER_SYNTAX_UID, Tag};
use crate::error::{Result, at_most};

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
/// Names this program as the writer; a UUID under 2.25 (PS3.5, B.2).
const IMPLEMENTATION: &str = "2.25.119340237046157215917906318207713043337";
const GROUP_LENGTH: Tag = Tag(0x0002, 0x0000);
const META_VERSION: Tag = Tag(0x0002, 0x0001);
const STORED_CLASS: Tag = Tag(0x0002, 0x0002);
const STORED_INSTANCE: Tag = Tag(0x0002, 0x0003);
const IMPLEMENTATION_UID: Tag = Tag(0x0002, 0x0012);

/// A DICOM file that is being made.
pub struct NewDicom {
    class: String,
    instance: String,
    elements: BTreeMap<Tag, (Vr, Vec<u8>)>,
}

impl NewDicom {
    /// A file of one instance of a class.
    #[must_use]
    pub fn new(class_uid: &str, instance_uid: &str) -> Self {
        let mut new = Self {
            class: class_uid.to_owned(),
            instance: instance_uid.to_owned(),
            elements: BTreeMap::new(),
        };
        new.text(SOP_CLASS_UID, *b"UI", class_uid);
        new.text(SOP_INSTANCE_UID, *b"UI", instance_uid);
        new
    }

    /// Sets a text. What is not ASCII becomes a question mark, so that it is right in any
    /// character set.
    pub fn text(&mut self, tag: Tag, vr: [u8; 2], text: &str) {
        let ascii = text.chars().map(|c| if c.is_ascii() { c } else { '?' });
        let value: String = ascii.collect();
        self.bytes(tag, vr, value.into_bytes());
    }

    /// Sets an unsigned number of 16 bits.
    pub fn short(&mut self, tag: Tag, value: u16) {
        self.bytes(tag, *b"US", value.to_le_bytes().to_vec());
    }

    /// Sets a value, little endian.
    pub fn bytes(&mut self, tag: Tag, vr: [u8; 2], value: Vec<u8>) {
        self.elements.insert(tag, (vr, value));
    }

    /// Takes a text over from another file, as it is written there, if it is there. Character set
    /// and texts go together.
    pub fn adopt(&mut self, tag: Tag, vr: [u8; 2], from: &DataSet<'_>) {
        if let Some(element) = from.element(tag) {
            self.bytes(tag, vr, element.bytes().to_vec());
        }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) for a value longer than its VR can state.
    pub fn write(&self) -> Result<Vec<u8>> {
        let mut meta = Vec::new();
        element(&mut meta, META_VERSION, *b"OB", &[0, 1])?;
        for (tag, uid) in [
            (STORED_CLASS, self.class.as_str()),
            (STORED_INSTANCE, &self.instance),
            (TRANSFER_SYNTAX_UID, EXPLICIT),
            (IMPLEMENTATION_UID, IMPLEMENTATION),
        ] {
            element(&mut meta, tag, *b"UI", uid.as_bytes())?;
        }
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        let length = (meta.len() as u32).to_le_bytes();
        element(&mut file, GROUP_LENGTH, *b"UL", &length)?;
        file.extend(meta);
        for (tag, (vr, value)) in &self.elements {
            element(&mut file, *tag, *vr, value)?;
        }
        Ok(file)
    }
}

fn element(out: &mut Vec<u8>, tag: Tag, vr: Vr, value: &[u8]) -> Result<()> {
    let even = value.len().next_multiple_of(2);
    out.extend(tag.0.to_le_bytes());
    out.extend(tag.1.to_le_bytes());
    out.extend(vr);
    if has_short_length(vr) {
        at_most("DICOM value", even, usize::from(u16::MAX))?;
        out.extend((even as u16).to_le_bytes());
    } else {
        at_most("DICOM value", even, u32::MAX as usize - 1)?;
        out.extend([0, 0]);
        out.extend((even as u32).to_le_bytes());
    }
    out.extend(value);
    if even > value.len() {
        let text = !matches!(&vr, b"UI" | b"OB" | b"UN");
        out.push(if text { b' ' } else { 0 });
    }
    Ok(())
}
