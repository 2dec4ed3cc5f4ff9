// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Log } from "../src/Log.sol";
import { ILog } from "../src/interfaces/ILog.sol";
import { IRegistry } from "../src/interfaces/IRegistry.sol";
import { Fixture } from "./support/Fixture.sol";

contract LogTest is Fixture {
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant OTHER = keccak256("other root");

    function test_needs_a_registry() public {
        CHEATS.expectRevert(ILog.NoRegistry.selector);
        new Log(IRegistry(address(0x1234)));
        same(address(log.registry()), address(registry), "registry");
    }

    function test_checkpoint_is_anchored() public {
        checkLatest(hospital, 0, 0);
        ILog.Checkpoint memory act = ILog.Checkpoint(hospital, 10, ROOT);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.expectEmit(address(log));
        emit ILog.Anchored(hospital, 10, ROOT);
        CHEATS.prank(address(0x5555));
        log.checkpoint(act, signature);
        checkLatest(hospital, 10, ROOT);
        checkLatest(clinic, 0, 0);
    }

    function test_checkpoint_takes_one_slot() public {
        ILog.Checkpoint memory act = ILog.Checkpoint(hospital, 10, ROOT);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.record();
        log.checkpoint(act, signature);
        same(slotsWritten(address(log)), 1, "slots written");
    }

    function test_latest_is_told_from_others() public {
        check(!log.isLatest(hospital, 0, 0), "none yet");
        anchor(HOSPITAL, 10, ROOT);
        check(log.isLatest(hospital, 10, ROOT), "this one");
        check(!log.isLatest(hospital, 11, ROOT), "another size");
        check(!log.isLatest(hospital, 10, OTHER), "another root");
        check(!log.isLatest(clinic, 10, ROOT), "another log");
    }

    function test_checkpoints_only_grow() public {
        refuse(0, ILog.NotGrowing.selector);
        anchor(HOSPITAL, 10, ROOT);
        refuse(10, ILog.NotGrowing.selector);
        refuse(9, ILog.NotGrowing.selector);
        refuse(0, ILog.NotGrowing.selector);
        anchor(HOSPITAL, 11, OTHER);
        refuse(10, ILog.NotGrowing.selector);
        checkLatest(hospital, 11, OTHER);
    }

    function test_size_has_a_limit() public {
        refuse(1 << 48, ILog.TooLarge.selector);
        refuse(type(uint64).max, ILog.TooLarge.selector);
        anchor(HOSPITAL, (1 << 48) - 1, ROOT);
        checkLatest(hospital, (1 << 48) - 1, ROOT);
    }

    function test_only_the_active_institution_anchors() public {
        ILog.Checkpoint memory act = ILog.Checkpoint(hospital, 10, ROOT);
        bytes memory signature = sign(CLINIC, act);
        CHEATS.expectRevert(ILog.BadSignature.selector);
        log.checkpoint(act, signature);

        signature = sign(HOSPITAL, act);
        setInstitution(hospital, SUSPENDED);
        CHEATS.expectRevert(ILog.NotActive.selector);
        log.checkpoint(act, signature);

        act.institution = CHEATS.addr(STRANGER);
        signature = sign(STRANGER, act);
        CHEATS.expectRevert(ILog.NotActive.selector);
        log.checkpoint(act, signature);
    }

    function testFuzz_latest_is_the_greatest(uint64[8] memory sizes) public {
        uint64 greatest = 0;
        for (uint256 i = 0; i < sizes.length; ++i) {
            ILog.Checkpoint memory act =
                ILog.Checkpoint(hospital, sizes[i], keccak256(abi.encode(i)));
            bytes memory signature = sign(HOSPITAL, act);
            bool grows = sizes[i] > greatest && sizes[i] < 1 << 48;
            try log.checkpoint(act, signature) {
                check(grows, "only a greater one");
                greatest = sizes[i];
            } catch {
                check(!grows, "every greater one");
            }
        }
        (uint64 size,) = log.latest(hospital);
        same(size, greatest, "greatest");
    }

    function testFuzz_changed_checkpoint_is_refused(uint64 size, bytes32 root) public {
        ILog.Checkpoint memory act = ILog.Checkpoint(hospital, 10, ROOT);
        bytes memory signature = sign(HOSPITAL, act);
        size = uint64(within(size, 1, (1 << 48) - 1));
        CHEATS.assume(size != 10 || root != ROOT);
        CHEATS.expectRevert(ILog.BadSignature.selector);
        log.checkpoint(ILog.Checkpoint(hospital, size, root), signature);
    }

    function refuse(uint64 size, bytes4 reason) private {
        ILog.Checkpoint memory act = ILog.Checkpoint(hospital, size, ROOT);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.expectRevert(reason);
        log.checkpoint(act, signature);
    }

    function checkLatest(address institution, uint64 size, bytes32 root) private view {
        (uint64 foundSize, bytes26 foundPrefix) = log.latest(institution);
        same(foundSize, size, "size");
        same(bytes32(foundPrefix), bytes32(bytes26(root)), "root");
    }
}
