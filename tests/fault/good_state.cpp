// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/good_state.hpp"

#include <algorithm>

#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/lineage.hpp"
#include "trainer/checkpoint/retention.hpp"
#include "trainer/data/token_store.hpp"

namespace ergon {

void begin_run(Storage& storage, const std::string& run, const std::vector<std::int64_t>& steps) {
  storage.make_directories(run);
  CHECK(claim_attempt(storage, run, 1));
  for (const std::int64_t step : steps) save_alone(storage, run, step);
}

std::string look_at_run(const std::string& run) {
  UnsyncedStorage storage;
  const Loaded loaded = load_alone(storage, run);
  if (loaded.found && !loaded.exact) return "WRONG BYTES";
  for (const std::string& message : loaded.messages) return message;
  for (const CatalogueEntry& entry : read_catalogue(storage, run).entries)
    if (entry.suffix.empty() && !entry.manifest) return entry.name + ": " + entry.problem;
  const std::string hint = run + "/checkpoints/latest";
  const std::string text = storage.exists(hint) ? ", latest " + storage.read_text(hint) : "";
  const int attempt = newest_attempt(storage, run) + 1;

  for (const std::string& message : remove_leftovers(storage, run, attempt))
    if (contains(message, "could not")) return message;
  storage.make_directories(run);
  if (!claim_attempt(storage, run, attempt)) return "the next attempt is taken";
  append_lineage(storage, run, {LineageRecord::Event::resume, attempt, std::max<std::int64_t>(loaded.step, 0), loaded.id.uuid});
  const SaveResult next = save_alone(storage, run, 30, attempt, 1);
  if (next.error) return next.error->problem();
  const Loaded then = load_alone(storage, run);
  if (!then.exact || then.step != 30) return "the next save is lost";
  return fmt::format("{} of attempt {}{}", loaded.found ? fmt::format("step {}", loaded.step) : "nothing", attempt - 1, text);
}

std::string look_at_store(const std::string& path, const std::string& hash) {
  UnsyncedStorage storage;
  if (!storage.exists(path)) return "nothing";
  const TokenStore store(path, storage);
  store.verify();
  return store.info().content_hash == hash ? "whole" : "another";
}

std::string import_into(const std::string& path, Storage& storage, int documents, Existing existing) {
  const auto tokenizer = make_bytes_tokenizer();
  TokenStoreWriter writer(path, *tokenizer, storage, existing);
  for (int document = 0; document < documents; ++document)
    writer.add(std::vector<std::int32_t>(static_cast<std::size_t>(1000 * document + 1), document), Split::train);
  return writer.finish("[]").content_hash;
}

}  // namespace ergon
