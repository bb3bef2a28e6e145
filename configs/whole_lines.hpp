// SPDX-License-Identifier: Apache-2.0
// Files that only grow, line by line (events, ledger, lineage), as a crash leaves them. What was not synced may be torn: it ends anywhere,
// and where the disk had the new length and a later page but not the page at hand, zeros stand in it. No line of ours holds a zero byte.
#pragma once

#include <cstddef>
#include <string_view>

namespace ergon {

// Bytes up to the end of the last line before the first torn one: of a file that is synced now and then.
std::size_t whole_lines(std::string_view text);

// The same for a file that is synced behind every line: only the last one can be torn, and whatever is wrong before it is damage, which
// the reader of the lines finds.
std::size_t lines_but_a_torn_last(std::string_view text);

}  // namespace ergon
