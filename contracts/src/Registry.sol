// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { EIP712 } from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import { IRegistry } from "./interfaces/IRegistry.sol";
import { Signatures } from "./libraries/Signatures.sol";
import { TypeHashes } from "./libraries/TypeHashes.sol";

/// @title Who may act
/// @notice See {IRegistry}. The registrar is fixed at deployment and may be a contract wallet, so
/// that it can change its own keys; it has no power but to admit, suspend and reinstate
/// institutions. Nothing here can be upgraded.
/// @dev Replay: each subject counts the acts on it (`nonce`, in the subject's own slot) and an act
/// names the count it expects, so that each signature works once and in order. Enrolments need no
/// count: an institution can enrol a commitment once. The EIP-712 domain binds the chain and this
/// deployment.
///
/// Squatting: a person joins an institution by a signature of each, so that an institution cannot
/// claim the address of another's doctor; enrolments are kept per institution, so that one cannot
/// enrol another's patient away.
contract Registry is IRegistry, EIP712 {
    uint8 private constant ACTIVE = 1;
    uint8 private constant SUSPENDED = 2;
    /// @dev 1 doctor, 2 technician, 3 nurse, 4 pharmacist, 5 insurer, 6 researcher, 7 auditor.
    uint8 private constant LAST_ROLE = 7;

    struct Institution {
        uint8 status;
        uint64 nonce;
    }

    struct Staff {
        address institution;
        uint8 role;
        uint8 status;
        uint64 nonce;
    }

    struct Key {
        bytes32 digest;
        uint64 version;
    }

    /// @inheritdoc IRegistry
    address public immutable registrar;

    mapping(address account => Institution) private _institutions;
    mapping(address account => Staff) private _staff;
    mapping(address wallet => Key) private _keys;

    /// @inheritdoc IRegistry
    mapping(address institution => mapping(bytes32 patient => bool)) public enrolled;

    constructor(address registrar_) EIP712("Stele", "1") {
        if (registrar_ == address(0)) revert NoRegistrar();
        registrar = registrar_;
    }

    /// @inheritdoc IRegistry
    function setInstitution(SetInstitution calldata act, bytes calldata registrarSignature)
        external
    {
        Institution storage subject = _institutions[act.institution];
        _checkDeadline(act.deadline);
        if (act.nonce != subject.nonce) revert BadNonce();
        _checkChange(subject.status, act.status);
        _checkSignature(
            registrar, keccak256(abi.encode(TypeHashes.SET_INSTITUTION, act)), registrarSignature
        );

        subject.status = act.status;
        subject.nonce = act.nonce + 1;
        emit InstitutionSet(act.institution, act.status, act.nonce);
    }

    /// @inheritdoc IRegistry
    function admitStaff(
        AdmitStaff calldata act,
        bytes calldata institutionSignature,
        bytes calldata staffSignature
    ) external {
        Staff storage subject = _staff[act.staff];
        _checkDeadline(act.deadline);
        _checkRole(act.role);
        if (act.nonce != subject.nonce) revert BadNonce();
        if (!isActiveInstitution(act.institution)) revert NotActive();
        bytes32 hash = keccak256(abi.encode(TypeHashes.ADMIT_STAFF, act));
        _checkSignature(act.institution, hash, institutionSignature);
        _checkSignature(act.staff, hash, staffSignature);

        _staff[act.staff] = Staff(act.institution, act.role, ACTIVE, act.nonce + 1);
        emit StaffSet(act.staff, act.institution, act.role, ACTIVE, act.nonce);
    }

    /// @inheritdoc IRegistry
    function setStaff(SetStaff calldata act, bytes calldata institutionSignature) external {
        Staff storage subject = _staff[act.staff];
        _checkDeadline(act.deadline);
        _checkRole(act.role);
        if (act.status != ACTIVE && act.status != SUSPENDED) revert BadStatus();
        if (act.nonce != subject.nonce) revert BadNonce();
        if (act.institution != subject.institution) revert NotItsStaff();
        if (!isActiveInstitution(act.institution)) revert NotActive();
        _checkSignature(
            act.institution, keccak256(abi.encode(TypeHashes.SET_STAFF, act)), institutionSignature
        );

        _staff[act.staff] = Staff(act.institution, act.role, act.status, act.nonce + 1);
        emit StaffSet(act.staff, act.institution, act.role, act.status, act.nonce);
    }

    /// @inheritdoc IRegistry
    function publishKey(PublishKey calldata act, bytes calldata walletSignature) external {
        Key storage key = _keys[act.wallet];
        _checkDeadline(act.deadline);
        if (act.version != key.version + 1) revert BadNonce();
        if (!isActiveStaff(act.wallet) && !isActiveInstitution(act.wallet)) revert NotActive();
        _checkSignature(
            act.wallet, keccak256(abi.encode(TypeHashes.PUBLISH_KEY, act)), walletSignature
        );

        key.digest = act.digest;
        key.version = act.version;
        emit KeyPublished(act.wallet, act.digest, act.version);
    }

    /// @inheritdoc IRegistry
    function enrolPatient(EnrolPatient calldata act, bytes calldata institutionSignature) external {
        _checkDeadline(act.deadline);
        if (enrolled[act.institution][act.patient]) revert AlreadyEnrolled();
        if (!isActiveInstitution(act.institution)) revert NotActive();
        _checkSignature(
            act.institution,
            keccak256(abi.encode(TypeHashes.ENROL_PATIENT, act)),
            institutionSignature
        );

        enrolled[act.institution][act.patient] = true;
        emit PatientEnrolled(act.institution, act.patient);
    }

    /// @inheritdoc IRegistry
    function institution(address account) external view returns (uint8 status, uint64 nonce) {
        Institution storage subject = _institutions[account];
        return (subject.status, subject.nonce);
    }

    /// @inheritdoc IRegistry
    function staff(address account)
        external
        view
        returns (address institution_, uint8 role, uint8 status, uint64 nonce)
    {
        Staff storage subject = _staff[account];
        return (subject.institution, subject.role, subject.status, subject.nonce);
    }

    /// @inheritdoc IRegistry
    function keyStatement(address wallet) external view returns (bytes32 digest, uint64 version) {
        Key storage key = _keys[wallet];
        return (key.digest, key.version);
    }

    /// @inheritdoc IRegistry
    function isActiveInstitution(address account) public view returns (bool) {
        return _institutions[account].status == ACTIVE;
    }

    /// @inheritdoc IRegistry
    function isActiveStaff(address account) public view returns (bool) {
        Staff storage subject = _staff[account];
        return subject.status == ACTIVE && isActiveInstitution(subject.institution);
    }

    /// @dev Unknown can only become active; active and suspended only each other.
    function _checkChange(uint8 from, uint8 to) private pure {
        bool admits = to == ACTIVE && from != ACTIVE;
        bool suspends = to == SUSPENDED && from == ACTIVE;
        if (!admits && !suspends) revert BadStatus();
    }

    function _checkRole(uint8 role) private pure {
        if (role == 0 || role > LAST_ROLE) revert UnknownRole();
    }

    function _checkDeadline(uint64 deadline) private view {
        if (block.timestamp > deadline) revert DeadlinePassed();
    }

    function _checkSignature(address signer, bytes32 structHash, bytes calldata signature)
        private
        view
    {
        if (!Signatures.isValid(signer, _hashTypedDataV4(structHash), signature)) {
            revert BadSignature();
        }
    }
}
