// SPDX-License-Identifier: Apache-2.0
#include "configs/names.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("the words stand in the order of the enumerations") {
  CHECK(std::string(choice_name(Norm::rmsnorm)) == "rmsnorm");
  CHECK(std::string(choice_name(Positions::none)) == "none");
  CHECK(std::string(choice_name(Mlp::swiglu)) == "swiglu");
  CHECK(std::string(choice_name(Device::cuda)) == "cuda");
  CHECK(std::string(choice_name(DType::float32)) == "float32");
  CHECK(std::string(choice_name(DType::float64)) == "float64");
  CHECK(std::string(choice_name(DType::bfloat16)) == "bfloat16");
  CHECK(std::string(choice_name(Recompute::core)) == "core");
  CHECK(std::string(choice_name(LrSchedule::wsd)) == "wsd");
  CHECK(std::string(choice_name(AttentionSharding::gather_kv)) == "gather_kv");
  CHECK(std::string(choice_name(SequenceLayout::contiguous)) == "contiguous");
  CHECK(std::string(choice_name(PipelineSchedule::one_f_one_b)) == "1f1b");
  CHECK(std::string(choice_name(PipelineSchedule::zero_bubble)) == "zero_bubble");
}
