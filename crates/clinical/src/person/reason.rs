//! What a comparison found, field by field.

/// A field that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Patient identifier.
    Number,
    /// Name.
    Name,
    /// Birth date.
    BirthDate,
    /// Sex.
    Sex,
}

impl Field {
    /// The field in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Name => "name",
            Self::BirthDate => "birth date",
            Self::Sex => "sex",
        }
    }
}

/// Which way a finding points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// It says that they are one person.
    For,
    /// It says nothing.
    Nothing,
    /// A person has to look at it.
    Doubt,
    /// It says that they are two people.
    Against,
}

/// One finding. It names fields and holds no values, so that it may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The numbers agree.
    NumberAgrees,
    /// A side has no number.
    NumberAbsent,
    /// The file's number is one of another issuer.
    NumberOfAnotherIssuer,
    /// The numbers differ.
    NumberDiffers,
    /// The names agree.
    NameAgrees,
    /// A side has no name.
    NameAbsent,
    /// The names are in different scripts.
    NameInAnotherScript,
    /// The names are spelled alike, but not the same.
    NameSpelling,
    /// Family and given name are exchanged.
    NameOrder,
    /// A side has only a part of the name.
    NameIncomplete,
    /// A side has only an initial of the given name.
    NameInitial,
    /// The given name is another one of several.
    NameOtherGiven,
    /// The family names differ, the given names agree.
    NameFamilyDiffers,
    /// The given names differ, the family names agree.
    NameGivenDiffers,
    /// The names differ.
    NameDiffers,
    /// The birth dates agree.
    BirthDateAgrees,
    /// The birth dates agree in what both say: the year, or the month.
    BirthDateAgreesInPart,
    /// A side has no birth date, or one that stands for none.
    BirthDateAbsent,
    /// Day and month are exchanged.
    BirthDateDayMonth,
    /// The years agree, and one side says the first of January, as programs do that know the year
    /// alone.
    BirthDateFirstOfJanuary,
    /// The birth dates differ.
    BirthDateDiffers,
    /// The sexes agree.
    SexAgrees,
    /// A side does not say the sex.
    SexAbsent,
    /// One side says "other".
    SexOther,
    /// The sexes differ.
    SexDiffers,
    /// Nothing differs, but too little agrees to say whose image it is.
    TooLittle,
}

impl Reason {
    /// A name that programs can rely on.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NumberAgrees => "number_agrees",
            Self::NumberAbsent => "number_absent",
            Self::NumberOfAnotherIssuer => "number_of_another_issuer",
            Self::NumberDiffers => "number_differs",
            Self::NameAgrees => "name_agrees",
            Self::NameAbsent => "name_absent",
            Self::NameInAnotherScript => "name_in_another_script",
            Self::NameSpelling => "name_spelling",
            Self::NameOrder => "name_order",
            Self::NameIncomplete => "name_incomplete",
            Self::NameInitial => "name_initial",
            Self::NameOtherGiven => "name_other_given",
            Self::NameFamilyDiffers => "name_family_differs",
            Self::NameGivenDiffers => "name_given_differs",
            Self::NameDiffers => "name_differs",
            Self::BirthDateAgrees => "birth_date_agrees",
            Self::BirthDateAgreesInPart => "birth_date_agrees_in_part",
            Self::BirthDateAbsent => "birth_date_absent",
            Self::BirthDateDayMonth => "birth_date_day_month",
            Self::BirthDateFirstOfJanuary => "birth_date_first_of_january",
            Self::BirthDateDiffers => "birth_date_differs",
            Self::SexAgrees => "sex_agrees",
            Self::SexAbsent => "sex_absent",
            Self::SexOther => "sex_other",
            Self::SexDiffers => "sex_differs",
            Self::TooLittle => "too_little",
        }
    }

    /// The finding in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NumberAgrees => "the numbers agree",
            Self::NumberAbsent => "no number to compare",
            Self::NumberOfAnotherIssuer => "the file's number is one of another issuer",
            Self::NumberDiffers => "the numbers differ",
            Self::NameAgrees => "the names agree",
            Self::NameAbsent => "no name to compare",
            Self::NameInAnotherScript => "the names are in different scripts",
            Self::NameSpelling => "the names are spelled alike, but not the same",
            Self::NameOrder => "family and given name are exchanged",
            Self::NameIncomplete => "one side has only a part of the name",
            Self::NameInitial => "one side has only an initial of the given name",
            Self::NameOtherGiven => "the given name is another one of several",
            Self::NameFamilyDiffers => "the family names differ, the given names agree",
            Self::NameGivenDiffers => "the given names differ",
            Self::NameDiffers => "the names differ",
            Self::BirthDateAgrees => "the birth dates agree",
            Self::BirthDateAgreesInPart => "the birth dates agree in what both say",
            Self::BirthDateAbsent => "no birth date to compare",
            Self::BirthDateDayMonth => "day and month of the birth dates are exchanged",
            Self::BirthDateFirstOfJanuary => {
                "the birth years agree, and one side says the first of January"
            }
            Self::BirthDateDiffers => "the birth dates differ",
            Self::SexAgrees => "the sexes agree",
            Self::SexAbsent => "no sex to compare",
            Self::SexOther => "one side says \"other\" for the sex",
            Self::SexDiffers => "the sexes differ",
            Self::TooLittle => "too little agrees to say whose image it is",
        }
    }

    /// The field that it is about; `None` where it is about all of them.
    #[must_use]
    pub fn field(self) -> Option<Field> {
        let code = self.code();
        let fields = [
            ("number", Field::Number),
            ("name", Field::Name),
            ("birth_date", Field::BirthDate),
            ("sex", Field::Sex),
        ];
        let field = fields.iter().find(|(start, _)| code.starts_with(start));
        field.map(|(_, field)| *field)
    }

    /// Which way it points, on its own.
    #[must_use]
    pub fn weight(self) -> Weight {
        match self {
            Self::NumberAgrees
            | Self::NameAgrees
            | Self::BirthDateAgrees
            | Self::BirthDateAgreesInPart
            | Self::SexAgrees => Weight::For,
            Self::NumberAbsent | Self::NameAbsent | Self::BirthDateAbsent | Self::SexAbsent => {
                Weight::Nothing
            }
            Self::NumberOfAnotherIssuer
            | Self::NameInAnotherScript
            | Self::NameSpelling
            | Self::NameOrder
            | Self::NameIncomplete
            | Self::NameInitial
            | Self::NameOtherGiven
            | Self::NameFamilyDiffers
            | Self::BirthDateDayMonth
            | Self::BirthDateFirstOfJanuary
            | Self::SexOther
            | Self::TooLittle => Weight::Doubt,
            Self::NumberDiffers
            | Self::NameGivenDiffers
            | Self::NameDiffers
            | Self::BirthDateDiffers
            | Self::SexDiffers => Weight::Against,
        }
    }
}
