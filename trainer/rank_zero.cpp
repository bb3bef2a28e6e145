// SPDX-License-Identifier: Apache-2.0
#include "trainer/rank_zero.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "parallel/error_json.hpp"
#include "trainer/checkpoint/agreement.hpp"

namespace ergon {

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
