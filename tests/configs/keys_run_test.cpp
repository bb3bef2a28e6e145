// SPDX-License-Identifier: Apache-2.0
#include "configs/keys.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::refused;

TEST_CASE("[run] writes its section and keeps its ranges") {
  CHECK(keys_run().size() == 6);
  RunConfig config = overridden({"run.folder=runs/x", "run.seed=9223372036854775807", "run.device=cuda", "run.threads=2",
                                 "run.deterministic=true", "run.gemm=mkl-generic"});
  CHECK(config.run == RunSection{"runs/x", 9223372036854775807, Device::cuda, 2, true, GemmName::mkl_generic});
  CHECK(overridden({"run.folder=2024"}).run.folder == "2024");
  CHECK(refused({R"(run.folder="a\u0000b")"}).find("run.folder takes a path without control characters, not ") != std::string::npos);
  CHECK(overridden({"run.folder=true"}).run.folder == "true");
  CHECK(refused({"run.seed=-1"}) == "override 'run.seed=-1': run.seed takes a whole number >= 0, not -1");
  CHECK(refused({"run.threads=0"}) == "override 'run.threads=0': run.threads takes a whole number from 1 to 4096, not 0");
  CHECK(refused({"run.deterministic=yes"}) == "override 'run.deterministic=yes': run.deterministic takes true or false, not 'yes'");
  CHECK(refused({"run.gemm=mkl-generi"}) ==
        "override 'run.gemm=mkl-generi': run.gemm takes one of auto|mkl|mkl-generic|mkl-float32|onednn|openblas, not 'mkl-generi'\n  hint: "
        "did you mean "
        "'mkl-generic'?");
  CHECK(refused({"run.device=cudda"}) ==
        "override 'run.device=cudda': run.device takes one of cpu|cuda, not 'cudda'\n  hint: did you mean 'cuda'?");
}
