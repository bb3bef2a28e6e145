// SPDX-License-Identifier: Apache-2.0
// `ergon checkpoint`: list, verify, inspect and gc: what checkpoints a run has, whether they are whole, what is in one, which are still
// wanted; and the table of the commands that have files of their own.
#include "trainer/checkpoint/checkpoint.hpp"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "configs/error.hpp"
#include "configs/parse.hpp"
#include "launch/checkpoint/paths.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/hdf5_helper.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/retention.hpp"
#include "trainer/checkpoint/verify.hpp"
#include "trainer/run_folder.hpp"
#include "trainer/run_lock.hpp"
#include "trainer/storage.hpp"

namespace ergon {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t total_bytes(const Manifest& manifest) {
  std::int64_t bytes = 0;
  for (const StoredFile& file : manifest.files) bytes += file.bytes;
  return bytes;
}

const char* health_word(const Health& health) { return health.good() ? "good" : health.finite ? "spike" : "not finite"; }

Catalogue catalogue_of(Storage& storage, const std::string& run) {
  if (!storage.exists(checkpoints_folder(run))) {
    throw Error("this is no run folder with checkpoints", run, "name the folder of run.folder, or one of its checkpoints/step_... folders",
                ExitCode::data);
  }
  return read_catalogue(storage, run);
}

std::string status_of(const Catalogue& catalogue, const CatalogueEntry& entry) {
  if (entry.suffix.rfind(".corrupt", 0) == 0) return "set aside";
  if (entry.suffix == ".del") return "being deleted";
  if (!entry.suffix.empty()) return "not committed";
  if (!catalogue.lineage.contains(entry.id)) return "abandoned";
  return entry.manifest ? "manifest verifies" : "does not verify";
}

Json entry_json(const Catalogue& catalogue, const CatalogueEntry& entry) {
  Json json{{"name", entry.name}, {"step", entry.id.step}, {"attempt", entry.id.attempt}, {"status", status_of(catalogue, entry)}};
  json["verified"] = entry.manifest.has_value();
  Json reason = Json::object();
  for (const char* key : {"uuid", "parent", "bytes", "health"}) json[key] = nullptr;
  if (entry.manifest) {
    json["uuid"] = entry.id.uuid;
    if (entry.manifest->parent) json["parent"] = entry.manifest->parent->uuid;
    if (!entry.manifest->parent) reason["parent"] = "the run began with step 0";
    json["bytes"] = total_bytes(*entry.manifest);
    json["health"] = health_word(entry.manifest->health);
  } else {
    const std::string why = entry.problem.empty() ? status_of(catalogue, entry) : entry.problem;
    for (const char* key : {"uuid", "parent", "bytes", "health"}) reason[key] = why;
  }
  if (!reason.empty()) json["reason"] = reason;
  return json;
}

int list(Storage& storage, const std::string& run, bool as_json) {
  const Catalogue catalogue = catalogue_of(storage, run);
  Json rows = Json::array();
  for (const CatalogueEntry& entry : catalogue.entries) rows.push_back(entry_json(catalogue, entry));
  if (as_json) {
    std::cout << Json{{"schema", "ergon.checkpoint_list.v1"}, {"run", run}, {"checkpoints", rows}}.dump(2) << "\n";
    return 0;
  }
  std::cout << fmt::format("{:>10} {:>8} {:>14} {:<10} {:<18} {:<32} {}\n", "step", "attempt", "bytes", "health", "status", "uuid",
                           "parent");
  for (const Json& row : rows) {
    const auto text = [&](const char* key) {
      return row[key].is_null() ? std::string("-") : row[key].is_string() ? row[key].get<std::string>() : row[key].dump();
    };
    std::cout << fmt::format("{:>10} {:>8} {:>14} {:<10} {:<18} {:<32} {}\n", text("step"), text("attempt"), text("bytes"), text("health"),
                             text("status"), text("uuid"), text("parent"));
  }
  return 0;
}

// Names of checkpoints, or their folders, to verify.
std::vector<std::string> folders_of(Storage& storage, const std::string& path) {
  if (is_checkpoint(storage, path)) return {path};
  std::vector<std::string> folders;
  for (const CatalogueEntry& entry : catalogue_of(storage, path).entries) {
    if (entry.suffix.empty()) folders.push_back(checkpoints_folder(path) + "/" + entry.name);
  }
  if (folders.empty())
    throw Error("there is no checkpoint to verify", path, "train until the first save (checkpoint.every)", ExitCode::data);
  return folders;
}

int verify(Storage& storage, const std::string& path, bool as_json) {
  bool good = true;
  Json rows = Json::array();
  for (const std::string& folder : folders_of(storage, path)) {
    const std::vector<std::string> problems = verify_checkpoint(storage, folder, VerifyDepth::full);
    good = good && problems.empty();
    rows.push_back({{"folder", folder}, {"good", problems.empty()}, {"problems", problems}});
    if (as_json) continue;
    std::cout << fmt::format("{}: {}\n", folder, problems.empty() ? "good" : "DAMAGED");
    for (const std::string& problem : problems) std::cout << "  " << problem << "\n";
  }
  if (as_json) std::cout << Json{{"schema", "ergon.checkpoint_verify.v1"}, {"good", good}, {"checkpoints", rows}}.dump(2) << "\n";
  return static_cast<int>(good ? ExitCode::ok : ExitCode::data);
}

Json tensor_json(const StoredTensor& tensor) {
  Json pieces = Json::array();
  for (const StoredPiece& stored : tensor.pieces) {
    pieces.push_back({{"file", stored.file}, {"dataset", stored.dataset}, {"offset", stored.offset}, {"bytes", stored.bytes}});
  }
  return {{"name", tensor.name}, {"dtype", stored_dtype_name(tensor.dtype)}, {"shape", tensor.shape}, {"pieces", pieces}};
}

void print_inspection(const Manifest& manifest, const RunState& state, const CheckpointIndex& index) {
  std::cout << fmt::format("step {}  attempt {}  tokens {}  health {}  {} bytes in {} files\n", state.step, manifest.id.attempt,
                           state.tokens.value, health_word(state.health), total_bytes(manifest), manifest.files.size());
  std::cout << fmt::format("uuid {}  parent {}  run {}\n", manifest.id.uuid, manifest.parent ? manifest.parent->uuid : "-",
                           manifest.run_uuid);
  std::cout << fmt::format("mesh dp={} pp={} cp={} tp={} ({})  threads {}  cpu {}\n\n", state.mesh.dp, state.mesh.pp, state.mesh.cp,
                           state.mesh.tp, state.mesh_order, state.threads, state.cpu);
  for (const StoredTensor& tensor : index.tensors) {
    std::cout << fmt::format("{:<56} {:<9} {}  {} {}\n", tensor.name, stored_dtype_name(tensor.dtype), extents_text(tensor.shape),
                             tensor.pieces.size(), tensor.pieces.size() == 1 ? "piece" : "pieces");
  }
}

int inspect(Storage& storage, const std::string& folder, bool as_json) {
  if (!is_checkpoint(storage, folder)) {
    throw Error(fmt::format("this is not the folder of a checkpoint: it has no {}", manifest_name), folder,
                "name RUN/checkpoints/step_...; `ergon checkpoint list RUN` lists them", ExitCode::data);
  }
  const CheckpointReader checkpoint(storage, folder);
  if (!as_json) {
    print_inspection(checkpoint.manifest(), checkpoint.state(), checkpoint.index());
    return 0;
  }
  Json tensors = Json::array();
  for (const StoredTensor& tensor : checkpoint.index().tensors) tensors.push_back(tensor_json(tensor));
  const Json json{{"schema", "ergon.checkpoint_inspect.v1"},
                  {"manifest", Json::parse(to_text(checkpoint.manifest()))},
                  {"state", Json::parse(checkpoint.state_text())},
                  {"provenance", Json::parse(checkpoint.provenance())},
                  {"tensors", tensors}};
  std::cout << json.dump(2) << "\n";
  return 0;
}

RetentionRules rules_of(Storage& storage, const std::string& run, const std::vector<std::string>& overrides) {
  const std::string file = RunFolder(storage, run).config();
  if (!storage.exists(file))
    throw Error("there is no configuration that says which checkpoints are wanted", file, "name the folder of run.folder", ExitCode::data);
  const CheckpointSection keys = parse_run_text(storage.read_text(file), file, overrides).checkpoint;
  return {keys.keep, keys.keep_every, keys.keep_best};
}

// Under the run's lock, as a run deletes: who trains there is not disturbed.
int gc(Storage& storage, const std::string& run, const std::vector<std::string>& overrides, bool dry_run, bool as_json) {
  catalogue_of(storage, run);
  const RetentionRules rules = rules_of(storage, run, overrides);
  std::vector<std::string> messages;
  std::vector<Removal> removals = plan_retention(storage, run, rules);
  bool good = true;
  if (!dry_run) {
    const RunLock lock(storage, run, {}, [](const std::string& text) { std::cerr << text << "\n"; });
    removals = plan_retention(storage, run, rules);
    messages = retain_checkpoints(storage, run, rules, [&] { lock.check(); }).messages;
    for (const Removal& removal : removals) good = good && !storage.exists(checkpoints_folder(run) + "/" + removal.name);
  }
  if (as_json) {
    Json rows = Json::array();
    for (const Removal& removal : removals) rows.push_back({{"name", removal.name}, {"why", removal.why}});
    std::cout << Json{{"schema", "ergon.checkpoint_gc.v1"},
                      {"run", run},
                      {"dry_run", dry_run},
                      {"unwanted", rows},
                      {"good", good},
                      {"messages", messages}}
                     .dump(2)
              << "\n";
  } else {
    if (dry_run)
      for (const Removal& removal : removals) messages.push_back(fmt::format("would delete {}: {}", removal.name, removal.why));
    if (messages.empty()) messages.push_back("every checkpoint is wanted");
    for (const std::string& message : messages) std::cout << message << "\n";
  }
  return static_cast<int>(good ? ExitCode::ok : ExitCode::data);
}

struct CheckpointCommand {
  const char* name;
  const char* summary;
  int (*function)(int argc, char** argv);
};

constexpr CheckpointCommand other_commands[] = {
    {"export", "The model in a format that other programs read", command_checkpoint_export},
    {"import", "A run that begins with the parameters of a model", command_checkpoint_import},
    {"diff", "How two checkpoints differ; exit code 1 when they do", command_checkpoint_diff},
    {"merge", "The mean of checkpoints", command_checkpoint_merge},
    {"resave", "A checkpoint in canonical form: one shard, whatever mesh wrote it", command_checkpoint_resave},
};

}  // namespace

int command_checkpoint(int argc, char** argv) {
  for (const CheckpointCommand& command : other_commands)
    if (argc > 1 && std::string(argv[1]) == command.name) return command.function(argc - 1, argv + 1);
  std::string path;
  std::vector<std::string> overrides;
  bool json = false, dry_run = false;
  CommandLine line("ergon checkpoint", "Checkpoints: which a run has, whether they are whole, what is in one, and ways to other formats");
  const auto declare = [&](const char* name, const char* summary, const char* metavar, const char* help) {
    CommandLine& sub = line.subcommand(name, summary);
    sub.positional(path, metavar, help);
    sub.flag(json, "--json", "print JSON");
    return &sub;
  };
  declare("list", "The checkpoints of a run, newest first", "RUN", "a run folder");
  declare("verify", "Read every byte again; exit code 3 when something is wrong", "RUN|DIR",
          "a run folder, or the folder of one checkpoint");
  declare("inspect", "Tensors, state and provenance of one checkpoint", "DIR", "the folder of a checkpoint: RUN/checkpoints/step_...");
  CommandLine* collect = declare("gc", "Delete the checkpoints that checkpoint.keep, keep_every and keep_best of the run do not want",
                                 "RUN", "a run folder in which nobody trains");
  collect->rest(overrides, "KEY=VALUE", "other rules than those of the run: checkpoint.keep=1");
  collect->flag(dry_run, "--dry-run", "only say which");
  for (const CheckpointCommand& command : other_commands) line.subcommand(command.name, command.summary);
  line.footer(
      "Examples:\n  ergon checkpoint list runs/demo\n  ergon checkpoint verify runs/demo\n  ergon checkpoint gc runs/demo --dry-run\n");
  if (!line.parse(argc, argv)) return 0;

  Storage storage(hdf5_helper());
  path = without_slashes(path);
  if (line.chosen() == "list") return list(storage, path, json);
  if (line.chosen() == "verify") return verify(storage, path, json);
  if (line.chosen() == "gc") return gc(storage, path, overrides, dry_run, json);
  return inspect(storage, path, json);
}

}  // namespace ergon
