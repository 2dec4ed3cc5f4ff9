//! The tags of the elements that are read (PS3.6).

use core::fmt;

/// The tag of an element: group and number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u16, pub u16);

impl Tag {
    /// The group.
    #[must_use]
    pub fn group(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:04X},{:04X})", self.0, self.1)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! tags {
    ($($name:ident = ($group:literal, $number:literal), $words:literal;)+) => {
        $(
            #[doc = $words]
            pub const $name: Tag = Tag($group, $number);
        )+
    };
}

tags! {
    TRANSFER_SYNTAX_UID = (0x0002, 0x0010), "Transfer Syntax UID.";
    SPECIFIC_CHARACTER_SET = (0x0008, 0x0005), "Specific Character Set.";
    SOP_CLASS_UID = (0x0008, 0x0016), "SOP Class UID.";
    SOP_INSTANCE_UID = (0x0008, 0x0018), "SOP Instance UID.";
    STUDY_DATE = (0x0008, 0x0020), "Study Date.";
    STUDY_TIME = (0x0008, 0x0030), "Study Time.";
    ACCESSION_NUMBER = (0x0008, 0x0050), "Accession Number.";
    MODALITY = (0x0008, 0x0060), "Modality.";
    STUDY_DESCRIPTION = (0x0008, 0x1030), "Study Description.";
    PATIENT_NAME = (0x0010, 0x0010), "Patient's Name.";
    PATIENT_ID = (0x0010, 0x0020), "Patient ID.";
    ISSUER_OF_PATIENT_ID = (0x0010, 0x0021), "Issuer of Patient ID.";
    PATIENT_BIRTH_DATE = (0x0010, 0x0030), "Patient's Birth Date.";
    PATIENT_SEX = (0x0010, 0x0040), "Patient's Sex.";
    OTHER_PATIENT_IDS = (0x0010, 0x1000), "Other Patient IDs (retired).";
    OTHER_PATIENT_IDS_SEQUENCE = (0x0010, 0x1002), "Other Patient IDs Sequence.";
    BODY_PART_EXAMINED = (0x0018, 0x0015), "Body Part Examined.";
    VIEW_POSITION = (0x0018, 0x5101), "View Position.";
    STUDY_INSTANCE_UID = (0x0020, 0x000D), "Study Instance UID.";
    SERIES_INSTANCE_UID = (0x0020, 0x000E), "Series Instance UID.";
    SERIES_NUMBER = (0x0020, 0x0011), "Series Number.";
    INSTANCE_NUMBER = (0x0020, 0x0013), "Instance Number.";
    PATIENT_ORIENTATION = (0x0020, 0x0020), "Patient Orientation.";
    SAMPLES_PER_PIXEL = (0x0028, 0x0002), "Samples per Pixel.";
    PHOTOMETRIC_INTERPRETATION = (0x0028, 0x0004), "Photometric Interpretation.";
    PLANAR_CONFIGURATION = (0x0028, 0x0006), "Planar Configuration.";
    NUMBER_OF_FRAMES = (0x0028, 0x0008), "Number of Frames.";
    ROWS = (0x0028, 0x0010), "Rows.";
    COLUMNS = (0x0028, 0x0011), "Columns.";
    BITS_ALLOCATED = (0x0028, 0x0100), "Bits Allocated.";
    BITS_STORED = (0x0028, 0x0101), "Bits Stored.";
    HIGH_BIT = (0x0028, 0x0102), "High Bit.";
    PIXEL_REPRESENTATION = (0x0028, 0x0103), "Pixel Representation.";
    PIXEL_PADDING_VALUE = (0x0028, 0x0120), "Pixel Padding Value.";
    WINDOW_CENTER = (0x0028, 0x1050), "Window Center.";
    WINDOW_WIDTH = (0x0028, 0x1051), "Window Width.";
    RESCALE_INTERCEPT = (0x0028, 0x1052), "Rescale Intercept.";
    RESCALE_SLOPE = (0x0028, 0x1053), "Rescale Slope.";
    VOI_LUT_FUNCTION = (0x0028, 0x1056), "VOI LUT Function.";
    MODALITY_LUT_SEQUENCE = (0x0028, 0x3000), "Modality LUT Sequence.";
    LUT_DESCRIPTOR = (0x0028, 0x3002), "LUT Descriptor.";
    LUT_DATA = (0x0028, 0x3006), "LUT Data.";
    VOI_LUT_SEQUENCE = (0x0028, 0x3010), "VOI LUT Sequence.";
    FLOAT_PIXEL_DATA = (0x7FE0, 0x0008), "Float Pixel Data.";
    DOUBLE_FLOAT_PIXEL_DATA = (0x7FE0, 0x0009), "Double Float Pixel Data.";
    PIXEL_DATA = (0x7FE0, 0x0010), "Pixel Data.";
    ITEM = (0xFFFE, 0xE000), "Item.";
    ITEM_END = (0xFFFE, 0xE00D), "Item Delimitation Item.";
    SEQUENCE_END = (0xFFFE, 0xE0DD), "Sequence Delimitation Item.";
}
