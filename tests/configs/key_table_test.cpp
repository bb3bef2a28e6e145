// SPDX-License-Identifier: Apache-2.0
#include "configs/key_table.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/configs/refusal.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::parsed;

namespace {

// The names of DESIGN section 1, in its order.
const char* const expected_keys = R"(
run.folder run.seed run.device run.threads run.deterministic run.gemm model.preset model.layers model.width model.heads model.kv_heads
model.head_width model.ffn_width model.vocabulary model.sequence model.window model.causal model.dropout model.norm model.positions
model.mlp model.biases model.tied model.rope_theta model.norm_epsilon model.init_std data.train data.weights data.curriculum
data.packing data.packing_table data.skip data.prefetch data.validation data.document_mask data.mask_fraction train.steps train.batch
train.microbatch train.dtype train.evaluate_every train.evaluate_batches train.recompute optimizer.lr optimizer.minimum_lr
optimizer.betas optimizer.epsilon optimizer.weight_decay optimizer.no_decay optimizer.clip optimizer.schedule optimizer.warmup
optimizer.decay_steps mesh.dp mesh.pp mesh.cp mesh.tp mesh.order mesh.attention mesh.layout mesh.ulysses mesh.gather_heads
mesh.sequence_parallel mesh.schedule mesh.virtual_stages mesh.zero mesh.bucket checkpoint.every checkpoint.keep
checkpoint.keep_every checkpoint.keep_best checkpoint.asynchronous recovery.returns recovery.spike recovery.window watchdog.start
watchdog.step watchdog.checkpoint watchdog.abort accounting.peak accounting.budget launch.with launch.ranks_by launch.nodes
launch.min_nodes launch.gpus_per_node launch.ranks_per_node launch.meshes launch.bind launch.interface launch.hosts launch.environment
launch.modules launch.partition launch.account launch.qos launch.constraint launch.options launch.time launch.warning launch.comeback
launch.starts launch.stalled metrics.port metrics.address metrics.tensorboard
)";

// No key has its default.
const char* const everything_changed = R"(
[run]
folder = "a \"quoted\" folder\\x"
seed = 77
device = "cuda"
threads = 3
deterministic = true
gemm = "onednn"
[model]
preset = "tiny-llama"
layers = 8
width = 96
heads = 6
kv_heads = 3
head_width = 18
ffn_width = 300
vocabulary = 1001
sequence = 77
window = 20
causal = false
dropout = 0.1
norm = "rmsnorm"
positions = "rotary"
mlp = "swiglu"
biases = false
tied = false
rope_theta = 123456.7
norm_epsilon = 1e-6
init_std = 0.0123
[data]
train = ["a.h5", "b c.h5"]
weights = [0.7, 0.3]
curriculum = [{from_step = 10, weights = [1, 0]}, {from_step = 20, weights = [0.05, 1]}]
packing = "best_fit"
packing_table = "packing.h5"
skip = [[5, 9], [100, 101]]
prefetch = 5
validation = "v.h5"
document_mask = true
mask_fraction = 0.25
[train]
steps = 123
batch = 48
microbatch = 2
dtype = "float64"
evaluate_every = 7
evaluate_batches = 3
recompute = "selective"
[optimizer]
lr = 3e-4
minimum_lr = 1e-7
betas = [0.85, 0.999]
epsilon = 1e-9
weight_decay = 0
no_decay = []
clip = 0.5
schedule = "wsd"
warmup = 7
decay_steps = 11
[mesh]
dp = 4
pp = 2
cp = 6
tp = 3
order = "cp-tp-pp-dp"
attention = "hybrid"
layout = "striped"
ulysses = 2
gather_heads = 2
sequence_parallel = true
schedule = "zero_bubble"
virtual_stages = 2
zero = 3
bucket = "1.5 MiB"
[checkpoint]
every = 0
keep = 1
keep_every = 500
keep_best = true
asynchronous = false
[recovery]
returns = 2
spike = 5.5
window = 64
[watchdog]
start = "1 h 1 s"
step = 12.5
checkpoint = "2 d"
abort = "250 ms"
[accounting]
peak = "h100-sxm"
budget = "1.25 pfs-days"
[launch]
with = "slurm"
ranks_by = "mpirun"
nodes = 16
min_nodes = 8
gpus_per_node = 8
ranks_per_node = 4
meshes = ["dp=2 tp=2", "dp=2"]
bind = "core"
interface = "ib0"
hosts = "hosts.txt"
environment = ["NCCL_DEBUG=INFO", "X=a b"]
modules = ["openmpi"]
partition = "gpu"
account = "a1"
qos = "high"
constraint = "a100"
options = ["--exclusive"]
time = "4 h"
warning = "5 min"
comeback = "chain"
starts = 7
stalled = 5
[metrics]
port = 0
address = "0.0.0.0"
tensorboard = true
)";

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

}  // namespace

TEST_CASE("every key of the design stands in the table, once, described") {
  CHECK(key_names() == words(expected_keys));
  for (const Key& key : key_table()) {
    INFO(key.name);
    CHECK_FALSE(key.type.empty());
    CHECK_FALSE(key.help.empty());
    CHECK_FALSE(key.default_text.empty());
    CHECK(find_key(key.name) == &key);
  }
  CHECK(find_key("train.step") == nullptr);
}

TEST_CASE("the echo of the defaults parses back to the defaults") {
  RunConfig defaults = parsed("");
  CHECK(defaults == RunConfig{});
  CHECK(parsed(to_toml(defaults)) == defaults);
}

TEST_CASE("the echo of a configuration in which every key differs parses back to an equal one") {
  RunConfig config = parsed(everything_changed);
  RunConfig defaults;
  for (const Key& key : key_table()) {
    INFO(key.name);
    CHECK(key.print(config) != key.print(defaults));
  }
  CHECK(config.mesh.bucket.value == 3 << 19);
  CHECK(config.watchdog.start.value == 3601);
  CHECK(to_decimal(config.accounting.budget) == "108000000000000000000");
  CHECK(config.run.folder == "a \"quoted\" folder\\x");
  CHECK(parsed(to_toml(config)) == config);
  CHECK(to_toml(parsed(to_toml(config))) == to_toml(config));
}

TEST_CASE("help and documentation hold every key with its default") {
  std::string help = keys_help(), markdown = keys_markdown();
  std::string unwrapped, line;
  std::istringstream words(help), lines(help);
  for (std::string word; words >> word;) unwrapped += word + " ";
  while (std::getline(lines, line)) {
    INFO(line);
    CHECK(line.size() <= 100);
    CHECK(line.find_last_not_of(' ') + 1 == line.size());
  }
  for (const Key& key : key_table()) {
    INFO(key.name);
    CHECK(help.find(fmt::format("  {} = {}\n", key.name, key.default_text)) != std::string::npos);
    CHECK(unwrapped.find(". " + key.help + " ") != std::string::npos);
    if (!key.unit.empty()) CHECK(unwrapped.find(fmt::format(" ({}). {}", key.unit, key.help)) != std::string::npos);
    CHECK(markdown.find("| `" + key.name + "` |") != std::string::npos);
  }
  for (const char* section :
       {"[run]", "[model]", "[data]", "[train]", "[optimizer]", "[mesh]", "[checkpoint]", "[recovery]", "[watchdog]", "[accounting]", "[launch]", "[metrics]"})
    CHECK(help.find(std::string(section) + "\n") != std::string::npos);
}

TEST_CASE("the page of keys is the table") {
  const std::string path = std::string(std::getenv("ERGON_SOURCE")) + "/configs/KEYS.md";
  std::ostringstream page;
  page << std::ifstream(path).rdbuf();
  const std::string text = page.str(), table = keys_markdown();
  REQUIRE(text.size() > table.size());
  CHECK(text.substr(text.size() - table.size()) == table);  // where they differ, put what was expected into the file
}

TEST_CASE("the classes of resuming have names") {
  CHECK(std::string(name(OnResume::free)) == "free");
  CHECK(std::string(name(OnResume::fixed)) == "fixed");
}
