// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint/agreement.hpp"

#include <ATen/ops/empty.h>

#include <cstring>

#include "trainer/checkpoint/json.hpp"

namespace ergon {

namespace {

at::Tensor integers(const std::vector<std::int64_t>& values) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int64_t>());
  return tensor;
}

at::Tensor text_tensor(const std::string& text, std::int64_t length) {
  at::Tensor tensor = at::empty({length}, at::kByte);
  if (!text.empty()) std::memcpy(tensor.mutable_data_ptr(), text.data(), text.size());
  return tensor;
}

std::string text_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), static_cast<std::size_t>(tensor.numel())};
}

std::string to_text(const Failure& failure) {
  return Json::array({failure.problem, failure.where, failure.hint, static_cast<int>(failure.code), failure.corrupt})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Failure parse_failure(const std::string& text) {
  const Json json = Json::parse(text);
  return {json.at(0).get<std::string>(), json.at(1).get<std::string>(), json.at(2).get<std::string>(),
          static_cast<ExitCode>(json.at(3).get<int>()), json.at(4).get<bool>()};
}

}  // namespace

Failure current_failure() {
  try {
    throw;
  } catch (const Corrupt& error) {
    return {error.problem(), error.where(), error.hint(), error.code(), true};
  } catch (const Error& error) {
    return {error.problem(), error.where(), error.hint(), error.code(), false};
  } catch (const std::bad_alloc&) {
    return {"no memory was left", "", "", ExitCode::data, false};
  } catch (const Bug&) {
    throw;
  } catch (const std::exception& error) {
    return {error.what(), "", "", ExitCode::data, false};
  }
}

std::string broadcast_text(Communicator& control, std::string text, int root) {
  const at::Tensor length = integers({static_cast<std::int64_t>(text.size())});
  control.broadcast(length, root).wait();
  const bool owner = control.rank() == root;
  const at::Tensor data = text_tensor(owner ? text : "", length.item<std::int64_t>());
  if (data.numel() > 0) control.broadcast(data, root).wait();
  return owner ? text : text_of(data);
}

std::vector<std::string> gather_text(Communicator& control, const std::string& text) {
  const at::Tensor lengths = integers(std::vector<std::int64_t>(static_cast<std::size_t>(control.size()), 0));
  control.all_gather(lengths, integers({static_cast<std::int64_t>(text.size())})).wait();
  if (control.rank() != 0) {
    if (!text.empty()) control.send(text_tensor(text, static_cast<std::int64_t>(text.size())), 0).wait();
    return {};
  }
  std::vector<std::string> texts = {text};
  for (int rank = 1; rank < control.size(); ++rank) {
    const at::Tensor data = text_tensor("", lengths.const_data_ptr<std::int64_t>()[rank]);
    if (data.numel() > 0) control.recv(data, rank).wait();
    texts.push_back(text_of(data));
  }
  return texts;
}

std::optional<Failure> agree(Communicator& control, const std::optional<Failure>& mine) {
  // The largest number wins: failures above none, those that are no corruption above those that are, lower ranks above higher ones.
  const std::int64_t ranks = control.size();
  const std::int64_t kind = !mine ? 0 : mine->corrupt ? 1 : 2;
  const at::Tensor worst = integers({kind == 0 ? 0 : kind * ranks + (ranks - 1 - control.rank())});
  control.all_reduce(worst, Reduction::max).wait();
  const std::int64_t value = worst.item<std::int64_t>();
  if (value == 0) return std::nullopt;
  const int root = static_cast<int>(ranks - 1 - value % ranks);
  return parse_failure(broadcast_text(control, control.rank() == root ? to_text(*mine) : "", root));
}

void on_every_rank(Communicator& control, const std::function<void()>& work) {
  std::optional<Failure> mine;
  try {
    work();
  } catch (const std::exception&) {
    mine = current_failure();
  }
  if (const auto failure = agree(control, mine)) throw failure->error();
}

}  // namespace ergon
