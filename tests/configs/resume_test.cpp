// SPDX-License-Identifier: Apache-2.0
#include "configs/resume.hpp"

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::overridden;

namespace {

std::string verdict(const std::vector<std::string>& before, const std::vector<std::string>& after,
                    const std::vector<std::string>& allowed = {}) {
  RunConfig stored = overridden(before), now = overridden(after);
  std::string recorded;
  std::string text = test::refusal([&] {
    for (const Change& change : check_resume(stored, now, allowed))
      recorded += fmt::format("{}:{}>{}:{} ", change.key, change.before, change.after, name(change.on_resume));
  });
  return text == "not refused" ? "records " + recorded : text;
}

}  // namespace

TEST_CASE("an equal line changes nothing") {
  CHECK(changes(RunConfig{}, RunConfig{}).empty());
  CHECK(verdict({}, {}) == "records ");
}

TEST_CASE("free keys are not even recorded, layout keys are") {
  CHECK(verdict({}, {"checkpoint.every=7", "watchdog.step=1 h", "launch.nodes=3", "run.folder=elsewhere", "train.evaluate_every=5"}) ==
        "records ");
  CHECK(verdict({}, {"mesh.dp=2", "train.microbatch=4"}) == "records train.microbatch:8>4:layout mesh.dp:1>2:layout ");
}

TEST_CASE("recorded keys need leave") {
  CHECK(verdict({}, {"optimizer.lr=6e-3", "optimizer.minimum_lr=6e-5"}) ==
        "optimizer.lr is 0.006, but the run in this folder was started with 0.0006\n  hint: put it back, or change it on purpose: "
        "--allow-change optimizer.lr");
  CHECK(verdict({}, {"optimizer.lr=6e-3", "optimizer.minimum_lr=6e-5"}, {"optimizer.lr"}) == "records optimizer.lr:0.0006>0.006:recorded ");
  CHECK(verdict({}, {"model.dropout=0.1"}).find("--allow-change model.dropout") != std::string::npos);
  CHECK(verdict({}, {}, {"optimizer.lrr"}) == "--allow-change names the unknown key 'optimizer.lrr'\n  hint: did you mean 'optimizer.lr'?");
}

TEST_CASE("in the deterministic mode data ranks and what they share keep the bits of the losses, nothing else does") {
  const auto kept = [](std::vector<std::string> before, std::vector<std::string> after) {
    const RunConfig stored = overridden(before), now = overridden(after);
    std::string keys;
    for (const Change& change : changes(stored, now))
      if (keeps_bits(change, stored, now)) keys += change.key + " ";
    return keys;
  };
  const std::string ordered = "run.deterministic=true";
  CHECK(kept({ordered}, {ordered, "mesh.dp=2", "mesh.zero=1", "mesh.bucket=1 MiB", "mesh.order=dp-tp-cp-pp"}) ==
        "mesh.dp mesh.order mesh.zero mesh.bucket ");
  CHECK(kept({ordered}, {ordered, "mesh.tp=2", "mesh.pp=2", "mesh.cp=2", "train.microbatch=4", "train.recompute=full", "run.threads=2"})
            .empty());
  CHECK(kept({}, {ordered, "mesh.dp=2"}).empty());
  CHECK(kept({ordered}, {"mesh.dp=2"}).empty());
}

TEST_CASE("steps may grow when the schedule does not depend on them") {
  CHECK(verdict({"optimizer.schedule=constant"}, {"optimizer.schedule=constant", "train.steps=2000"}) == "records ");
  CHECK(verdict({"optimizer.decay_steps=500"}, {"optimizer.decay_steps=500", "train.steps=2000"}) == "records ");
  CHECK(verdict({}, {"train.steps=2000"}).find("--allow-change train.steps") != std::string::npos);
  CHECK(verdict({"optimizer.schedule=constant"}, {"optimizer.schedule=constant", "train.steps=500"}).find("--allow-change train.steps") !=
        std::string::npos);
  CHECK(verdict({"optimizer.schedule=wsd", "optimizer.decay_steps=500"},
                {"optimizer.schedule=wsd", "optimizer.decay_steps=500", "train.steps=2000"})
            .find("--allow-change train.steps") != std::string::npos);
}

TEST_CASE("fixed keys are refused with exit code 3, all at once, whatever is allowed") {
  CHECK(verdict({}, {"run.seed=2"}, {"run.seed"}) ==
        "(3) run.seed is 2, but the run in this folder was started with 1\n  hint: put it back, or start another run: another run.folder, "
        "or --fresh");
  std::string text = verdict({}, {"model.layers=5", "train.dtype=float64", "optimizer.clip=2"});
  CHECK(text.find("(3) the run cannot be resumed with this line: 2 errors") == 0);
  CHECK(text.find("model.layers is 5") != std::string::npos);
  CHECK(text.find("train.dtype is \"float64\"") != std::string::npos);
}
