// SPDX-License-Identifier: Apache-2.0
#include "accounting/flops/described_run.hpp"

#include "accounting/flops/hugging_face.hpp"
#include "configs/parse.hpp"
#include "configs/text.hpp"
#include "configs/text_file.hpp"

namespace ergon {

RunConfig described_run(const std::string& path_or_preset, const std::vector<std::string>& overrides) {
  const std::string folded = lower(path_or_preset);
  const bool json = folded.size() > 5 && folded.compare(folded.size() - 5, 5, ".json") == 0;
  if (!json) return parse_run_config(path_or_preset, overrides, Purpose::describe);
  const std::string text = text_of_file(path_or_preset, "a config.json of Hugging Face, model_type gpt2 or llama");
  // Lines and columns of a message are those of the section, not of the file.
  return parse_run_text(model_section_of_hugging_face(text, path_or_preset), path_or_preset + " as [model]", overrides, Purpose::describe);
}

}  // namespace ergon
