// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { Consents } from "../../src/Consents.sol";
import { Log } from "../../src/Log.sol";
import { Records } from "../../src/Records.sol";
import { Registry } from "../../src/Registry.sol";
import { IConsents } from "../../src/interfaces/IConsents.sol";
import { ILog } from "../../src/interfaces/ILog.sol";
import { IRecords } from "../../src/interfaces/IRecords.sol";
import { IRegistry } from "../../src/interfaces/IRegistry.sol";
import { TypeHashes } from "../../src/libraries/TypeHashes.sol";
import { Checks } from "./Cheats.sol";

/// @notice The four contracts, two hospitals, their staff, and signatures of every act.
abstract contract Fixture is Checks {
    uint64 internal constant NOW = 1_800_000_000;
    uint64 internal constant DEADLINE = NOW + 1 days;

    uint8 internal constant ACTIVE = 1;
    uint8 internal constant SUSPENDED = 2;
    uint8 internal constant DOCTOR = 1;
    uint8 internal constant TECHNICIAN = 2;

    uint256 internal constant REGISTRAR = 0xA0;
    uint256 internal constant HOSPITAL = 0xB0;
    uint256 internal constant CLINIC = 0xB1;
    uint256 internal constant DOCTOR_KEY = 0xC0;
    uint256 internal constant PATIENT = 0xD0;
    uint256 internal constant STRANGER = 0xE0;

    Registry internal registry;
    Records internal records;
    Consents internal consents;
    Log internal log;

    address internal registrar = CHEATS.addr(REGISTRAR);
    address internal hospital = CHEATS.addr(HOSPITAL);
    address internal clinic = CHEATS.addr(CLINIC);
    address internal doctor = CHEATS.addr(DOCTOR_KEY);
    address internal controller = CHEATS.addr(PATIENT);

    function setUp() public virtual {
        CHEATS.warp(NOW);
        deploy(registrar);
        setInstitution(hospital, ACTIVE);
        setInstitution(clinic, ACTIVE);
        admit(DOCTOR_KEY, HOSPITAL, DOCTOR);
    }

    /// @dev What is tested is what ships: the bytes in abi/. Coverage alone, which has to
    /// instrument them, compiles them anew.
    function deploy(address registrar_) internal {
        if (CHEATS.envOr("STELE_FROM_SOURCE", false)) {
            registry = new Registry(registrar_);
            records = new Records(registry);
            consents = new Consents(registry);
            log = new Log(registry);
        } else {
            registry = Registry(create("abi/Registry.json", registrar_));
            records = Records(create("abi/Records.json", address(registry)));
            consents = Consents(create("abi/Consents.json", address(registry)));
            log = Log(create("abi/Log.json", address(registry)));
        }
    }

    function create(string memory path, address argument) private returns (address made) {
        bytes memory code = abi.encodePacked(CHEATS.getCode(path), abi.encode(argument));
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        check(made != address(0), path);
    }

    // Signatures.

    function domainOf(address target) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Stele"),
                keccak256("1"),
                block.chainid,
                target
            )
        );
    }

    function sign(uint256 key, address target, bytes32 structHash)
        internal
        view
        returns (bytes memory)
    {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domainOf(target), structHash));
        (uint8 v, bytes32 r, bytes32 s) = CHEATS.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function sign(uint256 key, IRegistry.SetInstitution memory act)
        internal
        view
        returns (bytes memory)
    {
        return sign(key, address(registry), keccak256(abi.encode(TypeHashes.SET_INSTITUTION, act)));
    }

    function sign(uint256 key, IRegistry.AdmitStaff memory act)
        internal
        view
        returns (bytes memory)
    {
        return sign(key, address(registry), keccak256(abi.encode(TypeHashes.ADMIT_STAFF, act)));
    }

    function sign(uint256 key, IRegistry.SetStaff memory act) internal view returns (bytes memory) {
        return sign(key, address(registry), keccak256(abi.encode(TypeHashes.SET_STAFF, act)));
    }

    function sign(uint256 key, IRegistry.PublishKey memory act)
        internal
        view
        returns (bytes memory)
    {
        return sign(key, address(registry), keccak256(abi.encode(TypeHashes.PUBLISH_KEY, act)));
    }

    function sign(uint256 key, IRegistry.EnrolPatient memory act)
        internal
        view
        returns (bytes memory)
    {
        return sign(key, address(registry), keccak256(abi.encode(TypeHashes.ENROL_PATIENT, act)));
    }

    function sign(uint256 key, IRecords.Commit memory act) internal view returns (bytes memory) {
        return sign(key, address(records), keccak256(abi.encode(TypeHashes.COMMIT, act)));
    }

    function sign(uint256 key, IRecords.SignedCommit[] memory items)
        internal
        view
        returns (bytes memory)
    {
        bytes memory hashes;
        for (uint256 i = 0; i < items.length; ++i) {
            hashes =
                abi.encodePacked(hashes, keccak256(abi.encode(TypeHashes.COMMIT, items[i].act)));
        }
        return sign(
            key, address(records), keccak256(abi.encode(TypeHashes.COMMIT_BATCH, keccak256(hashes)))
        );
    }

    function sign(uint256 key, IRecords.Erase memory act) internal view returns (bytes memory) {
        return sign(key, address(records), keccak256(abi.encode(TypeHashes.ERASE, act)));
    }

    function sign(uint256 key, IConsents.Request memory act) internal view returns (bytes memory) {
        return sign(key, address(consents), keccak256(abi.encode(TypeHashes.REQUEST, act)));
    }

    function sign(uint256 key, IConsents.Grant memory act) internal view returns (bytes memory) {
        return sign(key, address(consents), keccak256(abi.encode(TypeHashes.GRANT, act)));
    }

    function sign(uint256 key, IConsents.Revoke memory act) internal view returns (bytes memory) {
        return sign(key, address(consents), keccak256(abi.encode(TypeHashes.REVOKE, act)));
    }

    function sign(uint256 key, ILog.Checkpoint memory act) internal view returns (bytes memory) {
        return sign(key, address(log), keccak256(abi.encode(TypeHashes.CHECKPOINT, act)));
    }

    // Acts with the right nonce, deadline and signatures.

    function setInstitution(address account, uint8 status) internal {
        (, uint64 nonce) = registry.institution(account);
        IRegistry.SetInstitution memory act =
            IRegistry.SetInstitution(account, status, nonce, type(uint64).max);
        registry.setInstitution(act, sign(REGISTRAR, act));
    }

    function admission(uint256 person, uint256 institution, uint8 role)
        internal
        view
        returns (IRegistry.AdmitStaff memory)
    {
        (,,, uint64 nonce) = registry.staff(CHEATS.addr(person));
        return IRegistry.AdmitStaff(
            CHEATS.addr(person), CHEATS.addr(institution), role, nonce, type(uint64).max
        );
    }

    function admit(uint256 person, uint256 institution, uint8 role) internal {
        IRegistry.AdmitStaff memory act = admission(person, institution, role);
        registry.admitStaff(act, sign(institution, act), sign(person, act));
    }

    function setStaff(uint256 person, uint256 institution, uint8 role, uint8 status) internal {
        (,,, uint64 nonce) = registry.staff(CHEATS.addr(person));
        IRegistry.SetStaff memory act = IRegistry.SetStaff(
            CHEATS.addr(person), CHEATS.addr(institution), role, status, nonce, type(uint64).max
        );
        registry.setStaff(act, sign(institution, act));
    }

    /// @dev The next version of the record of `key`, made by the hospital.
    function nextCommit(uint256 key, bytes32 commitment)
        internal
        view
        returns (IRecords.Commit memory)
    {
        address account = CHEATS.addr(key);
        return IRecords.Commit({
            controller: account,
            version: records.version(account) + 1,
            previous: records.current(account),
            commitment: commitment,
            institution: hospital,
            deadline: DEADLINE
        });
    }

    function commit(uint256 key, bytes32 commitment) internal {
        IRecords.Commit memory act = nextCommit(key, commitment);
        records.commit(act, sign(HOSPITAL, act), sign(key, act));
    }

    function erase(uint256 key) internal {
        IRecords.Erase memory act = IRecords.Erase(CHEATS.addr(key), DEADLINE);
        records.erase(act, sign(key, act));
    }

    function grant(uint256 key, bytes32 id, uint64 expiry) internal {
        IConsents.Grant memory act = IConsents.Grant(CHEATS.addr(key), id, expiry);
        consents.grant(act, sign(key, act));
    }

    function revoke(uint256 key, bytes32 id) internal {
        IConsents.Revoke memory act = IConsents.Revoke(CHEATS.addr(key), id);
        consents.revoke(act, sign(key, act));
    }

    function anchor(uint256 key, uint64 size, bytes32 root) internal {
        ILog.Checkpoint memory act = ILog.Checkpoint(CHEATS.addr(key), size, root);
        log.checkpoint(act, sign(key, act));
    }
}
