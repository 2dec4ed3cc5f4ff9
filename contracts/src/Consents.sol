// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { EIP712 } from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import { IConsents } from "./interfaces/IConsents.sol";
import { IRegistry } from "./interfaces/IRegistry.sol";
import { Reasons } from "./libraries/Reasons.sol";
import { Signatures } from "./libraries/Signatures.sol";
import { TypeHashes } from "./libraries/TypeHashes.sol";

/// @title Requests, grants and revocations
/// @notice See {IConsents}.
/// @dev One life per id: a slot goes from unused to granted to revoked, or from unused to revoked,
/// and never back; the expiry is written once. So no signature works twice and what is dead stays
/// dead. A revocation may come before its grant: it burns the id, so that a grant that was signed
/// and held back cannot be sent after it.
///
/// Front-running: grants stand under (controller, id), not under the id alone. Someone who sees an
/// id in the pool can use it only under a controller of their own, which changes nothing for the
/// one who drew it: readers ask for the controller that the grant's document names.
///
/// Requests change no storage. Sent again, a request emits the same event once more until its
/// deadline; readers take the first of each (requester, id) and ignore the rest, so a replay says
/// nothing new and opens nothing. A counter in storage would cost more than it protects.
contract Consents is IConsents, EIP712 {
    struct Slot {
        uint64 expiry;
        bool revoked;
    }

    /// @inheritdoc IConsents
    IRegistry public immutable registry;

    mapping(address controller => mapping(bytes32 id => Slot)) private _grants;

    constructor(IRegistry registry_) EIP712("Stele", "1") {
        if (address(registry_).code.length == 0) revert NoRegistry();
        registry = registry_;
    }

    /// @inheritdoc IConsents
    function request(Request calldata act, bytes calldata requesterSignature) external {
        if (block.timestamp > act.deadline) revert DeadlinePassed();
        if (!registry.isActiveStaff(act.requester)) revert NotActive();
        bytes32 hash = keccak256(abi.encode(TypeHashes.REQUEST, act));
        if (!Signatures.isValid(act.requester, _hashTypedDataV4(hash), requesterSignature)) {
            revert BadSignature();
        }
        emit Requested(act.id, act.requester);
    }

    /// @inheritdoc IConsents
    function grant(Grant calldata act, bytes calldata controllerSignature) external {
        Reasons.check(_grant(act, controllerSignature));
    }

    /// @inheritdoc IConsents
    function grantBatch(SignedGrant[] calldata items) external {
        uint256 applied = 0;
        for (uint256 i = 0; i < items.length; ++i) {
            bytes4 reason = _grant(items[i].act, items[i].controllerSignature);
            if (reason == 0) ++applied;
            else emit Skipped(i, items[i].act.controller, reason);
        }
        if (applied == 0) revert NothingApplied();
    }

    /// @inheritdoc IConsents
    function revoke(Revoke calldata act, bytes calldata controllerSignature) external {
        Reasons.check(_revoke(act, controllerSignature));
    }

    /// @inheritdoc IConsents
    function revokeBatch(SignedRevoke[] calldata items) external {
        uint256 applied = 0;
        for (uint256 i = 0; i < items.length; ++i) {
            bytes4 reason = _revoke(items[i].act, items[i].controllerSignature);
            if (reason == 0) ++applied;
            else emit Skipped(i, items[i].act.controller, reason);
        }
        if (applied == 0) revert NothingApplied();
    }

    /// @inheritdoc IConsents
    function grantOf(address controller, bytes32 id)
        external
        view
        returns (uint64 expiry, bool revoked)
    {
        Slot storage slot = _grants[controller][id];
        return (slot.expiry, slot.revoked);
    }

    /// @inheritdoc IConsents
    function isLive(address controller, bytes32 id) external view returns (bool) {
        Slot storage slot = _grants[controller][id];
        return block.timestamp <= slot.expiry && !slot.revoked;
    }

    /// @dev Returns zero, or the selector of the error for which nothing was changed.
    function _grant(Grant calldata act, bytes calldata signature) private returns (bytes4) {
        Slot storage slot = _grants[act.controller][act.id];
        if (slot.expiry != 0 || slot.revoked) return AlreadyUsed.selector;
        if (block.timestamp > act.expiry) return ExpiryPassed.selector;
        bytes32 hash = keccak256(abi.encode(TypeHashes.GRANT, act));
        if (!Signatures.isValid(act.controller, _hashTypedDataV4(hash), signature)) {
            return BadSignature.selector;
        }

        slot.expiry = act.expiry;
        emit Granted(act.controller, act.id, act.expiry);
        return 0;
    }

    /// @dev Returns zero, or the selector of the error for which nothing was changed.
    function _revoke(Revoke calldata act, bytes calldata signature) private returns (bytes4) {
        Slot storage slot = _grants[act.controller][act.id];
        if (slot.revoked) return AlreadyRevoked.selector;
        bytes32 hash = keccak256(abi.encode(TypeHashes.REVOKE, act));
        if (!Signatures.isValid(act.controller, _hashTypedDataV4(hash), signature)) {
            return BadSignature.selector;
        }

        slot.revoked = true;
        emit Revoked(act.controller, act.id);
        return 0;
    }
}
