// SPDX-License-Identifier: Apache-2.0
#include "trainer/rank_zero.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "parallel/error_json.hpp"

namespace ergon {
namespace {

std::string broadcast_text(Communicator& control, const std::string& text) {
  at::Tensor size = at::empty({1}, at::kLong);
  *size.data_ptr<std::int64_t>() = static_cast<std::int64_t>(text.size());
  control.broadcast(size, 0).wait();
  at::Tensor bytes = at::empty({*size.data_ptr<std::int64_t>()}, at::kByte);
  if (control.rank() == 0) std::memcpy(bytes.data_ptr(), text.data(), text.size());
  control.broadcast(bytes, 0).wait();
  return {static_cast<const char*>(bytes.data_ptr()), static_cast<std::size_t>(bytes.numel())};
}

}  // namespace

std::string on_rank_zero(Communicator& control, const std::function<std::string()>& work) {
  constexpr char answered = '+', failed = '-';
  std::string answer;
  if (control.rank() == 0) {
    try {
      answer = answered + work();
    } catch (const Error& error) {  // a name in it that is not UTF-8 comes changed, but it comes: the others wait
      answer = failed + json_of(error).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
  answer = broadcast_text(control, answer);
  const std::string text = answer.substr(1);
  if (answer.front() == answered) return text;
  const Error error = error_from(nlohmann::json::parse(text));
  throw AgreedError(error.problem(), error.where(), error.hint(), error.code());
}

void share_bytes(Communicator& control, std::span<std::byte> bytes, Bytes message) {
  const std::int64_t size = std::ssize(bytes);
  for (std::int64_t at = 0; at < size; at += message.value)
    control.broadcast(at::from_blob(bytes.data() + at, {std::min(message.value, size - at)}, at::kByte), 0).wait();
}

}  // namespace ergon
