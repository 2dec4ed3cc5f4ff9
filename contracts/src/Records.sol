// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { EIP712 } from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import { IRecords } from "./interfaces/IRecords.sol";
import { IRegistry } from "./interfaces/IRegistry.sol";
import { Reasons } from "./libraries/Reasons.sol";
import { Signatures } from "./libraries/Signatures.sol";
import { TypeHashes } from "./libraries/TypeHashes.sol";

/// @title The current commitment of each record
/// @notice See {IRecords}.
/// @dev Replay: a commit names the version it makes, and versions of a controller only count up,
/// so each signature works once. `previous` alone would not do: heads A, B, A would let the first
/// step from A to B be sent again. The count costs nothing for most records: it is written from the
/// second version on, since a first version is known by the empty head. Erasure is final, so its
/// signature cannot matter twice. The EIP-712 domain binds the chain and this deployment.
///
/// Front-running: all that an act changes is under the signature of the controller whose slot it
/// changes. Who sends it does not matter, and nobody else can use up a controller.
///
/// Batches: an item that fails is left out instead of failing the others, so that one patient who
/// meanwhile erased the record cannot hold up forty-nine. A contract wallet in a batch can use up
/// the gas in its own ERC-1271 check; relayers send those on their own.
contract Records is IRecords, EIP712 {
    /// @inheritdoc IRecords
    bytes32 public constant ERASED = bytes32(type(uint256).max);

    /// @inheritdoc IRecords
    IRegistry public immutable registry;

    /// @inheritdoc IRecords
    mapping(address controller => bytes32) public current;

    /// @dev Versions after the first; so a record that is never corrected takes one slot.
    mapping(address controller => uint64) private _corrections;

    constructor(IRegistry registry_) EIP712("Stele", "1") {
        if (address(registry_).code.length == 0) revert NoRegistry();
        registry = registry_;
    }

    /// @inheritdoc IRecords
    function commit(
        Commit calldata act,
        bytes calldata institutionSignature,
        bytes calldata controllerSignature
    ) external {
        if (!registry.isActiveInstitution(act.institution)) {
            revert NotActive();
        }
        bytes32 digest = _hashTypedDataV4(_hash(act));
        if (!Signatures.isValid(act.institution, digest, institutionSignature)) {
            revert BadSignature();
        }
        Reasons.check(_apply(act, digest, controllerSignature));
    }

    /// @inheritdoc IRecords
    function commitBatch(
        address institution,
        SignedCommit[] calldata items,
        bytes calldata institutionSignature
    ) external {
        if (!registry.isActiveInstitution(institution)) {
            revert NotActive();
        }
        bytes32[] memory hashes = new bytes32[](items.length);
        for (uint256 i = 0; i < items.length; ++i) {
            hashes[i] = _hash(items[i].act);
        }
        bytes32 batch =
            keccak256(abi.encode(TypeHashes.COMMIT_BATCH, keccak256(abi.encodePacked(hashes))));
        if (!Signatures.isValid(institution, _hashTypedDataV4(batch), institutionSignature)) {
            revert BadSignature();
        }

        uint256 applied = 0;
        for (uint256 i = 0; i < items.length; ++i) {
            Commit calldata act = items[i].act;
            bytes4 reason = act.institution == institution
                ? _apply(act, _hashTypedDataV4(hashes[i]), items[i].controllerSignature)
                : WrongInstitution.selector;
            if (reason == 0) ++applied;
            else emit Skipped(i, act.controller, reason);
        }
        if (applied == 0) revert NothingApplied();
    }

    /// @inheritdoc IRecords
    function erase(Erase calldata act, bytes calldata controllerSignature) external {
        if (block.timestamp > act.deadline) revert DeadlinePassed();
        if (current[act.controller] == ERASED) revert AlreadyErased();
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(TypeHashes.ERASE, act)));
        if (!Signatures.isValid(act.controller, digest, controllerSignature)) {
            revert BadSignature();
        }

        current[act.controller] = ERASED;
        emit Erased(act.controller);
    }

    /// @inheritdoc IRecords
    function version(address controller) external view returns (uint64) {
        bytes32 head = current[controller];
        return head == 0 || head == ERASED ? 0 : _corrections[controller] + 1;
    }

    /// @dev Applies a commit whose institution has been checked; returns zero, or the selector of
    /// the error for which nothing was changed.
    function _apply(Commit calldata act, bytes32 digest, bytes calldata controllerSignature)
        private
        returns (bytes4 reason)
    {
        address controller = act.controller;
        bytes32 head = current[controller];
        if (block.timestamp > act.deadline) return DeadlinePassed.selector;
        if (head == ERASED) return AlreadyErased.selector;
        if (act.previous != head) return StalePrevious.selector;
        if (act.commitment == 0 || act.commitment == ERASED) return BadCommitment.selector;
        uint64 corrections = head == 0 ? 0 : _corrections[controller] + 1;
        if (act.version != corrections + 1) return BadVersion.selector;
        if (!Signatures.isValid(controller, digest, controllerSignature)) {
            return BadSignature.selector;
        }

        current[controller] = act.commitment;
        if (corrections != 0) _corrections[controller] = corrections;
        emit Committed(controller, act.commitment, act.institution, act.version, act.previous);
    }

    function _hash(Commit calldata act) private pure returns (bytes32) {
        return keccak256(abi.encode(TypeHashes.COMMIT, act));
    }
}
