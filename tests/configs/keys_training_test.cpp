// SPDX-License-Identifier: Apache-2.0
#include "configs/keys.hpp"
#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;
using test::refused;

TEST_CASE("[data], [train] and [optimizer] write their sections and keep their ranges") {
  CHECK(keys_training().size() == 10 + 7 + 10);
  CHECK(overridden({"data.train=a.h5"}).data.train == std::vector<std::string>{"a.h5"});
  CHECK(overridden({"data.train=[\"a.h5\", 'b.h5']"}).data.train == std::vector<std::string>{"a.h5", "b.h5"});
  CHECK(overridden({"data.document_mask=true"}).data.document_mask);
  CHECK(overridden({"data.mask_fraction=0.3"}).data.mask_fraction == 0.3);
  for (const char* fraction : {"0", "1"})
    CHECK(refused({std::string("data.mask_fraction=") + fraction}).find("data.mask_fraction takes a number in (0, 1), not ") !=
          std::string::npos);
  CHECK(overridden({"train.steps=1e3"}).train.steps == 1000);
  CHECK(overridden({"optimizer.betas=[0, 0.5]"}).optimizer.betas == std::array<double, 2>{0.0, 0.5});
  CHECK(overridden({"optimizer.no_decay=bias"}).optimizer.no_decay == std::vector<std::string>{"bias"});

  CHECK(refused({"train.steps=0"}).find("train.steps takes a whole number >= 1, not 0") != std::string::npos);
  CHECK(refused({"train.evaluate_batches=0"}).find("train.evaluate_batches takes a whole number >= 1, not 0") != std::string::npos);
  CHECK(refused({"optimizer.betas=[0.9]"}).find("optimizer.betas takes a list of two numbers, each in [0, 1), not [0.9]") !=
        std::string::npos);
  CHECK(refused({"optimizer.betas=0.9"}).find("optimizer.betas takes a list of two numbers, each in [0, 1), not 0.9") != std::string::npos);
  CHECK(refused({"optimizer.betas=[0.9, 1]"}).find("optimizer.betas takes a list of two numbers, each in [0, 1), not [0.9, 1]") !=
        std::string::npos);
  CHECK(refused({"optimizer.no_decay=biass"}).find("takes one of norm|bias|embedding|matrix, not 'biass'\n  hint: did you mean 'bias'?") !=
        std::string::npos);
  CHECK(refused({"optimizer.lr=-1"}).find("optimizer.lr takes a number >= 0, not -1") != std::string::npos);
  CHECK(refused({"optimizer.lr=fast"}).find("optimizer.lr takes a number >= 0, not 'fast'") != std::string::npos);
  for (const char* path : {R"("a\u0000.h5")", R"("a\nb.h5")", R"(["a.h5", "b\u007f"])"})
    CHECK(refused({std::string("data.train=") + path}).find("data.train takes a path without control characters, not ") !=
          std::string::npos);
  CHECK(overridden({"data.validation=../a b/\xc3\xa4.h5"}).data.validation == std::vector<std::string>{"../a b/\xc3\xa4.h5"});
  CHECK(refused({"data.train=[1]"}).find("data.train takes a text or a list of texts, not [1]") != std::string::npos);
}
