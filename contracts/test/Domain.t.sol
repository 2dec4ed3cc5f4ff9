// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Consents } from "../src/Consents.sol";
import { Log } from "../src/Log.sol";
import { Records } from "../src/Records.sol";
import { Registry } from "../src/Registry.sol";
import { IConsents } from "../src/interfaces/IConsents.sol";
import { ILog } from "../src/interfaces/ILog.sol";
import { IRecords } from "../src/interfaces/IRecords.sol";
import { IRegistry } from "../src/interfaces/IRegistry.sol";
import { Fixture } from "./support/Fixture.sol";

/// @notice What was signed for another chain or another deployment is refused by every function.
/// The acts are signed first, then the chain or the deployment changes under them.
contract DomainTest is Fixture {
    bytes32 private constant ID = keccak256("id");
    /// @dev Forge's own chain. The optimizer takes `block.chainid` to be the same all through a
    /// transaction, which cheat codes are not bound by; so it is not read here.
    uint256 private constant HOME = 31337;

    struct Acts {
        IRegistry.SetInstitution set;
        IRegistry.AdmitStaff admit;
        IRegistry.SetStaff change;
        IRegistry.PublishKey key;
        IRegistry.EnrolPatient enrol;
        IRecords.Commit commit;
        IRecords.SignedCommit[] commits;
        IRecords.Erase erase;
        IConsents.Request request;
        IConsents.Grant grant;
        IConsents.Revoke revoke;
        ILog.Checkpoint checkpoint;
    }

    struct Signed {
        bytes set;
        bytes admitInstitution;
        bytes admitStaff;
        bytes change;
        bytes key;
        bytes enrol;
        bytes commitInstitution;
        bytes commitController;
        bytes commits;
        bytes erase;
        bytes request;
        bytes grant;
        bytes revoke;
        bytes checkpoint;
    }

    function test_signatures_for_another_chain_are_refused() public {
        Acts memory acts = build();
        Signed memory signed = signAll(acts);
        CHEATS.chainId(HOME + 1);
        refuseAll(acts, signed);
        CHEATS.chainId(HOME);
        acceptAll(acts, signed);
    }

    function test_signatures_for_another_deployment_are_refused() public {
        Acts memory acts = build();
        Signed memory signed = signAll(acts);
        (Registry a, Records b, Consents c, Log d) = (registry, records, consents, log);
        setUp();
        refuseAll(acts, signed);
        (registry, records, consents, log) = (a, b, c, d);
        acceptAll(acts, signed);
    }

    /// @dev After a fork of the chain, what is signed for the new chain id counts there.
    function test_contracts_follow_a_fork() public {
        CHEATS.chainId(HOME + 1);
        Acts memory acts = build();
        acceptAll(acts, signAll(acts));
    }

    /// @dev A controller may sign the same words for two contracts; each takes only its own.
    function testFuzz_signatures_of_one_type_do_not_serve_another(bytes32 id) public {
        IConsents.Grant memory granted = IConsents.Grant(controller, id, DEADLINE);
        IConsents.Revoke memory revoked = IConsents.Revoke(controller, id);
        bytes memory forGrant = sign(PATIENT, granted);
        bytes memory forRevocation = sign(PATIENT, revoked);
        CHEATS.expectRevert(IConsents.BadSignature.selector);
        consents.grant(granted, forRevocation);
        CHEATS.expectRevert(IConsents.BadSignature.selector);
        consents.revoke(revoked, forGrant);
    }

    function build() private view returns (Acts memory acts) {
        acts.set = IRegistry.SetInstitution(clinic, SUSPENDED, 1, DEADLINE);
        acts.admit = IRegistry.AdmitStaff(CHEATS.addr(STRANGER), hospital, DOCTOR, 0, DEADLINE);
        acts.change = IRegistry.SetStaff(doctor, hospital, TECHNICIAN, ACTIVE, 1, DEADLINE);
        acts.key = IRegistry.PublishKey(doctor, ID, 1, DEADLINE);
        acts.enrol = IRegistry.EnrolPatient(hospital, ID, DEADLINE);
        acts.commit = nextCommit(PATIENT, ID);
        acts.commits = new IRecords.SignedCommit[](1);
        acts.commits[0].act = nextCommit(STRANGER, ID);
        acts.commits[0].controllerSignature = sign(STRANGER, acts.commits[0].act);
        acts.erase = IRecords.Erase(controller, DEADLINE);
        acts.request = IConsents.Request(ID, doctor, DEADLINE);
        acts.grant = IConsents.Grant(controller, ID, DEADLINE);
        acts.revoke = IConsents.Revoke(controller, ID);
        acts.checkpoint = ILog.Checkpoint(hospital, 1, ID);
    }

    function signAll(Acts memory acts) private view returns (Signed memory signed) {
        signed.set = sign(REGISTRAR, acts.set);
        signed.admitInstitution = sign(HOSPITAL, acts.admit);
        signed.admitStaff = sign(STRANGER, acts.admit);
        signed.change = sign(HOSPITAL, acts.change);
        signed.key = sign(DOCTOR_KEY, acts.key);
        signed.enrol = sign(HOSPITAL, acts.enrol);
        signed.commitInstitution = sign(HOSPITAL, acts.commit);
        signed.commitController = sign(PATIENT, acts.commit);
        signed.commits = sign(HOSPITAL, acts.commits);
        signed.erase = sign(PATIENT, acts.erase);
        signed.request = sign(DOCTOR_KEY, acts.request);
        signed.grant = sign(PATIENT, acts.grant);
        signed.revoke = sign(PATIENT, acts.revoke);
        signed.checkpoint = sign(HOSPITAL, acts.checkpoint);
    }

    function refuseAll(Acts memory acts, Signed memory signed) private {
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.setInstitution(acts.set, signed.set);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.admitStaff(acts.admit, signed.admitInstitution, signed.admitStaff);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.setStaff(acts.change, signed.change);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.publishKey(acts.key, signed.key);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.enrolPatient(acts.enrol, signed.enrol);
        CHEATS.expectRevert(IRecords.BadSignature.selector);
        records.commit(acts.commit, signed.commitInstitution, signed.commitController);
        // The institution signs anew here, so that the controller's signature is what fails.
        bytes memory fresh = sign(HOSPITAL, acts.commit);
        CHEATS.expectRevert(IRecords.BadSignature.selector);
        records.commit(acts.commit, fresh, signed.commitController);
        CHEATS.expectRevert(IRecords.BadSignature.selector);
        records.commitBatch(hospital, acts.commits, signed.commits);
        fresh = sign(HOSPITAL, acts.commits);
        CHEATS.expectRevert(IRecords.NothingApplied.selector);
        records.commitBatch(hospital, acts.commits, fresh);
        CHEATS.expectRevert(IRecords.BadSignature.selector);
        records.erase(acts.erase, signed.erase);
        CHEATS.expectRevert(IConsents.BadSignature.selector);
        consents.request(acts.request, signed.request);
        CHEATS.expectRevert(IConsents.BadSignature.selector);
        consents.grant(acts.grant, signed.grant);
        CHEATS.expectRevert(IConsents.BadSignature.selector);
        consents.revoke(acts.revoke, signed.revoke);
        CHEATS.expectRevert(ILog.BadSignature.selector);
        log.checkpoint(acts.checkpoint, signed.checkpoint);
    }

    /// @dev The same acts and signatures are good where they belong, so nothing else refused them.
    function acceptAll(Acts memory acts, Signed memory signed) private {
        registry.setInstitution(acts.set, signed.set);
        registry.admitStaff(acts.admit, signed.admitInstitution, signed.admitStaff);
        registry.setStaff(acts.change, signed.change);
        registry.publishKey(acts.key, signed.key);
        registry.enrolPatient(acts.enrol, signed.enrol);
        records.commit(acts.commit, signed.commitInstitution, signed.commitController);
        records.commitBatch(hospital, acts.commits, signed.commits);
        records.erase(acts.erase, signed.erase);
        consents.request(acts.request, signed.request);
        consents.grant(acts.grant, signed.grant);
        consents.revoke(acts.revoke, signed.revoke);
        log.checkpoint(acts.checkpoint, signed.checkpoint);
    }
}
