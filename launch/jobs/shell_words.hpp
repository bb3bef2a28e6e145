// SPDX-License-Identifier: Apache-2.0
// Words for a POSIX shell, so that a script or a printed line means what it says whatever a word holds.
#pragma once

#include <string>
#include <vector>

namespace ergon {

// As it is where no character means anything to a shell, else between single quotes. Throws Error (ExitCode::config) for a word with a
// control character: no quoting makes a newline safe in a line that begins with #SBATCH, or readable in any other.
std::string shell_word(const std::string& word);

// Separated by blanks.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace ergon
