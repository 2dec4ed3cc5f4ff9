// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who may act: institutions, their staff, key statements and enrolments
/// @notice The registrar admits institutions; an institution admits its staff and enrols its
/// patients. Every act is an EIP-712 struct signed by the one it binds, and anyone may carry it.
interface IRegistry {
    /// @notice Signed by the registrar: admits (`status` 1), suspends (2) or reinstates (1).
    struct SetInstitution {
        address institution;
        uint8 status;
        uint64 nonce;
        uint64 deadline;
    }

    /// @notice Signed by both the institution and the person: the person joins the institution.
    struct AdmitStaff {
        address staff;
        address institution;
        uint8 role;
        uint64 nonce;
        uint64 deadline;
    }

    /// @notice Signed by the person's institution: sets the role, suspends (2) or reinstates (1).
    struct SetStaff {
        address staff;
        address institution;
        uint8 role;
        uint8 status;
        uint64 nonce;
        uint64 deadline;
    }

    /// @notice Signed by the wallet: anchors the salted digest of its current key statement.
    struct PublishKey {
        address wallet;
        bytes32 digest;
        uint64 version;
        uint64 deadline;
    }

    /// @notice Signed by the institution: enrols a patient under a salted commitment.
    struct EnrolPatient {
        address institution;
        bytes32 patient;
        uint64 deadline;
    }

    event InstitutionSet(address indexed institution, uint8 status, uint64 nonce);
    event StaffSet(
        address indexed staff, address indexed institution, uint8 role, uint8 status, uint64 nonce
    );
    event KeyPublished(address indexed wallet, bytes32 digest, uint64 version);
    event PatientEnrolled(address indexed institution, bytes32 indexed patient);

    /// @notice The address zero cannot be the registrar.
    error NoRegistrar();
    /// @notice The signature's deadline has passed.
    error DeadlinePassed();
    /// @notice Not signed by the one whose act it is.
    error BadSignature();
    /// @notice The nonce or version is not the next one of its subject.
    error BadNonce();
    /// @notice Not a role from 1 to 7.
    error UnknownRole();
    /// @notice Not a status that this subject can take now.
    error BadStatus();
    /// @notice The institution or the person is unknown or suspended.
    error NotActive();
    /// @notice The person does not belong to this institution.
    error NotItsStaff();
    /// @notice This institution has enrolled this commitment before.
    error AlreadyEnrolled();

    /// @notice Admits, suspends or reinstates an institution.
    function setInstitution(SetInstitution calldata act, bytes calldata registrarSignature) external;

    /// @notice Admits a person to an institution, or moves the person there.
    function admitStaff(
        AdmitStaff calldata act,
        bytes calldata institutionSignature,
        bytes calldata staffSignature
    ) external;

    /// @notice Changes the role or the status of a person of the institution.
    function setStaff(SetStaff calldata act, bytes calldata institutionSignature) external;

    /// @notice Anchors a key statement; digest zero withdraws the one before.
    function publishKey(PublishKey calldata act, bytes calldata walletSignature) external;

    /// @notice Enrols a patient.
    function enrolPatient(EnrolPatient calldata act, bytes calldata institutionSignature) external;

    /// @notice The one who admits institutions.
    function registrar() external view returns (address);

    /// @notice Status (0 unknown, 1 active, 2 suspended) and the nonce of the next act.
    function institution(address account) external view returns (uint8 status, uint64 nonce);

    /// @notice Institution, role, status and the nonce of the next act of a person.
    function staff(address account)
        external
        view
        returns (address institution_, uint8 role, uint8 status, uint64 nonce);

    /// @notice The salted digest of the wallet's key statement (0 none or withdrawn) and how many
    /// it has published; the next one carries `version` + 1.
    function keyStatement(address wallet) external view returns (bytes32 digest, uint64 version);

    /// @notice Whether the institution has enrolled this commitment.
    function enrolled(address institution_, bytes32 patient) external view returns (bool);

    /// @notice Whether the institution is admitted and not suspended.
    function isActiveInstitution(address account) external view returns (bool);

    /// @notice Whether neither the person nor the person's institution is suspended or unknown.
    function isActiveStaff(address account) external view returns (bool);
}
