// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRegistry } from "./IRegistry.sol";

/// @title The current commitment of each record
/// @notice A record is known on chain by its controller alone, an address that its patient derives
/// for this one record. What is committed says nothing without its salt.
interface IRecords {
    /// @notice Signed by the controller and by the institution that made the version.
    /// `version` is 1 and `previous` zero for the first one.
    struct Commit {
        address controller;
        uint64 version;
        bytes32 previous;
        bytes32 commitment;
        address institution;
        uint64 deadline;
    }

    /// @notice One item of a batch, with the controller's signature of it.
    struct SignedCommit {
        Commit act;
        bytes controllerSignature;
    }

    /// @notice Signed by the controller: ends the record for ever.
    struct Erase {
        address controller;
        uint64 deadline;
    }

    event Committed(
        address indexed controller,
        bytes32 indexed commitment,
        address indexed institution,
        uint64 version,
        bytes32 previous
    );
    event Erased(address indexed controller);
    /// @notice The item of a batch at `index` (from 0) was left out; `reason` is the selector of
    /// the error with which it would have failed alone.
    event Skipped(uint256 indexed index, address indexed controller, bytes4 reason);

    /// @notice The registry has no code.
    error NoRegistry();
    /// @notice The signature's deadline has passed.
    error DeadlinePassed();
    /// @notice Not signed by the one whose act it is.
    error BadSignature();
    /// @notice The institution is unknown or suspended.
    error NotActive();
    /// @notice The item names another institution than its batch.
    error WrongInstitution();
    /// @notice Zero and the mark of an erased record are no commitments.
    error BadCommitment();
    /// @notice `previous` is not what the record stands at.
    error StalePrevious();
    /// @notice `version` is not the next one.
    error BadVersion();
    /// @notice The record was erased; nothing follows.
    error AlreadyErased();
    /// @notice No item of the batch could be applied.
    error NothingApplied();

    /// @notice Commits the next version of a record.
    function commit(
        Commit calldata act,
        bytes calldata institutionSignature,
        bytes calldata controllerSignature
    ) external;

    /// @notice Commits many versions, the institution signing once (`CommitBatch`). Items that
    /// cannot be applied are left out and reported by `Skipped`; the others stand.
    function commitBatch(
        address institution,
        SignedCommit[] calldata items,
        bytes calldata institutionSignature
    ) external;

    /// @notice Erases a record, or retires a controller before its first commit.
    function erase(Erase calldata act, bytes calldata controllerSignature) external;

    /// @notice Where institutions are admitted.
    function registry() external view returns (IRegistry);

    /// @notice What `current` returns for an erased record.
    function ERASED() external view returns (bytes32);

    /// @notice The current commitment: 0 for none, `ERASED` after erasure.
    function current(address controller) external view returns (bytes32);

    /// @notice The version that `current` is, from 1; 0 if there is none or it was erased.
    function version(address controller) external view returns (uint64);
}
