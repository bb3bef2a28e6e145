// SPDX-License-Identifier: Apache-2.0
#include "configs/devices.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the dense bf16 peaks are the published ones") {
  const std::pair<const char*, double> expected[] = {
      {"a100", 312e12},  {"h100-sxm", 989e12}, {"h100-pcie", 756e12}, {"h100-nvl", 835e12}, {"h200", 989e12},    {"h20", 148e12},
      {"b200", 2.25e15}, {"gb200", 2.5e15},    {"l40s", 362e12},      {"a6000", 154.85e12}, {"mi300x", 1300e12}, {"mi250x-gcd", 191.5e12}};
  CHECK(device_ids().size() == std::size(expected) + 1);  // v100 has no bfloat16
  for (const auto& [id, rate] : expected) {
    INFO(id);
    std::optional<Peak> peak = device_peak(id, DType::bfloat16);
    REQUIRE(peak);
    CHECK(peak->rate.value == rate);
    CHECK_FALSE(peak->source.empty());
  }
}

TEST_CASE("other types have their own peak, or none") {
  CHECK(device_peak("a100", DType::float32)->rate.value == 19.5e12);
  CHECK(device_peak("h100-sxm", DType::float64)->rate.value == 67e12);
  CHECK(device_peak("h200", DType::float32)->rate.value == 67e12);
  CHECK(device_peak("a6000", DType::float32)->rate.value == 38.7e12);
  CHECK(device_peak("v100", DType::float64)->rate.value == 7.8e12);
  CHECK_FALSE(device_peak("h20", DType::float32));
  CHECK_FALSE(device_peak("v100", DType::bfloat16));
  CHECK_FALSE(device_peak("b200", DType::float32));
  for (const std::string& id : device_ids())
    for (DType dtype : {DType::float32, DType::float64})
      if (std::optional<Peak> peak = device_peak(id, dtype), bf16 = device_peak(id, DType::bfloat16); peak && bf16)
        CHECK(peak->rate.value < bf16->rate.value);
}

TEST_CASE("every row is a peak with its source, or the reason why there is none") {
  for (const std::string& id : device_ids())
    for (DType dtype : {DType::float32, DType::float64, DType::bfloat16}) {
      INFO(id);
      if (std::optional<Peak> peak = device_peak(id, dtype))
        CHECK(peak->source.size() > 10);
      else
        CHECK(unknown_peak_reason(id, dtype).find(": ") != std::string::npos);
    }
}

TEST_CASE("an unknown peak has a reason") {
  CHECK(unknown_peak_reason("", DType::float32) == "accounting.peak names no device");
  CHECK(unknown_peak_reason("V100", DType::bfloat16) ==
        "no known bfloat16 peak of v100: V100 has no bfloat16; the 125e12 in common use are float16");
  CHECK(unknown_peak_reason("h20", DType::float32) == "no known float32 peak of h20: nobody has looked for a source");
  CHECK_THROWS_AS(unknown_peak_reason("a100", DType::float32), Bug);
}

TEST_CASE("any case is accepted, nothing is guessed") {
  CHECK(device_peak("H100-SXM", DType::bfloat16)->rate.value == 989e12);
  CHECK_FALSE(device_peak("", DType::bfloat16));
  CHECK(test::refusal([] {
          device_peak("h100-sxn", DType::bfloat16);
        }).find("there is no device 'h100-sxn' in the table of peaks\n  hint: did you mean 'h100-sxm'? known devices: a100 h100-sxm ") ==
        0);
  CHECK(test::refusal([] { device_peak("rtx4090", DType::bfloat16); }).find("hint: known devices: a100 ") != std::string::npos);
}
