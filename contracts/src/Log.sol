// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { EIP712 } from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import { ILog } from "./interfaces/ILog.sol";
import { IRegistry } from "./interfaces/IRegistry.sol";
import { Signatures } from "./libraries/Signatures.sol";
import { TypeHashes } from "./libraries/TypeHashes.sol";

/// @title Checkpoints of the institutions' logs
/// @notice See {ILog}.
/// @dev Replay: sizes strictly grow, so each signature works at most once and an older checkpoint
/// cannot follow a newer one. There is no deadline: a checkpoint states a fact that does not age.
/// The EIP-712 domain binds the chain and this deployment.
///
/// Size and root share one slot, so the state keeps 208 bits of the root: to find a second tree
/// with the same prefix is 2^208 work, a pair of them 2^104, and the event has the whole root.
contract Log is ILog, EIP712 {
    struct Slot {
        uint48 size;
        bytes26 rootPrefix;
    }

    /// @inheritdoc ILog
    IRegistry public immutable registry;

    mapping(address institution => Slot) private _latest;

    constructor(IRegistry registry_) EIP712("Stele", "1") {
        if (address(registry_).code.length == 0) revert NoRegistry();
        registry = registry_;
    }

    /// @inheritdoc ILog
    function checkpoint(Checkpoint calldata act, bytes calldata institutionSignature) external {
        if (act.size > type(uint48).max) revert TooLarge();
        if (act.size <= _latest[act.institution].size) revert NotGrowing();
        if (!registry.isActiveInstitution(act.institution)) revert NotActive();
        bytes32 hash = keccak256(abi.encode(TypeHashes.CHECKPOINT, act));
        if (!Signatures.isValid(act.institution, _hashTypedDataV4(hash), institutionSignature)) {
            revert BadSignature();
        }

        // Checked against the largest uint48 above.
        // forge-lint: disable-next-line(unsafe-typecast)
        _latest[act.institution] = Slot(uint48(act.size), bytes26(act.root));
        emit Anchored(act.institution, act.size, act.root);
    }

    /// @inheritdoc ILog
    function latest(address institution) external view returns (uint64 size, bytes26 rootPrefix) {
        Slot storage slot = _latest[institution];
        return (slot.size, slot.rootPrefix);
    }

    /// @inheritdoc ILog
    function isLatest(address institution, uint64 size, bytes32 root) external view returns (bool) {
        Slot storage slot = _latest[institution];
        // Only the prefix is kept; see above.
        // forge-lint: disable-next-line(unsafe-typecast)
        return size != 0 && slot.size == size && slot.rootPrefix == bytes26(root);
    }
}
