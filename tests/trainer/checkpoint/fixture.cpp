// SPDX-License-Identifier: Apache-2.0
#include "tests/trainer/checkpoint/fixture.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "configs/error.hpp"
#include "trainer/checkpoint/lineage.hpp"

namespace ergon {

double value_of(const std::string& name, std::int64_t index, std::int64_t step) {
  if (step < 0) return 0;
  std::uint64_t x = std::hash<std::string>{}(name) + static_cast<std::uint64_t>(index) * 0x9e3779b97f4a7c15ull +
                    static_cast<std::uint64_t>(step) * 1000003u;
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9ull;
  x ^= x >> 32;
  return static_cast<double>(x % 16'000'000) + 1;
}

// Walks the elements of a piece by their global coordinates: slow and plain on purpose, independent of shard_box.cpp.
void for_each_element(const Extents& shape, const Piece& piece, const std::function<void(std::int64_t local, std::int64_t global)>& visit) {
  for (std::int64_t i = piece.range.begin; i < piece.range.end; ++i) {
    std::int64_t rest = i, global = 0, stride = 1;
    for (std::size_t dim = shape.size(); dim-- > 0;) {
      const std::int64_t extent = piece.box.extent[dim];
      global += (piece.box.offset[dim] + rest % extent) * stride;
      rest /= extent;
      stride *= shape[dim];
    }
    visit(i - piece.range.begin, global);
  }
}

namespace {

struct Plan {
  const char* name;
  Extents shape;
  int cut_dim;  // over tp; -1: on every tensor rank
  at::ScalarType dtype;
};

std::vector<Plan> plans(Size size) {
  std::vector<Plan> all = {{"parameters/embedding", {257, 6}, 0, at::kFloat},
                           {"parameters/matrix", {40, 30}, 1, at::kFloat},
                           {"parameters/norm", {30}, -1, at::kDouble},
                           {"records/count", {}, -1, at::kLong}};
  if (size == Size::large) all.push_back({"parameters/large", {300, 1000}, 0, at::kFloat});
  return all;
}

template <typename T>
void fill(CheckpointTensor& tensor, std::int64_t step) {
  T* out = tensor.data.mutable_data_ptr<T>();
  for_each_element(tensor.global_shape, tensor.piece,
                   [&](std::int64_t local, std::int64_t global) { out[local] = static_cast<T>(value_of(tensor.name, global, step)); });
}

template <typename T>
bool filled(const CheckpointTensor& tensor, std::int64_t step) {
  bool same = true;
  const T* data = tensor.data.const_data_ptr<T>();
  for_each_element(tensor.global_shape, tensor.piece, [&](std::int64_t local, std::int64_t global) {
    same = same && data[local] == static_cast<T>(value_of(tensor.name, global, step));
  });
  return same;
}

CheckpointTensor cut_tensor(const Plan& plan, const Where& where, int number) {
  ShardBox box = whole(plan.shape);
  if (plan.cut_dim >= 0) {
    const auto dim = static_cast<std::size_t>(plan.cut_dim);
    const std::int64_t begin = plan.shape[dim] * where.tp_rank / where.tp, end = plan.shape[dim] * (where.tp_rank + 1) / where.tp;
    box.offset[dim] = begin;
    box.extent[dim] = end - begin;
  }
  Piece piece = whole_piece(box);
  bool writes = plan.cut_dim >= 0 || where.tp_rank == 0;
  if (where.cut == Cut::zero) {
    const std::int64_t total = piece.range.size();
    piece.range = {total * where.dp_rank / where.dp, total * (where.dp_rank + 1) / where.dp};
  } else {
    writes = writes && number % where.dp == where.dp_rank;
  }
  return {plan.name, plan.shape, piece, at::zeros({piece.range.size()}, plan.dtype), writes};
}

}  // namespace

Where where(int tp, int dp, int rank, Cut cut) { return {tp, rank % tp, dp, rank / tp, cut}; }

std::vector<CheckpointTensor> model(const Where& where, std::int64_t step, Size size) {
  std::vector<CheckpointTensor> tensors;
  int number = 0;
  for (const Plan& plan : plans(size)) {
    CheckpointTensor tensor = cut_tensor(plan, where, number++);
    if (plan.dtype == at::kFloat) fill<float>(tensor, step);
    if (plan.dtype == at::kDouble) fill<double>(tensor, step);
    if (plan.dtype == at::kLong) fill<std::int64_t>(tensor, step);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

bool holds(const std::vector<CheckpointTensor>& tensors, std::int64_t step) {
  bool same = true;
  for (const CheckpointTensor& tensor : tensors) {
    if (tensor.data.scalar_type() == at::kFloat) same = same && filled<float>(tensor, step);
    if (tensor.data.scalar_type() == at::kDouble) same = same && filled<double>(tensor, step);
    if (tensor.data.scalar_type() == at::kLong) same = same && filled<std::int64_t>(tensor, step);
  }
  return same;
}

RunState state_of(std::int64_t step) {
  RunState state;
  state.step = step;
  state.tokens = {step * 4096};
  state.data_state = R"({"epoch":0,"index":)" + std::to_string(step * 32) + "}";
  state.records["guard"] = "[1.5,2.25]";
  state.config = "[run]\nseed = 1\n";
  state.mesh = {2, 1, 1, 2};
  state.binary = "b1";
  state.cpu = "c1";
  state.ledger_lines = step + 3;
  return state;
}

void FaultyStorage::strike(const std::string& path) {
  if (fault_ == Fault::error || fault_ == Fault::full) throw Error("planted failure: No space left on device", path, "", ExitCode::data);
  throw Killed{};
}

void FaultyStorage::call(const std::string& path) {
  if (fault_ != Fault::full && due()) strike(path);
}

void FaultyStorage::allocate(const File& file, std::int64_t bytes) {
  if (due()) strike(file.path());
  Storage::allocate(file, bytes);
}

void FaultyStorage::pwrite(const File& file, std::span<const std::byte> data, std::int64_t offset) {
  if (due()) {
    if (fault_ == Fault::kill_half) Storage::pwrite(file, data.first(data.size() / 2), offset);
    strike(file.path());
  }
  Storage::pwrite(file, data, offset);
}

void FaultyStorage::append(const File& file, std::string_view text) {
  if (due()) {
    if (fault_ == Fault::kill_half) Storage::append(file, text.substr(0, text.size() / 2));
    strike(file.path());
  }
  Storage::append(file, text);
}

SaveResult save_alone(Storage& storage, const std::string& run, std::int64_t step, int attempt, std::int64_t keep, Health health,
                      const std::optional<CheckpointId>& parent) {
  Storage plain;
  const auto control = std::move(make_local_group(1).front());
  CheckpointSaver saver(storage, {run, run_identity(plain, run), attempt, 0, {keep}, parent});
  RunState state = state_of(step);
  state.health = health;
  return saver.save(model({}, step), state, *control);
}

std::vector<SaveResult> save_together(Storage& storage, const std::string& run, std::int64_t step, int tp, int dp, Cut cut, Size size) {
  const std::string uuid = run_identity(storage, run);
  std::vector<SaveResult> results(static_cast<std::size_t>(tp * dp));
  run_local_ranks(tp * dp, [&](std::unique_ptr<Communicator> control) {
    const int rank = control->rank();
    CheckpointSaver saver(storage, {run, uuid, 1, rank, {0}, {}});
    results[static_cast<std::size_t>(rank)] = saver.save(model(where(tp, dp, rank, cut), step, size), state_of(step), *control);
  });
  return results;
}

Loaded load_alone(Storage& storage, const std::string& run) {
  Loaded loaded;
  const auto control = std::move(make_local_group(1).front());
  CheckpointLoader loader(storage, run, *control);
  loaded.found = loader.open();
  if (loaded.found) {
    const auto tensors = model({}, -1);
    loader.load(tensors);
    loaded.step = loader.state().step;
    loaded.exact = holds(tensors, loaded.step);
    loaded.id = loader.id();
  }
  loaded.messages = loader.messages();
  return loaded;
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    return error.problem() + " @ " + error.where();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

bool any_contains(const std::vector<std::string>& texts, const std::string& part) {
  return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) { return contains(text, part); });
}

}  // namespace ergon
