// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "configs/key_makers.hpp"
#include "configs/keys.hpp"

namespace ergon {
namespace {

Key address_key() {
  auto at = field(&RunConfig::metrics, &MetricsSection::address);
  auto set = [at](RunConfig& config, const Value& value) {
    const std::string text = read_text(value);
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view(".:[]-").find(c) != std::string_view::npos;
    };
    if (text.empty() || !std::ranges::all_of(text, fits)) refuse_value(value, "an address of this machine", "127.0.0.1, 0.0.0.0 or [::1]");
    at(config) = text;
  };
  return make_key(
      {"metrics.address", "", OnResume::free, "that /metrics listens on; 0.0.0.0: every network of the machine, for whoever reaches it"},
      "text", "", set, [at](const RunConfig& config) { return print_texts({at(config)}); });
}

}  // namespace

std::vector<Key> keys_metrics() {
  auto metrics = [](auto member) { return field(&RunConfig::metrics, member); };
  using enum OnResume;
  return {
      integer({"metrics.port", "", free, "/metrics for Prometheus on rank 0; -1: none; 0: a free port, written to RUN/metrics.address"},
              metrics(&MetricsSection::port), -1, 65535),
      address_key(),
      boolean({"metrics.tensorboard", "", free, "event files for TensorBoard, in RUN/tensorboard"}, metrics(&MetricsSection::tensorboard)),
  };
}

}  // namespace ergon
