// SPDX-License-Identifier: Apache-2.0
// The table by which SentencePiece normalizes text, as a model carries it: 4 bytes with the size of a trie, the trie, and texts that end in
// a zero byte. The trie is a double array of darts-clone (S. Yata, 2011): from node `base` the byte c leads to unit `base ^ c` if that
// unit has the label c, and from there to the node `unit ^ offset`, where a unit with a leaf says at which byte a text begins. The library
// follows it without looking where it leads: so a table is checked before the library has it.
#pragma once

#include <string_view>

namespace ergon {

// Throws Error (ExitCode::data) when some text would lead out of the trie or of the texts, or would meet more than 32 entries of the table,
// for which the library has no room. An empty table is none, and good.
void check_charsmap(std::string_view table);

}  // namespace ergon
