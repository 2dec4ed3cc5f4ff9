// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Registry } from "../src/Registry.sol";
import { IRegistry } from "../src/interfaces/IRegistry.sol";
import { Fixture } from "./support/Fixture.sol";

contract RegistryTest is Fixture {
    function test_needs_a_registrar() public {
        CHEATS.expectRevert(IRegistry.NoRegistrar.selector);
        new Registry(address(0));
    }

    // Institutions.

    function test_registrar_admits_suspends_and_reinstates() public {
        address other = address(0x1234);
        checkInstitution(other, 0, 0);
        check(!registry.isActiveInstitution(other), "unknown is not active");

        IRegistry.SetInstitution memory act = IRegistry.SetInstitution(other, ACTIVE, 0, DEADLINE);
        bytes memory signature = sign(REGISTRAR, act);
        CHEATS.expectEmit(address(registry));
        emit IRegistry.InstitutionSet(other, ACTIVE, 0);
        registry.setInstitution(act, signature);
        checkInstitution(other, ACTIVE, 1);
        check(registry.isActiveInstitution(other), "admitted");

        setInstitution(other, SUSPENDED);
        checkInstitution(other, SUSPENDED, 2);
        check(!registry.isActiveInstitution(other), "suspended");

        setInstitution(other, ACTIVE);
        checkInstitution(other, ACTIVE, 3);
        check(registry.isActiveInstitution(other), "reinstated");
    }

    function test_status_moves_only_between_active_and_suspended() public {
        refuseStatus(address(0x1234), 0, 0);
        refuseStatus(address(0x1234), SUSPENDED, 0);
        refuseStatus(address(0x1234), 3, 0);
        refuseStatus(hospital, ACTIVE, 1);
        refuseStatus(hospital, 0, 1);
        setInstitution(hospital, SUSPENDED);
        refuseStatus(hospital, SUSPENDED, 2);
        refuseStatus(hospital, 0, 2);
    }

    function refuseStatus(address account, uint8 status, uint64 nonce) private {
        IRegistry.SetInstitution memory act =
            IRegistry.SetInstitution(account, status, nonce, DEADLINE);
        bytes memory signature = sign(REGISTRAR, act);
        CHEATS.expectRevert(IRegistry.BadStatus.selector);
        registry.setInstitution(act, signature);
    }

    function test_institution_act_works_once() public {
        IRegistry.SetInstitution memory act =
            IRegistry.SetInstitution(hospital, SUSPENDED, 1, DEADLINE);
        bytes memory signature = sign(REGISTRAR, act);
        registry.setInstitution(act, signature);
        setInstitution(hospital, ACTIVE);
        CHEATS.expectRevert(IRegistry.BadNonce.selector);
        registry.setInstitution(act, signature);
    }

    function test_only_the_registrar_sets_institutions() public {
        IRegistry.SetInstitution memory act =
            IRegistry.SetInstitution(hospital, SUSPENDED, 1, DEADLINE);
        bytes memory signature = sign(CLINIC, act);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.setInstitution(act, signature);
    }

    function test_institution_act_has_a_deadline() public {
        IRegistry.SetInstitution memory act =
            IRegistry.SetInstitution(hospital, SUSPENDED, 1, DEADLINE);
        bytes memory signature = sign(REGISTRAR, act);
        CHEATS.warp(DEADLINE + 1);
        CHEATS.expectRevert(IRegistry.DeadlinePassed.selector);
        registry.setInstitution(act, signature);
        CHEATS.warp(DEADLINE);
        registry.setInstitution(act, signature);
    }

    // Staff.

    function test_person_joins_by_both_signatures() public {
        uint256 key = STRANGER;
        address person = CHEATS.addr(key);
        IRegistry.AdmitStaff memory act = admission(key, HOSPITAL, TECHNICIAN);
        bytes memory byHospital = sign(HOSPITAL, act);
        bytes memory byPerson = sign(key, act);

        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.admitStaff(act, byHospital, byHospital);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.admitStaff(act, byPerson, byPerson);

        CHEATS.expectEmit(address(registry));
        emit IRegistry.StaffSet(person, hospital, TECHNICIAN, ACTIVE, 0);
        registry.admitStaff(act, byHospital, byPerson);
        checkStaff(person, hospital, TECHNICIAN, ACTIVE, 1);
        check(registry.isActiveStaff(person), "active");
    }

    function test_admission_works_once() public {
        IRegistry.AdmitStaff memory act = admission(STRANGER, HOSPITAL, DOCTOR);
        bytes memory byHospital = sign(HOSPITAL, act);
        bytes memory byPerson = sign(STRANGER, act);
        registry.admitStaff(act, byHospital, byPerson);
        setStaff(STRANGER, HOSPITAL, DOCTOR, SUSPENDED);
        CHEATS.expectRevert(IRegistry.BadNonce.selector);
        registry.admitStaff(act, byHospital, byPerson);
    }

    function test_admission_has_a_deadline() public {
        IRegistry.AdmitStaff memory act = admission(STRANGER, HOSPITAL, DOCTOR);
        act.deadline = DEADLINE;
        bytes memory byHospital = sign(HOSPITAL, act);
        bytes memory byPerson = sign(STRANGER, act);
        CHEATS.warp(DEADLINE + 1);
        CHEATS.expectRevert(IRegistry.DeadlinePassed.selector);
        registry.admitStaff(act, byHospital, byPerson);
    }

    function test_admission_needs_an_active_institution() public {
        setInstitution(hospital, SUSPENDED);
        IRegistry.AdmitStaff memory act = admission(STRANGER, HOSPITAL, DOCTOR);
        bytes memory byHospital = sign(HOSPITAL, act);
        bytes memory byPerson = sign(STRANGER, act);
        CHEATS.expectRevert(IRegistry.NotActive.selector);
        registry.admitStaff(act, byHospital, byPerson);
    }

    function test_roles_are_one_to_seven() public {
        for (uint8 role = 1; role <= 7; ++role) {
            setStaff(DOCTOR_KEY, HOSPITAL, role, ACTIVE);
            checkStaff(doctor, hospital, role, ACTIVE, role + 1);
        }
        refuseRole(0);
        refuseRole(8);
        refuseRole(255);
    }

    function refuseRole(uint8 role) private {
        IRegistry.AdmitStaff memory joining = admission(STRANGER, HOSPITAL, role);
        bytes memory byHospital = sign(HOSPITAL, joining);
        bytes memory byPerson = sign(STRANGER, joining);
        CHEATS.expectRevert(IRegistry.UnknownRole.selector);
        registry.admitStaff(joining, byHospital, byPerson);

        IRegistry.SetStaff memory change =
            IRegistry.SetStaff(doctor, hospital, role, ACTIVE, 8, DEADLINE);
        bytes memory signature = sign(HOSPITAL, change);
        CHEATS.expectRevert(IRegistry.UnknownRole.selector);
        registry.setStaff(change, signature);
    }

    function test_institution_changes_suspends_and_reinstates_its_staff() public {
        IRegistry.SetStaff memory act =
            IRegistry.SetStaff(doctor, hospital, TECHNICIAN, SUSPENDED, 1, DEADLINE);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.expectEmit(address(registry));
        emit IRegistry.StaffSet(doctor, hospital, TECHNICIAN, SUSPENDED, 1);
        registry.setStaff(act, signature);
        checkStaff(doctor, hospital, TECHNICIAN, SUSPENDED, 2);
        check(!registry.isActiveStaff(doctor), "suspended");

        CHEATS.expectRevert(IRegistry.BadNonce.selector);
        registry.setStaff(act, signature);

        setStaff(DOCTOR_KEY, HOSPITAL, DOCTOR, ACTIVE);
        check(registry.isActiveStaff(doctor), "reinstated");
    }

    function test_staff_status_is_active_or_suspended() public {
        refuseStaffStatus(0);
        refuseStaffStatus(3);
    }

    function refuseStaffStatus(uint8 status) private {
        IRegistry.SetStaff memory act =
            IRegistry.SetStaff(doctor, hospital, DOCTOR, status, 1, DEADLINE);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.expectRevert(IRegistry.BadStatus.selector);
        registry.setStaff(act, signature);
    }

    function test_only_the_own_institution_changes_staff() public {
        IRegistry.SetStaff memory act =
            IRegistry.SetStaff(doctor, clinic, DOCTOR, SUSPENDED, 1, DEADLINE);
        bytes memory signature = sign(CLINIC, act);
        CHEATS.expectRevert(IRegistry.NotItsStaff.selector);
        registry.setStaff(act, signature);

        act.institution = hospital;
        signature = sign(CLINIC, act);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.setStaff(act, signature);
    }

    function test_nobody_is_staff_of_nobody() public {
        IRegistry.SetStaff memory act =
            IRegistry.SetStaff(address(0x99), address(0), DOCTOR, ACTIVE, 0, DEADLINE);
        CHEATS.expectRevert(IRegistry.NotActive.selector);
        registry.setStaff(act, "");
    }

    function test_staff_act_has_a_deadline() public {
        IRegistry.SetStaff memory act =
            IRegistry.SetStaff(doctor, hospital, DOCTOR, SUSPENDED, 1, DEADLINE);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.warp(DEADLINE + 1);
        CHEATS.expectRevert(IRegistry.DeadlinePassed.selector);
        registry.setStaff(act, signature);
    }

    function test_suspended_institution_cannot_change_staff() public {
        setInstitution(hospital, SUSPENDED);
        IRegistry.SetStaff memory act =
            IRegistry.SetStaff(doctor, hospital, TECHNICIAN, ACTIVE, 1, DEADLINE);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.expectRevert(IRegistry.NotActive.selector);
        registry.setStaff(act, signature);
    }

    function test_staff_rest_with_their_institution() public {
        setInstitution(hospital, SUSPENDED);
        checkStaff(doctor, hospital, DOCTOR, ACTIVE, 1);
        check(!registry.isActiveStaff(doctor), "the institution is suspended");
        setInstitution(hospital, ACTIVE);
        check(registry.isActiveStaff(doctor), "and reinstated");
    }

    function test_person_moves_by_joining_elsewhere() public {
        admit(DOCTOR_KEY, CLINIC, TECHNICIAN);
        checkStaff(doctor, clinic, TECHNICIAN, ACTIVE, 2);

        IRegistry.SetStaff memory act =
            IRegistry.SetStaff(doctor, hospital, DOCTOR, SUSPENDED, 2, DEADLINE);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.expectRevert(IRegistry.NotItsStaff.selector);
        registry.setStaff(act, signature);
    }

    // Key statements.

    function test_active_staff_and_institutions_publish_keys() public {
        IRegistry.PublishKey memory act =
            IRegistry.PublishKey(doctor, bytes32("digest"), 1, DEADLINE);
        bytes memory signature = sign(DOCTOR_KEY, act);
        CHEATS.expectEmit(address(registry));
        emit IRegistry.KeyPublished(doctor, bytes32("digest"), 1);
        registry.publishKey(act, signature);
        checkKey(doctor, bytes32("digest"), 1);

        act = IRegistry.PublishKey(hospital, bytes32("another"), 1, DEADLINE);
        registry.publishKey(act, sign(HOSPITAL, act));
        checkKey(hospital, bytes32("another"), 1);
    }

    function test_key_is_replaced_and_withdrawn_but_never_rolled_back() public {
        IRegistry.PublishKey memory first =
            IRegistry.PublishKey(doctor, bytes32("first"), 1, DEADLINE);
        bytes memory signature = sign(DOCTOR_KEY, first);
        registry.publishKey(first, signature);
        IRegistry.PublishKey memory second =
            IRegistry.PublishKey(doctor, bytes32("second"), 2, DEADLINE);
        registry.publishKey(second, sign(DOCTOR_KEY, second));
        checkKey(doctor, bytes32("second"), 2);

        CHEATS.expectRevert(IRegistry.BadNonce.selector);
        registry.publishKey(first, signature);

        IRegistry.PublishKey memory none = IRegistry.PublishKey(doctor, 0, 3, DEADLINE);
        registry.publishKey(none, sign(DOCTOR_KEY, none));
        checkKey(doctor, 0, 3);
    }

    function test_key_is_refused_to_strangers_and_the_suspended() public {
        refuseKey(STRANGER, IRegistry.NotActive.selector);
        setStaff(DOCTOR_KEY, HOSPITAL, DOCTOR, SUSPENDED);
        refuseKey(DOCTOR_KEY, IRegistry.NotActive.selector);
        setInstitution(hospital, SUSPENDED);
        refuseKey(HOSPITAL, IRegistry.NotActive.selector);
    }

    function refuseKey(uint256 key, bytes4 reason) private {
        IRegistry.PublishKey memory act =
            IRegistry.PublishKey(CHEATS.addr(key), bytes32("digest"), 1, DEADLINE);
        bytes memory signature = sign(key, act);
        CHEATS.expectRevert(reason);
        registry.publishKey(act, signature);
    }

    function test_key_needs_its_wallet_and_its_deadline() public {
        IRegistry.PublishKey memory act =
            IRegistry.PublishKey(doctor, bytes32("digest"), 1, DEADLINE);
        bytes memory byHospital = sign(HOSPITAL, act);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.publishKey(act, byHospital);

        bytes memory byDoctor = sign(DOCTOR_KEY, act);
        CHEATS.warp(DEADLINE + 1);
        CHEATS.expectRevert(IRegistry.DeadlinePassed.selector);
        registry.publishKey(act, byDoctor);
    }

    // Enrolments.

    function test_institution_enrols_a_patient_once() public {
        bytes32 patient = bytes32("patient");
        check(!registry.enrolled(hospital, patient), "not yet");
        IRegistry.EnrolPatient memory act = IRegistry.EnrolPatient(hospital, patient, DEADLINE);
        bytes memory signature = sign(HOSPITAL, act);
        CHEATS.expectEmit(address(registry));
        emit IRegistry.PatientEnrolled(hospital, patient);
        registry.enrolPatient(act, signature);
        check(registry.enrolled(hospital, patient), "enrolled");
        check(!registry.enrolled(clinic, patient), "there only");

        CHEATS.expectRevert(IRegistry.AlreadyEnrolled.selector);
        registry.enrolPatient(act, signature);
    }

    function test_another_institution_cannot_enrol_a_patient_away() public {
        bytes32 patient = bytes32("patient");
        IRegistry.EnrolPatient memory theirs = IRegistry.EnrolPatient(clinic, patient, DEADLINE);
        registry.enrolPatient(theirs, sign(CLINIC, theirs));
        IRegistry.EnrolPatient memory ours = IRegistry.EnrolPatient(hospital, patient, DEADLINE);
        registry.enrolPatient(ours, sign(HOSPITAL, ours));
        check(registry.enrolled(hospital, patient), "enrolled all the same");
    }

    function test_enrolment_is_refused() public {
        IRegistry.EnrolPatient memory act =
            IRegistry.EnrolPatient(hospital, bytes32("patient"), DEADLINE);
        bytes memory byClinic = sign(CLINIC, act);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.enrolPatient(act, byClinic);

        bytes memory byHospital = sign(HOSPITAL, act);
        setInstitution(hospital, SUSPENDED);
        CHEATS.expectRevert(IRegistry.NotActive.selector);
        registry.enrolPatient(act, byHospital);

        setInstitution(hospital, ACTIVE);
        CHEATS.warp(DEADLINE + 1);
        CHEATS.expectRevert(IRegistry.DeadlinePassed.selector);
        registry.enrolPatient(act, byHospital);
    }

    // Fuzz.

    /// @dev A signature over one act says nothing about any other.
    function testFuzz_changed_act_is_refused(
        IRegistry.SetStaff memory signed,
        uint8 role,
        uint64 deadline
    ) public {
        signed.staff = doctor;
        signed.institution = hospital;
        signed.nonce = 1;
        signed.status = SUSPENDED;
        signed.role = uint8(within(signed.role, 1, 7));
        bytes memory signature = sign(HOSPITAL, signed);

        IRegistry.SetStaff memory changed = IRegistry.SetStaff(
            doctor,
            hospital,
            uint8(within(role, 1, 7)),
            SUSPENDED,
            1,
            uint64(within(deadline, NOW, type(uint64).max))
        );
        CHEATS.assume(changed.role != signed.role || changed.deadline != signed.deadline);
        CHEATS.expectRevert(IRegistry.BadSignature.selector);
        registry.setStaff(changed, signature);
    }

    function testFuzz_nonce_must_be_the_next(uint64 nonce) public {
        CHEATS.assume(nonce != 1);
        IRegistry.SetInstitution memory act =
            IRegistry.SetInstitution(hospital, SUSPENDED, nonce, DEADLINE);
        bytes memory signature = sign(REGISTRAR, act);
        CHEATS.expectRevert(IRegistry.BadNonce.selector);
        registry.setInstitution(act, signature);
    }

    // Reading back.

    function checkInstitution(address account, uint8 status, uint64 nonce) private view {
        (uint8 foundStatus, uint64 foundNonce) = registry.institution(account);
        same(foundStatus, status, "status");
        same(foundNonce, nonce, "nonce");
    }

    function checkStaff(
        address account,
        address institution,
        uint8 role,
        uint8 status,
        uint64 nonce
    ) private view {
        (address foundInstitution, uint8 foundRole, uint8 foundStatus, uint64 foundNonce) =
            registry.staff(account);
        same(foundInstitution, institution, "institution");
        same(foundRole, role, "role");
        same(foundStatus, status, "status");
        same(foundNonce, nonce, "nonce");
    }

    function checkKey(address wallet, bytes32 digest, uint64 version) private view {
        (bytes32 foundDigest, uint64 foundVersion) = registry.keyStatement(wallet);
        same(foundDigest, digest, "digest");
        same(foundVersion, version, "version");
    }
}
