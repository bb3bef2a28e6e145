// SPDX-License-Identifier: Apache-2.0
// A small model whose every element has a value known from its name, its global index and the step, cut over tp and dp in two ways; a
// storage that fails at its n-th call; saving and loading with one line.
//
// tensors: parameters/matrix [40, 30] columns over tp; parameters/embedding [257, 6] rows over tp, unevenly; parameters/norm [30] and the
// int64 scalar records/count on every tensor rank; parameters/large [300, 1000] (two CRC blocks) rows over tp.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "parallel/communicator_local.hpp"
#include "tests/support/inspecting_storage.hpp"
#include "tests/support/temporary_folder.hpp"
#include "trainer/checkpoint/loader.hpp"
#include "trainer/checkpoint/saver.hpp"

#include "tests/support/catch.hpp"

namespace ergon {

using test::TemporaryFolder;

enum class Cut {
  owner,  // over dp one rank writes a tensor
  zero,   // over dp every rank writes a range of the box, cut in the middle of rows
};
struct Where {
  int tp = 1, tp_rank = 0, dp = 1, dp_rank = 0;
  Cut cut = Cut::owner;
};
Where where(int tp, int dp, int rank, Cut cut);

enum class Size { small, large };  // small: without parameters/large
// Filled with the values of `step`; step -1: zeros, to load into.
std::vector<CheckpointTensor> model(const Where& where, std::int64_t step, Size size = Size::small);
// The tensors hold exactly the values of `step`.
bool holds(const std::vector<CheckpointTensor>& tensors, std::int64_t step);

// Walks the elements of a piece of a tensor of this shape: their places counted from the piece's first element, and in the tensor.
void for_each_element(const Extents& shape, const Piece& piece, const std::function<void(std::int64_t local, std::int64_t global)>& visit);
// A value of a name, a place in the tensor and a step; 0 for step -1.
double value_of(const std::string& name, std::int64_t index, std::int64_t step);

RunState state_of(std::int64_t step);

// What a killed process does: nothing more. No std::exception, so that nobody catches it.
struct Killed {};

// kill_half: of a write the first half is done. full: as error, but only calls that take space count: the others depend on which rank makes
// the folders that all need.
enum class Fault { none, error, kill, kill_half, full };
class FaultyStorage : public Storage {
 public:
  explicit FaultyStorage(Fault fault = Fault::none, int at = 0) : Storage(test::inspect_here), fault_(fault), at_(at) {}
  int calls() const { return calls_; }

  File create(const std::string& path) override { return call(path), Storage::create(path); }
  File open_write(const std::string& path) override { return call(path), Storage::open_write(path); }
  File open_append(const std::string& path) override { return call(path), Storage::open_append(path); }
  File open_read(const std::string& path) override { return call(path), Storage::open_read(path); }
  File open_read_inside(const std::string& folder, const std::string& name) override {
    return call(folder), Storage::open_read_inside(folder, name);
  }
  void allocate(const File& file, std::int64_t bytes) override;
  void pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) override;
  void append(const File& file, std::string_view text) override;
  void truncate(const File& file, std::int64_t bytes) override { call(file.path()), Storage::truncate(file, bytes); }
  void sync(const File& file) override { call(file.path()), Storage::sync(file); }
  void sync_directory(const std::string& path) override { call(path), Storage::sync_directory(path); }
  void rename(const std::string& from, const std::string& to) override { call(from), Storage::rename(from, to); }
  void make_directory(const std::string& path) override { call(path), Storage::make_directory(path); }
  void make_directories(const std::string& path) override { call(path), Storage::make_directories(path); }
  void unlink(const std::string& path) override { call(path), Storage::unlink(path); }
  void remove_directory(const std::string& path) override { call(path), Storage::remove_directory(path); }
  void pread(const File& file, std::span<std::byte> data, std::int64_t offset) override {
    call(file.path()), Storage::pread(file, data, offset);
  }

 private:
  bool due() { return ++calls_ == at_ && fault_ != Fault::none; }
  void call(const std::string& path);
  [[noreturn]] void strike(const std::string& path);
  Fault fault_;
  int at_;
  int calls_ = 0;
};

// One rank saves; keep 0: nothing is deleted.
SaveResult save_alone(Storage& storage, const std::string& run, std::int64_t step, int attempt = 1, std::int64_t keep = 0,
                      Health health = {}, const std::optional<CheckpointId>& parent = {});
// tp x dp local ranks save together.
std::vector<SaveResult> save_together(Storage& storage, const std::string& run, std::int64_t step, int tp, int dp, Cut cut,
                                      Size size = Size::small);

struct Loaded {
  bool found = false;
  std::int64_t step = -1;  // what state() says
  bool exact = false;      // every tensor holds the values of that step
  std::vector<std::string> messages;
  CheckpointId id;
};
Loaded load_alone(Storage& storage, const std::string& run);

// The message of the Error that `call` throws, with the place; "no error".
std::string error_of(const std::function<void()>& call);

bool contains(const std::string& text, const std::string& part);
bool any_contains(const std::vector<std::string>& texts, const std::string& part);

}  // namespace ergon
