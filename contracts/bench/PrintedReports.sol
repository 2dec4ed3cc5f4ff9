// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The report store that a 2023 paper prints, as a yardstick
/// @notice Written from the description of its `addReport`: every field is a string in nested
/// mappings, in the clear, and anyone may write. It is here to be measured beside {Records} and
/// {Consents}, not to be used.
contract PrintedReports {
    struct Report {
        string id;
        string name;
        string[] permissions;
        string link;
        string ownerName;
        string doctorEmail;
        string ownerEmail;
        string date;
    }

    mapping(string ownerEmail => mapping(string id => Report)) private _reports;

    /// @notice Adds a report.
    function addReport(
        string memory id,
        string memory name,
        string[] memory permissions,
        string memory link,
        string memory ownerName,
        string memory doctorEmail,
        string memory ownerEmail,
        string memory date
    ) external {
        Report storage report = _reports[ownerEmail][id];
        report.id = id;
        report.name = name;
        for (uint256 i = 0; i < permissions.length; ++i) {
            report.permissions.push(permissions[i]);
        }
        report.link = link;
        report.ownerName = ownerName;
        report.doctorEmail = doctorEmail;
        report.ownerEmail = ownerEmail;
        report.date = date;
    }

    /// @notice Returns a report.
    function getReport(string calldata ownerEmail, string calldata id)
        external
        view
        returns (Report memory)
    {
        return _reports[ownerEmail][id];
    }
}
