// SPDX-License-Identifier: Apache-2.0
// `ergon data verify`: reads a whole token store and checks every checksum and id.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "launch/store_line.hpp"
#include "trainer/data/token_store.hpp"

namespace ergon {

int command_data_verify(int argc, char** argv) {
  StoreLine line("ergon data verify", "read a whole token store and check every checksum and id");
  if (!line.parse(argc, argv)) return 0;
  Storage storage(hdf5_helper());
  const TokenStore store(line.store, storage);
  store.verify();
  store.tokenizer();
  if (line.json) {
    const nlohmann::ordered_json result = {{"schema", "ergon.data_verify.v1"},
                                           {"store", line.store},
                                           {"sound", true},
                                           {"tokens", store.info().tokens},
                                           {"documents", store.info().documents},
                                           {"content_hash", store.info().content_hash}};
    std::cout << result.dump(2) << std::endl;
    return 0;
  }
  fmt::print("{}: sound ({} tokens, {} documents, content hash {})\n", line.store, store.info().tokens, store.info().documents,
             store.info().content_hash);
  return 0;
}

}  // namespace ergon
