// SPDX-License-Identifier: Apache-2.0
#include "trainer/rank_zero.hpp"

#include <ATen/ops/empty.h>

#include <cstring>
#include <nlohmann/json.hpp>

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
  nlohmann::json answer;
  if (control.rank() == 0) {
    try {
      answer["text"] = work();
    } catch (const Error& error) {
      answer["error"] = {
          {"what", error.problem()}, {"where", error.where()}, {"hint", error.hint()}, {"code", static_cast<int>(error.code())}};
    }
  }
  answer = nlohmann::json::parse(broadcast_text(control, control.rank() == 0 ? answer.dump() : std::string()));
  if (!answer.contains("error")) return answer.at("text");
  const nlohmann::json& error = answer["error"];
  throw AgreedError(error["what"], error["where"], error["hint"], static_cast<ExitCode>(error["code"].get<int>()));
}

}  // namespace ergon
