# SPDX-License-Identifier: Apache-2.0
"""run_modules.py MODULE...: runs the tests of modules. Ends with 1 when one failed or there are none, with 77 when every one was skipped, else with 0.

unittest alone ends with 0 when all were skipped, and CTest would count that as passed."""
import sys
import unittest

SKIPPED = 77


def exit_status(result):
    if not result.wasSuccessful():
        return 1
    skipped_alone = sum(isinstance(test, unittest.TestCase) for test, _ in result.skipped)  # the tests of a class that is skipped are not begun
    if result.testsRun > skipped_alone:
        return 0
    return SKIPPED if result.skipped else 1


if __name__ == "__main__":
    sys.exit(exit_status(unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:]))))
