// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/store_layouts.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "trainer/data/dataset_file.hpp"
#include "trainer/rank_zero.hpp"

namespace ergon {

void share_store_layouts(const std::vector<std::string>& paths, Storage& storage, Communicator& control) {
  const std::string text = on_rank_zero(control, [&] {
    std::map<std::string, std::string> answers;
    for (const StorePlace& place : store_places(paths, storage))
      if (!answers.contains(place.path))
        answers[place.path] = to_text(storage.hdf5(open_token_store(place, storage), token_store_datasets()));
    return nlohmann::json(answers).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  });
  for (const auto& [path, answer] : nlohmann::json::parse(text).get<std::map<std::string, std::string>>())
    storage.remember_hdf5(path, parse_hdf5_contents(answer, path));
}

}  // namespace ergon
