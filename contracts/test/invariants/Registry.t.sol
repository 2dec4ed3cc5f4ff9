// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Registry } from "../../src/Registry.sol";
import { IRegistry } from "../../src/interfaces/IRegistry.sol";
import { Actor, Play } from "./Actor.sol";

/// @notice Admits, changes, suspends, publishes and enrols at two hospitals with three persons.
contract RegistryActor is Actor {
    struct Person {
        uint256 institution;
        uint8 role;
        uint8 status;
        uint64 nonce;
    }

    mapping(uint256 key => Person) private _persons;
    mapping(uint256 key => uint64) private _keys;
    mapping(uint256 key => mapping(uint256 patient => bool)) private _enrolled;

    /// @notice A status for a hospital, by the registrar or somebody else.
    function setInstitution(uint256 where, uint8 status, uint256 nonce, uint256 by) external timed {
        uint256 signer = by % 3 == 0 ? STRANGER : REGISTRAR;
        IRegistry.SetInstitution memory act;
        act.institution = CHEATS.addr(institutionKey(where));
        act.status = status % 4;
        (uint8 before, uint64 count) = registry.institution(act.institution);
        act.nonce = shifted(count, nonce);
        act.deadline = uint64(clock());
        bool moves = act.status != before && (act.status == ACTIVE || act.status == SUSPENDED);
        bool good = signer == REGISTRAR && act.nonce == count && moves;
        bytes memory data = abi.encodeCall(Registry.setInstitution, (act, sign(signer, act)));
        send(address(registry), data, good);
    }

    /// @notice A person joins a hospital, if both sign.
    function admitStaff(uint256 who, uint256 where, uint8 role, uint256 nonce, uint256 by)
        external
        timed
    {
        (uint256 person, uint256 institution) = (personKey(who), institutionKey(where));
        IRegistry.AdmitStaff memory act;
        act.staff = CHEATS.addr(person);
        act.institution = CHEATS.addr(institution);
        act.role = role % 9;
        act.nonce = shifted(_persons[person].nonce, nonce);
        act.deadline = uint64(clock());
        uint256 a = by % 4 == 0 ? institutionKey(where % 2 + 1) : institution;
        uint256 b = by % 4 == 1 ? personKey(who % 3 + 1) : person;
        bool good = a == institution && b == person && isActive(institution) && isRole(act.role)
            && act.nonce == _persons[person].nonce;
        bytes memory data = abi.encodeCall(Registry.admitStaff, (act, sign(a, act), sign(b, act)));
        send(address(registry), data, good);
        if (good) _persons[person] = Person(institution, act.role, ACTIVE, act.nonce + 1);
    }

    /// @notice A hospital changes a person, its own or not.
    function setStaff(uint256 who, uint256 where, uint8 role, uint8 status, uint256 nonce)
        external
        timed
    {
        (uint256 person, uint256 institution) = (personKey(who), institutionKey(where));
        Person storage model = _persons[person];
        IRegistry.SetStaff memory act = IRegistry.SetStaff({
            staff: CHEATS.addr(person),
            institution: CHEATS.addr(institution),
            role: role % 9,
            status: status % 4,
            nonce: shifted(model.nonce, nonce),
            deadline: uint64(clock())
        });
        bool known = act.status == ACTIVE || act.status == SUSPENDED;
        bool good = known && isRole(act.role) && isActive(institution)
            && model.institution == institution && act.nonce == model.nonce;
        bytes memory data = abi.encodeCall(Registry.setStaff, (act, sign(institution, act)));
        send(address(registry), data, good);
        if (good) _persons[person] = Person(institution, act.role, act.status, act.nonce + 1);
    }

    /// @notice A person publishes a key, in the right order or not.
    function publishKey(uint256 who, bytes32 digest, uint256 version, uint256 by) external timed {
        uint256 person = personKey(who);
        uint256 signer = by % 3 == 0 ? personKey(who % 3 + 1) : person;
        IRegistry.PublishKey memory act = IRegistry.PublishKey({
            wallet: CHEATS.addr(person),
            digest: digest,
            version: shifted(_keys[person] + 1, version),
            deadline: uint64(clock())
        });
        bool good = signer == person && isActivePerson(person) && act.version == _keys[person] + 1;
        bytes memory data = abi.encodeCall(Registry.publishKey, (act, sign(signer, act)));
        send(address(registry), data, good);
        if (good) ++_keys[person];
    }

    /// @notice A hospital enrols a patient.
    function enrolPatient(uint256 where, uint256 patient, uint256 by) external timed {
        uint256 institution = institutionKey(where);
        uint256 signer = by % 3 == 0 ? STRANGER : institution;
        patient %= 8;
        IRegistry.EnrolPatient memory act =
            IRegistry.EnrolPatient(CHEATS.addr(institution), bytes32(patient), uint64(clock()));
        bool good =
            signer == institution && isActive(institution) && !_enrolled[institution][patient];
        bytes memory data = abi.encodeCall(Registry.enrolPatient, (act, sign(signer, act)));
        send(address(registry), data, good);
        if (good) _enrolled[institution][patient] = true;
    }

    /// @notice Compares the registry with the model.
    function compare() external view {
        for (uint256 i = 0; i < 3; ++i) {
            uint256 key = personKey(i);
            address account = CHEATS.addr(key);
            Person storage model = _persons[key];
            (address institution, uint8 role, uint8 status, uint64 nonce) = registry.staff(account);
            bool joined = model.institution != 0;
            same(institution, joined ? CHEATS.addr(model.institution) : address(0), "institution");
            same(role, model.role, "role");
            same(status, model.status, "status");
            same(nonce, model.nonce, "nonce");
            check(registry.isActiveStaff(account) == isActivePerson(key), "active");
            (, uint64 version) = registry.keyStatement(account);
            same(version, _keys[key], "key version");
        }
        for (uint256 i = 0; i < 16; ++i) {
            uint256 institution = institutionKey(i);
            bool enrolled = registry.enrolled(CHEATS.addr(institution), bytes32(i / 2));
            check(enrolled == _enrolled[institution][i / 2], "enrolled");
        }
    }

    /// @dev A key of a person whom {Fixture} does not admit.
    function personKey(uint256 which) private pure returns (uint256) {
        return 0xC1 + (which % 3);
    }

    function isActivePerson(uint256 key) private view returns (bool) {
        Person storage model = _persons[key];
        return model.status == ACTIVE && isActive(model.institution);
    }

    function isRole(uint8 role) private pure returns (bool) {
        return role >= 1 && role <= 7;
    }

    /// @dev Mostly the number itself, else one beside it.
    function shifted(uint64 number, uint256 choice) private pure returns (uint64) {
        if (choice % 8 == 0) return number + 1;
        if (choice % 8 == 1 && number > 0) return number - 1;
        return number;
    }

    function sendSure() internal override {
        IRegistry.SetInstitution memory act;
        act.institution = CHEATS.addr(HOSPITAL);
        act.status = SUSPENDED;
        (, act.nonce) = registry.institution(act.institution);
        act.deadline = uint64(clock());
        bytes memory data = abi.encodeCall(Registry.setInstitution, (act, sign(REGISTRAR, act)));
        send(address(registry), data, true);
    }
}

contract RegistryInvariants is Play {
    RegistryActor private _actor;

    function setUp() public {
        _actor = new RegistryActor();
    }

    /// @dev Roles and statuses are what the right ones signed; no act is taken twice or out of
    /// order; a suspended institution acts on nobody.
    function invariant_registry_is_what_was_signed() public view {
        _actor.compare();
    }

    function actor() internal view override returns (Actor) {
        return _actor;
    }

    function moves() internal pure override returns (bytes4[] memory selectors) {
        selectors = new bytes4[](5);
        selectors[0] = RegistryActor.setInstitution.selector;
        selectors[1] = RegistryActor.admitStaff.selector;
        selectors[2] = RegistryActor.setStaff.selector;
        selectors[3] = RegistryActor.publishKey.selector;
        selectors[4] = RegistryActor.enrolPatient.selector;
    }
}
