// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IRegistry } from "./IRegistry.sol";

/// @title Requests, grants and revocations
/// @notice A grant is a document that stays off chain; its id, keccak256(salt, document), stands
/// here under the controller that signed it, with its expiry.
interface IConsents {
    /// @notice Signed by the requester, a person of an active institution.
    /// `id` is keccak256(salt, request document).
    struct Request {
        bytes32 id;
        address requester;
        uint64 deadline;
    }

    /// @notice Signed by the controller. `expiry` is the last second (Unix time) it is live.
    struct Grant {
        address controller;
        bytes32 id;
        uint64 expiry;
    }

    /// @notice Signed by the controller: the grant is dead for ever, sent or not yet sent.
    struct Revoke {
        address controller;
        bytes32 id;
    }

    /// @notice One item of a batch.
    struct SignedGrant {
        Grant act;
        bytes controllerSignature;
    }

    /// @notice One item of a batch.
    struct SignedRevoke {
        Revoke act;
        bytes controllerSignature;
    }

    event Requested(bytes32 indexed id, address indexed requester);
    event Granted(address indexed controller, bytes32 indexed id, uint64 expiry);
    event Revoked(address indexed controller, bytes32 indexed id);
    /// @notice The item of a batch at `index` (from 0) was left out; `reason` is the selector of
    /// the error with which it would have failed alone.
    event Skipped(uint256 indexed index, address indexed controller, bytes4 reason);

    /// @notice The registry has no code.
    error NoRegistry();
    /// @notice The signature's deadline has passed.
    error DeadlinePassed();
    /// @notice Not signed by the one whose act it is.
    error BadSignature();
    /// @notice The requester or the requester's institution is unknown or suspended.
    error NotActive();
    /// @notice The controller has granted or revoked this id before.
    error AlreadyUsed();
    /// @notice The grant would be born expired.
    error ExpiryPassed();
    /// @notice The controller has revoked this id before.
    error AlreadyRevoked();
    /// @notice No item of the batch could be applied.
    error NothingApplied();

    /// @notice Announces a request for access.
    function request(Request calldata act, bytes calldata requesterSignature) external;

    /// @notice Grants.
    function grant(Grant calldata act, bytes calldata controllerSignature) external;

    /// @notice Grants many; items that cannot be applied are left out and reported by `Skipped`.
    function grantBatch(SignedGrant[] calldata items) external;

    /// @notice Revokes a grant, or burns an id that was never granted.
    function revoke(Revoke calldata act, bytes calldata controllerSignature) external;

    /// @notice Revokes many; items that cannot be applied are left out and reported by `Skipped`.
    function revokeBatch(SignedRevoke[] calldata items) external;

    /// @notice Where requesters are known.
    function registry() external view returns (IRegistry);

    /// @notice Expiry and revocation of a grant; both zero if the controller never used the id.
    function grantOf(address controller, bytes32 id)
        external
        view
        returns (uint64 expiry, bool revoked);

    /// @notice Whether the grant was made, is not revoked and has not expired.
    function isLive(address controller, bytes32 id) external view returns (bool);
}
