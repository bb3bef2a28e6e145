// SPDX-License-Identifier: Apache-2.0
#include "trainer/attention/select.hpp"

#include "configs/error.hpp"
#include "trainer/kernels/device.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;

TEST_CASE("a kernel is chosen by name, or refused with the reason") {
  AttentionJob job = attention_job(ModelShape{});
  CHECK(job.sequence == 128);
  for (const std::string name : {"plain", "tiled", "aten"}) CHECK(select_attention(job, name).kernel->name() == name);
  job.dropout = 0.1;
  CHECK_THROWS_WITH(select_attention(job, "aten"), Catch::Matchers::Contains("dropout"));
  job.dropout = 0.0;
  job.window = 16;
  CHECK_THROWS_WITH(select_attention(job, "aten"), Catch::Matchers::Contains("a window"));
  job.window = 0;
  job.documents = true;
  CHECK_THROWS_WITH(select_attention(job, "aten"), Catch::Matchers::Contains("documents"));
  job.documents = false;
  job.whole_blocks = false;
  CHECK_THROWS_WITH(select_attention(job, "aten"), Catch::Matchers::Contains("parts of a sequence"));
  CHECK_THROWS_WITH(select_attention(attention_job(ModelShape{}, at::kBFloat16), "aten"), Catch::Matchers::Contains("bfloat16"));
  CHECK(std::string(select_attention(attention_job(ModelShape{}, at::kBFloat16)).kernel->name()) == "tiled");
  CHECK_THROWS_WITH(select_attention(job, "flash"), Catch::Matchers::Contains("no attention kernel is called \"flash\""));
}

TEST_CASE("automatic choice names its kernel and does every job") {
  for (const double dropout : {0.0, 0.1})
    for (const std::int64_t window : {0, 16}) {
      AttentionJob job;
      job.sequence = 128;
      job.head_width = 32;
      job.dropout = dropout;
      job.window = window;
      const AttentionChoice choice = select_attention(job);
      CHECK_THAT(choice.reason, Catch::Matchers::Contains(choice.kernel->name()));
      if (dropout > 0.0 || window > 0) CHECK(std::string(choice.kernel->name()) == "tiled");
    }
}

TEST_CASE("the tiles follow the length of the sequence") {
  AttentionJob job;
  job.sequence = 511;
  CHECK(select_attention(job, "tiled").kernel->tiles().keys == 64);
  job.sequence = 512;
  CHECK(select_attention(job, "tiled").kernel->tiles().keys == 128);
}

TEST_CASE("tensors on a device take its kernels, by name or automatically, and no kernel of the host") {
  AttentionJob job;
  job.sequence = 128;
  CHECK_THROWS_WITH(select_attention(job, "device"), Catch::Matchers::Contains("no kernels are loaded for device cpu"));
  job.device = at::kCUDA;
  CHECK_THROWS_WITH(select_attention(job), Catch::Matchers::Contains("no kernels are loaded for device cuda"));
  CHECK_THROWS_WITH(select_attention(job, "tiled"), Catch::Matchers::Contains("attention kernel tiled works on the CPU"));
  const DeviceKernels kernels(*ergon_cuda_kernels(), nullptr);
  const DeviceRegistration registration(at::kCUDA, kernels);
  const AttentionChoice choice = select_attention(job);
  CHECK(std::string(choice.kernel->name()) == "device");
  CHECK_THAT(choice.reason, Catch::Matchers::Contains("attention kernel device: the tensors are there"));
}

TEST_CASE("a run goes on with the kernel that it has used, unless its tensors were elsewhere") {
  AttentionJob host, device;
  device.device = at::kCUDA;
  for (const char* name : {"plain", "tiled", "aten", "auto"}) CHECK(continued_attention(host, name) == name);
  CHECK(continued_attention(host, "device") == "auto");
  CHECK(continued_attention(device, "device") == "device");
  CHECK(continued_attention(device, "tiled") == "auto");
}
