// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/loader.hpp"

#include "trainer/checkpoint/agreement.hpp"
#include "trainer/checkpoint/catalogue.hpp"
#include "trainer/checkpoint/json.hpp"
#include "trainer/checkpoint/piece_reader.hpp"

namespace ergon {

namespace {

// What rank 0 found, as it travels: the texts are those whose checksums it has verified.
struct Choice {
  std::string name;  // empty: nothing to load
  std::string manifest, index, state;
  std::vector<std::string> messages;
};

Choice read_choice(Storage& storage, const std::string& folder, const CatalogueEntry& entry) {
  const std::string path = folder + "/" + entry.name;
  if (!entry.manifest) throw Corrupt(entry.problem, path);
  Choice choice;
  choice.name = entry.name;
  choice.manifest = to_text(*entry.manifest);
  choice.index = read_checked(storage, path, index_name, *entry.manifest);
  choice.state = read_checked(storage, path, state_name, *entry.manifest);
  parse_index(choice.index, path + "/" + index_name, *entry.manifest);
  const RunState state = parse_state(choice.state, path + "/" + state_name);
  if (state.step != entry.id.step) throw Corrupt(fmt::format("the state is that of step {}", state.step), path);
  return choice;
}

// Whether a checkpoint that counts was there, in whatever condition: then the run must not start again from step 0 by itself.
bool had_checkpoints(const Catalogue& catalogue) {
  for (const CatalogueEntry& entry : catalogue.entries) {
    const bool committed = entry.suffix.empty() || entry.suffix.rfind(".corrupt", 0) == 0;
    if (committed && catalogue.lineage.contains(entry.id)) return true;
  }
  return false;
}

// Takes a checkpoint out of the choice; what to say about that.
std::string give_up(Storage& storage, const std::string& run_folder, const std::string& name, Damaged damaged,
                    std::set<std::string>& passed_over) {
  if (damaged == Damaged::set_aside) return "set aside as " + quarantine(storage, run_folder, name);
  passed_over.insert(name);
  return "passed over";
}

Choice choose(Storage& storage, const std::string& run_folder, Damaged damaged, Unusable unusable, std::set<std::string>& passed_over) {
  const std::string folder = checkpoints_folder(run_folder);
  const std::string run_uuid = run_identity(storage, run_folder);
  const Catalogue catalogue = read_catalogue(storage, run_folder);
  std::vector<std::string> messages;
  for (const CatalogueEntry* entry : catalogue.candidates()) {
    if (entry->manifest && entry->manifest->run_uuid != run_uuid) {
      messages.push_back(fmt::format("{} is passed over: it belongs to another run ({})", entry->name, entry->manifest->run_uuid));
      continue;
    }
    if (entry->manifest && !entry->manifest->health.good()) {
      messages.push_back(fmt::format("{} is passed over: it is unhealthy", entry->name));
      continue;
    }
    if (passed_over.count(entry->name) != 0) continue;
    try {
      Choice choice = read_choice(storage, folder, *entry);
      choice.messages = std::move(messages);
      return choice;
    } catch (const Corrupt& error) {
      messages.push_back(fmt::format("{} does not verify: {}; {}", entry->name, error.problem(),
                                     give_up(storage, run_folder, entry->name, damaged, passed_over)));
    }
  }
  if (had_checkpoints(catalogue) && unusable == Unusable::refuse) {
    std::string reasons;
    for (const std::string& message : messages) reasons += "\n  " + message;
    throw Error("none of this run's checkpoints can be loaded" + reasons, folder,
                "`ergon checkpoint list` shows them; rename one that you trust to its name without .corrupt, or start again with --restart",
                ExitCode::data);
  }
  return {"", "", "", "", std::move(messages)};
}

std::string to_text(const Choice& choice) {
  return Json::array({choice.name, choice.manifest, choice.index, choice.state, choice.messages})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Choice parse_choice(const std::string& text) {
  const Json json = Json::parse(text);
  return {json.at(0).get<std::string>(), json.at(1).get<std::string>(), json.at(2).get<std::string>(), json.at(3).get<std::string>(),
          json.at(4).get<std::vector<std::string>>()};
}

void read_tensors(Storage& storage, const std::string& folder, const CheckpointIndex& index, const std::vector<CheckpointTensor>& tensors) {
  PieceReader reader(storage, folder);
  for (const CheckpointTensor& tensor : tensors) {
    const StoredTensor* stored = index.find(tensor.name);
    if (!stored) {
      throw Error(fmt::format("the checkpoint has no tensor {}", tensor.name), folder,
                  "resume with the model that wrote it (state.json has its configuration)", ExitCode::data);
    }
    // Pieces are read into host memory: the tensor itself, or a copy of one on a device.
    CheckpointTensor target = tensor;
    target.data = tensor.data.to(at::kCPU);
    reader.read(*stored, target);
    tensor.data.copy_(target.data);
  }
}

}  // namespace

CheckpointLoader::CheckpointLoader(Storage& storage, std::string run_folder, Communicator& control, Damaged damaged)
    : storage_(storage), run_folder_(std::move(run_folder)), control_(control), damaged_(damaged) {}

CheckpointLoader::~CheckpointLoader() = default;

bool CheckpointLoader::open(Unusable unusable) {
  std::optional<Failure> mine;
  std::string text;
  if (control_.rank() == 0) {
    try {
      text = to_text(choose(storage_, run_folder_, damaged_, unusable, passed_over_));
    } catch (const std::exception&) {
      mine = current_failure();
    }
  }
  if (const auto failure = agree(control_, mine)) throw failure->error();
  const Choice choice = parse_choice(broadcast_text(control_, std::move(text)));
  messages_.insert(messages_.end(), choice.messages.begin(), choice.messages.end());
  index_.reset();
  if (choice.name.empty()) return false;

  folder_ = checkpoints_folder(run_folder_) + "/" + choice.name;
  const Manifest manifest = parse_manifest(choice.manifest, folder_ + "/" + manifest_name);
  id_ = manifest.id;
  index_ = std::make_unique<CheckpointIndex>(parse_index(choice.index, folder_ + "/" + index_name, manifest));
  state_ = parse_state(choice.state, folder_ + "/" + state_name);
  return true;
}

void CheckpointLoader::load(const std::vector<CheckpointTensor>& tensors) {
  ERGON_CHECK(index_ != nullptr, "load() without a checkpoint from open()");
  while (true) {
    std::optional<Failure> mine;
    try {
      read_tensors(storage_, folder_, *index_, tensors);
    } catch (const std::exception&) {
      mine = current_failure();
    }
    const std::optional<Failure> failure = agree(control_, mine);
    if (!failure) return;
    if (!failure->corrupt) throw failure->error();

    std::optional<Failure> trouble;
    std::string message;
    if (control_.rank() == 0) {
      try {
        const std::string name = folder_.substr(checkpoints_folder(run_folder_).size() + 1);
        message = fmt::format("{} does not verify: {} ({}); {}", name, failure->problem, failure->where,
                              give_up(storage_, run_folder_, name, damaged_, passed_over_));
      } catch (const std::exception&) {
        trouble = current_failure();
      }
    }
    if (const auto second = agree(control_, trouble)) throw second->error();
    messages_.push_back(broadcast_text(control_, std::move(message)));
    if (!open())
      throw AgreedError("none of this run's checkpoints can be loaded", run_folder_, "`ergon checkpoint list` shows them", ExitCode::data);
  }
}

}  // namespace ergon
