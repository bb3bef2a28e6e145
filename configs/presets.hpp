// SPDX-License-Identifier: Apache-2.0
// The files of configs/ that are part of the binary, so that it works from any folder: model presets (presets/*.toml) and devices.toml.
#pragma once

#include <string>
#include <vector>

namespace ergon {

// "gpt2-124m", "llama3-8b", ..., sorted.
std::vector<std::string> preset_names();

// The TOML text of a preset: one [model] section. Throws Error with the list of names for an unknown one.
std::string preset_text(const std::string& name);

// "did you mean 'gpt2-124m'? presets: gpt2-124m, ...": the way out for a name that is none.
std::string preset_hint(const std::string& unknown);

// The TOML text of configs/devices.toml.
std::string devices_text();

}  // namespace ergon
