// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/ingest_folder.hpp"

#include <sys/file.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/sha256.hpp"
#include "configs/shallow_json.hpp"

namespace ergon {
namespace {

constexpr std::string_view plan_name = "plan.json", lock_name = "lock";

}  // namespace

IngestFolder::IngestFolder(const std::string& path, Begin begin, Storage& storage) : path_(path), storage_(storage) {
  storage.make_directories(path);
  lock_ = storage.open_append(fmt::format("{}/{}", path, lock_name));
  // The kernel lets go of it when this process ends, however that comes about.
  if (::flock(lock_.descriptor(), LOCK_EX | LOCK_NB) != 0)
    throw Error("another import is at work here", path, "wait for its end, or name another output", ExitCode::data);
  if (begin == Begin::fresh || !begun()) clear(Mark::stays);
}

// The plan goes behind everything that belongs to it: without it nothing here is taken for part of an import. The mark of an output that
// appears goes last: alone it says that the import had finished. It stays for an import that begins again, which finds shards in their
// place.
void IngestFolder::clear(Mark mark) {
  std::vector<std::string> names = storage_.list(path_);
  std::erase_if(names, [&](const std::string& name) { return name == lock_name || (mark == Mark::stays && name == publishing_name); });
  const auto turn = [](const std::string& name) { return name == publishing_name ? 2 : name == plan_name ? 1 : 0; };
  std::ranges::stable_sort(names, {}, turn);
  for (const std::string& name : names) storage_.unlink(path_ + "/" + name);
}

bool IngestFolder::begun() const { return storage_.exists(fmt::format("{}/{}", path_, plan_name)); }

Digest IngestFolder::bind(const nlohmann::json& plan) {
  const std::string name = fmt::format("{}/{}", path_, plan_name);
  if (!begun()) {
    // Half a plan would be refused for another one; no plan begins again, so the name is not synced.
    const Storage::File file = storage_.create(name + ".tmp");
    storage_.append(file, plan.dump() + "\n");
    storage_.sync(file);
    storage_.rename(name + ".tmp", name);
  } else {
    const auto before = try_parse_shallow<nlohmann::json>(storage_.read_text(name));
    for (const auto& [key, now] : plan.items()) {
      const nlohmann::json was = before.is_object() ? before.value(key, nlohmann::json()) : nlohmann::json();
      if (was != now)
        throw Error(fmt::format("holds an import that was begun with {} {}, now {}", key, was.dump(), now.dump()), path_,
                    "repeat the line that began it, which goes on from there, or give --fresh to begin again");
    }
  }
  Sha256 hash;
  hash.add(plan.dump());
  return hash.digest();
}

void IngestFolder::remove() {
  if (!storage_.exists(path_)) return;
  clear(Mark::goes);
  storage_.remove_directory(path_);
}

}  // namespace ergon
