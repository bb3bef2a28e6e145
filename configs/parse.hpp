// SPDX-License-Identifier: Apache-2.0
// From a run file and the overrides of a command line to a RunConfig: defaults, then the preset named by model.preset, then the file, then
// the overrides
// ("train.steps=10", a TOML value or a bare string), then the keys that follow from others (configs/derive.hpp), then the checks across
// keys (configs/validate.hpp). Everything that is wrong is reported in one Error (ExitCode::config), each with file:line:column and the way
// out.
#pragma once

#include <string>
#include <vector>

#include "configs/run_config.hpp"

namespace ergon {

enum class Purpose {
  train,     // data.train must be given
  describe,  // a job that Ergon will not run: any part of a run file will do, only [model] for instance
};

// path: a run file; for Purpose::describe also the name of a preset. Throws Error when it cannot be read.
RunConfig parse_run_config(const std::string& path, const std::vector<std::string>& overrides, Purpose purpose = Purpose::train);

// The same from text; `source` stands for the file's name in messages.
RunConfig parse_run_text(const std::string& text, const std::string& source, const std::vector<std::string>& overrides,
                         Purpose purpose = Purpose::train);

// [model] of a run file, of a file that holds only [model], or a preset by name.
ModelShape load_model(const std::string& path_or_preset, const std::vector<std::string>& overrides = {});

}  // namespace ergon
