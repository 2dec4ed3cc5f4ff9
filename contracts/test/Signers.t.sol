// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { IConsents } from "../src/interfaces/IConsents.sol";
import { ILog } from "../src/interfaces/ILog.sol";
import { IRecords } from "../src/interfaces/IRecords.sol";
import { IRegistry } from "../src/interfaces/IRegistry.sol";
import { Signatures } from "../src/libraries/Signatures.sol";
import { Fixture } from "./support/Fixture.sol";
import { ContractWallet, ParrotWallet, RevertingWallet } from "./support/Wallets.sol";

/// @notice Who counts as having signed: keys, contract wallets, and nobody else.
contract SignersTest is Fixture {
    uint256 private constant ORDER =
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    uint256 private constant OWNER = 0xF0;
    bytes32 private constant DIGEST = keccak256("digest");
    bytes32 private constant ID = keccak256("id");

    // Contract wallets in every part.

    /// @dev One wallet is registrar, institution, staff and controller at once.
    function test_contract_wallets_act_in_every_part() public {
        address wallet = address(new ContractWallet(CHEATS.addr(OWNER)));
        deploy(wallet);
        actInRegistry(wallet);
        actInRecords(wallet);
        actInConsents(wallet);
        ILog.Checkpoint memory grown = ILog.Checkpoint(wallet, 1, ID);
        log.checkpoint(grown, sign(OWNER, grown));
        check(log.isLatest(wallet, 1, ID), "anchored");
    }

    function actInRegistry(address wallet) private {
        IRegistry.SetInstitution memory admitted =
            IRegistry.SetInstitution(wallet, ACTIVE, 0, DEADLINE);
        registry.setInstitution(admitted, sign(OWNER, admitted));
        IRegistry.AdmitStaff memory joined =
            IRegistry.AdmitStaff(wallet, wallet, DOCTOR, 0, DEADLINE);
        registry.admitStaff(joined, sign(OWNER, joined), sign(OWNER, joined));
        IRegistry.SetStaff memory changed =
            IRegistry.SetStaff(wallet, wallet, TECHNICIAN, ACTIVE, 1, DEADLINE);
        registry.setStaff(changed, sign(OWNER, changed));
        IRegistry.PublishKey memory published = IRegistry.PublishKey(wallet, ID, 1, DEADLINE);
        registry.publishKey(published, sign(OWNER, published));
        IRegistry.EnrolPatient memory enrolment = IRegistry.EnrolPatient(wallet, ID, DEADLINE);
        registry.enrolPatient(enrolment, sign(OWNER, enrolment));
        check(registry.isActiveStaff(wallet), "staff");
        check(registry.enrolled(wallet, ID), "enrolled");
    }

    function actInRecords(address wallet) private {
        IRecords.Commit memory version = IRecords.Commit(wallet, 1, 0, ID, wallet, DEADLINE);
        records.commit(version, sign(OWNER, version), sign(OWNER, version));
        IRecords.SignedCommit[] memory items = new IRecords.SignedCommit[](1);
        items[0].act = IRecords.Commit(wallet, 2, ID, DIGEST, wallet, DEADLINE);
        items[0].controllerSignature = sign(OWNER, items[0].act);
        records.commitBatch(wallet, items, sign(OWNER, items));
        same(records.current(wallet), DIGEST, "committed");
        IRecords.Erase memory end = IRecords.Erase(wallet, DEADLINE);
        records.erase(end, sign(OWNER, end));
        same(records.current(wallet), records.ERASED(), "erased");
    }

    function actInConsents(address wallet) private {
        IConsents.Request memory asked = IConsents.Request(ID, wallet, DEADLINE);
        consents.request(asked, sign(OWNER, asked));
        IConsents.Grant memory given = IConsents.Grant(wallet, ID, DEADLINE);
        consents.grant(given, sign(OWNER, given));
        check(consents.isLive(wallet, ID), "granted");
        IConsents.Revoke memory taken = IConsents.Revoke(wallet, ID);
        consents.revoke(taken, sign(OWNER, taken));
        check(!consents.isLive(wallet, ID), "revoked");
    }

    function test_contract_wallet_changes_its_key() public {
        ContractWallet wallet = new ContractWallet(CHEATS.addr(OWNER));
        IConsents.Grant memory act = IConsents.Grant(address(wallet), ID, DEADLINE);
        bytes memory old = sign(OWNER, act);
        wallet.setOwner(CHEATS.addr(0xF1));
        CHEATS.expectRevert(IConsents.BadSignature.selector);
        consents.grant(act, old);
        consents.grant(act, sign(0xF1, act));
        check(consents.isLive(address(wallet), ID), "granted by the new key");
    }

    function test_failing_contract_wallet_costs_only_its_own_item() public {
        IConsents.SignedGrant[] memory items = new IConsents.SignedGrant[](2);
        items[0].act = IConsents.Grant(address(new RevertingWallet()), ID, DEADLINE);
        items[1].act = IConsents.Grant(controller, ID, DEADLINE);
        items[1].controllerSignature = sign(PATIENT, items[1].act);
        consents.grantBatch(items);
        check(!consents.isLive(items[0].act.controller, ID), "left out");
        check(consents.isLive(controller, ID), "granted");
    }

    function test_contracts_that_do_not_say_yes_have_not_signed() public {
        refuse(address(new RevertingWallet()), "");
        refuse(address(new ParrotWallet()), "");
        refuse(address(this), "");
        refuse(address(new ContractWallet(address(0))), "");
    }

    // Keys.

    function test_key_signs() public view {
        (uint8 v, bytes32 r, bytes32 s) = CHEATS.sign(PATIENT, DIGEST);
        check(isValid(controller, DIGEST, abi.encodePacked(r, s, v)), "signed");
    }

    /// @dev An account that delegated its code (EIP-7702) to a contract without ERC-1271.
    function test_key_of_a_delegated_account_signs() public {
        address target = address(new ParrotWallet());
        CHEATS.etch(controller, abi.encodePacked(hex"ef0100", target));
        check(controller.code.length != 0, "has code");
        grant(PATIENT, ID, DEADLINE);
        check(consents.isLive(controller, ID), "granted");
        refuse(controller, "");
    }

    function test_malleable_and_malformed_signatures_are_refused() public view {
        (uint8 v, bytes32 r, bytes32 s) = CHEATS.sign(PATIENT, DIGEST);
        refuse(controller, abi.encodePacked(r, bytes32(ORDER - uint256(s)), v ^ 7));
        refuse(controller, abi.encodePacked(r, s, v - 27));
        refuse(controller, abi.encodePacked(r, s, v ^ 7));
        refuse(controller, abi.encodePacked(r, s));
        refuse(controller, abi.encodePacked(r, s, v, uint8(0)));
        refuse(controller, abi.encodePacked(bytes32(0), s, v));
        refuse(controller, "");
    }

    /// @dev What `ecrecover` answers for nonsense is the address zero, which has signed nothing;
    /// and precompiled contracts answer, or use up the gas, but do not say yes.
    function test_nobody_signs_for_the_first_addresses() public view {
        bytes memory nonsense = new bytes(65);
        for (uint160 account = 0; account <= 0x11; ++account) {
            try this.isValidCalldata{ gas: 200_000 }(address(account), DIGEST, nonsense) returns (
                bool valid
            ) {
                check(!valid, "not signed");
            } catch {
                check(account > 5, "only pairings and later ones use up the gas");
            }
        }
    }

    function testFuzz_only_the_signer_has_signed(uint256 key, address other, bytes32 digest)
        public
        view
    {
        key = within(key, 1, ORDER - 1);
        address signer = CHEATS.addr(key);
        CHEATS.assume(other != signer);
        (uint8 v, bytes32 r, bytes32 s) = CHEATS.sign(key, digest);
        bytes memory signature = abi.encodePacked(r, s, v);
        check(isValid(signer, digest, signature), "signed");
        check(!isValid(other, digest, signature), "not by another");
        check(!isValid(signer, ~digest, signature), "not something else");
    }

    function refuse(address signer, bytes memory signature) private view {
        check(!isValid(signer, DIGEST, signature), "not signed");
    }

    function isValid(address signer, bytes32 digest, bytes memory signature)
        private
        view
        returns (bool)
    {
        return this.isValidCalldata(signer, digest, signature);
    }

    function isValidCalldata(address signer, bytes32 digest, bytes calldata signature)
        external
        view
        returns (bool)
    {
        return Signatures.isValid(signer, digest, signature);
    }
}
