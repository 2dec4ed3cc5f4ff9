// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Records } from "../src/Records.sol";
import { IRecords } from "../src/interfaces/IRecords.sol";
import { IRegistry } from "../src/interfaces/IRegistry.sol";
import { Fixture } from "./support/Fixture.sol";

contract RecordsTest is Fixture {
    bytes32 private constant A = bytes32("A");
    bytes32 private constant B = bytes32("B");
    bytes32 private constant C = bytes32("C");

    function test_needs_a_registry() public {
        CHEATS.expectRevert(IRecords.NoRegistry.selector);
        new Records(IRegistry(address(0x1234)));
        same(address(records.registry()), address(registry), "registry");
    }

    // Committing.

    function test_versions_follow_each_other() public {
        same(records.current(controller), 0, "none yet");
        same(records.version(controller), 0, "none yet");

        IRecords.Commit memory act = nextCommit(PATIENT, A);
        bytes memory byHospital = sign(HOSPITAL, act);
        bytes memory byPatient = sign(PATIENT, act);
        CHEATS.expectEmit(address(records));
        emit IRecords.Committed(controller, A, hospital, 1, 0);
        records.commit(act, byHospital, byPatient);
        same(records.current(controller), A, "first");
        same(records.version(controller), 1, "first");

        act = nextCommit(PATIENT, B);
        byHospital = sign(HOSPITAL, act);
        byPatient = sign(PATIENT, act);
        CHEATS.expectEmit(address(records));
        emit IRecords.Committed(controller, B, hospital, 2, A);
        records.commit(act, byHospital, byPatient);
        commit(PATIENT, C);
        same(records.current(controller), C, "third");
        same(records.version(controller), 3, "third");
    }

    function test_first_version_takes_one_slot() public {
        IRecords.Commit memory act = nextCommit(PATIENT, A);
        bytes memory byHospital = sign(HOSPITAL, act);
        bytes memory byPatient = sign(PATIENT, act);
        CHEATS.record();
        records.commit(act, byHospital, byPatient);
        same(slotsWritten(address(records)), 1, "slots written");
    }

    function test_anyone_may_carry_a_commit() public {
        IRecords.Commit memory act = nextCommit(PATIENT, A);
        bytes memory byHospital = sign(HOSPITAL, act);
        bytes memory byPatient = sign(PATIENT, act);
        CHEATS.prank(address(0x5555));
        records.commit(act, byHospital, byPatient);
        same(records.current(controller), A, "committed");
    }

    function test_commit_needs_both_signatures() public {
        IRecords.Commit memory act = nextCommit(PATIENT, A);
        refuse(act, sign(PATIENT, act), sign(PATIENT, act), IRecords.BadSignature.selector);
        refuse(act, sign(HOSPITAL, act), sign(HOSPITAL, act), IRecords.BadSignature.selector);
        refuse(act, sign(HOSPITAL, act), "", IRecords.BadSignature.selector);
        refuse(act, "", sign(PATIENT, act), IRecords.BadSignature.selector);
    }

    function test_commit_needs_an_active_institution() public {
        setInstitution(hospital, SUSPENDED);
        refuse(nextCommit(PATIENT, A), IRecords.NotActive.selector);

        IRecords.Commit memory act = nextCommit(PATIENT, A);
        act.institution = CHEATS.addr(STRANGER);
        refuse(act, sign(STRANGER, act), sign(PATIENT, act), IRecords.NotActive.selector);
    }

    function test_commit_has_a_deadline() public {
        IRecords.Commit memory act = nextCommit(PATIENT, A);
        CHEATS.warp(DEADLINE + 1);
        refuse(act, IRecords.DeadlinePassed.selector);
        CHEATS.warp(DEADLINE);
        records.commit(act, sign(HOSPITAL, act), sign(PATIENT, act));
    }

    function test_commit_must_name_what_it_follows() public {
        IRecords.Commit memory act = nextCommit(PATIENT, A);
        act.previous = B;
        refuse(act, IRecords.StalePrevious.selector);
        commit(PATIENT, A);
        act.previous = 0;
        refuse(act, IRecords.StalePrevious.selector);
        act.previous = B;
        refuse(act, IRecords.StalePrevious.selector);
    }

    function test_commit_must_name_the_next_version() public {
        IRecords.Commit memory act = nextCommit(PATIENT, A);
        act.version = 0;
        refuse(act, IRecords.BadVersion.selector);
        act.version = 2;
        refuse(act, IRecords.BadVersion.selector);
        commit(PATIENT, A);
        commit(PATIENT, B);
        act = nextCommit(PATIENT, C);
        act.version = 2;
        refuse(act, IRecords.BadVersion.selector);
        act.version = 4;
        refuse(act, IRecords.BadVersion.selector);
    }

    function test_zero_and_the_erasure_mark_are_no_commitments() public {
        refuse(nextCommit(PATIENT, 0), IRecords.BadCommitment.selector);
        refuse(nextCommit(PATIENT, records.ERASED()), IRecords.BadCommitment.selector);
    }

    function test_commit_works_once() public {
        IRecords.Commit memory act = nextCommit(PATIENT, A);
        records.commit(act, sign(HOSPITAL, act), sign(PATIENT, act));
        refuse(act, IRecords.StalePrevious.selector);
    }

    /// @dev With `previous` alone this replay would succeed: the head is A again.
    function test_returning_head_does_not_revive_an_old_commit() public {
        commit(PATIENT, A);
        IRecords.Commit memory toB = nextCommit(PATIENT, B);
        records.commit(toB, sign(HOSPITAL, toB), sign(PATIENT, toB));
        commit(PATIENT, A);
        same(records.current(controller), toB.previous, "the head has returned");
        refuse(toB, IRecords.BadVersion.selector);
    }

    function test_stranger_cannot_use_up_a_controller() public {
        IRecords.Commit memory act = nextCommit(PATIENT, B);
        refuse(act, sign(HOSPITAL, act), sign(STRANGER, act), IRecords.BadSignature.selector);
        commit(STRANGER, B); // under the stranger's own controller: changes nothing here
        commit(PATIENT, A);
        same(records.current(controller), A, "the patient's");
    }

    // Erasing.

    function test_erasure_is_final() public {
        commit(PATIENT, A);
        commit(PATIENT, B);
        IRecords.Commit memory act = nextCommit(PATIENT, C);
        IRecords.Erase memory end = IRecords.Erase(controller, DEADLINE);
        bytes memory signature = sign(PATIENT, end);
        CHEATS.expectEmit(address(records));
        emit IRecords.Erased(controller);
        records.erase(end, signature);
        same(records.current(controller), records.ERASED(), "erased");
        same(records.version(controller), 0, "no version");

        CHEATS.expectRevert(IRecords.AlreadyErased.selector);
        records.erase(end, signature);
        refuse(act, IRecords.AlreadyErased.selector);
        act.previous = records.ERASED();
        refuse(act, IRecords.AlreadyErased.selector);
    }

    function test_controller_can_be_retired_unused() public {
        IRecords.Commit memory held = nextCommit(PATIENT, A);
        erase(PATIENT);
        refuse(held, IRecords.AlreadyErased.selector);
        same(records.version(controller), 0, "no version");
    }

    function test_only_the_controller_erases() public {
        commit(PATIENT, A);
        IRecords.Erase memory act = IRecords.Erase(controller, DEADLINE);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.expectRevert(IRecords.BadSignature.selector);
        records.erase(act, signature);
    }

    function test_erasure_has_a_deadline() public {
        IRecords.Erase memory act = IRecords.Erase(controller, DEADLINE);
        bytes memory signature = sign(PATIENT, act);
        CHEATS.warp(DEADLINE + 1);
        CHEATS.expectRevert(IRecords.DeadlinePassed.selector);
        records.erase(act, signature);
    }

    // Batches.

    function test_batch_commits_all() public {
        IRecords.SignedCommit[] memory items = batch(3);
        records.commitBatch(hospital, items, sign(HOSPITAL, items));
        for (uint256 i = 0; i < items.length; ++i) {
            same(records.current(items[i].act.controller), items[i].act.commitment, "current");
            same(records.version(items[i].act.controller), 1, "version");
        }
    }

    function test_batch_holds_versions_of_one_record_in_order() public {
        IRecords.SignedCommit[] memory items = new IRecords.SignedCommit[](2);
        items[0] = item(PATIENT, nextCommit(PATIENT, A));
        items[1] = item(PATIENT, IRecords.Commit(controller, 2, A, B, hospital, DEADLINE));
        records.commitBatch(hospital, items, sign(HOSPITAL, items));
        same(records.current(controller), B, "current");
        same(records.version(controller), 2, "version");
    }

    function test_bad_item_is_left_out_and_reported() public {
        IRecords.SignedCommit[] memory items = batch(7);
        items[0].act.institution = clinic;
        items[1].controllerSignature = items[2].controllerSignature;
        items[2].act.deadline = NOW - 1;
        items[3].act.previous = A;
        items[4].act.version = 2;
        items[5].act.commitment = 0;
        bytes4[6] memory reasons = [
            IRecords.WrongInstitution.selector,
            IRecords.BadSignature.selector,
            IRecords.DeadlinePassed.selector,
            IRecords.StalePrevious.selector,
            IRecords.BadVersion.selector,
            IRecords.BadCommitment.selector
        ];
        bytes memory signature = sign(HOSPITAL, items);
        for (uint256 i = 0; i < 6; ++i) {
            CHEATS.expectEmit(address(records));
            emit IRecords.Skipped(i, items[i].act.controller, reasons[i]);
        }
        records.commitBatch(hospital, items, signature);
        for (uint256 i = 0; i < 6; ++i) {
            same(records.current(items[i].act.controller), 0, "left out");
        }
        same(records.current(items[6].act.controller), items[6].act.commitment, "the good one");
    }

    function test_batch_with_nothing_to_do_fails() public {
        IRecords.SignedCommit[] memory items = batch(2);
        bytes memory signature = sign(HOSPITAL, items);
        records.commitBatch(hospital, items, signature);
        CHEATS.expectRevert(IRecords.NothingApplied.selector);
        records.commitBatch(hospital, items, signature);

        IRecords.SignedCommit[] memory none = new IRecords.SignedCommit[](0);
        signature = sign(HOSPITAL, none);
        CHEATS.expectRevert(IRecords.NothingApplied.selector);
        records.commitBatch(hospital, none, signature);
    }

    function test_batch_needs_its_institution() public {
        IRecords.SignedCommit[] memory items = batch(2);
        bytes memory signature = sign(CLINIC, items);
        CHEATS.expectRevert(IRecords.BadSignature.selector);
        records.commitBatch(hospital, items, signature);

        signature = sign(HOSPITAL, items);
        setInstitution(hospital, SUSPENDED);
        CHEATS.expectRevert(IRecords.NotActive.selector);
        records.commitBatch(hospital, items, signature);
    }

    function test_batch_signature_covers_every_item_and_their_order() public {
        IRecords.SignedCommit[] memory items = batch(3);
        bytes memory signature = sign(HOSPITAL, items);
        (items[0], items[1]) = (items[1], items[0]);
        CHEATS.expectRevert(IRecords.BadSignature.selector);
        records.commitBatch(hospital, items, signature);

        IRecords.SignedCommit[] memory fewer = batch(2);
        CHEATS.expectRevert(IRecords.BadSignature.selector);
        records.commitBatch(hospital, fewer, signature);
    }

    /// @dev The institution's signature of a batch is none of an item alone, and the reverse.
    function test_batch_and_single_signatures_are_apart() public {
        IRecords.SignedCommit[] memory items = batch(1);
        refuse(
            items[0].act,
            sign(HOSPITAL, items),
            items[0].controllerSignature,
            IRecords.BadSignature.selector
        );
        bytes memory single = sign(HOSPITAL, items[0].act);
        CHEATS.expectRevert(IRecords.BadSignature.selector);
        records.commitBatch(hospital, items, single);
    }

    function test_batch_goes_on_after_an_erasure() public {
        IRecords.SignedCommit[] memory items = batch(2);
        bytes memory signature = sign(HOSPITAL, items);
        erase(PATIENT);
        CHEATS.expectEmit(address(records));
        emit IRecords.Skipped(0, controller, IRecords.AlreadyErased.selector);
        records.commitBatch(hospital, items, signature);
        same(records.current(items[1].act.controller), items[1].act.commitment, "the other");
    }

    // Fuzz.

    /// @dev Whatever is changed after signing, the commit is refused.
    function testFuzz_changed_commit_is_refused(bytes32 commitment, uint64 deadline, bool other)
        public
    {
        IRecords.Commit memory act = nextCommit(PATIENT, A);
        bytes memory byPatient = sign(PATIENT, act);
        act.commitment = commitment;
        act.deadline = uint64(within(deadline, NOW, type(uint64).max));
        if (other) act.institution = clinic;
        CHEATS.assume(commitment != 0 && commitment != records.ERASED());
        CHEATS.assume(commitment != A || act.deadline != DEADLINE || other);
        bytes memory byInstitution = sign(other ? CLINIC : HOSPITAL, act);
        refuse(act, byInstitution, byPatient, IRecords.BadSignature.selector);
    }

    /// @dev However the batch is cut, exactly the good items are applied.
    function testFuzz_batch_applies_exactly_the_good_items(uint8 count, uint256 bad) public {
        IRecords.SignedCommit[] memory items = batch(within(count, 1, 8));
        uint256 good = 0;
        for (uint256 i = 0; i < items.length; ++i) {
            if (isBad(bad, i)) items[i].act.commitment = C;
            else ++good;
        }
        bytes memory signature = sign(HOSPITAL, items);
        if (good == 0) CHEATS.expectRevert(IRecords.NothingApplied.selector);
        records.commitBatch(hospital, items, signature);
        for (uint256 i = 0; i < items.length; ++i) {
            bytes32 wanted = isBad(bad, i) ? bytes32(0) : items[i].act.commitment;
            same(records.current(items[i].act.controller), wanted, "current");
        }
    }

    function isBad(uint256 bits, uint256 i) private pure returns (bool) {
        return (bits >> i) & 1 == 1;
    }

    // Building and refusing.

    function item(uint256 key, IRecords.Commit memory act)
        private
        view
        returns (IRecords.SignedCommit memory)
    {
        return IRecords.SignedCommit(act, sign(key, act));
    }

    /// @dev First versions of `count` records.
    function batch(uint256 count) private view returns (IRecords.SignedCommit[] memory items) {
        items = new IRecords.SignedCommit[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 key = PATIENT + (i << 32);
            items[i] = item(key, nextCommit(key, keccak256(abi.encode(i))));
        }
    }

    function refuse(IRecords.Commit memory act, bytes4 reason) private {
        refuse(act, sign(HOSPITAL, act), sign(PATIENT, act), reason);
    }

    function refuse(
        IRecords.Commit memory act,
        bytes memory byInstitution,
        bytes memory byController,
        bytes4 reason
    ) private {
        bytes32 before = records.current(act.controller);
        CHEATS.expectRevert(reason);
        records.commit(act, byInstitution, byController);
        same(records.current(act.controller), before, "unchanged");
    }
}
