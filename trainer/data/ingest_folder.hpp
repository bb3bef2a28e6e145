// SPDX-License-Identifier: Apache-2.0
// The work folder of an import, NAME.ingest beside the output: what a killed import leaves for the next one. It is held by one process at a
// time and bound to a plan, the options and the list of input that what is in it depends on.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "trainer/data/spool.hpp"
#include "trainer/storage.hpp"

namespace ergon {

// In the work folder from the moment that something appears under the output's name: names of shards that the import may replace.
inline constexpr const char* publishing_name = "publishing";

enum class Begin { resume, fresh };  // go on with what is there; remove it first

class IngestFolder {
 public:
  // Makes the folder, or takes it over. Throws Error (ExitCode::data) when another process is at work in it.
  IngestFolder(const std::string& path, Begin begin, Storage& storage);

  const std::string& path() const { return path_; }
  // Whether an import was begun here and has a plan.
  bool begun() const;
  // Compares the keys of `plan` with those that the import was begun with, where it was, and throws Error (ExitCode::config) that names the
  // first that differs and both values; otherwise writes it. Returns the SHA-256 of the plan.
  Digest bind(const nlohmann::json& plan);
  void remove();

 private:
  enum class Mark { stays, goes };
  void clear(Mark mark);

  std::string path_;
  Storage& storage_;
  Storage::File lock_;
};

}  // namespace ergon
