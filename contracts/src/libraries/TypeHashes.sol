// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The EIP-712 type hashes of everything that is signed
/// @notice Written by scripts/acts.mjs from eip712.json, which other languages read as well.
library TypeHashes {
    bytes32 internal constant SET_INSTITUTION =
        keccak256("SetInstitution(address institution,uint8 status,uint64 nonce,uint64 deadline)");
    bytes32 internal constant ADMIT_STAFF = keccak256(
        "AdmitStaff(address staff,address institution,uint8 role,uint64 nonce,uint64 deadline)"
    );
    bytes32 internal constant SET_STAFF = keccak256(
        "SetStaff(address staff,address institution,uint8 role,uint8 status,uint64 nonce,uint64 deadline)"
    );
    bytes32 internal constant PUBLISH_KEY =
        keccak256("PublishKey(address wallet,bytes32 digest,uint64 version,uint64 deadline)");
    bytes32 internal constant ENROL_PATIENT =
        keccak256("EnrolPatient(address institution,bytes32 patient,uint64 deadline)");
    bytes32 internal constant COMMIT = keccak256(
        "Commit(address controller,uint64 version,bytes32 previous,bytes32 commitment,address institution,uint64 deadline)"
    );
    bytes32 internal constant COMMIT_BATCH = keccak256(
        "CommitBatch(Commit[] commits)Commit(address controller,uint64 version,bytes32 previous,bytes32 commitment,address institution,uint64 deadline)"
    );
    bytes32 internal constant ERASE = keccak256("Erase(address controller,uint64 deadline)");
    bytes32 internal constant REQUEST =
        keccak256("Request(bytes32 id,address requester,uint64 deadline)");
    bytes32 internal constant GRANT =
        keccak256("Grant(address controller,bytes32 id,uint64 expiry)");
    bytes32 internal constant REVOKE = keccak256("Revoke(address controller,bytes32 id)");
    bytes32 internal constant CHECKPOINT =
        keccak256("Checkpoint(address institution,uint64 size,bytes32 root)");
}
