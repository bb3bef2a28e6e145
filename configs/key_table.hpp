// SPDX-License-Identifier: Apache-2.0
// THE table of keys of a run file: it drives parsing, overrides, `--help`, the echo into the run folder, the documentation, and what a
// resumed run may change. A new key is a field of configs/run_config.hpp and one row in configs/keys_*.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "configs/run_config.hpp"
#include "configs/value.hpp"

namespace ergon {

// What happens when a resumed run's line differs from the stored one.
enum class OnResume {
  free,      // nothing depends on it
  layout,    // allowed and recorded; bitwise continuation is not promised
  recorded,  // needs --allow-change KEY; written to the ledger
  fixed,     // refused: it would be another run
};
const char* name(OnResume on_resume);

struct Key {
  std::string name;          // "train.steps"
  std::string type;          // "integer", "number", "boolean", "text", "list of texts", "bytes", "time", "FLOPs", "choice"
  std::string unit;          // "steps", empty when it has none
  std::string range;         // ">= 1", "cosine|linear|constant|wsd"
  std::string default_text;  // in TOML, or in words where it follows from other keys
  OnResume on_resume;
  std::string help;                                    // when to change it
  std::function<void(RunConfig&, const Value&)> set;   // throws Error without `where`; the caller adds it
  std::function<std::string(const RunConfig&)> print;  // as a TOML value
};

// In the order of DESIGN: sections stay together.
const std::vector<Key>& key_table();

// Null when there is none.
const Key* find_key(const std::string& name);
std::vector<std::string> key_names();

// All keys grouped by section, a key a line with its default, then range, unit and meaning in lines of at most 100 columns: for
// `ergon train --help`.
std::string keys_help();
// The same as markdown tables, for the documentation.
std::string keys_markdown();
// A TOML text that parses back to an equal RunConfig; the echo in the run folder.
std::string to_toml(const RunConfig& config);

}  // namespace ergon
