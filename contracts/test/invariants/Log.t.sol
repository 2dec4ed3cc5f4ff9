// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Log } from "../../src/Log.sol";
import { ILog } from "../../src/interfaces/ILog.sol";
import { Actor, Play } from "./Actor.sol";

/// @notice Anchors checkpoints of two logs, and keeps the greatest of each.
contract LogActor is Actor {
    mapping(uint256 key => uint64) private _size;
    mapping(uint256 key => bytes32) private _root;

    /// @notice A checkpoint near the last one, below or above, of an institution that is active
    /// where one is: a sequence in which nothing is taken shows nothing.
    function near(uint256 where, uint256 size, bytes32 root) external timed {
        where %= 2;
        if (!isActive(institutionKey(where))) where = 1 - where;
        uint256 key = institutionKey(where);
        uint256 last = _size[key];
        submit(where, uint64(within(size, last < 4 ? 0 : last - 4, last + 4)), root, key);
    }

    /// @notice Any checkpoint, up to and beyond the limit of sizes.
    function anySize(uint256 where, uint64 size, uint256 bits, bytes32 root) external timed {
        submit(where, size >> (bits % 64), root, institutionKey(where));
    }

    /// @notice A good checkpoint, signed by somebody else.
    function forged(uint256 where, bytes32 root) external timed {
        submit(where, _size[institutionKey(where)] + 1, root, institutionKey(where % 2 + 1));
    }

    /// @notice Compares the logs with the greatest checkpoints.
    function compare() external view {
        for (uint256 i = 0; i < 2; ++i) {
            uint256 key = institutionKey(i);
            (uint64 size, bytes26 prefix) = log.latest(CHEATS.addr(key));
            same(size, _size[key], "size");
            same(bytes32(prefix), bytes32(bytes26(_root[key])), "root");
        }
    }

    function submit(uint256 where, uint64 size, bytes32 root, uint256 signer) private {
        uint256 key = institutionKey(where);
        ILog.Checkpoint memory act = ILog.Checkpoint(CHEATS.addr(key), size, root);
        bool good = signer == key && isActive(key) && size > _size[key] && size < 1 << 48;
        send(address(log), abi.encodeCall(Log.checkpoint, (act, sign(signer, act))), good);
        if (!good) return;
        _size[key] = size;
        _root[key] = root;
    }

    function sendSure() internal override {
        submit(0, 1, bytes32(uint256(1)), HOSPITAL);
    }
}

contract LogInvariants is Play {
    LogActor private _actor;

    function setUp() public {
        _actor = new LogActor();
    }

    /// @dev The anchored size is the greatest that the active institution signed; it never shrinks.
    function invariant_checkpoints_only_grow() public view {
        _actor.compare();
    }

    function actor() internal view override returns (Actor) {
        return _actor;
    }

    function moves() internal pure override returns (bytes4[] memory selectors) {
        selectors = new bytes4[](3);
        selectors[0] = LogActor.near.selector;
        selectors[1] = LogActor.anySize.selector;
        selectors[2] = LogActor.forged.selector;
    }
}
