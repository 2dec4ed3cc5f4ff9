// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRegistry } from "./IRegistry.sol";

/// @title Checkpoints of the institutions' logs
/// @notice Each institution keeps an append-only Merkle log (RFC 6962). Its checkpoints, size and
/// root, are anchored here; they only grow.
interface ILog {
    /// @notice Signed by the institution.
    struct Checkpoint {
        address institution;
        uint64 size;
        bytes32 root;
    }

    event Anchored(address indexed institution, uint64 indexed size, bytes32 root);

    /// @notice The registry has no code.
    error NoRegistry();
    /// @notice Not signed by the institution.
    error BadSignature();
    /// @notice The institution is unknown or suspended.
    error NotActive();
    /// @notice The size is not above that of the last checkpoint.
    error NotGrowing();
    /// @notice The size is 2^48 or more.
    error TooLarge();

    /// @notice Anchors a checkpoint.
    function checkpoint(Checkpoint calldata act, bytes calldata institutionSignature) external;

    /// @notice Where institutions are admitted.
    function registry() external view returns (IRegistry);

    /// @notice Size of the last checkpoint (0 for none) and the first 26 bytes of its root; the
    /// event `Anchored` has all 32.
    function latest(address institution) external view returns (uint64 size, bytes26 rootPrefix);

    /// @notice Whether this is the last checkpoint anchored.
    function isLatest(address institution, uint64 size, bytes32 root) external view returns (bool);
}
