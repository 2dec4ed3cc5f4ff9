//! Grants and requests: who may open which parts of a record, for what purpose, from when until
//! when. The documents stay off chain; the chain sees their ids.
use core::fmt;

use acts::Role;
use alloy_primitives::{Address, B256, keccak256};
use serde::{Deserialize, Serialize};

use crate::codec::{self, Format1};
use crate::error::{Error, Result, at_most};
use crate::limits;
use crate::manifest::{check_part_name, keccak};

macro_rules! purposes {
    ($($name:ident = $code:literal, $display:literal;)*) => {
        /// Purpose of use: codes of HL7 v3 ActReason, value set PurposeOfUse
        /// (`http://terminology.hl7.org/CodeSystem/v3-ActReason`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Purpose {
            $(#[doc = concat!("`", $code, "`: ", $display, ".")] #[serde(rename = $code)] $name,)*
        }
        impl Purpose {
            /// Every purpose that Stele knows.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            /// The HL7 code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
            /// What the code stands for, in plain words.
            pub fn display(self) -> &'static str {
                match self { $(Self::$name => $display,)* }
            }
        }
    };
}

purposes! {
    Treatment = "TREAT", "treatment";
    EmergencyTreatment = "ETREAT", "emergency treatment";
    BreakGlass = "BTG", "break the glass";
    CareManagement = "CAREMGT", "care management";
    CoordinationOfCare = "COC", "coordination of care";
    Payment = "HPAYMT", "healthcare payment";
    Coverage = "COVERAGE", "coverage under a policy or programme";
    Operations = "HOPERAT", "healthcare operations";
    QualityImprovement = "HQUALIMP", "health quality improvement";
    Legal = "HLEGAL", "legal";
    Research = "HRESCH", "healthcare research";
    ClinicalTrial = "CLINTRCH", "clinical trial research";
    PatientRequest = "PATRQT", "patient requested";
    FamilyRequest = "FAMRQT", "family requested";
    PowerOfAttorney = "PWATRNY", "power of attorney";
    PublicHealth = "PUBHLTH", "public health";
}

impl core::str::FromStr for Purpose {
    type Err = Error;
    fn from_str(code: &str) -> Result<Self> {
        let known = Self::ALL.iter().copied().find(|p| p.code() == code);
        known.ok_or_else(|| {
            let codes: Vec<_> = Self::ALL.iter().map(|p| p.code()).collect();
            Error::invalid(
                "purpose",
                format!("not known; use one of {}", codes.join(", ")),
            )
        })
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Whom a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipient {
    /// One person, by wallet.
    Person(Address),
    /// Whoever holds a role at an institution at the moment of opening.
    Role {
        /// The institution.
        institution: Address,
        /// The role.
        role: Role,
    },
}

/// A caller's standing in the Registry at the moment of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaffStatus {
    /// The caller's institution.
    pub institution: Address,
    /// The caller's role there.
    pub role: Role,
    /// Whether both the caller and the institution are active.
    pub active: bool,
}

/// Who asks, as proven by sign-in and read from the Registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The wallet that signed in.
    pub wallet: Address,
    /// Standing in the Registry; none for someone who is not staff anywhere.
    pub staff: Option<StaffStatus>,
}

/// Why a document does not let a caller in. Says nothing about a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The grant is for somebody else.
    #[error("this grant is for another recipient")]
    NotRecipient,
    /// The caller works at another institution than the grant says.
    #[error("this grant is for staff of another institution")]
    WrongInstitution,
    /// The caller has another role than the grant says.
    #[error("this grant is for the role {needed}; yours is {actual}")]
    WrongRole {
        /// The grant's role.
        needed: Role,
        /// The caller's role.
        actual: Role,
    },
    /// The grant is for staff and the caller is not registered as staff.
    #[error("this grant is for staff, and the registry does not list you as staff")]
    NotStaff,
    /// The caller or the caller's institution is suspended.
    #[error("you or your institution are suspended in the registry")]
    Suspended,
    /// The grant does not cover the part.
    #[error("this grant does not cover the part {part:?}; ask the patient for it")]
    PartNotGranted {
        /// The part that was asked for.
        part: String,
    },
    /// The grant begins later.
    #[error("this grant begins at {from} (unix seconds)")]
    NotYet {
        /// First second of the grant.
        from: u64,
    },
    /// The grant is over.
    #[error("this grant ended at {until} (unix seconds); ask the patient for a new one")]
    Expired {
        /// Last second of the grant.
        until: u64,
    },
}

/// A grant. Its [`id`](Self::id) is what the controller signs and the chain holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantDocument {
    format: Format1,
    /// Whom it is for.
    pub recipient: Recipient,
    /// Controller of the record.
    pub controller: Address,
    /// Commitment of the record version that is shared.
    pub commitment: B256,
    /// Names of the parts, ascending.
    pub parts: Vec<String>,
    /// Purpose of use.
    pub purpose: Purpose,
    /// First second, unix time.
    pub from: u64,
    /// Last second, unix time; equal to `expiry` on chain.
    pub until: u64,
    /// Id of the request that it answers, if any.
    pub request: Option<B256>,
    /// Random, so that the id says nothing.
    pub salt: B256,
}

/// The fields of a new grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// Whom it is for.
    pub recipient: Recipient,
    /// Controller of the record.
    pub controller: Address,
    /// Commitment of the record version.
    pub commitment: B256,
    /// Names of the parts, in any order.
    pub parts: Vec<String>,
    /// Purpose of use.
    pub purpose: Purpose,
    /// First second, unix time.
    pub from: u64,
    /// Last second, unix time.
    pub until: u64,
    /// Id of the request that it answers, if any.
    pub request: Option<B256>,
}

impl GrantDocument {
    /// A grant document; parts are sorted, repeated names dropped.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::TooLarge`], naming the field.
    pub fn new(new: NewGrant, salt: B256) -> Result<Self> {
        let document = Self {
            format: Format1,
            recipient: new.recipient,
            controller: new.controller,
            commitment: new.commitment,
            parts: sorted(new.parts),
            purpose: new.purpose,
            from: new.from,
            until: new.until,
            request: new.request,
            salt,
        };
        document.check()?;
        Ok(document)
    }

    /// keccak256 of the canonical encoding.
    pub fn digest(&self) -> B256 {
        keccak256(self.encode())
    }

    /// keccak256(salt ‖ digest): the id that stands on chain.
    pub fn id(&self) -> B256 {
        keccak(&[self.salt.as_slice(), self.digest().as_slice()])
    }

    /// Whether this document lets `caller` open `part` at time `at` (unix seconds). That the grant
    /// is live on chain is for the caller of this function to check.
    ///
    /// # Errors
    /// The [`Refusal`], recipient first, so that a stranger learns nothing about parts and times.
    pub fn permits(&self, caller: Caller, part: &str, at: u64) -> Result<(), Refusal> {
        self.recipient.admits(caller)?;
        if at < self.from {
            return Err(Refusal::NotYet { from: self.from });
        }
        if at > self.until {
            return Err(Refusal::Expired { until: self.until });
        }
        if self.parts.iter().any(|p| p == part) {
            return Ok(());
        }
        Err(Refusal::PartNotGranted {
            part: part.to_owned(),
        })
    }

    /// Canonical DAG-CBOR.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical DAG-CBOR and checks fields and limits.
    ///
    /// # Errors
    /// [`Error`], saying which field or limit.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let document: Self = codec::decode("grant", bytes, limits::DOCUMENT_BYTES)?;
        document.check()?;
        Ok(document)
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_parts(&self.parts)?;
        check_times(self.from, self.until)
    }
}

impl Recipient {
    /// Whether `caller` is this recipient.
    ///
    /// # Errors
    /// The [`Refusal`]: suspended staff is refused whatever the grant says.
    pub fn admits(&self, caller: Caller) -> Result<(), Refusal> {
        match (*self, caller.staff) {
            (Self::Person(wallet), _) if wallet != caller.wallet => Err(Refusal::NotRecipient),
            (Self::Role { .. }, None) => Err(Refusal::NotStaff),
            (Self::Role { institution, .. }, Some(staff)) if staff.institution != institution => {
                Err(Refusal::WrongInstitution)
            }
            (Self::Role { role, .. }, Some(staff)) if staff.role != role => {
                Err(Refusal::WrongRole {
                    needed: role,
                    actual: staff.role,
                })
            }
            (_, Some(staff)) if !staff.active => Err(Refusal::Suspended),
            _ => Ok(()),
        }
    }
}

/// A request for access, signed on chain by its id, shown to the patient in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestDocument {
    format: Format1,
    /// Who asks, and signs.
    pub requester: Address,
    /// Who would get access.
    pub recipient: Recipient,
    /// The patient's salted commitment.
    pub patient: B256,
    /// Commitment of the record version that is asked for; none asks the patient to choose.
    pub commitment: Option<B256>,
    /// Names of the parts, ascending.
    pub parts: Vec<String>,
    /// Purpose of use.
    pub purpose: Purpose,
    /// Why, in words to the patient. Never on chain.
    pub reason: String,
    /// First second wished for, unix time.
    pub from: u64,
    /// Last second wished for, unix time.
    pub until: u64,
    /// Random, so that the id says nothing.
    pub salt: B256,
}

/// The fields of a new request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Who asks, and signs.
    pub requester: Address,
    /// Who would get access.
    pub recipient: Recipient,
    /// The patient's salted commitment.
    pub patient: B256,
    /// Commitment of the record version that is asked for; none asks the patient to choose.
    pub commitment: Option<B256>,
    /// Names of the parts, in any order.
    pub parts: Vec<String>,
    /// Purpose of use.
    pub purpose: Purpose,
    /// Why, in words to the patient.
    pub reason: String,
    /// First second wished for, unix time.
    pub from: u64,
    /// Last second wished for, unix time.
    pub until: u64,
}

impl RequestDocument {
    /// A request document; parts are sorted, repeated names dropped.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::TooLarge`], naming the field.
    pub fn new(new: NewRequest, salt: B256) -> Result<Self> {
        let document = Self {
            format: Format1,
            requester: new.requester,
            recipient: new.recipient,
            patient: new.patient,
            commitment: new.commitment,
            parts: sorted(new.parts),
            purpose: new.purpose,
            reason: new.reason,
            from: new.from,
            until: new.until,
            salt,
        };
        document.check()?;
        Ok(document)
    }

    /// keccak256 of the canonical encoding.
    pub fn digest(&self) -> B256 {
        keccak256(self.encode())
    }

    /// keccak256(salt ‖ digest): the id that stands on chain.
    pub fn id(&self) -> B256 {
        keccak(&[self.salt.as_slice(), self.digest().as_slice()])
    }

    /// Canonical DAG-CBOR.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads canonical DAG-CBOR and checks fields and limits.
    ///
    /// # Errors
    /// [`Error`], saying which field or limit.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let document: Self = codec::decode("request", bytes, limits::DOCUMENT_BYTES)?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<()> {
        at_most("reason", self.reason.len(), limits::REASON_BYTES)?;
        check_parts(&self.parts)?;
        check_times(self.from, self.until)
    }
}

fn sorted(mut parts: Vec<String>) -> Vec<String> {
    parts.sort();
    parts.dedup();
    parts
}

fn check_parts(parts: &[String]) -> Result<()> {
    at_most("parts", parts.len(), limits::PARTS)?;
    if parts.is_empty() {
        return Err(Error::invalid("parts", "name at least one part"));
    }
    parts.iter().try_for_each(|name| check_part_name(name))?;
    if parts.windows(2).all(|pair| pair[0] < pair[1]) {
        return Ok(());
    }
    Err(Error::invalid(
        "parts",
        "each name once, in ascending order",
    ))
}

fn check_times(from: u64, until: u64) -> Result<()> {
    if from <= until {
        return Ok(());
    }
    Err(Error::invalid(
        "until",
        "the last second is before the first",
    ))
}
