// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/source_use.hpp"

#include <nlohmann/json.hpp>

#include "configs/error.hpp"

namespace ergon {

nlohmann::json source_use(const DataState& state, const TokenSource& source) {
  ERGON_CHECK(state.sources.size() == source.parts().size(), "a state of {} sources for {}", state.sources.size(), source.parts().size());
  nlohmann::json sources = nlohmann::json::array();
  for (std::size_t i = 0; i < state.sources.size(); ++i) {
    const DataState::Source& of = state.sources[i];
    const TokenSource::Part& part = source.parts()[i];
    const double epochs = part.tokens > 0 ? static_cast<double>(of.tokens) / static_cast<double>(part.tokens) : 0;
    sources.push_back({{"name", part.name},
                       {"uuid", of.uuid},
                       {"samples", of.consumed},
                       {"tokens", of.tokens},
                       {"unique_tokens", part.tokens},
                       {"epochs", epochs}});
  }
  return {{"padding", source.padding()}, {"sources", sources}};
}

}  // namespace ergon
