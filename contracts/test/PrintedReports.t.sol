// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import { PrintedReports } from "../bench/PrintedReports.sol";
import { Checks } from "./support/Cheats.sol";

/// @notice The yardstick does what it is measured for.
contract PrintedReportsTest is Checks {
    function test_report_is_stored_as_given() public {
        PrintedReports reports = new PrintedReports();
        string[] memory permissions = new string[](2);
        (permissions[0], permissions[1]) = ("a@clinic.example", "b@clinic.example");
        reports.addReport("1", "X-ray", permissions, "link", "Owner", "d@x", "o@x", "2023");
        PrintedReports.Report memory report = reports.getReport("o@x", "1");
        same(
            keccak256(abi.encode(report)),
            keccak256(
                abi.encode(
                    PrintedReports.Report(
                        "1", "X-ray", permissions, "link", "Owner", "d@x", "o@x", "2023"
                    )
                )
            ),
            "report"
        );
    }
}
