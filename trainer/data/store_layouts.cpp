// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/store_layouts.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "trainer/data/token_store.hpp"
#include "trainer/rank_zero.hpp"

namespace ergon {

void share_store_layouts(const std::vector<std::string>& paths, Storage& storage, Communicator& control) {
  const std::set<std::string> distinct(paths.begin(), paths.end());
  const std::string text = on_rank_zero(control, [&] {
    nlohmann::json answers = nlohmann::json::array();
    for (const std::string& path : distinct)
      answers.push_back(to_text(storage.hdf5(open_token_store(path, storage), token_store_datasets())));
    return answers.dump();
  });
  const nlohmann::json answers = nlohmann::json::parse(text);
  std::size_t next = 0;
  for (const std::string& path : distinct) storage.remember_hdf5(path, parse_hdf5_contents(answers.at(next++).get<std::string>(), path));
}

}  // namespace ergon
