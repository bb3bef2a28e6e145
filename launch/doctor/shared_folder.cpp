// SPDX-License-Identifier: Apache-2.0
#include "launch/doctor/shared_folder.hpp"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "launch/doctor/wait_asleep.hpp"
#include "trainer/checkpoint/agreement.hpp"

namespace ergon {
namespace {

namespace fs = std::filesystem;

std::string random_word() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

fs::path above(fs::path folder, int levels) {
  for (int i = 0; i < levels; ++i) folder = folder.parent_path();
  return folder;
}

// How far above the folder something exists already: the run will make the rest.
int missing_levels(fs::path folder) {
  int levels = 0;
  std::error_code none;
  for (; !fs::is_directory(folder, none) && folder != folder.parent_path(); folder = folder.parent_path()) ++levels;
  return levels;
}

bool holds(const fs::path& path, const std::string& text) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {}) == text;
}

bool appears(const fs::path& path, const std::string& text, Clock::time_point deadline) {
  while (!holds(path, text)) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

std::string token_path(const std::string& folder, const std::string& word, int rank) {
  return fmt::format("{}/.ergon-doctor-{}.{}", folder, word, rank);
}

void write_token(Storage& storage, const std::string& word, int rank, FolderView& view) {
  try {
    storage.write_text(token_path(view.path, word, rank), word);
  } catch (const Error& error) {
    view.problem = error.problem();
  }
}

// On rank 0: which of the others' tokens it sees. Ranks say first whether they wrote one.
std::vector<int> unseen_tokens(const std::vector<std::string>& wrote, const FolderView& view, const std::string& word, Seconds patience) {
  std::vector<int> unseen;
  const Clock::time_point deadline = deadline_after(patience);
  for (std::size_t rank = 1; rank < wrote.size(); ++rank)
    if (wrote[rank] == "yes" && !appears(token_path(view.path, word, static_cast<int>(rank)), word, deadline))
      unseen.push_back(static_cast<int>(rank));
  return unseen;
}

Bytes free_in(Storage& storage, const std::string& path) {
  try {
    return {storage.free_bytes(path)};
  } catch (const Error&) {
    return {0};
  }
}

}  // namespace

FolderView look_at_folder(Communicator& world, LocalRank local, Storage& storage, const std::string& folder, Seconds patience) {
  fs::path whole = fs::absolute(folder).lexically_normal();
  if (!whole.has_filename() && whole.has_relative_path()) whole = whole.parent_path();  // "run/" is "run"
  FolderView view;
  nlohmann::json plan;
  world.barrier().wait();  // where ranks cannot meet, no file is left behind
  if (world.rank() == 0) {
    const int levels = missing_levels(whole);
    view.path = above(whole, levels).string();
    const std::string word = random_word();
    write_token(storage, word, 0, view);
    plan = {{"levels", levels}, {"word", word}, {"written", view.problem.empty()}};
  }
  plan = nlohmann::json::parse(broadcast_text(world, plan.dump()));
  const std::string word = plan.at("word");
  view.path = above(whole, plan.at("levels").get<int>()).string();
  const bool writes = world.rank() > 0 && local.rank == 0;
  if (writes) write_token(storage, word, world.rank(), view);

  const Clock::time_point start = Clock::now();
  view.sees = plan.at("written").get<bool>() && appears(token_path(view.path, word, 0), word, deadline_after(patience));
  view.waited = since(start);
  std::error_code none;
  view.there = view.sees || fs::is_directory(view.path, none);
  if (view.there) view.free = free_in(storage, view.path);
  const std::vector<std::string> wrote = gather_text(world, writes && view.problem.empty() ? "yes" : "no");
  const std::vector<int> unseen = world.rank() == 0 ? unseen_tokens(wrote, view, word, patience) : std::vector<int>();
  const std::vector<int> agreed = nlohmann::json::parse(broadcast_text(world, nlohmann::json(unseen).dump()));
  for (const int rank : agreed) view.is_seen = view.is_seen && rank != world.rank();
  try {
    if ((writes || world.rank() == 0) && view.problem.empty()) storage.unlink(token_path(view.path, word, world.rank()));
  } catch (const Error& error) {
    view.problem = error.problem();
  }
  if (!view.there) view.problem.clear();  // it would say the same
  wait_asleep(world.barrier());
  return view;
}

}  // namespace ergon
