// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Consents } from "../src/Consents.sol";
import { IConsents } from "../src/interfaces/IConsents.sol";
import { IRegistry } from "../src/interfaces/IRegistry.sol";
import { Fixture } from "./support/Fixture.sol";

contract ConsentsTest is Fixture {
    bytes32 private constant ID = bytes32("id");
    uint64 private constant EXPIRY = NOW + 1 hours;

    function test_needs_a_registry() public {
        CHEATS.expectRevert(IConsents.NoRegistry.selector);
        new Consents(IRegistry(address(0x1234)));
        same(address(consents.registry()), address(registry), "registry");
    }

    // Requests.

    function test_active_staff_requests() public {
        IConsents.Request memory act = IConsents.Request(ID, doctor, DEADLINE);
        bytes memory signature = sign(DOCTOR_KEY, act);
        CHEATS.expectEmit(address(consents));
        emit IConsents.Requested(ID, doctor);
        consents.request(act, signature);
    }

    /// @dev Sent again, a request only says the same again: no storage is written at all.
    function test_request_changes_nothing() public {
        IConsents.Request memory act = IConsents.Request(ID, doctor, DEADLINE);
        bytes memory signature = sign(DOCTOR_KEY, act);
        CHEATS.record();
        consents.request(act, signature);
        consents.request(act, signature);
        same(slotsWritten(address(consents)), 0, "consents");
        same(slotsWritten(address(registry)), 0, "registry");
    }

    function test_request_is_refused() public {
        refuseRequest(STRANGER, STRANGER, IConsents.NotActive.selector);
        refuseRequest(DOCTOR_KEY, HOSPITAL, IConsents.BadSignature.selector);
        setStaff(DOCTOR_KEY, HOSPITAL, DOCTOR, SUSPENDED);
        refuseRequest(DOCTOR_KEY, DOCTOR_KEY, IConsents.NotActive.selector);
        setStaff(DOCTOR_KEY, HOSPITAL, DOCTOR, ACTIVE);
        setInstitution(hospital, SUSPENDED);
        refuseRequest(DOCTOR_KEY, DOCTOR_KEY, IConsents.NotActive.selector);
        setInstitution(hospital, ACTIVE);
        CHEATS.warp(DEADLINE + 1);
        refuseRequest(DOCTOR_KEY, DOCTOR_KEY, IConsents.DeadlinePassed.selector);
    }

    function refuseRequest(uint256 requester, uint256 signer, bytes4 reason) private {
        IConsents.Request memory act = IConsents.Request(ID, CHEATS.addr(requester), DEADLINE);
        bytes memory signature = sign(signer, act);
        CHEATS.expectRevert(reason);
        consents.request(act, signature);
    }

    // Grants.

    function test_grant_lives_until_its_last_second() public {
        checkGrant(0, false, false);
        IConsents.Grant memory act = IConsents.Grant(controller, ID, EXPIRY);
        bytes memory signature = sign(PATIENT, act);
        CHEATS.expectEmit(address(consents));
        emit IConsents.Granted(controller, ID, EXPIRY);
        CHEATS.prank(address(0x5555));
        consents.grant(act, signature);
        checkGrant(EXPIRY, false, true);
        CHEATS.warp(EXPIRY);
        checkGrant(EXPIRY, false, true);
        CHEATS.warp(EXPIRY + 1);
        checkGrant(EXPIRY, false, false);
    }

    function test_grant_takes_one_slot() public {
        IConsents.Grant memory act = IConsents.Grant(controller, ID, EXPIRY);
        bytes memory signature = sign(PATIENT, act);
        CHEATS.record();
        consents.grant(act, signature);
        same(slotsWritten(address(consents)), 1, "slots written");
    }

    function test_id_is_granted_once() public {
        IConsents.Grant memory act = IConsents.Grant(controller, ID, EXPIRY);
        bytes memory signature = sign(PATIENT, act);
        consents.grant(act, signature);
        refuseGrant(act, IConsents.AlreadyUsed.selector);
        act.expiry = EXPIRY + 1;
        refuseGrant(act, IConsents.AlreadyUsed.selector);
        CHEATS.warp(EXPIRY + 1);
        refuseGrant(act, IConsents.AlreadyUsed.selector);
        checkGrant(EXPIRY, false, false);
    }

    function test_grant_is_not_born_expired() public {
        IConsents.Grant memory act = IConsents.Grant(controller, ID, NOW - 1);
        refuseGrant(act, IConsents.ExpiryPassed.selector);
        act.expiry = 0;
        refuseGrant(act, IConsents.ExpiryPassed.selector);
        act.expiry = NOW;
        consents.grant(act, sign(PATIENT, act));
        checkGrant(NOW, false, true);
    }

    function test_grant_may_have_no_end() public {
        grant(PATIENT, ID, type(uint64).max);
        CHEATS.warp(type(uint64).max);
        checkGrant(type(uint64).max, false, true);
    }

    function test_only_the_controller_grants() public {
        IConsents.Grant memory act = IConsents.Grant(controller, ID, EXPIRY);
        bytes memory signature = sign(STRANGER, act);
        CHEATS.expectRevert(IConsents.BadSignature.selector);
        consents.grant(act, signature);
    }

    /// @dev Someone sees the id in the pool and is first, under an address of their own.
    function test_stranger_cannot_burn_an_id() public {
        grant(STRANGER, ID, EXPIRY);
        revoke(STRANGER, ID);
        checkGrant(0, false, false);
        grant(PATIENT, ID, EXPIRY);
        checkGrant(EXPIRY, false, true);
    }

    // Revocations.

    function test_revoked_is_dead_for_ever() public {
        grant(PATIENT, ID, EXPIRY);
        IConsents.Revoke memory act = IConsents.Revoke(controller, ID);
        bytes memory signature = sign(PATIENT, act);
        CHEATS.expectEmit(address(consents));
        emit IConsents.Revoked(controller, ID);
        consents.revoke(act, signature);
        checkGrant(EXPIRY, true, false);

        CHEATS.expectRevert(IConsents.AlreadyRevoked.selector);
        consents.revoke(act, signature);
        refuseGrant(IConsents.Grant(controller, ID, EXPIRY), IConsents.AlreadyUsed.selector);
        checkGrant(EXPIRY, true, false);
    }

    function test_revocation_before_the_grant_burns_the_id() public {
        IConsents.Grant memory held = IConsents.Grant(controller, ID, EXPIRY);
        revoke(PATIENT, ID);
        refuseGrant(held, IConsents.AlreadyUsed.selector);
        checkGrant(0, true, false);
    }

    function test_only_the_controller_revokes() public {
        grant(PATIENT, ID, EXPIRY);
        IConsents.Revoke memory act = IConsents.Revoke(controller, ID);
        bytes memory signature = sign(DOCTOR_KEY, act);
        CHEATS.expectRevert(IConsents.BadSignature.selector);
        consents.revoke(act, signature);
        checkGrant(EXPIRY, false, true);
    }

    // Batches.

    function test_batches_grant_and_revoke_all() public {
        IConsents.SignedGrant[] memory grants = grantItems(3);
        consents.grantBatch(grants);
        for (uint256 i = 0; i < 3; ++i) {
            check(consents.isLive(grants[i].act.controller, grants[i].act.id), "live");
        }
        consents.revokeBatch(revokeItems(3));
        for (uint256 i = 0; i < 3; ++i) {
            check(!consents.isLive(grants[i].act.controller, grants[i].act.id), "dead");
        }
    }

    function test_bad_grant_is_left_out_and_reported() public {
        IConsents.SignedGrant[] memory items = grantItems(4);
        consents.grant(items[0].act, items[0].controllerSignature);
        items[1].act.expiry = NOW - 1;
        items[2].controllerSignature = "";
        bytes4[3] memory reasons = [
            IConsents.AlreadyUsed.selector,
            IConsents.ExpiryPassed.selector,
            IConsents.BadSignature.selector
        ];
        for (uint256 i = 0; i < 3; ++i) {
            CHEATS.expectEmit(address(consents));
            emit IConsents.Skipped(i, items[i].act.controller, reasons[i]);
        }
        consents.grantBatch(items);
        check(consents.isLive(items[0].act.controller, items[0].act.id), "granted before");
        check(!consents.isLive(items[1].act.controller, items[1].act.id), "left out");
        check(!consents.isLive(items[2].act.controller, items[2].act.id), "left out");
        check(consents.isLive(items[3].act.controller, items[3].act.id), "the good one");
    }

    function test_bad_revocation_is_left_out_and_reported() public {
        IConsents.SignedRevoke[] memory items = revokeItems(3);
        consents.revoke(items[0].act, items[0].controllerSignature);
        items[1].controllerSignature = items[0].controllerSignature;
        CHEATS.expectEmit(address(consents));
        emit IConsents.Skipped(0, items[0].act.controller, IConsents.AlreadyRevoked.selector);
        CHEATS.expectEmit(address(consents));
        emit IConsents.Skipped(1, items[1].act.controller, IConsents.BadSignature.selector);
        consents.revokeBatch(items);
        (, bool revoked) = consents.grantOf(items[1].act.controller, items[1].act.id);
        check(!revoked, "left out");
        (, revoked) = consents.grantOf(items[2].act.controller, items[2].act.id);
        check(revoked, "the good one");
    }

    function test_batches_with_nothing_to_do_fail() public {
        IConsents.SignedGrant[] memory grants = grantItems(2);
        consents.grantBatch(grants);
        CHEATS.expectRevert(IConsents.NothingApplied.selector);
        consents.grantBatch(grants);
        CHEATS.expectRevert(IConsents.NothingApplied.selector);
        consents.grantBatch(new IConsents.SignedGrant[](0));

        IConsents.SignedRevoke[] memory revocations = revokeItems(2);
        consents.revokeBatch(revocations);
        CHEATS.expectRevert(IConsents.NothingApplied.selector);
        consents.revokeBatch(revocations);
        CHEATS.expectRevert(IConsents.NothingApplied.selector);
        consents.revokeBatch(new IConsents.SignedRevoke[](0));
    }

    // Fuzz.

    function testFuzz_live_means_granted_unrevoked_and_in_time(
        uint64 expiry,
        uint64 time,
        bool revoked
    ) public {
        expiry = uint64(within(expiry, NOW, type(uint64).max));
        time = uint64(within(time, NOW, type(uint64).max));
        grant(PATIENT, ID, expiry);
        if (revoked) revoke(PATIENT, ID);
        CHEATS.warp(time);
        checkGrant(expiry, revoked, time <= expiry && !revoked);
    }

    function testFuzz_changed_grant_is_refused(address other, bytes32 id, uint64 expiry) public {
        IConsents.Grant memory act = IConsents.Grant(controller, ID, EXPIRY);
        bytes memory signature = sign(PATIENT, act);
        expiry = uint64(within(expiry, NOW, type(uint64).max));
        CHEATS.assume(other.code.length == 0);
        CHEATS.assume(other != controller || id != ID || expiry != EXPIRY);
        CHEATS.expectRevert(IConsents.BadSignature.selector);
        consents.grant(IConsents.Grant(other, id, expiry), signature);
    }

    /// @dev A grant and a revocation of the same id end the same way in either order.
    function testFuzz_order_of_grant_and_revocation_does_not_matter(bytes32 id, bool revokeFirst)
        public
    {
        IConsents.Grant memory act = IConsents.Grant(controller, id, EXPIRY);
        if (revokeFirst) revoke(PATIENT, id);
        try consents.grant(act, sign(PATIENT, act)) {
            check(!revokeFirst, "not after the revocation");
        } catch {
            check(revokeFirst, "only after the revocation");
        }
        if (!revokeFirst) revoke(PATIENT, id);
        check(!consents.isLive(controller, id), "dead");
    }

    // Building and reading back.

    function grantItems(uint256 count) private view returns (IConsents.SignedGrant[] memory items) {
        items = new IConsents.SignedGrant[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 key = PATIENT + (i << 32);
            IConsents.Grant memory act =
                IConsents.Grant(CHEATS.addr(key), keccak256(abi.encode(i)), EXPIRY);
            items[i] = IConsents.SignedGrant(act, sign(key, act));
        }
    }

    function revokeItems(uint256 count)
        private
        view
        returns (IConsents.SignedRevoke[] memory items)
    {
        items = new IConsents.SignedRevoke[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 key = PATIENT + (i << 32);
            IConsents.Revoke memory act =
                IConsents.Revoke(CHEATS.addr(key), keccak256(abi.encode(i)));
            items[i] = IConsents.SignedRevoke(act, sign(key, act));
        }
    }

    function refuseGrant(IConsents.Grant memory act, bytes4 reason) private {
        bytes memory signature = sign(PATIENT, act);
        CHEATS.expectRevert(reason);
        consents.grant(act, signature);
    }

    function checkGrant(uint64 expiry, bool revoked, bool live) private view {
        (uint64 foundExpiry, bool foundRevoked) = consents.grantOf(controller, ID);
        same(foundExpiry, expiry, "expiry");
        check(foundRevoked == revoked, "revoked");
        check(consents.isLive(controller, ID) == live, "live");
    }
}
