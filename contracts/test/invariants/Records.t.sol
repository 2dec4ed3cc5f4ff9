// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Records } from "../../src/Records.sol";
import { IRecords } from "../../src/interfaces/IRecords.sol";
import { Actor, Play } from "./Actor.sol";

/// @notice Commits, corrects and erases three records, and keeps a model of what they must be.
/// There are four commitments in all, so that heads return often.
contract RecordsActor is Actor {
    mapping(uint256 key => bytes32) private _head;
    mapping(uint256 key => uint64) private _version;
    mapping(uint256 key => bool) private _erased;

    /// @notice The act that should come next, signed by both.
    function commitNext(uint256 who, uint256 where, uint256 what) external timed {
        IRecords.Commit memory act = next(who, where, what);
        submit(act, institutionKey(where), controllerKey(who), who, where);
    }

    /// @notice Any version after any commitment, signed by both.
    function commitAny(uint256 who, uint256 where, uint256 what, uint64 version, uint256 previous)
        external
        timed
    {
        IRecords.Commit memory act = next(who, where, what);
        act.version = uint64(within(version, 0, 4));
        act.previous = bytes32(within(previous, 0, 4));
        submit(act, institutionKey(where), controllerKey(who), who, where);
    }

    /// @notice The right act, signed by the wrong ones.
    function commitForged(uint256 who, uint256 where, uint256 what, uint256 a, uint256 b)
        external
        timed
    {
        uint256[6] memory keys = [HOSPITAL, CLINIC, PATIENT, PATIENT + 1, PATIENT + 2, STRANGER];
        submit(next(who, where, what), keys[a % 6], keys[b % 6], who, where);
    }

    /// @notice A batch of one act for each record; `bad` spoils some.
    function commitMany(uint256 where, uint256 what, uint256 bad) external timed {
        IRecords.SignedCommit[] memory items = new IRecords.SignedCommit[](3);
        bool[3] memory good;
        bool any = false;
        for (uint256 i = 0; i < 3; ++i) {
            items[i].act = next(i, where, what >> (8 * i));
            bool forged = (bad >> i) & 1 == 1;
            uint256 signer = forged ? STRANGER : controllerKey(i);
            items[i].controllerSignature = sign(signer, items[i].act);
            good[i] = !forged && fits(items[i].act, i);
            any = any || good[i];
        }
        uint256 key = institutionKey(where);
        bytes memory data =
            abi.encodeCall(Records.commitBatch, (CHEATS.addr(key), items, sign(key, items)));
        any = any && isActive(key);
        send(address(records), data, any);
        if (!any) return;
        for (uint256 i = 0; i < 3; ++i) {
            if (good[i]) advance(i, items[i].act.commitment);
        }
    }

    /// @notice Erases, now and then, by the controller or somebody else.
    function erase(uint256 who, uint256 by) external timed {
        uint256 key = controllerKey(who);
        uint256 signer = by % 8 == 0 ? key : STRANGER;
        IRecords.Erase memory act = IRecords.Erase(CHEATS.addr(key), type(uint64).max);
        bool good = signer == key && !_erased[key];
        send(address(records), abi.encodeCall(Records.erase, (act, sign(signer, act))), good);
        if (good) _erased[key] = true;
    }

    /// @notice Compares the records with the model.
    function compare() external view {
        for (uint256 i = 0; i < 3; ++i) {
            uint256 key = controllerKey(i);
            address account = CHEATS.addr(key);
            bytes32 head = _erased[key] ? records.ERASED() : _head[key];
            same(records.current(account), head, "head");
            same(records.version(account), _erased[key] ? 0 : _version[key], "version");
        }
        same(records.current(CHEATS.addr(STRANGER)), 0, "nobody else has a record");
    }

    function next(uint256 who, uint256 where, uint256 what)
        private
        view
        returns (IRecords.Commit memory)
    {
        uint256 key = controllerKey(who);
        return IRecords.Commit({
            controller: CHEATS.addr(key),
            version: _version[key] + 1,
            previous: _head[key],
            commitment: bytes32(within(what, 0, 4)),
            institution: CHEATS.addr(institutionKey(where)),
            deadline: uint64(clock())
        });
    }

    function submit(
        IRecords.Commit memory act,
        uint256 institution,
        uint256 controller_,
        uint256 who,
        uint256 where
    ) private {
        bool good = institution == institutionKey(where) && controller_ == controllerKey(who)
            && isActive(institution) && fits(act, who);
        bytes memory data =
            abi.encodeCall(Records.commit, (act, sign(institution, act), sign(controller_, act)));
        send(address(records), data, good);
        if (good) advance(who, act.commitment);
    }

    function fits(IRecords.Commit memory act, uint256 who) private view returns (bool) {
        uint256 key = controllerKey(who);
        return !_erased[key] && act.commitment != 0 && act.previous == _head[key]
            && act.version == _version[key] + 1;
    }

    function advance(uint256 who, bytes32 commitment) private {
        uint256 key = controllerKey(who);
        _head[key] = commitment;
        ++_version[key];
    }

    function sendSure() internal override {
        submit(next(0, 0, 1), HOSPITAL, controllerKey(0), 0, 0);
    }
}

contract RecordsInvariants is Play {
    RecordsActor private _actor;

    function setUp() public {
        _actor = new RecordsActor();
    }

    /// @dev Only what the controller and an active institution signed moves a record, one version
    /// at a time; nothing moves it twice; nothing moves it after erasure.
    function invariant_records_are_what_was_signed() public view {
        _actor.compare();
    }

    function actor() internal view override returns (Actor) {
        return _actor;
    }

    function moves() internal pure override returns (bytes4[] memory selectors) {
        selectors = new bytes4[](5);
        selectors[0] = RecordsActor.commitNext.selector;
        selectors[1] = RecordsActor.commitAny.selector;
        selectors[2] = RecordsActor.commitForged.selector;
        selectors[3] = RecordsActor.commitMany.selector;
        selectors[4] = RecordsActor.erase.selector;
    }
}
